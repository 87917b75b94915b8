/**
 * Replication as it runs in production, in simulated clusters that fail in many ways and then must
 * agree: seeds.ts says which.
 */
import { describe, expect, it } from 'vitest';
import { scenarioOf } from './scenario.js';
import { expectAgreement, LIMIT_MS, SEED, sharesOf } from './seeds.js';
import { simulate } from './world.js';

describe('clusters with odd seeds', () => {
  for (const seeds of sharesOf('odd')) {
    it(`agree in the end, ${seeds[0]} to ${seeds.at(-1)}`, { timeout: LIMIT_MS }, () => {
      expectAgreement(seeds);
    });
  }
});

it('a run can be had again from its seed', { timeout: LIMIT_MS }, () => {
  const scenario = scenarioOf(SEED ?? 4_711);
  expect(simulate(scenario)).toEqual(simulate(scenario));
});
