/**
 * The last hour of all series, in steps of five seconds, as charts want it: what the listener kept,
 * continued by what is heard live. The step under way is the last point and moves with each tick.
 */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { HistoryReply, SeriesName, Tick } from './tick.js';

const STEP_MS = 5_000;
const POINTS_MAX = 720;
/** Of strangers' names: no series is added beyond these. */
const SERIES_MAX = 64;
/** Longer without a point is a gap that lines must not cross. */
const GAP_STEPS = 3;

type Column = (number | null)[];

/** Levels are as they were last; everything else is a rate and is averaged over the step. */
const LEVELS =
  /^(?:peers|swarms|seeders|leechers|web_peers|.*_bytes|.*_connections|nodes|trackers_.*|latency_.*)$/;

export class History {
  readonly #version = signal(0);
  /** Seconds since 1970, ascending. */
  #at: number[] = [];
  #columns = new Map<string, Column>();
  /** Where the open step began: at the point before it. NaN: there is none, the next tick opens one. */
  #stepAt = Number.NaN;
  /** The last ticks, one step long. */
  #recent: Pick<Tick, 'atMs' | 'values'>[] = [];

  /** Grows with each change: read it to be drawn again. */
  get version(): ReadonlySignal<number> {
    return this.#version;
  }

  get atSeconds(): readonly number[] {
    return this.#at;
  }

  /** Values of a series, one for each of `atSeconds`; a fresh array. */
  column(name: SeriesName): Column {
    return this.#columns.get(name)?.slice() ?? new Array<number | null>(this.#at.length).fill(null);
  }

  /** The last values of a series that are known, for a sparkline. */
  tail(name: SeriesName, count: number): number[] {
    const column = this.#columns.get(name) ?? [];
    return column.slice(-count).filter((value) => value !== null);
  }

  /** Replaces everything by what the listener kept; ticks that are newer stay. */
  load(reply: HistoryReply): void {
    const kept = this.#newerThan((reply.atMs.at(-1) ?? 0) / 1000);
    const start = Math.max(0, reply.atMs.length - POINTS_MAX);
    this.#at = [];
    this.#columns = new Map();
    for (let i = start; i < reply.atMs.length; i++) {
      const values: Record<string, number | null> = {};
      for (const [name, column] of Object.entries(reply.series)) {
        values[name] = column[i] ?? null;
      }
      this.#append(reply.atMs[i] / 1000, values);
    }
    for (const { at, values } of kept) this.#append(at, values);
    // What was kept ends with a whole step: the next tick begins one.
    if (kept.length === 0) this.#stepAt = Number.NaN;
    this.#version.value++;
  }

  add({ atMs, values }: Pick<Tick, 'atMs' | 'values'>): void {
    const at = atMs / 1000;
    // A clock that was set back: what is drawn to the right of it cannot stay.
    if (at < (this.#at.at(-1) ?? at) - 1) this.#clear();
    const last = this.#at.at(-1);
    this.#recent = this.#recent.filter((tick) => atMs - tick.atMs < STEP_MS);
    this.#recent.push({ atMs, values });
    // Half a second more: ticks come a little late now and then.
    const isOpen = at - this.#stepAt <= STEP_MS / 1000 + 0.5;
    if (!isOpen || this.#at.length === 0) {
      // After a gap the step begins now, not where the last one ended.
      this.#stepAt = last === undefined || at - last > STEP_MS / 1000 ? at : last;
      this.#append(at, {});
    }
    if (this.#at.length > 0) this.#at[this.#at.length - 1] = Math.max(at, last ?? at);
    for (const [name, value] of Object.entries(values)) this.#put(name, value);
    this.#version.value++;
  }

  #put(name: string, value: number | null | undefined): void {
    const column = this.#columnOf(name);
    if (column === undefined || value == null || !Number.isFinite(value)) return;
    column[column.length - 1] = LEVELS.test(name) ? value : this.#mean(name as SeriesName);
  }

  /** Over a step, however long the open one is by now: a single second would make the line's end jump. */
  #mean(name: SeriesName): number {
    const known = this.#recent.map(({ values }) => values[name]).filter((value) => value != null);
    return known.reduce((sum, value) => sum + value, 0) / known.length;
  }

  #append(at: number, values: Readonly<Record<string, number | null>>): void {
    const last = this.#at.at(-1);
    if (last !== undefined && at <= last) return;
    if (last !== undefined && at - last > (GAP_STEPS * STEP_MS) / 1000) {
      this.#push(last + 0.001);
    }
    this.#push(at);
    for (const [name, value] of Object.entries(values)) {
      const column = this.#columnOf(name);
      if (column !== undefined) column[column.length - 1] = value;
    }
  }

  /** A point at which nothing is known yet. */
  #push(at: number): void {
    this.#at.push(at);
    for (const column of this.#columns.values()) column.push(null);
    if (this.#at.length <= POINTS_MAX) return;
    this.#at.shift();
    for (const column of this.#columns.values()) column.shift();
  }

  #columnOf(name: string): Column | undefined {
    let column = this.#columns.get(name);
    if (column === undefined && this.#columns.size < SERIES_MAX) {
      column = new Array<number | null>(this.#at.length).fill(null);
      this.#columns.set(name, column);
    }
    return column;
  }

  #newerThan(seconds: number) {
    const from = this.#at.findIndex((at) => at > seconds);
    if (from < 0) return [];
    return this.#at.slice(from).map((at, i) => ({
      at,
      values: Object.fromEntries(
        [...this.#columns].map(([name, column]) => [name, column[from + i]]),
      ),
    }));
  }

  #clear(): void {
    this.#at = [];
    this.#columns = new Map();
    this.#stepAt = Number.NaN;
    this.#recent = [];
  }
}
