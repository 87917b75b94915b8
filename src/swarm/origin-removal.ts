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
/** Removals merge leaves, and a merge may hide peers from a pass: the next one meets them. */
const PASSES_MAX = 32;

export class OriginRemoval implements StoreVisitor {
  /** Peers removed so far. */
  removed = 0;
  readonly #store: SwarmStore;
  #walk: StoreWalk;
  #passes = 0;
  #removedBefore = 0;
  readonly #isGone: (stamp: number, seenAndFlags: number) => boolean;

  /** `origin`: the slot of the node, as it stands in the flags of its peers. */
  constructor(store: SwarmStore, origin: number) {
    this.#store = store;
    this.#isGone = (_stamp, seenAndFlags) => ((seenAndFlags >>> 16) & PeerFlag.origin) === origin;
    this.#walk = this.#newWalk();
  }

  /** Looks at about `peers` peers more. Returns false when a pass over the whole store removed nobody. */
  step(peers: number): boolean {
    if (this.#walk.step(peers)) return true;
    if (this.removed === this.#removedBefore || ++this.#passes === PASSES_MAX) return false;
    this.#removedBefore = this.removed;
    this.#walk = this.#newWalk();
    return true;
  }

  #newWalk(): StoreWalk {
    const lockTimeoutMs = Number.POSITIVE_INFINITY;
    return new StoreWalk(this.#store, this, { restartsMax: RESTARTS_MAX, lockTimeoutMs });
  }

  swarm(): void {}

  leaf(shard: number, record: number, kind: number, index: number, words: number): void {
    this.removed += sweepLeaf(this.#store, shard, record, kind, index, words, this.#isGone);
  }

  swarmDone(shard: number, record: number): void {
    if (this.#store.peersOf(record) === 0) this.#store.becomeEmpty(shard, record);
  }
}
