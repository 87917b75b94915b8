/**
 * How far behind an origin we are: the time from a batch's building to its arrival, over the last 64
 * batches. Wall clocks of two machines differ, so what a heartbeat shows of that is taken out where
 * it is more than networks explain.
 */
const SAMPLES = 64;
/** Smaller differences of clocks are what time synchronisation leaves, or what the way takes. */
const OFFSET_SHOWN_MS = 500;
/** Heartbeats over which the one that came fastest tells the offset. */
const OFFSETS = 16;

export class LagMeter {
  readonly #samples = new Float64Array(SAMPLES);
  #count = 0;
  readonly #offsets: number[] = [];

  /** How far the origin's wall clock is ahead of ours, ms; undefined before it was heard. */
  get offsetMs(): number | undefined {
    // The message that took least time shows the clock best, and shows it farthest ahead.
    return this.#offsets.length === 0 ? undefined : Math.max(...this.#offsets);
  }

  /** Takes a heartbeat's wall time. */
  heartbeat(sentMs: number, receivedMs: number): void {
    this.#offsets.push(sentMs - receivedMs);
    if (this.#offsets.length > OFFSETS) this.#offsets.shift();
  }

  /** How long ago, by the origin's clock, something happened that it says was at `builtMs`. */
  lagOf(builtMs: number, receivedMs: number): number {
    const offset = this.offsetMs ?? 0;
    const correction = Math.abs(offset) > OFFSET_SHOWN_MS ? offset : 0;
    return Math.max(0, receivedMs + correction - builtMs);
  }

  /** Takes the lag of a batch that came as it should. */
  sample(lagMs: number): void {
    this.#samples[this.#count++ % SAMPLES] = lagMs;
  }

  /** A lag that so great a share of the last batches was within, ms; undefined without batches. */
  quantile(share: number): number | undefined {
    if (this.#count === 0) return undefined;
    const sorted = this.#samples.slice(0, Math.min(this.#count, SAMPLES)).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }
}
