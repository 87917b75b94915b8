/**
 * From what a listener answered to what `trackerbt top` shows. It may be any listener, and what it
 * says any JSON: whatever is not of the kind that is wanted is not known, and texts are fit for a
 * terminal.
 */
import { printable } from '../tracker-check.js';

export interface TopNode {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly reason: string;
  readonly version: string;
  readonly lagMs: number | null;
  readonly clockOffsetMs: number | null;
  readonly peers: number | null;
  readonly requestsPerSecond: number | null;
  readonly intervalSeconds: number | null;
}

export interface TopSwarm {
  readonly infoHash: string;
  readonly seeders: number | null;
  readonly leechers: number | null;
  readonly webPeers: number | null;
  readonly downloads: number | null;
}

/** A tick, as far as it is shown. */
export interface TopTick {
  readonly atMs: number;
  readonly role: 'tracker' | 'minder';
  readonly name: string;
  readonly version: string;
  readonly uptimeSeconds: number | null;
  /** By name of the series. */
  readonly values: Readonly<Record<string, number | null>>;
  readonly nodes: readonly TopNode[];
  readonly nodesOmitted: number;
  readonly busConnected: boolean | null;
  readonly busiest: readonly TopSwarm[];
  readonly peersMax: number | null;
  readonly bytesReserved: number | null;
  readonly stretch: number | null;
  readonly intervalSeconds: number | null;
  readonly draining: boolean;
  readonly loadReason: string;
  /** Totals since the start, those that are not 0, the largest first. */
  readonly drops: readonly (readonly [string, number])[];
}

const SERIES_MAX = 64;
const NODES_MAX = 1_000;
const SWARMS_MAX = 100;
const DROPS_MAX = 64;

type Thing = Readonly<Record<string, unknown>>;

/** Undefined for what is no tick. Never throws. */
export function readTick(value: unknown): TopTick | undefined {
  const tick = thing(value);
  const stats = thing(tick.stats);
  const { role } = stats;
  if (role !== 'tracker' && role !== 'minder') return undefined;
  const cluster = thing(tick.cluster);
  const load = thing(stats.load);
  const store = thing(stats.store);
  return {
    atMs: number(tick.atMs) ?? 0,
    role,
    name: text(stats.name),
    version: text(stats.version),
    uptimeSeconds: number(stats.uptimeSeconds),
    values: numbers(tick.values),
    nodes: list(cluster.nodes, NODES_MAX).map(readNode),
    nodesOmitted: number(cluster.nodesOmitted) ?? 0,
    busConnected: typeof cluster.busConnected === 'boolean' ? cluster.busConnected : null,
    busiest: list(tick.busiest, SWARMS_MAX).map(readSwarm),
    peersMax: number(store.peersMax),
    bytesReserved: number(store.bytesReserved),
    stretch: number(load.stretch),
    intervalSeconds: number(load.intervalSeconds),
    draining: load.draining === true,
    loadReason: text(load.reason),
    drops: dropsOf(stats),
  };
}

/** Points of `/api/v1/history` by series, the oldest first; the last `seconds` of it, one a second. */
export function readHistory(value: unknown, seconds: number): Map<string, (number | null)[]> {
  const history = thing(value);
  const step = number(history.stepSeconds) ?? 0;
  const found = new Map<string, (number | null)[]>();
  if (!Number.isInteger(step) || step < 1 || step > seconds) return found;
  for (const [name, points] of Object.entries(thing(history.series)).slice(0, SERIES_MAX)) {
    if (!Array.isArray(points)) continue;
    const part: readonly unknown[] = points.slice(-Math.ceil(seconds / step));
    // An average over a few seconds stands for each of them.
    const each = part.flatMap((point) => Array<number | null>(step).fill(number(point)));
    found.set(printable(name), each.slice(-seconds));
  }
  return found;
}

function readNode(value: unknown): TopNode {
  const node = thing(value);
  return {
    id: text(node.id),
    name: text(node.name),
    role: text(node.role),
    state: text(node.state),
    reason: text(node.reason),
    version: text(node.version),
    lagMs: number(node.lagMs),
    clockOffsetMs: number(node.clockOffsetMs),
    peers: number(node.peers),
    requestsPerSecond: number(node.requestsPerSecond),
    intervalSeconds: number(node.intervalSeconds),
  };
}

function readSwarm(value: unknown): TopSwarm {
  const swarm = thing(value);
  return {
    infoHash: text(swarm.info_hash),
    seeders: number(swarm.seeders),
    leechers: number(swarm.leechers),
    webPeers: number(swarm.web_peers),
    downloads: number(swarm.downloads),
  };
}

function dropsOf(stats: Thing): (readonly [string, number])[] {
  const all = ['udp', 'http', 'websocket'].flatMap((protocol) =>
    Object.entries(numbers(thing(stats[protocol]).drops)).map(
      ([name, count]) => [`${protocol} ${name.replaceAll('_', ' ')}`, count ?? 0] as const,
    ),
  );
  all.push(['store full', number(thing(stats.store).droppedFull) ?? 0]);
  return all.filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
}

function numbers(value: unknown): Record<string, number | null> {
  // Without a prototype: names are a stranger's.
  const found: Record<string, number | null> = Object.create(null);
  const entries = Object.entries(thing(value)).slice(0, Math.max(SERIES_MAX, DROPS_MAX));
  for (const [name, each] of entries) found[printable(name)] = number(each);
  return found;
}

function thing(value: unknown): Thing {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Thing)
    : {};
}

function list(value: unknown, max: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, max) : [];
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? printable(value) : '';
}
