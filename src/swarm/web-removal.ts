/**
 * Forgets web peers whose connection is gone with the tracker that held it. A bit at a time, and
 * without tombstones: when that tracker is back, it tells of them again.
 */
import type { SwarmStore } from './swarm-store.js';
import { sweepLeaf } from './sweep.js';
import { type StoreVisitor, StoreWalk } from './walk.js';

/** Merges bring a set back for another visit, but not for ever. */
const RESTARTS_MAX = 8;
/** Removals merge leaves, and a merge may hide peers from a pass: the next one meets them. */
const PASSES_MAX = 32;

/** Says whether a web peer's connection still counts: its wire (web-wire.ts) is 9 words at `at`. */
export type CountsWeb = (all: Uint16Array, at: number) => boolean;

export class WebRemoval implements StoreVisitor {
  /** Peers removed so far. */
  removed = 0;
  readonly #store: SwarmStore;
  readonly #counts: CountsWeb;
  #walk: StoreWalk;
  #passes = 0;
  #removedBefore = 0;

  constructor(store: SwarmStore, counts: CountsWeb) {
    this.#store = store;
    this.#counts = counts;
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
      families: 'web',
      restartsMax: RESTARTS_MAX,
      lockTimeoutMs: Number.POSITIVE_INFINITY,
    });
  }

  readonly #isGone = (_stamp: number, _seenAndFlags: number, all: Uint16Array, at: number) =>
    !this.#counts(all, at);
}
