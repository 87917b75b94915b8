/**
 * Digests of list entries, the same on every node: 64 bits, as two MurmurHash3 lanes that feed each
 * other. No key: whoever could make entries collide may write lists anyhow.
 *
 * Results are fields, so that nothing is allocated.
 */
import { digestText } from './digest-text.js';

export class ListDigest {
  /** Result of the last call. */
  low = 0;
  high = 0;

  /** Mixes `count` words at `at`; of the word at `maskedAt`, if that is among them, only `mask`. */
  mix(words: Int32Array, at: number, count: number, maskedAt = -1, mask = -1): void {
    let a = 0x9e3779b9;
    let b = 0x85ebca6b;
    for (let i = at; i < at + count; i++) {
      const word = i === maskedAt ? words[i] & mask : words[i];
      a = Math.imul(a ^ word, 0xcc9e2d51);
      a = (((a << 15) | (a >>> 17)) + b) | 0;
      b = Math.imul(b ^ word, 0x1b873593);
      b = (((b << 13) | (b >>> 19)) + a) | 0;
    }
    this.low = finish(a ^ count);
    this.high = finish(b ^ this.low);
  }

  /** The result as 16 hexadecimal digits. */
  toString(): string {
    return digestText(this.low, this.high);
  }
}

function finish(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
