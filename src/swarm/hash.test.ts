import { describe, expect, it } from 'vitest';
import { hashInfoHash, hashPeer, hashWords } from './hash.js';

/** HalfSipHash-1-3 of `bytes`, as the paper's reference code has it, byte by byte. */
function reference(key: readonly [number, number], bytes: Uint8Array): number {
  const rotate = (x: number, n: number) => (x << n) | (x >>> (32 - n));
  let [v0, v1, v2, v3] = [key[0], key[1], 0x6c796765 ^ key[0], 0x74656462 ^ key[1]];
  const round = () => {
    v0 = (v0 + v1) | 0;
    v1 = rotate(v1, 5) ^ v0;
    v0 = rotate(v0, 16);
    v2 = (v2 + v3) | 0;
    v3 = rotate(v3, 8) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = rotate(v3, 7) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = rotate(v1, 13) ^ v2;
    v2 = rotate(v2, 16);
  };
  const whole = bytes.length & ~3;
  let last = bytes.length << 24;
  for (let i = whole; i < bytes.length; i++) last |= bytes[i] << (8 * (i - whole));
  for (let at = 0; at <= whole; at += 4) {
    const m =
      at === whole
        ? last
        : bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    v3 ^= m;
    round();
    v0 ^= m;
  }
  v2 ^= 0xff;
  for (let i = 0; i < 3; i++) round();
  return v1 ^ v3;
}

const KEYS = Int32Array.of(0x03020100, 0x07060504);

describe('keyed hashes', () => {
  it('are HalfSipHash-1-3', () => {
    for (const length of [6, 18, 20]) {
      const bytes = Uint8Array.from({ length }, (_, i) => 17 * i + 5);
      const expected = reference([KEYS[0], KEYS[1]], bytes);
      const actual =
        length === 20
          ? hashInfoHash(KEYS, new Int32Array(bytes.buffer), 0)
          : hashPeer(KEYS, new Uint16Array(bytes.buffer), 0, length / 2);
      expect(actual, `${length} bytes`).toBe(expected);
    }
    for (const length of [4, 64, 252]) {
      const bytes = Uint8Array.from({ length }, (_, i) => 29 * i + 3);
      const expected = reference([KEYS[0], KEYS[1]], bytes);
      expect(hashWords(KEYS, new Int32Array(bytes.buffer)), `${length} bytes`).toBe(expected);
    }
  });

  it('have no collisions that hold for every key', () => {
    // Top bits of neighbouring words cancel out in multiplicative hashes.
    const words = Int32Array.of(1, 2, 3, 4, 5);
    const flipped = Int32Array.of(1 ^ (1 << 31), 2 ^ (1 << 31) ^ (1 << 16), 3, 4, 5);
    for (let key = 0; key < 100; key++) {
      const keys = Int32Array.of(key, 7 * key);
      expect(hashInfoHash(keys, words, 0)).not.toBe(hashInfoHash(keys, flipped, 0));
      expect(hashWords(keys, words)).not.toBe(hashWords(keys, flipped));
    }
  });
});
