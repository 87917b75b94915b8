import { describe, expect, it } from 'vitest';
import { LoadPolicy, type LoadPolicyOptions, STEP } from './load-policy.js';

const BOUNDS: LoadPolicyOptions = { busyShareMax: 0.8, requestsPerSecondMax: 1_000, stretchMax: 4 };
const IDLE = { busyShare: 0.1, requestsPerSecond: 10 };
const MANY = { busyShare: 0.1, requestsPerSecond: 1_001 };
const BUSY = { busyShare: 0.9, requestsPerSecond: 10 };

/** Steps each second; returns when the stretch changed, and to what. */
function steps(
  policy: LoadPolicy,
  load: (second: number) => typeof IDLE,
  from: number,
  to: number,
) {
  const changes: [second: number, stretch: number][] = [];
  for (let second = from; second < to; second++) {
    if (policy.step(second, load(second))) changes.push([second, policy.stretch]);
  }
  return changes;
}

describe('the policy of load', () => {
  it('does nothing about a load within its bounds, however long', () => {
    const policy = new LoadPolicy(BOUNDS);
    const atBound = { busyShare: 0.8, requestsPerSecond: 1_000 };
    expect(steps(policy, () => atBound, 0, 1_000)).toEqual([]);
    expect(steps(policy, () => IDLE, 1_000, 2_000)).toEqual([]);
    expect([policy.stretch, policy.reason]).toEqual([1, '']);
  });

  it('stretches after 30 s above a bound and each 30 s again, up to the most allowed', () => {
    const policy = new LoadPolicy(BOUNDS);
    const changes = steps(policy, () => MANY, 0, 1_000);
    expect(changes.slice(0, 3)).toEqual([
      [30, STEP],
      [60, STEP ** 2],
      [90, STEP ** 3],
    ]);
    expect(changes.at(-1)).toEqual([210, 4]);
    expect(policy.reason).toBe('requests');
  });

  it('forgives a peak that ends in between', () => {
    const policy = new LoadPolicy(BOUNDS);
    expect(steps(policy, (second) => (second % 30 === 29 ? IDLE : MANY), 0, 600)).toEqual([]);
  });

  it('shrinks after a minute of calm and each minute again, and says when it is over', () => {
    const policy = new LoadPolicy(BOUNDS);
    steps(policy, () => BUSY, 0, 61);
    expect([policy.stretch, policy.reason]).toEqual([STEP ** 2, 'busy']);
    expect(steps(policy, () => IDLE, 61, 400)).toEqual([
      [121, STEP],
      [181, 1],
    ]);
    expect(policy.reason).toBe('');
  });

  it('comes back from the most allowed by steps, though that is none of them', () => {
    const policy = new LoadPolicy({ ...BOUNDS, stretchMax: 1.5 });
    expect(steps(policy, () => MANY, 0, 300)).toEqual([
      [30, STEP],
      [60, 1.5],
    ]);
    expect(steps(policy, () => IDLE, 300, 600).map(([, stretch]) => stretch)).toEqual([STEP, 1]);
  });

  it('does not shrink while any bound is nearly reached', () => {
    const policy = new LoadPolicy(BOUNDS);
    steps(policy, () => MANY, 0, 31);
    const nearly = { busyShare: 0.1, requestsPerSecond: 760 };
    expect(steps(policy, () => nearly, 31, 1_000)).toEqual([]);
  });

  it.each([1_050, 1_300, 2_000, 3_900])(
    'settles under clients that follow at once and want %i requests a second',
    (wanted) => {
      const policy = new LoadPolicy(BOUNDS);
      const load = () => ({ busyShare: 0, requestsPerSecond: wanted / policy.stretch });
      const changes = steps(policy, load, 0, 10_000);
      const stretches = changes.map(([, stretch]) => stretch);
      expect(stretches, 'up only').toEqual(stretches.toSorted((a, b) => a - b));
      expect(load().requestsPerSecond).toBeLessThanOrEqual(1_000);
    },
  );

  it('leaves a bound of 0 out, and never stretches with the most set to 1', () => {
    const unbounded = new LoadPolicy({ busyShareMax: 0, requestsPerSecondMax: 0, stretchMax: 4 });
    const worst = { busyShare: 1, requestsPerSecond: 1e9 };
    expect(steps(unbounded, () => worst, 0, 200)).toEqual([]);
    const fixed = new LoadPolicy({ ...BOUNDS, stretchMax: 1 });
    expect(steps(fixed, () => worst, 0, 200)).toEqual([]);
  });

  it('does not stretch what cannot become longer', () => {
    const policy = new LoadPolicy(BOUNDS);
    for (let second = 0; second < 200; second++) {
      expect(policy.step(second, MANY, { isLongest: true })).toBe(false);
    }
    expect(policy.stretch).toBe(1);
  });
});
