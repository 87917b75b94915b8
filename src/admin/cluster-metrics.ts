/** The metrics of a cluster as one node sees it. A tracker that stands alone has none. */
import type { ClusterView, NodeView } from './cluster-view.js';
import type { Metric, MetricGroup, Sample } from './metric.js';

const STATES = ['joining', 'healthy', 'draining', 'unreachable', 'revoked'] as const;

/** Among the events of a minder's view stand levels: how long its lists are. */
const LIST_LEVEL = /^list_(.+)_entries$/;

const GAUGES: readonly Metric<ClusterView>[] = [
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
    name: 'cluster_node_info',
    help: 'Always 1; what a node is called, and what it runs.',
    labels: ['node', 'name', 'role', 'version'],
    read: ({ nodes }) =>
      nodes.map(({ id, name, role, version }) => [{ node: id, name, role, version }, 1]),
  },
  {
    name: 'cluster_lag_seconds',
    help: 'How old the changes of a node are when they get here: half of them are younger.',
    labels: ['node'],
    read: (view) => known(view, ({ lagMs }) => lagMs),
  },
  {
    name: 'cluster_lag_p99_seconds',
    help: 'The same age, of which 99 in 100 are younger.',
    labels: ['node'],
    read: (view) => known(view, ({ lagP99Ms }) => lagP99Ms),
  },
  {
    name: 'cluster_heartbeat_age_seconds',
    help: 'Time since a node was heard of.',
    labels: ['node'],
    read: (view) => known(view, ({ lastHeartbeatMs }) => lastHeartbeatMs),
  },
  {
    name: 'cluster_clock_offset_seconds',
    help: 'Clock of a node less ours.',
    labels: ['node'],
    read: (view) => known(view, ({ clockOffsetMs }) => clockOffsetMs),
  },
  {
    name: 'cluster_list_entries',
    help: 'Info hashes that a minder has on the lists for all trackers.',
    labels: ['list'],
    read: ({ counters }) =>
      Object.entries(counters).flatMap(([event, count]): Sample[] => {
        const list = LIST_LEVEL.exec(event)?.[1];
        return list === undefined ? [] : [[{ list }, count]];
      }),
  },
];

const COUNTERS: readonly Metric<ClusterView>[] = [
  {
    name: 'cluster_records_received_total',
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
    read: ({ counters }) =>
      Object.entries(counters)
        .filter(([event]) => !LIST_LEVEL.test(event))
        .map(([event, count]) => [{ event }, count]),
  },
];

export const CLUSTER_METRICS: MetricGroup<ClusterView> = { gauges: GAUGES, counters: COUNTERS };

function byState(nodes: readonly NodeView[], role: NodeView['role']): Sample[] {
  return STATES.map((state) => [
    { role, state },
    nodes.filter((node) => node.role === role && node.state === state).length,
  ]);
}

function perNode({ self, nodes }: ClusterView, read: (node: NodeView) => number): Sample[] {
  return nodes.filter(({ id }) => id !== self).map((node) => [{ node: node.id }, read(node)]);
}

/** Of the other nodes, what is known, in ms where it is read and in seconds here. */
function known(
  { self, nodes }: ClusterView,
  read: (node: NodeView) => number | null | undefined,
): Sample[] {
  return nodes.flatMap((node): Sample[] => {
    const ms = read(node);
    if (node.id === self || ms === null || ms === undefined) return [];
    return [[{ node: node.id }, ms / 1000]];
  });
}
