/**
 * Forgets the peers that one node heard of and no other since: what a revoked tracker alone reported.
 * A bit at a time, and without tombstones: whoever hears such a peer again may tell of it.
 */
import { PeerFlag } from './leaf.js';
import type { SwarmStore } from './swarm-store.js';
import { sweepLeaf } from './sweep.js';
import { type StoreVisitor, StoreWalk } from './walk.js';

/** Merges bring a set back for another visit, but not for ever. */
const RESTARTS_MAX = 8;

export class OriginRemoval implements StoreVisitor {
  /** Peers removed so far. */
  removed = 0;
  readonly #store: SwarmStore;
  readonly #walk: StoreWalk;
  readonly #isGone: (stamp: number, seenAndFlags: number) => boolean;

  /** `origin`: the slot of the node, as it stands in the flags of its peers. */
  constructor(store: SwarmStore, origin: number) {
    this.#store = store;
    this.#isGone = (_stamp, seenAndFlags) => ((seenAndFlags >>> 16) & PeerFlag.origin) === origin;
    const lockTimeoutMs = Number.POSITIVE_INFINITY;
    this.#walk = new StoreWalk(store, this, { restartsMax: RESTARTS_MAX, lockTimeoutMs });
  }

  /** Looks at about `peers` peers more. Returns false when it was through the whole store. */
  step(peers: number): boolean {
    return this.#walk.step(peers);
  }

  swarm(): void {}

  leaf(shard: number, record: number, kind: number, index: number, words: number): void {
    this.removed += sweepLeaf(this.#store, shard, record, kind, index, words, this.#isGone);
  }

  swarmDone(shard: number, record: number): void {
    if (this.#store.peersOf(record) === 0) this.#store.becomeEmpty(shard, record);
  }
}
