/** What benches share that measure one tracker beside another in turns, a pair of runs at a time. */
import { count } from './compare.js';
import { median } from './median.js';

/** One run. */
export interface PairedSample {
  readonly perSecond: number;
  /** Of the tracker's processor time, all threads, by announce. */
  readonly cpuUs: number;
  /** Share of its core that the tracker used. */
  readonly busy: number;
}

/** `rate | us | busy %` of a table's row. */
export function cells(samples: readonly PairedSample[]): string {
  const rate = count(median(samples.map(({ perSecond }) => perSecond)));
  const cpu = median(samples.map(({ cpuUs }) => cpuUs)).toFixed(2);
  return `${rate} | ${cpu} | ${Math.round(100 * busyOf(samples))} %`;
}

export function busyOf(samples: readonly PairedSample[]): number {
  return median(samples.map(({ busy }) => busy));
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
