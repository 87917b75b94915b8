/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012), a keyed MAC for short inputs, over 32-bit integers.
 *
 * JavaScript has no 64-bit integer that does not allocate, so each 64-bit lane is a pair:
 *
 * ```
 * key       k0 = (lo, hi)  k1 = (lo, hi)       four int32, little endian as in the paper
 * message   words[i] = bytes 4i .. 4i+3        little endian; a last partial word is masked
 * last block: the bytes left, and the message's length mod 256 in the top byte
 * digest    hi:lo                              read as int32 from the two fields
 * ```
 */

/** A key and the place where the digest appears. Nothing here allocates after construction. */
export class SipHash {
  /** Upper and lower half of the last digest, as signed 32-bit integers. */
  hi = 0;
  lo = 0;
  readonly #k0Lo: number;
  readonly #k0Hi: number;
  readonly #k1Lo: number;
  readonly #k1Hi: number;

  /** Takes a key of 16 bytes; they are copied. */
  constructor(key: Uint8Array) {
    this.#k0Lo = readWord(key, 0);
    this.#k0Hi = readWord(key, 4);
    this.#k1Lo = readWord(key, 8);
    this.#k1Hi = readWord(key, 12);
  }

  /** Digests the first `byteLength` bytes of `words` into `hi` and `lo`. */
  digest(words: Int32Array | Uint32Array, byteLength: number): void {
    let v0l = this.#k0Lo ^ 0x70736575;
    let v0h = this.#k0Hi ^ 0x736f6d65;
    let v1l = this.#k1Lo ^ 0x6e646f6d;
    let v1h = this.#k1Hi ^ 0x646f7261;
    let v2l = this.#k0Lo ^ 0x6e657261;
    let v2h = this.#k0Hi ^ 0x6c796765;
    let v3l = this.#k1Lo ^ 0x79746573;
    let v3h = this.#k1Hi ^ 0x74656462;
    const blocks = byteLength >>> 3;
    // Blocks 0 .. blocks-1 are whole, block `blocks` is the padded tail, and the one after it
    // stands for the finalisation: no message, four rounds.
    for (let block = 0; block <= blocks + 1; block++) {
      let ml = 0;
      let mh = 0;
      let rounds = 2;
      if (block < blocks) {
        ml = words[2 * block];
        mh = words[2 * block + 1];
      } else if (block === blocks) {
        ml = tailWord(words, byteLength, 2 * block);
        mh = tailWord(words, byteLength, 2 * block + 1) | (byteLength << 24);
      } else {
        v2l ^= 0xff;
        rounds = 4;
      }
      v3l ^= ml;
      v3h ^= mh;
      for (let i = 0; i < rounds; i++) {
        // v0 += v1; v1 = rotl(v1, 13) ^ v0; v0 = rotl(v0, 32)
        let low = (v0l + v1l) | 0;
        let high = (v0h + v1h + (low >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
        let swap = (v1l << 13) | (v1h >>> 19);
        v1h = ((v1h << 13) | (v1l >>> 19)) ^ high;
        v1l = swap ^ low;
        v0l = high;
        v0h = low;
        // v2 += v3; v3 = rotl(v3, 16) ^ v2
        low = (v2l + v3l) | 0;
        v2h = (v2h + v3h + (low >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
        v2l = low;
        swap = (v3l << 16) | (v3h >>> 16);
        v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
        v3l = swap ^ v2l;
        // v0 += v3; v3 = rotl(v3, 21) ^ v0
        low = (v0l + v3l) | 0;
        v0h = (v0h + v3h + (low >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
        v0l = low;
        swap = (v3l << 21) | (v3h >>> 11);
        v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
        v3l = swap ^ v0l;
        // v2 += v1; v1 = rotl(v1, 17) ^ v2; v2 = rotl(v2, 32)
        low = (v2l + v1l) | 0;
        high = (v2h + v1h + (low >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
        swap = (v1l << 17) | (v1h >>> 15);
        v1h = ((v1h << 17) | (v1l >>> 15)) ^ high;
        v1l = swap ^ low;
        v2l = high;
        v2h = low;
      }
      v0l ^= ml;
      v0h ^= mh;
    }
    this.lo = v0l ^ v1l ^ v2l ^ v3l;
    this.hi = v0h ^ v1h ^ v2h ^ v3h;
  }
}

/** Word `index` of a message, with the bytes past its end as zeros. */
function tailWord(words: Int32Array | Uint32Array, byteLength: number, index: number): number {
  const left = byteLength - 4 * index;
  if (left <= 0) return 0;
  return left >= 4 ? words[index] : words[index] & ((1 << (8 * left)) - 1);
}

function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
