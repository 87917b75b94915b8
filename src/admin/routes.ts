import type { FastifyInstance } from 'fastify';
import type { Access } from './access.js';
import { AdminError } from './admin-error.js';
import type { AdminSource, MinderAdminSource, TrackerAdminSource } from './admin-source.js';
import type { Metrics } from './metrics.js';
import { page } from './page.js';
import {
  clusterSchema,
  digestSchema,
  dnsSchema,
  errorSchema,
  healthSchema,
  minderStatsSchema,
  statsSchema,
  swarmParamsSchema,
  swarmQuerySchema,
  swarmSchema,
} from './schemas.js';

/** Most peers that one reply lists. */
export const PEERS_LISTED_MAX = 1_000;

/** What load balancers ask, free to everybody. */
export const HEALTH_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

export interface RouteDependencies {
  readonly access: Access;
  /** Loaded when first asked for. */
  readonly metrics: () => Promise<Metrics>;
  readonly source: AdminSource;
}

/** Puts the admin interface of a tracker or a minder into `app`. */
export function addRoutes(app: FastifyInstance, dependencies: RouteDependencies): void {
  addPage(app, dependencies);
  addHealth(app, dependencies);
  addNumbers(app, dependencies);
  addCluster(app, dependencies);
  if (dependencies.source.role === 'tracker') {
    addDigest(app, dependencies.source);
    addSwarms(app, dependencies.source);
  } else {
    addDns(app, dependencies.source);
  }
}

function addPage(app: FastifyInstance, { source }: RouteDependencies): void {
  app.get('/', { schema: { hide: true } }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(page(source.stats())),
  );
  app.get('/api/v1/openapi.json', { schema: { hide: true } }, () => app.swagger());
}

function addHealth(app: FastifyInstance, { access, source }: RouteDependencies): void {
  const response = { 200: healthSchema, 503: healthSchema };
  app.get(
    '/healthz',
    { schema: { summary: 'Whether the process is well', security: [], response } },
    (request, reply) => {
      const { ok, reason } = source.healthy();
      if (ok) return reply.send({ status: 'ok' });
      // What is wrong inside is for the operator, not for whoever can reach the port.
      const shown = reason !== undefined && access.mayReadAll(request.headers);
      return reply.code(503).send({ status: 'unhealthy', ...(shown ? { reason } : {}) });
    },
  );
  app.get(
    '/readyz',
    { schema: { summary: 'Whether clients are served', security: [], response } },
    (_request, reply) =>
      source.ready()
        ? reply.send({ status: 'ready' })
        : reply.code(503).send({ status: 'not ready' }),
  );
}

function addNumbers(app: FastifyInstance, { metrics, source }: RouteDependencies): void {
  app.get(
    '/stats.json',
    {
      schema: {
        summary: 'All numbers',
        response: {
          200: source.role === 'tracker' ? statsSchema : minderStatsSchema,
          '4xx': errorSchema,
        },
      },
    },
    () => source.stats(),
  );
  app.get(
    '/metrics',
    { schema: { summary: 'All numbers for Prometheus', produces: ['text/plain'] } },
    async (_request, reply) => {
      const loaded = await metrics();
      return reply.type(loaded.contentType).send(await loaded.text());
    },
  );
}

function addCluster(app: FastifyInstance, { source }: RouteDependencies): void {
  app.get(
    '/api/v1/cluster',
    {
      schema: {
        summary: 'The nodes of the cluster and what flows between them',
        response: { 200: clusterSchema, '4xx': errorSchema },
      },
    },
    () => source.cluster(),
  );
}

function addDns(app: FastifyInstance, source: MinderAdminSource): void {
  app.get(
    '/api/v1/dns',
    {
      schema: {
        summary: 'The trackers that clients are sent to',
        response: { 200: dnsSchema, '4xx': errorSchema },
      },
    },
    () => source.dns(),
  );
}

function addDigest(app: FastifyInstance, source: TrackerAdminSource): void {
  app.get(
    '/api/v1/digest',
    {
      schema: {
        summary: 'Equal on two trackers that hold the same peers',
        response: { 200: digestSchema, '4xx': errorSchema },
      },
    },
    () => source.digest(),
  );
}

function addSwarms(app: FastifyInstance, source: TrackerAdminSource): void {
  app.get<{ Params: { info_hash: string }; Querystring: { peers: '0' | '1' } }>(
    '/api/v1/swarms/:info_hash',
    {
      schema: {
        summary: 'One swarm',
        params: swarmParamsSchema,
        querystring: swarmQuerySchema,
        response: { 200: swarmSchema, '4xx': errorSchema },
      },
    },
    (request, reply) => {
      const hex = request.params.info_hash.toLowerCase();
      const withPeers = request.query.peers === '1';
      const swarm = source.swarm(Buffer.from(hex, 'hex'), withPeers, PEERS_LISTED_MAX);
      if (swarm === undefined) throw new AdminError('swarm_not_found');
      return reply.send({
        info_hash: hex,
        seeders: swarm.seeders,
        leechers: swarm.leechers,
        partial_seeds: swarm.partialSeeds,
        downloads: swarm.downloads,
        web_peers: swarm.webPeers,
        ...(withPeers ? { peers: (swarm.peers ?? []).slice(0, PEERS_LISTED_MAX) } : {}),
      });
    },
  );
}
