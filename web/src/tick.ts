/** What the admin listener tells the page. The types are the listener's own. */
import type { Tick } from '../../src/admin/tick.js';

export type {
  LoadView,
  MinderStats,
  PeerView,
  TrackerStats,
} from '../../src/admin/admin-source.js';
export type { BusySwarm } from '../../src/admin/busiest-view.js';
export type { ClusterView, LinkView, NodeState, NodeView } from '../../src/admin/cluster-view.js';
export type { DnsView } from '../../src/admin/dns-view.js';
export type { HistoryView as HistoryReply } from '../../src/admin/history.js';
export type { SeriesName, SeriesValues } from '../../src/admin/series.js';
export type { Tick };

/** Reads a tick off the wire; undefined when it is none, so that a broken line costs one second. */
export function parseTick(text: string): Tick | undefined {
  try {
    const tick = JSON.parse(text) as Partial<Tick> | null;
    const isTick =
      typeof tick?.atMs === 'number' &&
      typeof tick.values === 'object' &&
      tick.values !== null &&
      typeof tick.stats?.role === 'string' &&
      Array.isArray(tick.cluster?.nodes);
    return isTick ? (tick as Tick) : undefined;
  } catch {
    return undefined;
  }
}
