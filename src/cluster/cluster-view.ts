/** The cluster as this tracker sees it, for people and for `/api/v1/cluster`. */
import {
  type ClusterView,
  type LinkView,
  type NodeView,
  UNKNOWN_NODE,
} from '../admin/cluster-view.js';
import { snakeCase } from '../lib/snake-case.js';
import { isStopped, wholeRoot } from '../protocol/cluster/heartbeat.js';
import { storeTotals } from '../swarm/totals.js';
import type { OwnState } from './heartbeats.js';
import type { NodeTable } from './node-table.js';
import type { RemoteNode } from './remote-node.js';
import type { ReplicationContext } from './replication-context.js';

/** What only the replicator knows of its own node. */
export interface OwnView extends OwnState {
  readonly version: string;
  readonly digest: string;
  readonly clockOffsetMs: number;
}

export function viewCluster(
  context: ReplicationContext,
  { nodes, own }: { readonly nodes: NodeTable; readonly own: OwnView },
): ClusterView {
  const { options, tally, revoked, means } = context;
  const views: NodeView[] = [];
  const links: LinkView[] = [];
  let recordsIn = 0;
  for (const node of nodes.values()) {
    recordsIn += node.recordsIn;
    views.push(viewNode(context, node, own.clockOffsetMs));
    if (node.isTracker) links.push(linkOf(nodes, node.id, options.id, node.lag.quantile(0.5)));
    for (const [from, , lagMs] of node.heartbeat?.links ?? []) {
      links.push(linkOf(nodes, from, node.id, lagMs));
    }
  }
  for (const id of revoked) {
    if (nodes.get(id) === undefined)
      views.push({ ...UNKNOWN_NODE, id, name: id, state: 'revoked' });
  }
  const counters = Object.entries(tally).map(([name, count]) => [snakeCase(name), count]);
  return {
    self: options.id,
    busConnected: means.transport.connected,
    nodes: [viewSelf(context, own, recordsIn), ...views],
    links,
    counters: Object.fromEntries(counters),
  };
}

function linkOf(nodes: NodeTable, from: string, to: string, lagMs: number | undefined): LinkView {
  const rate = nodes.get(from)?.recordsPerSecond ?? 0;
  return { from, to, recordsPerSecond: Math.round(10 * rate) / 10, lagMs: lagMs ?? null };
}

function viewSelf(context: ReplicationContext, own: OwnView, recordsIn: number): NodeView {
  const { options, means, tally } = context;
  const { peers, swarms } = storeTotals(means.store);
  return {
    id: options.id,
    name: options.name,
    role: 'tracker',
    version: own.version,
    ...conditionOf(own, own.clockOffsetMs, options),
    addresses: options.addresses,
    lagMs: 0,
    recordsIn,
    recordsOut: tally.changes,
    gaps: tally.gaps,
    clockOffsetMs: Math.round(own.clockOffsetMs),
    lastHeartbeatMs: 0,
    digest: own.digest,
    peers,
    swarms,
  };
}

/** `clusterOffsetMs`: how far the cluster's clock is ahead of ours. */
function viewNode(
  { options, nowMs }: ReplicationContext,
  node: RemoteNode,
  clusterOffsetMs: number,
): NodeView {
  const { heartbeat, lag, stream } = node;
  const seen = {
    id: node.id,
    recordsIn: node.recordsIn,
    gaps: stream.gaps,
    lagMs: lag.quantile(0.5) ?? null,
    lagP99Ms: lag.quantile(0.99) ?? null,
  };
  if (heartbeat === undefined) {
    return { ...UNKNOWN_NODE, ...seen, name: node.id, state: 'joining' };
  }
  const isSilent = node.isSilent(nowMs, options.silentMs);
  const offsetMs = lag.offsetMs ?? 0;
  return {
    ...seen,
    ...(isSilent && !isStopped(heartbeat)
      ? SILENT
      : conditionOf(heartbeat, offsetMs - clusterOffsetMs, options)),
    name: heartbeat.name,
    role: heartbeat.role,
    version: heartbeat.software ?? '',
    addresses: heartbeat.addresses,
    recordsOut: heartbeat.counters.changes ?? 0,
    clockOffsetMs: Math.round(offsetMs),
    lastHeartbeatMs: Math.round(nowMs - node.heartbeatMs),
    digest: heartbeat.role === 'tracker' ? wholeRoot(heartbeat) : null,
    peers: heartbeat.peers,
    swarms: heartbeat.swarms,
  };
}

const SILENT: Condition = { state: 'unreachable', reason: 'silent' };

type Condition = Pick<NodeView, 'state' | 'reason'>;

/**
 * What a node says of itself, unless its clock is off by more than may be: the newest word about a
 * peer could not be told from an old one if stamps were not corrected for that.
 */
function conditionOf(
  { state, reason }: OwnState,
  offsetMs: number,
  { clockOffsetMaxMs }: ReplicationContext['options'],
): Condition {
  if (Math.abs(offsetMs) > clockOffsetMaxMs) return { state: 'unreachable', reason: 'clock' };
  return { state, reason: reason === '' ? null : reason };
}
