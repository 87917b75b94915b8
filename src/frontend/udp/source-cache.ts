/**
 * From the address text that node gives with each datagram to an endpoint. IPv4 is parsed each time,
 * which allocates nothing and beats a look-up; IPv6 is remembered, since its parser splits text.
 *
 * Two generations of bounded size: when the young one is full it becomes the old one, and what the
 * old one held and nobody asked for again is forgotten.
 */
import type { Endpoint } from '../../lib/endpoint.js';

const GENERATION_SIZE_MAX = 2_048;

export class SourceCache {
  #young = new Map<string, Uint8Array>();
  #old = new Map<string, Uint8Array>();

  /** Fills `out` with the address; returns false when the text is none. The port is left alone. */
  lookup(address: string, family: 'IPv4' | 'IPv6', out: Endpoint): boolean {
    if (family === 'IPv4') return out.setAddressText(address);
    const known = this.#young.get(address) ?? this.#promote(address);
    if (known !== undefined) {
      out.setAddress(known, 0, known.length === 4 ? 4 : 16);
      return true;
    }
    if (!out.setAddressText(address)) return false;
    this.#remember(address, out.bytes.slice(0, out.addressLength));
    return true;
  }

  /** Addresses held at the moment, of both generations. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #promote(address: string): Uint8Array | undefined {
    const known = this.#old.get(address);
    if (known !== undefined) this.#remember(address, known);
    return known;
  }

  #remember(address: string, bytes: Uint8Array): void {
    if (this.#young.size >= GENERATION_SIZE_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(address, bytes);
  }
}
