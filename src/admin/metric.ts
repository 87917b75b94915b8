/**
 * One metric: what Prometheus calls it, and where its value stands in what is known.
 *
 * Names follow Prometheus: base units last (seconds, bytes, ratio), counters end in `_total`, and no
 * label takes values that strangers choose. The nodes of a cluster are the longest list of values.
 */
import type { LatencyView } from './latency-view.js';

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

export interface Metric<Known> {
  /** Without `trackerbt_`; units last, totals end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  readonly read: (known: Known) => number | readonly Sample[];
}

/** A metric that has buckets, for each set of labels. */
export interface HistogramMetric<Known> extends Omit<Metric<Known>, 'read'> {
  readonly labels: readonly string[];
  readonly read: (known: Known) => readonly (readonly [labels: Labels, value: LatencyView])[];
}

/** All metrics that are read from one kind of knowledge. */
export interface MetricGroup<Known> {
  readonly gauges: readonly Metric<Known>[];
  readonly counters: readonly Metric<Known>[];
  readonly histograms?: readonly HistogramMetric<Known>[];
}

/** What every node says about itself. */
export const COMMON_GAUGES: readonly Metric<{
  readonly name: string;
  readonly version: string;
  readonly role: string;
}>[] = [
  {
    name: 'build_info',
    help: 'Always 1; what runs here.',
    labels: ['version', 'role'],
    read: ({ version, role }) => [[{ version, role }, 1]],
  },
  {
    name: 'node_info',
    help: 'Always 1; what this node is called.',
    labels: ['name'],
    read: ({ name }) => [[{ name }, 1]],
  },
];

/** The samples of a metric without labels are one value. */
export function samples(value: number | readonly Sample[]): readonly Sample[] {
  return typeof value === 'number' ? [[{}, value]] : value;
}
