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

/** The words of a peer but the last, two to one: what `halfSip` reads. */
const peerWords = new Int32Array(4);

/** Hash of an info hash, five 32-bit words at `at`. */
export function hashInfoHash(keys: Int32Array, words: Int32Array, at: number): number {
  return halfSip(keys, words, at, 5, 20 << 24);
}

/** Hash of a peer in wire form, `count` (odd) 16-bit words at `at`. */
export function hashPeer(keys: Int32Array, words: Uint16Array, at: number, count: number): number {
  const whole = count >>> 1;
  for (let i = 0; i < whole; i++) {
    peerWords[i] = words[at + 2 * i] | (words[at + 2 * i + 1] << 16);
  }
  return halfSip(keys, peerWords, 0, whole, words[at + 2 * whole] | (count << 25));
}

/** Hash of all of `words`, at most 63 of them: their bytes are counted in one. */
export function hashWords(keys: Int32Array, words: Int32Array): number {
  return halfSip(keys, words, 0, words.length, words.length << 26);
}

/** Of `count` words at `at`, and the last one: the bytes that are left, and their number on top. */
function halfSip(
  keys: Int32Array,
  words: Int32Array,
  at: number,
  count: number,
  last: number,
): number {
  let v0 = keys[0];
  let v1 = keys[1];
  let v2 = 0x6c796765 ^ keys[0];
  let v3 = 0x74656462 ^ keys[1];
  // The message, its last word, and three rounds to finish with.
  for (let i = 0; i < count + 4; i++) {
    const m = i < count ? words[at + i] : i === count ? last : 0;
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
