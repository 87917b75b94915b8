/** What nodes show of themselves and of each other: cluster, swarms, names, ticks. */
import { z } from 'zod';
import type { DigestView, PeerView } from './admin-source.js';
import { component, count, counts, infoHash, moment, text } from './api-schema.js';
import type { BusiestReply } from './busiest-view.js';
import type { ClusterView, LinkView, NodeView, ProbeView } from './cluster-view.js';
import type { DnsView } from './dns-view.js';
import type { HistoryView } from './history.js';
import { MINDER_SERIES, type SeriesName, TRACKER_SERIES } from './series.js';
import { minderStatsSchema, trackerStatsSchema } from './stats-schemas.js';
import { TICK_LINKS_MAX, TICK_NODES_MAX } from './tick.js';

const number = z.number();
const texts = z.array(text);

export const healthSchema = component(
  'Health',
  z.looseObject({ status: text, reason: z.exactOptional(text.describe('What is wrong.')) }),
);

const probe = component(
  'Probe',
  z.looseObject({
    address: text.describe('URL with an IP address.'),
    state: z.enum(['unverified', 'well', 'dead', 'unknown']),
    rttMs: number.nullable(),
    error: text.nullable().describe('Why the last probe failed, in a word.'),
  }) satisfies z.ZodType<ProbeView>,
);

const state = component(
  'NodeState',
  z.enum(['joining', 'healthy', 'draining', 'unreachable', 'revoked']),
);

const node = component(
  'Node',
  z.looseObject({
    id: text,
    name: text,
    role: z.enum(['tracker', 'minder']),
    version: text,
    state,
    reason: text.nullable().describe('Why it is in that state, in a word.'),
    addresses: texts,
    probes: z.exactOptional(
      z.array(probe).describe('Of a tracker, as a minder sees it: what probes found.'),
    ),
    lagMs: number.nullable().describe('How old its changes are here: half are younger.'),
    lagP99Ms: z.exactOptional(number.nullable().describe('The same for 99 of 100.')),
    recordsIn: count.describe('Records heard from it and applied.'),
    recordsOut: count.describe('Records that it says it sent.'),
    gaps: count.describe('Times that batches of it were missing.'),
    clockOffsetMs: number.nullable().describe('Its clock less ours.'),
    lastHeartbeatMs: number.nullable().describe('Milliseconds since its last heartbeat.'),
    digest: text.nullable(),
    peers: count,
    swarms: count,
    requestsPerSecond: z.exactOptional(number.nullable()),
    intervalSeconds: z.exactOptional(number.nullable()),
  }) satisfies z.ZodType<NodeView>,
);

const link = component(
  'Link',
  z.looseObject({
    from: text,
    to: text,
    recordsPerSecond: number,
    lagMs: number.nullable(),
  }) satisfies z.ZodType<LinkView>,
);

const clusterMembers = z.looseObject({
  self: text.describe("This node's id; empty for one that stands alone."),
  busConnected: z.boolean().nullable(),
  nodes: z.array(node),
  links: z.array(link),
  counters: counts,
}) satisfies z.ZodType<ClusterView>;

export const clusterSchema = component(
  'Cluster',
  clusterMembers.describe('The cluster as this node sees it; this node first.'),
);

const tickCluster = component(
  'TickCluster',
  clusterMembers
    .extend({
      linksOmitted: z.exactOptional(count),
      nodesOmitted: z.exactOptional(count),
    })
    .describe(
      `As Cluster, with at most ${TICK_LINKS_MAX} links and ${TICK_NODES_MAX} nodes, and how many are left out.`,
    ),
);

export const dnsSchema = component(
  'Dns',
  z
    .looseObject({
      zone: text.describe('Empty when this minder serves no zone.'),
      revision: count.describe('Grows with every change, over restarts too.'),
      addresses4: texts,
      addresses6: texts,
      services: z
        .array(z.looseObject({ protocol: z.enum(['udp', 'http', 'https']), port: count }))
        .describe('The most common first.'),
      trackers: z
        .array(z.looseObject({ id: text, name: text, state, addresses: texts }))
        .describe('None of them healthy: the last set stays.'),
      since: moment.describe('When it changed last, ms since 1970; 0 for never.'),
    })
    .describe('The trackers that clients are sent to.') satisfies z.ZodType<DnsView>,
);

export const digestSchema = component(
  'Digest',
  z.looseObject({
    peers: count,
    swarms: count,
    digest: text.nullable(),
  }) satisfies z.ZodType<DigestView>,
);

const peer = component(
  'Peer',
  z.looseObject({
    ip: text,
    port: count,
    seeder: z.boolean(),
    ageSeconds: number,
    origin: text.describe('The node that heard the peer.'),
  }) satisfies z.ZodType<PeerView>,
);

export const swarmSchema = component(
  'Swarm',
  z.looseObject({
    info_hash: infoHash,
    seeders: count,
    leechers: count.describe('Everybody who is not a seeder, partial seeds included.'),
    partial_seeds: count,
    downloads: count,
    web_peers: count,
    peers: z.exactOptional(z.array(peer).describe('With ?peers=1, at most 1,000.')),
  }),
);

const busySwarm = component(
  'BusySwarm',
  z.looseObject({
    info_hash: infoHash,
    seeders: count,
    leechers: count,
    web_peers: count,
    downloads: count,
  }),
);

export const busiestSchema = component(
  'Busiest',
  z
    .looseObject({
      swarms: z.array(busySwarm),
      atMs: moment.describe('When they were found, ms since 1970; 0 for never.'),
    })
    .describe(
      'The swarms that have most peers; none where admin.busiestSwarms is 0.',
    ) satisfies z.ZodType<BusiestReply>,
);

/** An object with a member for each series that a node of this role has. */
function bySeries<V extends z.ZodType>(names: readonly SeriesName[], value: V) {
  return z.looseObject(Object.fromEntries(names.map((name) => [name, z.exactOptional(value)])));
}

const ALL_SERIES: readonly SeriesName[] = [...new Set([...TRACKER_SERIES, ...MINDER_SERIES])];

const seriesValues = component(
  'SeriesValues',
  bySeries(ALL_SERIES, number.nullable()).describe('By name of the series; null: not known.'),
);

export const tickSchema = component(
  'Tick',
  z
    .looseObject({
      atMs: moment,
      values: seriesValues,
      stats: z.discriminatedUnion('role', [trackerStatsSchema, minderStatsSchema]),
      cluster: tickCluster,
      dns: z.exactOptional(dnsSchema),
      busiest: z.exactOptional(z.array(busySwarm)),
    })
    .describe('How the node is now; rates are those of the last second.'),
);

export const historySchema = component(
  'History',
  z
    .looseObject({
      stepSeconds: count,
      atMs: z.array(moment),
      series: bySeries(ALL_SERIES, z.array(number.nullable())).describe(
        'As many values as atMs; null: not known.',
      ),
    })
    .describe('The last hour, the oldest first.') satisfies z.ZodType<Pick<HistoryView, 'atMs'>>,
);
