/**
 * Forgets peers that have lost who vouched for them. A bit at a time, and without tombstones: whoever
 * hears such a peer again may tell of it.
 */
import type { WalkFamilies } from './layout.js';
import { PeerFlag } from './leaf.js';
import type { SwarmStore } from './swarm-store.js';
import { type IsGone, sweepLeaf } from './sweep.js';
import { type StoreVisitor, StoreWalk } from './walk.js';

/** Merges bring a set back for another visit, but not for ever. */
const RESTARTS_MAX = 8;
/** Removals merge leaves, and a merge may hide peers from a pass: the next one meets them. */
const PASSES_MAX = 32;

/** Says whether a web peer's connection still counts: its wire (web-wire.ts) is 9 words at `at`. */
export type CountsWeb = (all: Uint16Array, at: number) => boolean;

/**
 * Of the peers that one node heard of and no other since: what a revoked tracker alone reported.
 * `origin`: the slot of the node, as it stands in the flags of its peers.
 */
export function originRemoval(store: SwarmStore, origin: number): PeerRemoval {
  const isGone: IsGone = (_stamp, seenAndFlags) =>
    ((seenAndFlags >>> 16) & PeerFlag.origin) === origin;
  return new PeerRemoval(store, 'all', isGone);
}

/** Of web peers whose connection is gone with its tracker, which tells of them when it is back. */
export function webRemoval(store: SwarmStore, counts: CountsWeb): PeerRemoval {
  return new PeerRemoval(store, 'web', (_stamp, _seenAndFlags, all, at) => !counts(all, at));
}

export class PeerRemoval implements StoreVisitor {
  /** Peers removed so far. */
  removed = 0;
  readonly #store: SwarmStore;
  readonly #families: WalkFamilies;
  readonly #isGone: IsGone;
  #walk: StoreWalk;
  #passes = 0;
  #removedBefore = 0;

  constructor(store: SwarmStore, families: WalkFamilies, isGone: IsGone) {
    this.#store = store;
    this.#families = families;
    this.#isGone = isGone;
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

  swarm(): void {}

  leaf(shard: number, record: number, kind: number, index: number, words: number): void {
    this.removed += sweepLeaf(this.#store, shard, record, kind, index, words, this.#isGone);
  }

  swarmDone(shard: number, record: number): void {
    if (this.#store.peersOf(record) === 0) this.#store.becomeEmpty(shard, record);
  }

  #newWalk(): StoreWalk {
    return new StoreWalk(this.#store, this, {
      families: this.#families,
      restartsMax: RESTARTS_MAX,
      lockTimeoutMs: Number.POSITIVE_INFINITY,
    });
  }
}
