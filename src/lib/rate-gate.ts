import type { Clock } from './clock.js';

/** What `RateGate.pass` says while the gate is shut. */
export const SWALLOWED = -1;

/**
 * Lets one thing through every so many seconds and counts the rest: a full store is worth a log
 * line a minute, not one for every packet. Allocates nothing after construction.
 */
export class RateGate {
  readonly #intervalSeconds: number;
  readonly #clock: Clock;
  #opensAtSeconds = Number.NEGATIVE_INFINITY;
  #swallowed = 0;

  constructor(options: { intervalSeconds: number }, { clock }: { clock: Clock }) {
    this.#intervalSeconds = options.intervalSeconds;
    this.#clock = clock;
  }

  /**
   * Returns how many calls were swallowed since the last one that passed, so 0 or more means `go
   * ahead`; `SWALLOWED` (negative) means `not now`.
   */
  pass(): number {
    const now = this.#clock.monotonicSeconds();
    if (now < this.#opensAtSeconds) {
      this.#swallowed++;
      return SWALLOWED;
    }
    const swallowed = this.#swallowed;
    this.#swallowed = 0;
    this.#opensAtSeconds = now + this.#intervalSeconds;
    return swallowed;
  }
}
