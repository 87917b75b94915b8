import { describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { RequestGate, type RequestKind } from './request-gate.js';

const ADDRESS = '192.0.2.1';

function rig({ readsPerSecond = 2, changesPerSecond = 1 } = {}) {
  const clock = new ManualClock();
  const gate = new RequestGate({ readsPerSecond, changesPerSecond }, { clock });
  const passed = (take: () => number) =>
    Array.from({ length: 30 }, take).filter((wait) => wait === 0).length;
  const spend = (kind: RequestKind, trusted = false) =>
    passed(() => gate.take(kind, ADDRESS, { trusted }));
  return { clock, gate, passed, spend };
}

describe('the request gate', () => {
  it('lets ten seconds of the rate through at once, then says how long to wait', () => {
    const { clock, gate, spend } = rig();
    expect(spend('reads')).toBe(20);
    expect(gate.take('reads', ADDRESS)).toBe(1);
    clock.advance(3);
    expect(spend('reads')).toBe(6);
  });

  it('counts reads, changes and wrong tokens apart, and each address for itself', () => {
    const { gate, passed, spend } = rig();
    spend('reads');
    expect(spend('changes')).toBe(10);
    expect(passed(() => gate.takeToken(ADDRESS))).toBe(10);
    expect(gate.takeToken(ADDRESS)).toBe(6);
    expect(gate.take('reads', '192.0.2.2')).toBe(0);
    expect(gate.takeToken('192.0.2.2')).toBe(0);
  });

  it('counts who has the token apart from others of the same address', () => {
    const { spend } = rig();
    spend('reads');
    spend('changes');
    expect(spend('reads', true)).toBe(20);
    expect(spend('changes', true)).toBe(10);
    expect(spend('reads', true)).toBe(0);
  });

  it('has no limit where the rate is 0', () => {
    const { spend } = rig({ readsPerSecond: 0 });
    for (let i = 0; i < 100; i++) expect(spend('reads')).toBe(30);
  });
});
