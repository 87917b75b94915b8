/**
 * Time, injected wherever it matters, so that tests turn the hands.
 *
 * The monotonic second counts from an origin that all threads of a process share (ages are measured
 * with it); wall time is what other machines can compare with.
 */
export interface Clock {
  /** Whole seconds on the monotonic clock. Never goes back. */
  monotonicSeconds(): number;
  /** Milliseconds since 1970. May jump. */
  wallMs(): number;
}

/** The machine's clocks. `process.hrtime` has one origin for all threads, `performance.now` not. */
export class SystemClock implements Clock {
  // Read once; afterwards performance.now(), which allocates nothing, carries the time on.
  readonly #offsetMs: number;

  constructor() {
    const [seconds, nanoseconds] = process.hrtime();
    this.#offsetMs = seconds * 1000 + nanoseconds / 1e6 - performance.now();
  }

  monotonicSeconds(): number {
    return Math.floor((performance.now() + this.#offsetMs) / 1000);
  }

  /** Milliseconds on the monotonic clock, with fractions. */
  monotonicMs(): number {
    return performance.now() + this.#offsetMs;
  }

  wallMs(): number {
    return Date.now();
  }
}

/** A clock that stands still until told otherwise. */
export class ManualClock implements Clock {
  constructor(
    public seconds = 1_000,
    public epochMs = 1_700_000_000_000,
  ) {}

  monotonicSeconds(): number {
    return this.seconds;
  }

  monotonicMs(): number {
    return this.seconds * 1000;
  }

  wallMs(): number {
    return this.epochMs;
  }

  /** Moves both clocks on. */
  advance(seconds: number): void {
    this.seconds += seconds;
    this.epochMs += seconds * 1000;
  }
}
