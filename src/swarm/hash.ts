/**
 * Keyed hashes. Clients choose info hashes and ports, so the keys are secret and new in each
 * process: nobody outside can aim at one shard, one slot or one leaf.
 */

/** Final mixing of a 32-bit hash (MurmurHash3, fmix32): each input bit reaches each output bit. */
function mix(hash: number): number {
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Hash of an info hash, five 32-bit words at `at`. */
export function hashInfoHash(keys: Int32Array, words: Int32Array, at: number): number {
  let hash = Math.imul(words[at] ^ keys[0], keys[5]);
  hash = Math.imul(hash ^ (hash >>> 15) ^ words[at + 1] ^ keys[1], keys[6]);
  hash = Math.imul(hash ^ (hash >>> 15) ^ words[at + 2] ^ keys[2], keys[7]);
  hash = Math.imul(hash ^ (hash >>> 15) ^ words[at + 3] ^ keys[3], keys[8]);
  hash = Math.imul(hash ^ (hash >>> 15) ^ words[at + 4] ^ keys[4], keys[9]);
  return mix(hash);
}

/** Hash of a peer in wire form, `count` 16-bit words at `at`. */
export function hashPeer(keys: Int32Array, words: Uint16Array, at: number, count: number): number {
  let hash = keys[10];
  for (let i = 0; i < count; i += 3) {
    hash = Math.imul(hash ^ (words[at + i] | (words[at + i + 1] << 16)), keys[11]);
    hash = Math.imul(hash ^ (hash >>> 15) ^ words[at + i + 2], keys[12]);
  }
  return mix(hash);
}
