/**
 * Drops swarms that the lists of info hashes forbid: what the thread that writes the lists calls when
 * it changed them.
 *
 * Put first, then drop. Whoever makes a record asks the lists while holding the lock of its shard.
 * Had it taken the lock before a drop did, the drop finds its record; took it the lock afterwards, it
 * comes after the drop's unlock, and so after everything that this thread stored before, the list's
 * entry and the mode among it, and is refused. The same holds slot by slot for the pass over the
 * whole store: swarms only move to lower slots, where the pass is still to come.
 *
 * Nothing is told to anybody and nobody is buried: every node drops for itself, and a peer whose hash
 * is allowed again must not find a tombstone.
 */
import { type ListMode, ListMode as Modes } from './hash-list.js';
import { Global, PEER_KINDS, Swarm } from './layout.js';
import { wordsOf } from './leaf.js';
import { readInfoHashes } from './query.js';
import type { SwarmStore } from './swarm-store.js';
import { sweepLeaf } from './sweep.js';
import { lockForWalk } from './walk.js';

/** Peers that are removed under one lock: under a millisecond. A leaf more may come on top. */
const PEERS_PER_LOCK = 2_048;
/** Slots that a pass looks at under one lock, and what a swarm in one costs: a hash and a look at the list. */
const SLOTS_PER_LOCK = 16_384;
const SWARM_COST = 8;

export interface ListSweepOptions {
  /** How long to wait for a lock, in ms: the main thread must not wait for a thread that died. */
  readonly lockTimeoutMs?: number;
}

export class ListSweep {
  /** What was dropped so far. */
  swarmsDropped = 0;
  peersDropped = 0;
  readonly #store: SwarmStore;
  readonly #lockTimeoutMs: number;
  readonly #words = new Int32Array(5);
  /** Where the pass stands: a shard and the slot to look at; shard -1: there is no pass. */
  #shard = -1;
  #slot = 0;

  constructor(
    store: SwarmStore,
    { lockTimeoutMs = Number.POSITIVE_INFINITY }: ListSweepOptions = {},
  ) {
    this.#store = store;
    this.#lockTimeoutMs = lockTimeoutMs;
  }

  get mode(): ListMode {
    return Atomics.load(this.#store.control, Global.listMode) as ListMode;
  }

  /** Sets which lists count, and begins a pass when that is new. */
  setMode(mode: ListMode): void {
    if (mode === this.mode) return;
    Atomics.store(this.#store.control, Global.listMode, mode);
    this.begin();
  }

  /**
   * Drops the swarm of an info hash of 20 bytes, if there is one and it may not be: after an entry
   * of either list changed. Returns whether it did. The store's time must have been set. Throws
   * ShardStuckError.
   */
  drop(hash: Uint8Array, at = 0): boolean {
    const store = this.#store;
    const words = this.#words;
    readInfoHashes(hash, at, words, 0, 1);
    const indexHash = store.index.hash(words, 0);
    for (;;) {
      const shard = lockForWalk(store, store.index.shardOf(indexHash), this.#lockTimeoutMs);
      try {
        const record = store.index.find(indexHash, words, 0);
        if (record < 0 || !store.refuses(words, 0)) return false;
        if (this.#dropSome(shard, record)) return true;
      } finally {
        store.unlockShard(shard);
      }
    }
  }

  /** Begins a pass over the whole store, anew when one was under way: after a large change. */
  begin(): void {
    this.#shard = this.mode === Modes.open ? -1 : 0;
    this.#slot = this.#store.index.slotsTotal - 1;
  }

  /**
   * Goes on with the pass for as long as one lock may be held, under a millisecond or so. Returns
   * whether there is more to come. The store's time must have been set. Throws ShardStuckError.
   */
  step(): boolean {
    const store = this.#store;
    if (this.#shard < 0) return false;
    const shard = lockForWalk(store, this.#shard, this.#lockTimeoutMs);
    try {
      let budget = SLOTS_PER_LOCK;
      while (this.#slot >= 0 && budget > 0) {
        budget--;
        const record = store.index.recordAt(this.#shard, this.#slot);
        if (record >= 0) {
          budget -= SWARM_COST;
          if (store.refuses(store.records, record)) {
            // The next step goes on with it: others wait for the lock.
            if (!this.#dropSome(shard, record)) return true;
            budget -= SLOTS_PER_LOCK / 16;
          }
        }
        this.#slot--;
      }
    } finally {
      store.unlockShard(shard);
    }
    if (this.#slot >= 0) return true;
    this.#slot = store.index.slotsTotal - 1;
    this.#shard++;
    if (this.#shard === store.limits.shards) this.#shard = -1;
    return this.#shard >= 0;
  }

  /**
   * Removes peers of a swarm, and the swarm when that was the last of them; returns whether it was.
   * Its downloads are forgotten with it.
   */
  #dropSome(shard: number, record: number): boolean {
    const store = this.#store;
    let left = PEERS_PER_LOCK;
    for (let kind = 0; kind < PEER_KINDS; kind++) {
      // From the last leaf down: a merge moves peers of the last leaf to one that is still to come.
      for (let leaf = leavesOf(store, record, kind) - 1; leaf >= 0; leaf--) {
        if (left <= 0) return false;
        if (leaf >= leavesOf(store, record, kind)) continue;
        const removed = sweepLeaf(store, shard, record, kind, leaf, wordsOf(kind), everybody);
        this.peersDropped += removed;
        left -= removed;
      }
    }
    if (store.peersOf(record) > 0) return false;
    store.records[record + Swarm.downloads] = 0;
    store.forget(shard, record);
    this.swarmsDropped++;
    return true;
  }
}

/** How many leaves the set of a kind has now: every removal may change where it is. */
function leavesOf({ sets, table }: SwarmStore, record: number, kind: number): number {
  return sets.leafCount(table.setOf(record, kind));
}

const everybody = () => true;
