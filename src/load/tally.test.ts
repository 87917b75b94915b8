import { describe, expect, it } from 'vitest';
import { Tally } from './tally.js';

describe('Tally', () => {
  it('reports nothing as nothing', () => {
    expect(new Tally().report(1)).toEqual({
      seconds: 1,
      requests: 0,
      requestsPerSecond: 0,
      announces: 0,
      scrapes: 0,
      peersPerReply: undefined,
      replyBytes: 0,
      connects: 0,
      resumed: 0,
      signals: undefined,
      errors: {},
      latencyUs: { mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 },
    });
  });

  it('gives percentiles within a thousandth of the sorted truth', () => {
    const tally = new Tally();
    for (let i = 1; i <= 10_000; i++) tally.latency(i / 100);
    const { latencyUs } = tally.report(1);
    expect(latencyUs.p50 / 50_000).toBeCloseTo(1, 2);
    expect(latencyUs.p90 / 90_000).toBeCloseTo(1, 2);
    expect(latencyUs.p99 / 99_000).toBeCloseTo(1, 2);
    expect(latencyUs.max / 100_000).toBeCloseTo(1, 2);
  });

  it('takes any time at all, and forgets everything at a reset', () => {
    const tally = new Tally();
    for (const ms of [-1, 0, 1e-9, 1e12]) tally.latency(ms);
    expect(tally.report(1).latencyUs.p50).toBeGreaterThan(0);
    tally.announces = 3;
    tally.resumed = 1;
    tally.offersSent = 2;
    tally.answersReceived = 1;
    tally.error('x');
    tally.reset();
    expect(tally.report(1, true)).toEqual(new Tally().report(1, true));
    expect(tally.failed).toBe(0);
  });

  it('tells only so many kinds of errors apart', () => {
    const tally = new Tally();
    for (let i = 0; i < 100; i++) tally.error(`failure: ${i}`);
    expect(tally.failed).toBe(100);
    expect(Object.keys(tally.report(1).errors)).toHaveLength(21);
    expect(tally.firstError).toBe('failure: 0');
  });
});
