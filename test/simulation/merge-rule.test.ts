/**
 * The simulation must be able to fail: with the merge rule broken on purpose it finds out within a few
 * hundred clusters.
 */
import { afterEach, expect, it, vi } from 'vitest';
import { Applied, Replica } from '../../src/swarm/replica.js';
import { isKnowable, type Scenario, scenarioOf } from './scenario.js';
import { LIMIT_MS } from './seeds.js';
import type { OriginOrder } from './sim-node.js';
import { type RunResult, simulate } from './world.js';

const SEEDS = 300;

const BROKEN: Record<string, OriginOrder> = {
  'each node lets its own word win': () => (a, b) => (a === 0 ? 1 : b === 0 ? -1 : 0),
  'each node lets the others win': () => (a, b) => (a === 0 ? -1 : b === 0 ? 1 : 0),
  'nodes are ordered by slots, which differ from node to node': () => (a, b) => a - b,
  'the smaller id wins': (origins) => {
    const { compare } = origins;
    return (a, b) => -compare(a, b);
  },
};

const CALM_MS_MAX = 60_000;

/** Simulates until a cluster disagrees that agrees with the rule as it is. */
function expectNotice(broken: (scenario: Scenario) => RunResult): void {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const scenario = scenarioOf(seed);
    // In these all is known, and agreement comes soon.
    if (!isKnowable(scenario) || broken(scenario).failures.length === 0) continue;
    vi.restoreAllMocks();
    expect(simulate(scenario, { calmMsMax: CALM_MS_MAX }).failures).toEqual([]);
    return;
  }
  expect.fail(`${SEEDS} clusters agreed all the same`);
}

afterEach(() => {
  vi.restoreAllMocks();
});

it.each(Object.entries(BROKEN))('notices when %s', { timeout: LIMIT_MS }, (_what, order) => {
  expectNotice((scenario) => simulate(scenario, { order, calmMsMax: CALM_MS_MAX }));
});

it('notices when what others say counts as said a second later', { timeout: LIMIT_MS }, () => {
  const { apply } = Replica.prototype;
  vi.spyOn(Replica.prototype, 'apply').mockImplementation(function (this: Replica, word) {
    word.stamp = (word.stamp + 64) | 0;
    return apply.call(this, word);
  });
  expectNotice((scenario) => simulate(scenario, { calmMsMax: CALM_MS_MAX }));
});

it('notices when stops of others are not believed', { timeout: LIMIT_MS }, () => {
  const { apply } = Replica.prototype;
  vi.spyOn(Replica.prototype, 'apply').mockImplementation(function (this: Replica, word) {
    return word.stopped ? Applied.stale : apply.call(this, word);
  });
  expectNotice((scenario) => simulate(scenario, { calmMsMax: CALM_MS_MAX }));
});
