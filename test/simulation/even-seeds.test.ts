/** The other half of the simulated clusters: odd-seeds.test.ts has the first. */
import { describe, expect, it } from 'vitest';
import { isKnowable, scenarioOf } from './scenario.js';
import { expectAgreement, LIMIT_MS, sharesOf } from './seeds.js';

describe('clusters with even seeds', () => {
  for (const seeds of sharesOf('even')) {
    it(`agree in the end, ${seeds[0]} to ${seeds.at(-1)}`, { timeout: LIMIT_MS }, () => {
      expectAgreement(seeds);
    });
  }
});

it('many clusters are of a kind in which counts must be exact', () => {
  const scenarios = Array.from({ length: 1_000 }, (_, seed) => scenarioOf(seed));
  expect(scenarios.filter(isKnowable).length).toBeGreaterThan(200);
});
