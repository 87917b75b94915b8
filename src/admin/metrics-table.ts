/** The tables of docs/metrics.md, from the metrics themselves. */
import { ADMIN_METRICS } from './admin-metrics.js';
import { CLUSTER_METRICS } from './cluster-metrics.js';
import type { MetricGroup } from './metric.js';
import { COMMON_GAUGES } from './metric.js';
import { READY_HELP } from './metrics.js';
import { MINDER_METRICS } from './minder-metrics.js';
import { TRACKER_METRICS } from './tracker-metrics.js';

interface Row {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

const UNITS: readonly (readonly [end: string, unit: string])[] = [
  ['_timestamp_seconds', 'seconds since 1970'],
  ['_seconds', 'seconds'],
  ['_bytes', 'bytes'],
  ['_ratio', 'ratio'],
];

/** Every metric of this program, by heading. */
export function metricRows(): ReadonlyMap<string, readonly Row[]> {
  const common = new Set(COMMON_GAUGES.map(({ name }) => name));
  const own = <Known>(group: MetricGroup<Known>) =>
    rowsOf(group).filter(({ name }) => !common.has(name));
  const ready: Row = { name: 'ready', type: 'gauge', labels: [], help: READY_HELP };
  return new Map([
    [
      'Every node',
      [ready, ...rowsOf({ gauges: COMMON_GAUGES, counters: [] }), ...rowsOf(ADMIN_METRICS)],
    ],
    ['Trackers', own(TRACKER_METRICS)],
    ['Nodes of a cluster', own(CLUSTER_METRICS)],
    ['Minders', own(MINDER_METRICS)],
  ]);
}

/** Markdown: a heading and a table for each kind of node. */
export function metricsTable(): string {
  return [...metricRows()]
    .map(([heading, rows]) => `## ${heading}\n\n${tableOf(rows)}`)
    .join('\n\n');
}

function rowsOf<Known>({ gauges, counters, histograms = [] }: MetricGroup<Known>): Row[] {
  const row = (type: Row['type']) => (metric: Omit<Row, 'type' | 'labels'> & Partial<Row>) => {
    const { name, help, labels = [] } = metric;
    return { name, help, labels, type };
  };
  return [
    ...gauges.map(row('gauge')),
    ...counters.map(row('counter')),
    ...histograms.map(row('histogram')),
  ];
}

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ name, type, labels, help }) => {
    const texts = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`trackerbt_${name}\` | ${type} | ${unitOf(name)} | ${texts} | ${help} |`;
  });
  return [
    '| metric | type | unit | labels | what |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

/** What the name says; a plain number where it says nothing. */
function unitOf(name: string): string {
  return UNITS.find(([end]) => name.endsWith(end))?.[1] ?? '';
}
