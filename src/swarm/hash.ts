/**
 * Keyed hashes: HalfSipHash-1-3 (Aumasson and Bernstein), 32 bits out. Clients choose info hashes and
 * ports, so the key is secret and new in each process: nobody outside can aim at one shard, one
 * slot or one leaf. (A mere multiply-and-shift hash has collisions that hold for every key.)
 *
 * ```
 * keys[0], keys[1]   the key
 * info hash          five words, as the store keeps them
 * words              as many as there are
 * peer               16-bit words in wire form, two to a word; the last one of an odd number alone
 * ```
 */

/** Hash of an info hash, five 32-bit words at `at`. */
export function hashInfoHash(keys: Int32Array, words: Int32Array, at: number): number {
  let v0 = keys[0];
  let v1 = keys[1];
  let v2 = 0x6c796765 ^ keys[0];
  let v3 = 0x74656462 ^ keys[1];
  // Five words of message, the length, and three rounds to finish with.
  for (let i = 0; i < 9; i++) {
    const m = i < 5 ? words[at + i] : i === 5 ? 20 << 24 : 0;
    if (i === 6) v2 ^= 0xff;
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  return v1 ^ v3;
}

/** Hash of a peer in wire form, `count` (odd) 16-bit words at `at`. */
export function hashPeer(keys: Int32Array, words: Uint16Array, at: number, count: number): number {
  let v0 = keys[0];
  let v1 = keys[1];
  let v2 = 0x6c796765 ^ keys[0];
  let v3 = 0x74656462 ^ keys[1];
  const whole = count >>> 1;
  for (let i = 0; i < whole + 4; i++) {
    let m = 0;
    if (i < whole) m = words[at + 2 * i] | (words[at + 2 * i + 1] << 16);
    else if (i === whole) m = words[at + 2 * i] | (count << 25);
    if (i === whole + 1) v2 ^= 0xff;
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  return v1 ^ v3;
}

/** Hash of all of `words`, at most 63 of them: their bytes are counted in one. */
export function hashWords(keys: Int32Array, words: Uint32Array): number {
  let v0 = keys[0];
  let v1 = keys[1];
  let v2 = 0x6c796765 ^ keys[0];
  let v3 = 0x74656462 ^ keys[1];
  const count = words.length;
  for (let i = 0; i < count + 4; i++) {
    const m = i < count ? words[i] | 0 : i === count ? count << 26 : 0;
    if (i === count + 1) v2 ^= 0xff;
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  return v1 ^ v3;
}
