import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OverlapFilter, type Side } from './overlap-filter.js';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('the overlap filter', () => {
  it('lets each message through once, whichever side brings it first', () => {
    const filter = new OverlapFilter({ keysMax: 10 });
    expect(filter.isRepeat('old', 'a', bytes('x'))).toBe(false);
    expect(filter.isRepeat('new', 'a', bytes('x'))).toBe(true);
    expect(filter.isRepeat('new', 'a', bytes('y'))).toBe(false);
    expect(filter.isRepeat('old', 'a', bytes('y'))).toBe(true);
    expect(filter.swallowed).toBe(2);
  });

  it('lets messages through that are alike but not the same', () => {
    const filter = new OverlapFilter({ keysMax: 10 });
    expect(filter.isRepeat('old', 'a', bytes('x'))).toBe(false);
    expect(filter.isRepeat('new', 'b', bytes('x'))).toBe(false);
    expect(filter.isRepeat('new', 'a', bytes('xx'))).toBe(false);
    // Sent twice, and heard twice on one side.
    expect(filter.isRepeat('old', 'a', bytes('x'))).toBe(false);
  });

  it('delivers what the side that heard more delivered, in any order of arrival', () => {
    const arrival = fc.record({
      side: fc.constantFrom<Side>('old', 'new'),
      text: fc.constantFrom('p', 'q', 'r'),
    });
    fc.assert(
      fc.property(fc.array(arrival), (arrivals) => {
        const filter = new OverlapFilter({ keysMax: 10 });
        const delivered = arrivals.filter(({ side, text }) => {
          return !filter.isRepeat(side, 's', bytes(text));
        });
        for (const text of ['p', 'q', 'r']) {
          const count = (side: Side) =>
            arrivals.filter((one) => one.side === side && one.text === text).length;
          const passed = delivered.filter((one) => one.text === text).length;
          expect(passed).toBe(Math.max(count('old'), count('new')));
        }
      }),
    );
  });

  it('lets everything through when it is full, and says so', () => {
    const filter = new OverlapFilter({ keysMax: 1 });
    expect(filter.isRepeat('old', 'a', bytes('1'))).toBe(false);
    expect(filter.isRepeat('old', 'a', bytes('2'))).toBe(false);
    expect(filter.isRepeat('new', 'a', bytes('2'))).toBe(false);
    expect(filter.isRepeat('new', 'a', bytes('1'))).toBe(true);
    expect(filter.unpaired).toBe(2);
  });
});
