/** One metric: what Prometheus calls it, and where its value stands in what is known. */

type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

export interface Metric<Known> {
  /** Without `trackerbt_`; units last, totals end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  readonly read: (known: Known) => number | readonly Sample[];
}

/** What every node says about itself. */
export const COMMON_GAUGES: readonly Metric<{
  readonly name: string;
  readonly version: string;
  readonly role: string;
  readonly uptimeSeconds: number;
}>[] = [
  {
    name: 'info',
    help: 'Always 1; who this is.',
    labels: ['name', 'version', 'role'],
    read: ({ name, version, role }) => [[{ name, version, role }, 1]],
  },
  {
    name: 'uptime_seconds',
    help: 'Seconds since the start.',
    read: (stats) => stats.uptimeSeconds,
  },
];

/** The samples of a metric without labels are one value. */
export function samples(value: number | readonly Sample[]): readonly Sample[] {
  return typeof value === 'number' ? [[{}, value]] : value;
}
