import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../lib/prng.js';
import { BENCODE_DEPTH_MAX, BencodeError, decodeBencode } from './decode.js';
import { encodeBencode } from './encode.js';
import type { BencodeValue } from './value.js';

const decode = (text: string, anyKeyOrder = false) =>
  decodeBencode(Uint8Array.from(Buffer.from(text, 'latin1')), { anyKeyOrder });

function failure(text: string): string {
  try {
    decode(text);
  } catch (error) {
    if (error instanceof BencodeError) return `${error.code}@${error.offset}`;
    throw error;
  }
  return 'none';
}

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));

const { value } = fc.letrec<{ value: BencodeValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.maxSafeInteger().map((n) => n + 0),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .array(fc.tuple(fc.uint8Array({ maxLength: 9 }), tie('value')), { maxLength: 5 })
      .map((entries) => {
        const named = entries.map(([k, v]) => [Buffer.from(k).toString('latin1'), v] as const);
        return new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)));
      }),
  ),
}));

describe('bencode', () => {
  it('decodes each kind of value', () => {
    expect(decode('i0e')).toBe(0);
    expect(decode('i-42e')).toBe(-42);
    expect(decode('i9007199254740991e')).toBe(Number.MAX_SAFE_INTEGER);
    expect(decode('0:')).toEqual(bytes(''));
    expect(decode('4:\x00\xff:e')).toEqual(bytes('\x00\xff:e'));
    expect(decode('li1el0:ee')).toEqual([1, [bytes('')]]);
    expect(decode('d1:ai1e2:bbd1:\xffleee')).toEqual(
      new Map<string, BencodeValue>([
        ['a', 1],
        ['bb', new Map([['\xff', []]])],
      ]),
    );
  });

  it('refuses every other spelling, and says where', () => {
    const cases: Record<string, string> = {
      '': 'truncated@0',
      ie: 'integerInvalid@1',
      'i-e': 'integerInvalid@2',
      'i-0e': 'integerInvalid@0',
      i01e: 'integerInvalid@1',
      'i1.0e': 'integerInvalid@1',
      i1: 'truncated@2',
      i9007199254740992e: 'integerRange@1',
      '01:a': 'lengthInvalid@0',
      '5:abc': 'truncated@0',
      '99999999999999999999:': 'integerRange@0',
      '1a': 'lengthInvalid@0',
      '-1:a': 'unexpectedByte@0',
      l: 'truncated@1',
      e: 'unexpectedByte@0',
      di1ei2ee: 'keyInvalid@1',
      'd1:a': 'truncated@4',
      'd1:ae': 'unexpectedByte@4',
      'd1:ai1e1:ai2ee': 'keyInvalid@7',
      'd1:bi1e1:ai2ee': 'keysUnsorted@7',
      i1ei2e: 'trailingBytes@3',
      'i1e\n': 'trailingBytes@3',
    };
    for (const [text, expected] of Object.entries(cases)) {
      expect(failure(text), text).toBe(expected);
    }
  });

  it('takes keys in any order when asked to, but none twice', () => {
    expect(decode('d1:bi1e1:ai2ee', true)).toEqual(
      new Map([
        ['b', 1],
        ['a', 2],
      ]),
    );
    expect(() => decode('d1:bi1e1:ai2e1:bi3ee', true)).toThrow(BencodeError);
  });

  it('bounds nesting', () => {
    const nested = (depth: number) => 'l'.repeat(depth) + 'e'.repeat(depth);
    expect(failure(nested(BENCODE_DEPTH_MAX))).toBe('none');
    expect(failure(nested(BENCODE_DEPTH_MAX + 1))).toBe(`tooDeep@${BENCODE_DEPTH_MAX}`);
    expect(failure('d1:a'.repeat(100_000))).toBe(`tooDeep@${4 * BENCODE_DEPTH_MAX}`);
  });

  it('gives back every value that it encoded', () => {
    fc.assert(
      fc.property(value, (given) => {
        expect(decodeBencode(encodeBencode(given))).toEqual(given);
      }),
      { seed: testSeed() },
    );
  });

  it('refuses every proper prefix of a value', () => {
    fc.assert(
      fc.property(value, (given) => {
        const encoded = encodeBencode(given);
        for (let length = 0; length < encoded.length; length++) {
          expect(() => decodeBencode(encoded.subarray(0, length))).toThrow(BencodeError);
        }
      }),
      { seed: testSeed() },
    );
  });

  it('sorts keys by their bytes and takes plain records and text', () => {
    const encoded = encodeBencode({ b: 'é', a: [1, -0], 'a b': new Map([['\xff', 2]]) });
    expect(Buffer.from(encoded).toString('latin1')).toBe(
      'd1:ali1ei0ee3:a bd1:\xffi2ee1:b2:\xc3\xa9e',
    );
    expect(() => encodeBencode(0.5)).toThrow(RangeError);
  });
});
