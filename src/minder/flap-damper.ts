/**
 * What comes and goes is not well: something that fell three times within five minutes must stay up
 * for a while before it counts again. Falls are acted on at once, also the first.
 */

const FALLS = 3;
const WITHIN_MS = 300_000;

interface Seen {
  isWell: boolean;
  /** Times of the last falls, the newest last. */
  falls: number[];
  wellSinceMs: number;
  isHeld: boolean;
}

export class FlapDamper {
  readonly #holdMs: number;
  readonly #seen = new Map<string, Seen>();

  constructor({ holdSeconds }: { holdSeconds: number }) {
    this.#holdMs = 1000 * holdSeconds;
  }

  /** Notes how something is now; true when it is held back although it is well. */
  note(key: string, isWell: boolean, nowMs: number): boolean {
    const seen = this.#seen.get(key) ?? { isWell, falls: [], wellSinceMs: nowMs, isHeld: false };
    this.#seen.set(key, seen);
    if (isWell && !seen.isWell) seen.wellSinceMs = nowMs;
    if (!isWell && seen.isWell) {
      seen.falls = [...seen.falls.filter((ms) => nowMs - ms < WITHIN_MS), nowMs].slice(-FALLS);
      // Also while it is held: what falls again waits again.
      if (seen.falls.length === FALLS) seen.isHeld = true;
    }
    seen.isWell = isWell;
    if (isWell && seen.isHeld && nowMs - seen.wellSinceMs >= this.#holdMs) seen.isHeld = false;
    return isWell && seen.isHeld;
  }

  /** Forgets everything but these keys. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key);
  }
}
