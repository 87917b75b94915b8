import { formatCount, formatMillis } from '../format.js';
import { Badge, Card, type Column, StateBadge, Table } from '../kit/index.js';
import type { ClusterView, NodeView } from '../tick.js';

interface Row {
  readonly node: NodeView;
  readonly isSelf: boolean;
}

const COLUMNS: readonly Column<Row>[] = [
  {
    key: 'name',
    head: 'Node',
    class: 'name-cell',
    cell: ({ node, isSelf }) => (
      <>
        <span class="name" title={node.name}>
          {node.name}
        </span>{' '}
        {isSelf && <span class="muted small">this one</span>}
      </>
    ),
    sort: ({ node }) => node.name,
  },
  { key: 'role', head: 'Role', cell: ({ node }) => node.role, sort: ({ node }) => node.role },
  {
    key: 'state',
    head: 'State',
    cell: ({ node }) => <StateBadge state={node.state} reason={node.reason} />,
    sort: ({ node }) => node.state,
  },
  {
    key: 'lag',
    head: 'Lag',
    title: 'How old its changes are when they get here: half of them are younger',
    end: true,
    nowrap: true,
    cell: ({ node, isSelf }) => formatMillis(isSelf ? null : node.lagMs),
    sort: ({ node, isSelf }) => (isSelf ? null : node.lagMs),
    descending: true,
  },
  {
    key: 'p99',
    head: '99 %',
    title: 'The same for 99 of 100 changes',
    end: true,
    nowrap: true,
    cell: ({ node }) => formatMillis(node.lagP99Ms),
    sort: ({ node }) => node.lagP99Ms,
    descending: true,
  },
  {
    key: 'heard',
    head: 'Heartbeat',
    title: 'How long ago its last heartbeat came',
    end: true,
    nowrap: true,
    cell: ({ node, isSelf }) => formatMillis(isSelf ? null : node.lastHeartbeatMs),
    sort: ({ node, isSelf }) => (isSelf ? null : node.lastHeartbeatMs),
    descending: true,
  },
  {
    key: 'peers',
    head: 'Peers',
    end: true,
    cell: ({ node }) => formatCount(node.peers),
    sort: ({ node }) => node.peers,
    descending: true,
  },
  {
    key: 'version',
    head: 'Version',
    cell: ({ node }) => node.version,
    sort: ({ node }) => node.version,
  },
];

/** The cluster as this tracker sees it; nothing for one that stands alone. */
export function Cluster({ cluster }: { readonly cluster: ClusterView }) {
  if (cluster.self === '') return null;
  const isConnected = cluster.busConnected === true;
  return (
    <Card
      title="Cluster"
      note="as this tracker sees it"
      tools={
        <Badge
          tone={isConnected ? 'ok' : 'bad'}
          text={isConnected ? 'bus connected' : 'no bus'}
          testId="bus"
        />
      }
      flush
      testId="cluster"
    >
      <Table
        label="Nodes of the cluster"
        columns={COLUMNS}
        rows={cluster.nodes.map((node) => ({ node, isSelf: node.id === cluster.self }))}
        rowKey={({ node }) => node.id}
      />
    </Card>
  );
}
