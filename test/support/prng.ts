/**
 * The random source of tests: small, seeded, and printed when a test fails, so that the failure can
 * be had again with `SEED=<number> npm test`.
 */
import { onTestFailed } from 'vitest';

/** mulberry32: 32 bits of state, plenty for test data. Not for secrets. */
export class Prng {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number in [0, 2^32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * bound);
  }

  bytes(length: number): Buffer {
    const out = Buffer.alloc(length);
    for (let i = 0; i < length; i++) out[i] = this.next() >>> 24;
    return out;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
}

/** A generator for the running test: seeded from `SEED` or the clock; a failure prints the seed. */
export function seededPrng(): Prng {
  const given = Number(process.env.SEED);
  const prng = new Prng(Number.isSafeInteger(given) && given > 0 ? given : Date.now() % 0x7fffffff);
  onTestFailed(() => {
    process.stderr.write(`random data of this test came from SEED=${prng.seed}\n`);
  });
  return prng;
}
