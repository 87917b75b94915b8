/**
 * Has the store read what a batch of announces over HTTP will need (swarm/warm-up.ts), as
 * `UdpWarmUp` does for datagrams.
 */
import type { Endpoint } from '../lib/endpoint.js';
import type { AnnounceRequest } from '../protocol/announce.js';
import { PeerKind } from '../swarm/layout.js';
import { WORDS4, WORDS6 } from '../swarm/leaf.js';
import type { WarmUp } from '../swarm/warm-up.js';

export class HttpWarmUp {
  readonly #warmUp: WarmUp;
  readonly #wireBytes = new Uint8Array(18);
  readonly #wire = new Uint16Array(this.#wireBytes.buffer);

  constructor(warmUp: WarmUp) {
    this.#warmUp = warmUp;
  }

  /** First level, as soon as announce number `i` is read. */
  take(i: number, { infoHash }: AnnounceRequest): void {
    this.#warmUp.index(i, infoHash, 0);
  }

  /** Number `i` is no announce. */
  skip(i: number): void {
    this.#warmUp.skip(i);
  }

  /** The other levels, for numbers 0 to count - 1. */
  run(count: number, requests: readonly AnnounceRequest[], sources: readonly Endpoint[]): void {
    // One alone has nobody to share its waiting with.
    if (count < 2) return;
    const warmUp = this.#warmUp;
    for (let i = 0; i < count; i++) warmUp.record(i);
    for (let i = 0; i < count; i++) this.#leaf(i, requests[i], sources[i]);
    for (let i = 0; i < count; i++) warmUp.peers(i);
  }

  #leaf(i: number, { leftIsZero, port }: AnnounceRequest, { family, bytes }: Endpoint): void {
    const seeders = family === 4 ? PeerKind.seeders4 : PeerKind.seeders6;
    if (!this.#warmUp.leaf(i, leftIsZero ? seeders : seeders + 1)) return;
    const length = family === 4 ? 4 : 16;
    const wire = this.#wireBytes;
    for (let b = 0; b < length; b++) wire[b] = bytes[b];
    wire[length] = port >>> 8;
    wire[length + 1] = port;
    this.#warmUp.directoryLeaf(i, family === 4 ? WORDS4 : WORDS6, this.#wire);
  }
}
