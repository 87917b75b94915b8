/**
 * Stops that could not be told when they happened, in their order, until they can be. Peers that are
 * there are found in the store later; of one that left, nothing but this is left.
 */
import type { PeerWord } from '../swarm/peer-word.js';

export interface UntoldStop {
  readonly infoHash: Int32Array;
  readonly flags: number;
  readonly stamp: number;
  readonly wire: PeerWord['wire'];
}

export class UntoldStops {
  readonly #stopsMax: number;
  #stops: UntoldStop[] = [];

  /** Some 200 bytes each. */
  constructor({ stopsMax }: { readonly stopsMax: number }) {
    this.#stopsMax = stopsMax;
  }

  /** Keeps a copy. False when there is no room: the comparison of digests has to find it. */
  keep(infoHash: Int32Array, flags: number, { stamp, wire }: PeerWord): boolean {
    if (this.#stops.length >= this.#stopsMax) return false;
    this.#stops.push({ infoHash: infoHash.slice(), flags, stamp, wire: wire.slice() });
    return true;
  }

  /** Hands out all of them, and keeps none. */
  take(): readonly UntoldStop[] {
    const stops = this.#stops;
    this.#stops = [];
    return stops;
  }
}
