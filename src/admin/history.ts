/**
 * The last hour, for charts: a ring of points, five seconds apart.
 *
 * ```
 * at      [ t0 | t1 | ... | t719 ]    wall clock, ms since 1970
 * series  [ v0 | v1 | ... | v719 ]    one such ring for each; NaN: not known
 *           ^ the oldest is overwritten next
 * ```
 *
 * 8 bytes a value: 127 KB for a tracker. Made once, so that an hour and a year take the same.
 *
 * Times rise, as charts need it. Where the clock was set back, what was seen before is moved back with
 * it; where it went forward, or the machine slept, there is a gap.
 */
import type { SeriesName, SeriesValues } from './series.js';

export const HISTORY_POINTS = 720;
export const HISTORY_STEP_SECONDS = 5;

export interface HistoryView {
  readonly stepSeconds: number;
  /** When each point was taken, the oldest first. */
  readonly atMs: readonly number[];
  /** As many values as there are points; of rates the average over the step. */
  readonly series: Readonly<Partial<Record<SeriesName, readonly (number | null)[]>>>;
}

export class History {
  readonly #at = new Float64Array(HISTORY_POINTS);
  readonly #rings: ReadonlyMap<SeriesName, Float64Array>;
  /** Points taken since the start. */
  #count = 0;

  constructor(names: readonly SeriesName[]) {
    this.#rings = new Map(names.map((name) => [name, new Float64Array(HISTORY_POINTS)]));
  }

  add(atMs: number, values: SeriesValues): void {
    const last = this.#at[(this.#count + HISTORY_POINTS - 1) % HISTORY_POINTS];
    if (this.#count > 0 && atMs <= last) {
      const back = last + 1000 * HISTORY_STEP_SECONDS - atMs;
      for (let i = 0; i < HISTORY_POINTS; i++) this.#at[i] -= back;
    }
    const slot = this.#count++ % HISTORY_POINTS;
    this.#at[slot] = atMs;
    for (const [name, ring] of this.#rings) ring[slot] = values[name] ?? Number.NaN;
  }

  view(): HistoryView {
    const series: Partial<Record<SeriesName, (number | null)[]>> = {};
    for (const [name, ring] of this.#rings) {
      series[name] = this.#inOrder(ring).map((value) =>
        Number.isNaN(value) ? null : round(value),
      );
    }
    return { stepSeconds: HISTORY_STEP_SECONDS, atMs: this.#inOrder(this.#at), series };
  }

  #inOrder(ring: Float64Array): number[] {
    const next = this.#count % HISTORY_POINTS;
    if (this.#count <= HISTORY_POINTS) return [...ring.subarray(0, this.#count)];
    return [...ring.subarray(next), ...ring.subarray(0, next)];
  }
}

/** A chart has no use for more digits, and the reply is a third of the size. */
function round(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Math.round(value * 1_000) / 1_000;
}
