/**
 * 64-bit keyed hashes of swarms and peers, the same on every node of a cluster: HalfSipHash-1-3
 * (Aumasson and Bernstein) with the long output. Clients choose info hashes and ports; without the
 * key nobody can make a peer whose disappearance a digest would not show.
 *
 * ```
 * swarm   key words 0, 1   message: info hash, five words as the store keeps them
 * peer    key words 2, 3   message: swarm 8 bytes, wire 6 or 18, tag 1
 *
 * tag     bit 0 leecher   bit 1 partial seed   bit 2 web peer   bit 7 the peer as such, whatever its role
 * ```
 *
 * Results stay here, so that nothing is allocated.
 */
import { CELLS } from './replication-memory.js';

/** Bytes of a set of cells, a bit each. */
export const CELL_BITMAP_BYTES = CELLS / 8;

/** The bit of a web peer's tag, whatever its role. */
export const WEB_TAG = 0x04;

/** The tag of a peer as such: what a tombstone is filed under. */
export const PEER_TAG = 0x80;

/** Where the halves of a swarm and of a peer are. */
const SWARM = 0;
const PEER = 2;

export class DigestHash {
  readonly #key: Int32Array;
  /** Low and high half of each of the two that were hashed last. */
  readonly #halves = new Int32Array(4);
  /** Of a peer: its swarm, and of its wire all words but the last. */
  readonly #message = new Int32Array(6);
  /** The swarm hashed last: most changes come in groups of one swarm. */
  readonly #last = new Int32Array(5);
  #known = false;

  /** `key`: four words. */
  constructor(key: Int32Array) {
    this.#key = key;
  }

  /** The swarm last given to `swarm`, low and high half. */
  get swarmLow(): number {
    return this.#halves[SWARM];
  }

  get swarmHigh(): number {
    return this.#halves[SWARM + 1];
  }

  /** The peer last given to `peer`. */
  get low(): number {
    return this.#halves[PEER];
  }

  get high(): number {
    return this.#halves[PEER + 1];
  }

  /** The digest cell of the swarm last given to `swarm`. */
  get cell(): number {
    return this.swarmLow & (CELLS - 1);
  }

  /** Hashes an info hash, five words at `at`. */
  swarm(words: Int32Array, at: number): void {
    const last = this.#last;
    if (
      this.#known &&
      last[0] === words[at] &&
      last[1] === words[at + 1] &&
      last[2] === words[at + 2] &&
      last[3] === words[at + 3] &&
      last[4] === words[at + 4]
    ) {
      return;
    }
    for (let i = 0; i < 5; i++) last[i] = words[at + i];
    this.#known = true;
    halfSip64(this.#key, 0, last, 5, 20 << 24, this.#halves, SWARM);
  }

  /** Hashes a peer of that swarm: `count` (odd) 16-bit words of `wire` at `at`, and a tag. */
  peer(wire: Uint16Array, at: number, count: number, tag: number): void {
    const message = this.#message;
    const whole = count >>> 1;
    message[0] = this.#halves[SWARM];
    message[1] = this.#halves[SWARM + 1];
    for (let i = 0; i < whole; i++) {
      message[2 + i] = wire[at + 2 * i] | (wire[at + 2 * i + 1] << 16);
    }
    const last = wire[at + count - 1] | (tag << 16) | ((2 * count + 9) << 24);
    halfSip64(this.#key, 2, message, 2 + whole, last, this.#halves, PEER);
  }
}

/**
 * Of `count` words and the last one, which has the number of bytes on top, with the two words of
 * `key` at `keyAt`: the low half and then the high one into `out` at `outAt`.
 */
function halfSip64(
  key: Int32Array,
  keyAt: number,
  words: Int32Array,
  count: number,
  last: number,
  out: Int32Array,
  outAt: number,
): void {
  let v0 = key[keyAt];
  let v1 = key[keyAt + 1] ^ 0xee;
  let v2 = 0x6c796765 ^ key[keyAt];
  let v3 = 0x74656462 ^ key[keyAt + 1];
  // The message, its last word, and three rounds for each half.
  for (let i = 0; i < count + 7; i++) {
    const m = i < count ? words[i] : i === count ? last : 0;
    if (i === count + 1) v2 ^= 0xee;
    if (i === count + 4) {
      out[outAt] = v1 ^ v3;
      v1 ^= 0xdd;
    }
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
  out[outAt + 1] = v1 ^ v3;
}

/** The tag of a peer in a role. */
export function roleTag(kind: number, partialSeed: boolean): number {
  // Bit 2 of a kind is WEB_TAG.
  return (kind & (1 | WEB_TAG)) | (partialSeed ? 2 : 0);
}
