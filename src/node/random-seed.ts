import { randomInt } from 'node:crypto';

/** A seed that differs between threads and runs. */
export function randomSeed(): number {
  return randomInt(1, 2 ** 31);
}
