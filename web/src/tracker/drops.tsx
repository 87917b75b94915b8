import { useRef } from 'preact/hooks';
import { formatCount } from '../format.js';
import { Card, type Column, Table } from '../kit/index.js';
import type { TrackerStats } from '../tick.js';
import { type Drop, dropsOf } from './drop-reasons.js';
import { MinuteCounts } from './minute-counts.js';

interface Row extends Drop {
  readonly lastMinute: number;
}

const COLUMNS: readonly Column<Row>[] = [
  {
    key: 'what',
    head: 'What',
    class: 'drop-cell',
    cell: ({ protocol, name, why }) => (
      <>
        <span class="drop-name">{name}</span> <span class="muted small">{protocol}</span>
        {why !== '' && <p class="muted small drop-why">{why}</p>}
      </>
    ),
    sort: ({ name }) => name,
  },
  {
    key: 'minute',
    head: 'Minute',
    title: 'In the last minute, since this page was opened',
    end: true,
    cell: ({ lastMinute }) => formatCount(lastMinute),
    sort: ({ lastMinute }) => lastMinute,
    descending: true,
  },
  {
    key: 'total',
    head: 'Total',
    title: 'Since the start of the tracker',
    end: true,
    cell: ({ total }) => formatCount(total),
    sort: ({ total }) => total,
    descending: true,
  },
];

/** What was not served and why: only what there was of it. */
export function Drops({ stats, atMs }: { readonly stats: TrackerStats; readonly atMs: number }) {
  const minute = useRef(new MinuteCounts());
  const drops = dropsOf(stats);
  minute.current.add(atMs, new Map(drops.map(({ key, total }) => [key, total])));
  const rows = drops.map((drop) => ({
    ...drop,
    lastMinute: minute.current.grown(drop.key, drop.total),
  }));
  return (
    <Card title="Dropped and refused" flush testId="drops">
      <Table
        label="Dropped and refused"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ key }) => key}
        empty="Nothing was dropped or refused since the start."
      />
    </Card>
  );
}
