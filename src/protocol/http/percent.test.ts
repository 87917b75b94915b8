import { describe, expect, it } from 'vitest';
import { decodePercent, ESCAPE_BROKEN } from './percent.js';

describe('decodePercent', () => {
  it('never takes an escape from behind the end', () => {
    const bytes = Buffer.from('a%41');
    const out = new Uint8Array(8);
    expect(decodePercent(bytes, 0, 4, out, 0, 8)).toBe(2);
    expect(decodePercent(bytes, 0, 3, out, 0, 8)).toBe(ESCAPE_BROKEN);
    expect(decodePercent(bytes, 0, 2, out, 0, 8)).toBe(ESCAPE_BROKEN);
    expect(decodePercent(bytes, 0, 1, out, 0, 8)).toBe(1);
  });

  it('writes no byte more than it may, and says that there were more', () => {
    const out = new Uint8Array(6);
    expect(decodePercent(Buffer.from('%61bc%64e'), 0, 9, out, 1, 3)).toBe(4);
    expect(Buffer.from(out).toString('latin1')).toBe('\0abc\0\0');
  });
});
