/**
 * Which clusters a run of the tests simulates: 1,000 unless told otherwise. Two files share them, so
 * that two processors can.
 *
 *     npm test -- --only simulation              seeds 1 to 1,000
 *     SEEDS=100 npm test -- --only simulation    seeds 1 to 100
 *     SEED=77 npm test -- --only simulation      the one that failed
 */
import { expect } from 'vitest';
import { scenarioOf } from './scenario.js';
import { simulate } from './world.js';

/** The seed that was asked for. */
export const SEED = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const SEEDS = Number(process.env.SEEDS ?? 1_000);
/** So many clusters a test, so that a report says where it hangs. */
const SHARE = 100;
/** Only against hanging: a share takes a few seconds. */
export const LIMIT_MS = 600_000;

/** The seeds of one of two files, in shares. */
export function sharesOf(parity: 'odd' | 'even'): number[][] {
  const first = parity === 'odd' ? 1 : 2;
  if (SEED !== undefined) return Math.abs(SEED % 2) === first % 2 ? [[SEED]] : [];
  const shares: number[][] = [];
  for (let seed = first; seed <= SEEDS; seed += 2) {
    if (shares.length === 0 || shares.at(-1)!.length === SHARE) shares.push([]);
    shares.at(-1)!.push(seed);
  }
  return shares;
}

/** Simulates each cluster and fails at the first that does not agree in the end. */
export function expectAgreement(seeds: readonly number[]): void {
  for (const seed of seeds) {
    const { failures, log } = simulate(scenarioOf(seed));
    if (failures.length === 0) continue;
    const what = [...failures, 'the last that was said:', ...log].join('\n  ');
    expect.fail(`SEED=${seed} brings this back:\n  ${what}`);
  }
}
