/**
 * What the page, `trackerbt top` and scripts are told each second.
 *
 * ```
 * GET /api/v1/live   event: tick, data: a Tick as JSON, each second, the first at once
 * GET /api/v1/now    the last Tick
 * ```
 */
import type { AdminCounters } from './admin-counters.js';
import type { MinderStats, TrackerStats } from './admin-source.js';
import type { BusiestReply } from './busiest-view.js';
import type { ClusterView } from './cluster-view.js';
import type { DnsView } from './dns-view.js';
import type { SeriesValues } from './series.js';

/** Links of one tick: the busiest. A cluster of 32 trackers, each to each, has fewer. */
export const TICK_LINKS_MAX = 1_000;
/** Nodes of one tick: revoked ones are left out first. */
export const TICK_NODES_MAX = 500;

/** The view of `/api/v1/cluster`, bounded. */
export interface TickCluster extends ClusterView {
  /** How many links are not listed; absent for none. */
  readonly linksOmitted?: number;
  readonly nodesOmitted?: number;
}

export interface Tick {
  /** Wall clock of the node, ms since 1970. */
  readonly atMs: number;
  /** By name of the series; rates are those of the last second. Null: not known. */
  readonly values: SeriesValues;
  /** As `/stats.json`. */
  readonly stats: (TrackerStats | MinderStats) & { readonly admin: AdminCounters };
  readonly cluster: TickCluster;
  /** Of a minder. */
  readonly dns?: DnsView;
  /** Of a tracker that looks for them. */
  readonly busiest?: BusiestReply['swarms'];
}

/** At most so many nodes and links as a tick holds. */
export function boundCluster(view: ClusterView): TickCluster {
  const linksOmitted = Math.max(0, view.links.length - TICK_LINKS_MAX);
  const nodesOmitted = Math.max(0, view.nodes.length - TICK_NODES_MAX);
  if (linksOmitted === 0 && nodesOmitted === 0) return view;
  const byRate = view.links.toSorted((a, b) => b.recordsPerSecond - a.recordsPerSecond);
  const [self, ...others] = view.nodes;
  // The sort is stable: but for the revoked ones at the end, the order stays.
  const byUse = others.toSorted((a, b) => order(a.state) - order(b.state));
  return {
    ...view,
    links: byRate.slice(0, TICK_LINKS_MAX),
    nodes: [self, ...byUse].slice(0, TICK_NODES_MAX),
    ...(linksOmitted > 0 ? { linksOmitted } : {}),
    ...(nodesOmitted > 0 ? { nodesOmitted } : {}),
  };
}

function order(state: string): number {
  return state === 'revoked' ? 1 : 0;
}
