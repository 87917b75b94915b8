import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SequenceRanges } from './sequence-ranges.js';

describe('SequenceRanges', () => {
  it('says the same as a set, whatever comes, goes and is filled', () => {
    const number = fc.integer({ min: 1, max: 40 });
    const action = fc.oneof(
      number.map((n) => ['add', n, n] as const),
      number.map((n) => ['remove', n, n] as const),
      fc.tuple(number, number).map(([a, b]) => ['fill', Math.min(a, b), Math.max(a, b)] as const),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const ranges = new SequenceRanges();
        const set = new Set<number>();
        for (const [what, first, last] of actions) {
          if (what === 'add') {
            expect(ranges.add(first)).toBe(!set.has(first));
            set.add(first);
          } else if (what === 'remove') {
            ranges.remove(first);
            set.delete(first);
          } else {
            ranges.fill({ first, last });
            for (let n = first; n <= last; n++) set.add(n);
          }
          for (let n = 1; n <= 41; n++) expect(ranges.has(n)).toBe(set.has(n));
          let through = 0;
          while (set.has(through + 1)) through++;
          expect(ranges.through).toBe(through);
          expect(ranges.highest).toBe(Math.max(0, ...set));
          const missing = ranges.firstMissing(41);
          expect(missing?.first).toBe(through + 1);
          for (let n = missing!.first; n <= missing!.last; n++) expect(set.has(n)).toBe(false);
          expect(missing!.last === 41 || set.has(missing!.last + 1)).toBe(true);
        }
      }),
    );
  });

  it('finds nothing missing up to what has come', () => {
    const ranges = new SequenceRanges();
    ranges.fill({ first: 1, last: 7 });
    expect(ranges.firstMissing(7)).toBeUndefined();
    expect(ranges.firstMissing(9)).toEqual({ first: 8, last: 9 });
  });

  it('forgets the farthest island when there are too many', () => {
    const ranges = new SequenceRanges({ islandsMax: 2 });
    for (const n of [3, 5, 7, 9]) ranges.add(n);
    expect([3, 5, 7, 9].map((n) => ranges.has(n))).toEqual([true, true, false, false]);
  });
});
