/**
 * The numbers that charts show: what each is called, and how it follows from two looks at a node.
 *
 * A look holds totals, which count from the start of the process, and levels, which hold now. A rate is
 * what a total grew by, divided by the time between the looks, so no second is counted twice or
 * missed, however late a timer is. A total that fell has begun anew, and its rate is not known.
 */
import type { MinderStats, TrackerStats } from './admin-source.js';
import type { ClusterView } from './cluster-view.js';
import { type LatencyView, latencyQuantile, latencySince, sumLatency } from './latency-view.js';

/** Requests and drops are a second; the rest says its unit. */
export const TRACKER_SERIES = [
  'announces_udp4',
  'announces_udp6',
  'announces_http4',
  'announces_http6',
  'announces_web',
  'scrapes_udp',
  'scrapes_http',
  'scrapes_web',
  'drops',
  'latency_p50_us',
  'latency_p99_us',
  'peers',
  'swarms',
  'seeders',
  'leechers',
  'web_peers',
  'rss_bytes',
  'store_bytes',
  'busy_share',
  'http_connections',
  'web_connections',
] as const;

/** Requests and records are a second. */
export const MINDER_SERIES = [
  'trackers_healthy',
  'nodes',
  'peers',
  'requests',
  'records',
  'rss_bytes',
] as const;

export type SeriesName = (typeof TRACKER_SERIES)[number] | (typeof MINDER_SERIES)[number];

/** Null where a value is not known. */
export type SeriesValues = Readonly<Partial<Record<SeriesName, number | null>>>;

/** What a node is seen to be at one moment. */
export interface Look {
  /** Monotonic, so that rates do not follow the wall clock. */
  readonly monotonicMs: number;
  readonly stats: TrackerStats | MinderStats;
  readonly cluster: ClusterView;
}

/** The values of `now`; the rates are those since `before`, null without it. */
export function seriesBetween(before: Look | undefined, now: Look): SeriesValues {
  const { stats } = now;
  if (stats.role === 'minder') return minderValues(stats, now.cluster);
  const earlier = before?.stats.role === 'tracker' ? before.stats : undefined;
  const seconds = before === undefined ? 0 : (now.monotonicMs - before.monotonicMs) / 1000;
  return trackerValues(stats, earlier, seconds);
}

function minderValues({ memory }: MinderStats, { nodes, links }: ClusterView): SeriesValues {
  const here = nodes.filter(({ state }) => state !== 'revoked');
  const healthy = here.filter(({ role, state }) => role === 'tracker' && state === 'healthy');
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  return {
    trackers_healthy: healthy.length,
    nodes: here.length,
    // Each tracker holds the peers of all.
    peers: healthy.reduce((most, { peers }) => Math.max(most, peers), 0),
    // What an unreachable one did last says nothing of now.
    requests: sum(
      here.map(({ state, requestsPerSecond }) =>
        state === 'unreachable' ? 0 : (requestsPerSecond ?? 0),
      ),
    ),
    records: sum(links.map(({ recordsPerSecond }) => recordsPerSecond)),
    rss_bytes: memory.rss,
  };
}

function trackerValues(
  now: TrackerStats,
  before: TrackerStats | undefined,
  seconds: number,
): SeriesValues {
  const rate = (read: (stats: TrackerStats) => number): number | null => {
    if (before === undefined || seconds <= 0) return null;
    const grown = read(now) - read(before);
    return grown < 0 ? null : grown / seconds;
  };
  const { store, http, websocket, load, memory } = now;
  const latency = latencyOf(now, before);
  return {
    announces_udp4: rate(({ udp }) => udp.announces - udp.announces6),
    announces_udp6: rate(({ udp }) => udp.announces6),
    announces_http4: rate((stats) => stats.http.announces - stats.http.announces6),
    announces_http6: rate((stats) => stats.http.announces6),
    announces_web: rate((stats) => stats.websocket.announces),
    scrapes_udp: rate(({ udp }) => udp.scrapes),
    scrapes_http: rate((stats) => stats.http.scrapes),
    scrapes_web: rate((stats) => stats.websocket.scrapes),
    drops: rate(drops),
    latency_p50_us: micros(latency, 0.5),
    latency_p99_us: micros(latency, 0.99),
    peers: store.peers,
    swarms: store.swarms,
    seeders: store.seeders,
    leechers: store.leechers,
    web_peers: store.webPeers,
    rss_bytes: memory.rss,
    store_bytes: store.bytesCommitted,
    busy_share: load.busyShare,
    http_connections: http.connections,
    web_connections: websocket.connections,
  };
}

/** Whatever came and was not served, for any reason. */
function drops({ store, udp, http, websocket }: TrackerStats): number {
  const counts = [udp.drops, http.drops, websocket.drops].flatMap((each) => Object.values(each));
  const refused = http.connectionsRefused + websocket.connectionsRefused;
  return counts.reduce((sum, count) => sum + count, store.droppedFull + refused);
}

/** What the histograms of all protocols grew by; undefined where a total has begun anew. */
function latencyOf(now: TrackerStats, before: TrackerStats | undefined): LatencyView | undefined {
  if (before === undefined) return undefined;
  const all = ({ latency: { udp, http, websocket } }: TrackerStats) =>
    sumLatency([udp, http, websocket]);
  const since = latencySince(all(before), all(now));
  return since.counts.some((count) => count < 0) ? undefined : since;
}

function micros(latency: LatencyView | undefined, share: number): number | null {
  const seconds = latency === undefined ? null : latencyQuantile(latency, share);
  return seconds === null ? null : seconds * 1e6;
}
