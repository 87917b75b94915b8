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
 * the rest of its slice and six more: 180 to 210 seconds, where BEP 15 asks for at least 120.
 */
import type { Endpoint } from '../lib/endpoint.js';
import type { KeyRingReader } from './key-ring.js';

export const SLICE_SECONDS = 30;
/** Slices after its own in which an id is good. */
export const SLICES_VALID = 6;
const SLICE_MASK = 0xfff;

export class ConnectionIds {
  /** The id that `issue` made. */
  hi = 0;
  lo = 0;
  #slice = 0;
  readonly #ring: KeyRingReader;
  readonly #message = new Int32Array(6);

  constructor(ring: KeyRingReader) {
    this.#ring = ring;
  }

  /** Sets the time and takes over new keys. Once a batch. */
  setTime(wallMs: number): void {
    this.#slice = Math.floor(wallMs / (SLICE_SECONDS * 1000));
    this.#ring.refresh();
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

  /** True when the id was issued to this address, not too long ago. Takes the same time either way. */
  verify(source: Endpoint, hi: number, lo: number): boolean {
    const mac = this.#ring.keyFor(hi >>> 28);
    if (mac === undefined) return false;
    const age = (this.#slice - (hi >>> 16)) & SLICE_MASK;
    mac.digest(this.#message, this.#fill(source, this.#slice - age));
    const difference = ((mac.hi ^ hi) & 0xffff) | (mac.lo ^ lo);
    return difference === 0 && age <= SLICES_VALID;
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
