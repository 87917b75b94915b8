import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInfoHash } from './info-hash.js';

const HEX = '0123456789abcdef0123456789abcdef01234567';
const BASE32 = 'AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH';

describe('an info hash', () => {
  it('is read from hexadecimal, base32 and magnet links, with space around and in either case', () => {
    const forms = [
      HEX,
      ` ${HEX.toUpperCase()}\n`,
      BASE32,
      BASE32.toLowerCase(),
      `magnet:?xt=urn:btih:${HEX}`,
      `MAGNET:?dn=a+name&tr=udp%3A%2F%2Fexample.org&xt=urn:btih:${BASE32}`,
      `magnet:?xt=urn%3Abtih%3A${HEX}`,
      `magnet:?xt.1=urn:btih:${HEX}`,
    ];
    for (const form of forms) expect(parseInfoHash(form), form).toBe(HEX);
  });

  it('of version 2 is cut to the 20 bytes that trackers know, and gives way to version 1', () => {
    const second = `${'ab'.repeat(20)}${'cd'.repeat(12)}`;
    expect(parseInfoHash(second)).toBe('ab'.repeat(20));
    expect(parseInfoHash(`magnet:?xt=urn:btmh:1220${second}`)).toBe('ab'.repeat(20));
    expect(parseInfoHash(`magnet:?xt=urn:btmh:1220${second}&xt=urn:btih:${HEX}`)).toBe(HEX);
  });

  it('is not found in anything else', () => {
    const others = [
      '',
      HEX.slice(1),
      `${HEX}0`,
      `${HEX.slice(1)}g`,
      `${BASE32.slice(1)}1`,
      'magnet:?dn=name',
      'magnet:?xt=urn:sha1:AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH',
      `magnet:?xt=urn:btmh:1114${'ab'.repeat(32)}`,
      `magnet:?xt=urn:btih:${HEX.slice(1)}`,
      `magnet:?xt=urn:btih:${HEX}&tr=${'x'.repeat(20_000)}`,
      '../../stats.json',
    ];
    for (const other of others) expect(parseInfoHash(other), other).toBeUndefined();
  });

  it('is 40 digits or nothing, whatever is pasted', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((end) => `magnet:?xt=urn:btih:${end}`),
    );
    fc.assert(
      fc.property(text, (pasted) => {
        expect(parseInfoHash(pasted) ?? HEX).toMatch(/^[0-9a-f]{40}$/);
      }),
    );
  });
});
