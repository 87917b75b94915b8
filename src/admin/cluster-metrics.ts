/** The metrics of a cluster as one node sees it. A tracker that stands alone has none. */
import type { ClusterView, NodeView } from './cluster-view.js';
import type { Metric, Sample } from './metric.js';

const STATES = ['joining', 'healthy', 'draining', 'unreachable', 'revoked'] as const;

export const CLUSTER_GAUGES: readonly Metric<ClusterView>[] = [
  {
    name: 'cluster_bus_connected',
    help: '1 while messages reach the bus.',
    read: ({ busConnected }) => (busConnected ? 1 : 0),
  },
  {
    name: 'cluster_nodes',
    help: 'Nodes by role and state, this one included.',
    labels: ['role', 'state'],
    read: ({ nodes }) => [...byState(nodes, 'tracker'), ...byState(nodes, 'minder')],
  },
  {
    name: 'cluster_lag_seconds',
    help: 'Time that the last batch of a node took to get here.',
    labels: ['node'],
    read: ({ nodes }) =>
      nodes
        .filter(({ lagMs }) => lagMs !== null)
        .map(({ id, lagMs }) => [{ node: id }, (lagMs ?? 0) / 1000]),
  },
  {
    name: 'cluster_clock_offset_seconds',
    help: 'Clock of a node less ours.',
    labels: ['node'],
    read: ({ nodes }) =>
      nodes
        .filter(({ clockOffsetMs }) => clockOffsetMs !== null)
        .map(({ id, clockOffsetMs }) => [{ node: id }, (clockOffsetMs ?? 0) / 1000]),
  },
];

export const CLUSTER_COUNTERS: readonly Metric<ClusterView>[] = [
  {
    name: 'cluster_records_in_total',
    help: 'Records heard from a node and applied.',
    labels: ['node'],
    read: (view) => perNode(view, ({ recordsIn }) => recordsIn),
  },
  {
    name: 'cluster_gaps_total',
    help: 'Times that batches of a node were missing.',
    labels: ['node'],
    read: (view) => perNode(view, ({ gaps }) => gaps),
  },
  {
    name: 'cluster_events_total',
    help: 'What replication or the minder sent, refused, dropped and repaired.',
    labels: ['event'],
    read: ({ counters }) => Object.entries(counters).map(([event, count]) => [{ event }, count]),
  },
];

function byState(nodes: readonly NodeView[], role: NodeView['role']): Sample[] {
  return STATES.map((state) => [
    { role, state },
    nodes.filter((node) => node.role === role && node.state === state).length,
  ]);
}

function perNode({ self, nodes }: ClusterView, read: (node: NodeView) => number): Sample[] {
  return nodes.filter(({ id }) => id !== self).map((node) => [{ node: node.id }, read(node)]);
}
