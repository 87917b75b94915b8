import { type LatencyView, latencyQuantile } from '../../../src/admin/latency-view.js';
import { formatCount, formatMicros } from '../format.js';
import { Card, type Column, Table } from '../kit/index.js';
import type { TrackerStats } from '../tick.js';

interface Row {
  readonly name: string;
  readonly latency: LatencyView;
}

const quantile =
  (share: number) =>
  ({ latency }: Row) => {
    const seconds = latencyQuantile(latency, share);
    return formatMicros(seconds === null ? null : seconds * 1e6);
  };

const COLUMNS: readonly Column<Row>[] = [
  { key: 'protocol', head: 'Protocol', cell: ({ name }) => name },
  { key: 'count', head: 'Answered', end: true, cell: ({ latency }) => formatCount(latency.count) },
  { key: 'p50', head: 'Median', end: true, nowrap: true, cell: quantile(0.5) },
  { key: 'p99', head: '99 %', end: true, nowrap: true, cell: quantile(0.99) },
  { key: 'p999', head: '99.9 %', end: true, nowrap: true, cell: quantile(0.999) },
];

/** How long requests took since the start, by protocol. */
export function Latency({ stats }: { readonly stats: TrackerStats }) {
  const { udp, http, websocket } = stats.latency;
  const rows = [
    { name: 'UDP', latency: udp },
    { name: 'HTTP', latency: http },
    { name: 'WebSocket', latency: websocket },
  ].filter(({ latency }) => latency.count > 0);
  if (rows.length === 0) return null;
  return (
    <Card title="Time to answer by protocol" note="since the start" flush testId="latency">
      <Table
        label="Time to answer by protocol"
        columns={COLUMNS}
        rows={rows}
        rowKey={(row) => row.name}
      />
    </Card>
  );
}
