import { describe, expect, it } from 'vitest';
import { AddressBuckets } from './address-buckets.js';
import { ManualClock } from './clock.js';

function rig({ burst = 20, perSecond = 2, addressesMax = 4_096 } = {}) {
  const clock = new ManualClock();
  const buckets = new AddressBuckets({ burst, perSecond, addressesMax }, { clock });
  const taken = (address: string, count: number) =>
    Array.from({ length: count }, () => buckets.take(address)).filter((wait) => wait === 0).length;
  return { buckets, clock, taken };
}

describe('buckets by address', () => {
  it('give a burst, then say how long to wait, and refill with time up to the burst', () => {
    const { buckets, clock, taken } = rig();
    expect(taken('192.0.2.1', 30)).toBe(20);
    expect(buckets.take('192.0.2.1')).toBe(1);
    clock.advance(3);
    expect(taken('192.0.2.1', 30)).toBe(6);
    clock.advance(1_000);
    expect(taken('192.0.2.1', 30)).toBe(20);
  });

  it('say the whole time where one takes many seconds', () => {
    const { buckets, clock, taken } = rig({ burst: 1, perSecond: 1 / 6 });
    expect(taken('192.0.2.1', 3)).toBe(1);
    expect(buckets.take('192.0.2.1')).toBe(6);
    clock.advance(5);
    expect(buckets.take('192.0.2.1')).toBe(1);
    clock.advance(1);
    expect(buckets.take('192.0.2.1')).toBe(0);
  });

  it('are one for a /64, and one for each address of IPv4', () => {
    const { buckets, taken } = rig();
    taken('2001:db8::1', 30);
    expect(buckets.take('2001:db8::2')).toBe(1);
    expect(buckets.take('2001:db8:0:1::2')).toBe(0);
    taken('::ffff:192.0.2.1', 30);
    expect(buckets.take('::ffff:192.0.2.2')).toBe(0);
  });

  it('are bounded in number: those used last stay', () => {
    const { buckets, taken } = rig({ addressesMax: 3 });
    taken('192.0.2.1', 30);
    for (const other of ['10.0.0.1', '10.0.0.2']) buckets.take(other);
    expect(buckets.take('192.0.2.1')).toBe(1);
    for (const other of ['10.0.0.3', '10.0.0.4', '10.0.0.5']) buckets.take(other);
    expect(buckets.take('192.0.2.1')).toBe(0);
  });
});
