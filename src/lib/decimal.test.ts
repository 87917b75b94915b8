import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDecimal, writeDecimal } from './decimal.js';
import { testSeed } from './prng.js';

describe('decimal', () => {
  it('writes every safe integer as JavaScript prints it', () => {
    const out = Buffer.alloc(20);
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(out.toString('latin1', 2, writeDecimal(out, 2, value))).toBe(String(value));
      }),
      { seed: testSeed() },
    );
    for (const value of [0, 9, 10, 99, 100, 0xffffffff, Number.MAX_SAFE_INTEGER]) {
      expect(out.toString('latin1', 0, writeDecimal(out, 0, value))).toBe(String(value));
    }
  });

  it('reads digits, caps them and refuses the rest', () => {
    const read = (text: string) => readDecimal(Buffer.from(text), 0, text.length);
    expect(['0', '007', '2147483647', '2147483648', '9'.repeat(400)].map(read)).toEqual([
      0, 7, 0x7fffffff, 0x7fffffff, 0x7fffffff,
    ]);
    expect(['', '-1', '1 ', '1.0', 'x'].map(read)).toEqual([-1, -1, -1, -1, -1]);
  });
});
