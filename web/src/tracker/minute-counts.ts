/** How much totals grew in the last minute, from what was seen of them since the page was opened. */

const MINUTE_MS = 60_000;
/** Looks are this far apart, so that there are 13 at most. */
const STEP_MS = 5_000;

interface Look {
  readonly atMs: number;
  readonly totals: ReadonlyMap<string, number>;
}

export class MinuteCounts {
  /** The oldest first: it is a minute old, or the first there was. */
  #looks: Look[] = [];

  add(atMs: number, totals: ReadonlyMap<string, number>): void {
    const last = this.#looks.at(-1);
    // A total that fell belongs to a process that was started again.
    const isRestart = [...totals].some(([key, total]) => total < (last?.totals.get(key) ?? 0));
    if (isRestart || (last !== undefined && atMs < last.atMs)) this.#looks = [];
    const newest = this.#looks.at(-1);
    if (newest === undefined || atMs - newest.atMs >= STEP_MS) this.#looks.push({ atMs, totals });
    while (this.#looks.length > 1 && atMs - this.#looks[1].atMs >= MINUTE_MS) this.#looks.shift();
  }

  /** What `total` has grown by since the oldest look. */
  grown(key: string, total: number): number {
    const first = this.#looks[0];
    return first === undefined ? 0 : total - (first.totals.get(key) ?? 0);
  }
}
