import { describe, expect, it } from 'vitest';
import { PeerQuery } from './query.js';
import { StopBudget } from './stop-budget.js';

const KEYS = Int32Array.of(11, 22);

function query(family: 4 | 6, bytes: number[]): PeerQuery {
  const made = new PeerQuery();
  made.family = family;
  made.wireBytes.set(bytes);
  return made;
}

function takeAll(budget: StopBudget, from: PeerQuery, seconds: number): number {
  let taken = 0;
  while (taken < 10_000 && budget.take(from, seconds)) taken++;
  return taken;
}

describe('budget of stops', () => {
  it('lets a source stop many at once, then one a second', () => {
    const budget = new StopBudget(KEYS);
    const source = query(4, [192, 0, 2, 1]);
    expect(takeAll(budget, source, 1_000)).toBe(64);
    expect(takeAll(budget, source, 1_001)).toBe(1);
    expect(takeAll(budget, source, 1_006)).toBe(5);
    expect(takeAll(budget, source, 100_000)).toBe(64);
  });

  it('goes by the address, not by the port or the low half of an IPv6 address', () => {
    const budget = new StopBudget(KEYS);
    expect(takeAll(budget, query(4, [192, 0, 2, 1, 1, 1]), 1_000)).toBe(64);
    expect(takeAll(budget, query(4, [192, 0, 2, 1, 2, 2]), 1_000)).toBe(0);
    expect(takeAll(budget, query(4, [192, 0, 2, 2, 1, 1]), 1_000)).toBe(64);
    const prefix = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1];
    expect(takeAll(budget, query(6, [...prefix, 1, 1, 1, 1, 1, 1, 1, 1, 9, 9]), 1_000)).toBe(64);
    expect(takeAll(budget, query(6, [...prefix, 2, 2, 2, 2, 2, 2, 2, 2, 9, 9]), 1_000)).toBe(0);
  });

  it('bounds what all sources together can do', () => {
    const budget = new StopBudget(KEYS);
    let taken = 0;
    for (let i = 0; i < 20_000; i++) {
      taken += takeAll(budget, query(4, [10, i >>> 16, i >>> 8, i]), 1_000);
    }
    expect(taken).toBeLessThanOrEqual(4_096 * 64);
  });

  it('does not count loopback', () => {
    const budget = new StopBudget(KEYS);
    expect(takeAll(budget, query(4, [127, 1, 2, 3]), 1_000)).toBe(10_000);
    expect(takeAll(budget, query(6, [...Array(15).fill(0), 1]), 1_000)).toBe(10_000);
  });
});
