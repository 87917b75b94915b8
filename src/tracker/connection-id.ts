/**
 * Connection ids (BEP 15): proof that a client receives at the address that it sends from. Nothing is
 * stored; the id itself is checked.
 *
 * ```
 * bits  63..60   key generation
 *       59..48   number of the time slice, modulo 4096
 *       47..0    SipHash-2-4 over address and slice number
 * ```
 *
 * A slice lasts 30 s of wall time, so that all nodes of a cluster count the same. An id is good for
 * the rest of its slice and six more: 180 to 210 seconds, where BEP 15 asks for at least 120. An id
 * of the next slice is good too: it comes from a node whose clock is a little ahead of ours.
 */
import type { Endpoint } from '../lib/endpoint.js';
import type { KeyRingReader } from './key-ring.js';

export const SLICE_SECONDS = 30;
/** Slices after its own in which an id is good. */
export const SLICES_VALID = 6;
const SLICE_MASK = 0xfff;
/**
 * IPv4 ids that were found good in this slice: who shares many torrents shows the same id again and
 * again. An entry is the address, the id in two words, and 1; 16 KiB in all.
 */
const KNOWN_BITS = 10;
const KNOWN_ENTRIES = 1 << KNOWN_BITS;

export class ConnectionIds {
  /** The id that `issue` made. */
  hi = 0;
  lo = 0;
  #slice = 0;
  readonly #ring: KeyRingReader;
  readonly #message = new Int32Array(6);
  readonly #known = new Int32Array(4 * KNOWN_ENTRIES);

  constructor(ring: KeyRingReader) {
    this.#ring = ring;
  }

  /** Sets the time and takes over new keys. Once a batch. */
  setTime(wallMs: number): void {
    const slice = Math.floor(wallMs / (SLICE_SECONDS * 1000));
    const rotated = this.#ring.refresh();
    if (slice === this.#slice && !rotated) return;
    this.#slice = slice;
    this.#known.fill(0);
  }

  /** Leaves an id for the address of `source`, its port disregarded, in `hi` and `lo`. */
  issue(source: Endpoint): void {
    const ring = this.#ring;
    const mac = ring.current;
    mac.digest(this.#message, this.#fill(source, this.#slice));
    const slice = this.#slice & SLICE_MASK;
    this.hi = (ring.generation << 28) | (slice << 16) | (mac.hi & 0xffff);
    this.lo = mac.lo;
  }

  /**
   * True when the id was issued to this address, not too long ago. Comparing takes the same time
   * wherever a wrong id differs.
   */
  verify(source: Endpoint, hi: number, lo: number): boolean {
    const known = this.#known;
    const length = this.#fill(source, 0);
    const address = this.#message[0];
    const at = 4 * (Math.imul(address, 0x9e3779b1) >>> (32 - KNOWN_BITS));
    const isKnown = length === 8 && known[at + 3] === 1 && known[at] === address;
    if (isKnown && ((known[at + 1] ^ hi) | (known[at + 2] ^ lo)) === 0) return true;
    const mac = this.#ring.keyFor(hi >>> 28);
    if (mac === undefined) return false;
    // Minus one to 4,094.
    const age = ((this.#slice + 1 - (hi >>> 16)) & SLICE_MASK) - 1;
    this.#message[length / 4 - 1] = (this.#slice - age) | 0;
    mac.digest(this.#message, length);
    const difference = ((mac.hi ^ hi) & 0xffff) | (mac.lo ^ lo);
    if (difference !== 0 || age > SLICES_VALID) return false;
    if (length === 8) {
      known[at] = address;
      known[at + 1] = hi;
      known[at + 2] = lo;
      known[at + 3] = 1;
    }
    return true;
  }

  /** Writes what is hashed and returns its length: 8 bytes for IPv4, 20 for IPv6. */
  #fill(source: Endpoint, slice: number): number {
    const message = this.#message;
    const { bytes } = source;
    const words = source.family === 4 ? 1 : 4;
    for (let i = 0; i < words; i++) {
      const at = 4 * i;
      message[i] = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    }
    message[words] = slice | 0;
    return 4 * words + 4;
  }
}
