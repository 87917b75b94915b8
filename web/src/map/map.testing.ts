/** Clusters for tests: a minder and trackers that all hear each other. */
import type { ClusterView, LinkView, NodeView } from '../tick.js';

export function node(id: string, changes: Partial<NodeView> = {}): NodeView {
  return {
    id,
    name: id,
    role: 'tracker',
    version: '0.1.0',
    state: 'healthy',
    reason: null,
    addresses: [],
    lagMs: 3,
    recordsIn: 0,
    recordsOut: 0,
    gaps: 0,
    clockOffsetMs: 0,
    lastHeartbeatMs: 200,
    digest: null,
    peers: 0,
    swarms: 0,
    ...changes,
  };
}

export function minder(id = 'm', changes: Partial<NodeView> = {}): NodeView {
  return node(id, { role: 'minder', ...changes });
}

export function cluster(nodes: readonly NodeView[], links: readonly LinkView[] = []): ClusterView {
  return { self: nodes[0]?.id ?? '', busConnected: true, nodes, links, counters: {} };
}

export function link(from: string, to: string, recordsPerSecond = 10): LinkView {
  return { from, to, recordsPerSecond, lagMs: 2 };
}
