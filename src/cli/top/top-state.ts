/** What `trackerbt top` knows: the last tick, a minute of numbers, and what is wrong just now. */
import type { TopTick } from './tick-reader.js';

/** Values kept of each series: a minute, one a second. */
export const HISTORY_LENGTH = 60;

/** By what nodes are sorted; `reversed` turns it around. */
export const SORTS = ['name', 'state', 'lag', 'peers', 'requests'] as const;
export type Sort = (typeof SORTS)[number];

export class TopState {
  tick: TopTick | undefined;
  /** Where the last tick came from. */
  url = '';
  /** Why there is no newer one; empty while all is well. */
  trouble = '';
  /** When that began, by the clock of the caller, in ms. */
  troubleMs = 0;
  sort: Sort = 'name';
  reversed = false;
  /** Rows of the list that are above the screen. */
  scrolled = 0;
  readonly #history = new Map<string, (number | null)[]>();

  took(tick: TopTick, url: string): void {
    this.tick = tick;
    this.url = url;
    this.trouble = '';
    for (const [name, value] of Object.entries(tick.values)) this.#note(name, value);
    if (tick.role === 'minder') return;
    for (const [sum, prefix] of SUMS) {
      const parts = Object.entries(tick.values).filter(([name]) => name.startsWith(prefix));
      this.#note(sum, sumOf(parts.map(([, value]) => value)));
    }
  }

  /** Another node: what was before does not belong to it. */
  forget(): void {
    this.#history.clear();
  }

  /** Fills the minute before the first tick, so that charts do not begin empty. */
  remember(history: ReadonlyMap<string, readonly (number | null)[]>): void {
    for (const [name, values] of history) {
      for (const value of values) this.#note(name, value);
    }
    for (const [sum, prefix] of SUMS) {
      const parts = [...history].filter(([name]) => name.startsWith(prefix));
      const length = Math.max(0, ...parts.map(([, values]) => values.length));
      for (let back = length; back > 0; back--) {
        this.#note(sum, sumOf(parts.map(([, values]) => values.at(-back) ?? null)));
      }
    }
  }

  failed(why: string, nowMs: number): void {
    if (this.trouble === '') this.troubleMs = nowMs;
    this.trouble = why;
    // A gap in the charts, not a line over what nobody knows.
    for (const name of this.#history.keys()) this.#note(name, null);
  }

  history(name: string): readonly (number | null)[] {
    return this.#history.get(name) ?? [];
  }

  last(name: string): number | null {
    return this.history(name).at(-1) ?? this.tick?.values[name] ?? null;
  }

  /** Sorts by something else; by the same again turns the order around. */
  sortBy(sort: Sort): void {
    this.reversed = this.sort === sort && !this.reversed;
    this.sort = sort;
    this.scrolled = 0;
  }

  /** Bounded by what ticks hold: `readTick` takes so many names and no more of each. */
  #note(name: string, value: number | null): void {
    let values = this.#history.get(name);
    if (values === undefined) {
      if (this.#history.size >= SERIES_MAX) return;
      values = [];
      this.#history.set(name, values);
    }
    values.push(value);
    if (values.length > HISTORY_LENGTH) values.shift();
  }
}

const SERIES_MAX = 256;

/** Series of our own, and what they are sums of. */
const SUMS = [
  ['announces', 'announces_'],
  ['scrapes', 'scrapes_'],
] as const;

/** Null when nothing of it is known. */
function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}
