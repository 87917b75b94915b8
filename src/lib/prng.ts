/**
 * A seeded random source for tests, simulation and load: the same seed gives the same numbers.
 * Mulberry32 (Tommy Ettinger): 32 bits of state, full period. Not for secrets.
 */
export class Prng {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed | 0;
  }

  /** The next 32 random bits, as an unsigned integer. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return (z ^ (z >>> 14)) >>> 0;
  }

  /** An integer from 0 to `bound` - 1. */
  below(bound: number): number {
    return Math.floor((this.next() / 4294967296) * bound);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() / 4294967296 < probability;
  }

  /** Fills with random bytes. */
  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.next() & 0xff;
  }
}

/** The seed in the environment's `SEED`, else a new one: tests print it, so that a run can be had again. */
export function testSeed(): number {
  const given = process.env.SEED;
  return given === undefined ? (Math.random() * 2 ** 31) | 0 : Number(given) | 0;
}
