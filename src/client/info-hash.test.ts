import { describe, expect, it } from 'vitest';
import { formatInfoHash, parseInfoHash } from './info-hash.js';

describe('parseInfoHash', () => {
  it('takes hexadecimal in either case', () => {
    const hex = '00112233445566778899aAbBcCdDeEfF01020304';
    expect(formatInfoHash(parseInfoHash(hex)!)).toBe(hex.toLowerCase());
  });

  it('takes base32 in either case', () => {
    // RFC 4648: 'foobar' is MZXW6YTBOI; twenty bytes need no padding.
    const bytes = parseInfoHash('MZXW6YTBOJTG633CMFZGM33PMJQXEZTP')!;
    expect(Buffer.from(bytes).toString()).toBe('foobarfoobarfoobarfo');
    expect(parseInfoHash('mzxw6ytbojtg633cmfzgm33pmjqxeztp')).toEqual(bytes);
    expect(parseInfoHash('7'.repeat(32))).toEqual(new Uint8Array(20).fill(0xff));
  });

  it('refuses everything else', () => {
    const wrong = [
      '',
      'a'.repeat(39),
      'a'.repeat(41),
      'g'.repeat(40),
      '1'.repeat(32),
      'a'.repeat(31),
    ];
    for (const text of wrong) expect(parseInfoHash(text), text).toBeUndefined();
  });
});
