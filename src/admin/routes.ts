/** What every node shows, and what only a tracker or a minder does. */

import { z } from 'zod';
import type { AdminCounters } from './admin-counters.js';
import { AdminError } from './admin-error.js';
import type { AdminSource, MinderAdminSource, TrackerAdminSource } from './admin-source.js';
import { infoHash } from './api-schema.js';
import { busiestReply } from './busiest-view.js';
import type { Metrics } from './metrics.js';
import type { Operations } from './operation.js';
import { minderStatsSchema, trackerStatsSchema } from './stats-schemas.js';
import * as examples from './view-examples.js';
import {
  busiestSchema,
  clusterSchema,
  digestSchema,
  dnsSchema,
  healthSchema,
  swarmSchema,
} from './view-schemas.js';

/** Most peers that one reply lists. */
export const PEERS_LISTED_MAX = 1_000;

/** What load balancers ask, free to everybody, as often as they like. */
export const HEALTH_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

export interface RouteDependencies {
  readonly counters: AdminCounters;
  /** Loaded when first asked for. */
  readonly metrics: () => Promise<Metrics>;
  readonly source: AdminSource;
}

/** Adds what a tracker or a minder shows. */
export function addRoutes(operations: Operations, dependencies: RouteDependencies): void {
  const { source } = dependencies;
  addHealth(operations, dependencies);
  addNumbers(operations, dependencies);
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/cluster',
      id: 'cluster',
      summary: 'The nodes of the cluster and what flows between them',
      needs: 'reading',
      reply: { status: 200, schema: clusterSchema },
      example: { reply: examples.cluster },
    },
    () => source.cluster(),
  );
  if (source.role === 'tracker') {
    addDigest(operations, source);
    addBusiest(operations, source);
    addSwarms(operations, source);
  } else {
    addDns(operations, source);
  }
}

function addHealth(operations: Operations, { source }: RouteDependencies): void {
  const common = {
    method: 'GET',
    needs: 'nothing',
    reply: { status: 200, schema: healthSchema },
    otherStatus: 503,
  } as const;
  operations.add(
    {
      ...common,
      path: '/healthz',
      id: 'healthy',
      summary: 'Whether the process is well',
      example: { reply: { status: 'ok' } },
    },
    ({ request, reply }) => {
      const { ok, reason } = source.healthy();
      if (ok) return { status: 'ok' };
      // What is wrong inside is for the operator, not for whoever can reach the port.
      const shown = reason !== undefined && request.isTrusted;
      return reply.code(503).send({ status: 'unhealthy', ...(shown ? { reason } : {}) });
    },
  );
  operations.add(
    {
      ...common,
      path: '/readyz',
      id: 'ready',
      summary: 'Whether clients are served',
      example: { reply: { status: 'ready' } },
    },
    ({ reply }) =>
      source.ready() ? { status: 'ready' } : reply.code(503).send({ status: 'not ready' }),
  );
}

function addNumbers(
  operations: Operations,
  { counters, metrics, source }: RouteDependencies,
): void {
  const isTracker = source.role === 'tracker';
  operations.add(
    {
      method: 'GET',
      path: '/stats.json',
      id: 'stats',
      summary: 'All numbers',
      needs: 'reading',
      reply: { status: 200, schema: isTracker ? trackerStatsSchema : minderStatsSchema },
      example: { reply: isTracker ? examples.trackerStats : examples.minderStats },
    },
    () => ({ ...source.stats(), admin: counters }),
  );
  operations.add(
    {
      method: 'GET',
      path: '/metrics',
      id: 'metrics',
      summary: 'All numbers for Prometheus',
      needs: 'reading',
      reply: { status: 200, mediaType: 'text/plain' },
      example: { reply: examples.metrics },
    },
    async ({ reply }) => {
      const loaded = await metrics();
      return reply.type(loaded.contentType).send(await loaded.text());
    },
  );
}

function addDns(operations: Operations, source: MinderAdminSource): void {
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/dns',
      id: 'dns',
      summary: 'The trackers that clients are sent to',
      needs: 'reading',
      reply: { status: 200, schema: dnsSchema },
      example: { reply: examples.dns },
    },
    () => source.dns(),
  );
}

function addDigest(operations: Operations, source: TrackerAdminSource): void {
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/digest',
      id: 'digest',
      summary: 'Equal on two trackers that hold the same peers',
      needs: 'reading',
      reply: { status: 200, schema: digestSchema },
      example: { reply: examples.digest },
    },
    () => source.digest(),
  );
}

function addBusiest(operations: Operations, source: TrackerAdminSource): void {
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/busiest',
      id: 'busiest',
      summary: 'The swarms with most peers',
      needs: 'reading',
      reply: { status: 200, schema: busiestSchema },
      example: { reply: examples.busiest },
    },
    () => busiestReply(source.busiest()),
  );
}

const swarmParams = z.strictObject({ info_hash: infoHash });
const swarmQuery = z.object({
  peers: z.enum(['0', '1']).default('0').describe('1: with its peers.'),
});

function addSwarms(operations: Operations, source: TrackerAdminSource): void {
  const { swarm: example } = examples;
  operations.add(
    {
      method: 'GET',
      path: '/api/v1/swarms/{info_hash}',
      id: 'swarm',
      summary: 'One swarm',
      needs: 'reading',
      params: swarmParams,
      query: swarmQuery,
      reply: { status: 200, schema: swarmSchema },
      refusals: ['info_hash_invalid', 'swarm_not_found'],
      example: { params: { info_hash: example.info_hash }, reply: example },
    },
    ({ params, query }) => {
      const hex = params.info_hash.toLowerCase();
      const withPeers = query.peers === '1';
      const swarm = source.swarm(Buffer.from(hex, 'hex'), withPeers, PEERS_LISTED_MAX);
      if (swarm === undefined) throw new AdminError('swarm_not_found');
      return {
        info_hash: hex,
        seeders: swarm.seeders,
        leechers: swarm.leechers,
        partial_seeds: swarm.partialSeeds,
        downloads: swarm.downloads,
        web_peers: swarm.webPeers,
        ...(withPeers ? { peers: (swarm.peers ?? []).slice(0, PEERS_LISTED_MAX) } : {}),
      };
    },
  );
}
