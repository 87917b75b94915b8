import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';

const LINES_MAX = 60;
const WINDOW_SECONDS = 60;

/**
 * Log lines for requests that were turned away: each one, up to sixty a minute, and then how many
 * more there were. A stranger who knocks all night must not fill the disk.
 */
export class RefusalLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #windowStart = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #unwritten = 0;

  constructor({ logger, clock }: { logger: Logger; clock: Clock }) {
    this.#logger = logger;
    this.#clock = clock;
  }

  write(fields: Readonly<Record<string, string>>): void {
    const now = this.#clock.monotonicSeconds();
    if (now - this.#windowStart >= WINDOW_SECONDS) {
      this.#windowStart = now;
      this.#lines = 0;
    }
    if (this.#lines === LINES_MAX) {
      this.#unwritten++;
      return;
    }
    this.#lines++;
    const more = this.#unwritten === 0 ? {} : { unwritten: this.#unwritten };
    this.#unwritten = 0;
    this.#logger.warn({ ...fields, ...more }, 'a node was refused');
  }
}
