/**
 * Visits every swarm and every peer of the store a bit at a time, holding a shard's lock only for a
 * bounded number of peers, so that announces are never kept waiting.
 *
 * Within a shard the walk goes from high index slots to low ones (swarms only move down), within a
 * peer set from low leaves to high ones (a split moves peers up). Only a merge moves peers down, to
 * leaves perhaps visited before; a visitor that must miss nobody has the set visited again then.
 */
import { PEER_KINDS, Swarm, type WalkFamilies, WEB_KINDS } from './layout.js';
import { wordsOf } from './leaf.js';
import type { SwarmStore } from './swarm-store.js';

/** What happens at each stop of the walk, with the shard's lock held. */
export interface StoreVisitor {
  /**
   * Called before a swarm's leaves, and again before each leaf at which a step of the walk begins.
   */
  swarm(shard: number, record: number): void;
  /** Called for each leaf that has peers. `words` is the length of a peer in 16-bit words. */
  leaf(shard: number, record: number, kind: number, index: number, words: number): void;
  /** Called after a swarm's last leaf. The visitor may forget the swarm. */
  swarmDone(shard: number, record: number): void;
}

export interface WalkOptions {
  /** All when it is missing. With `web`, swarms without web peers are not visited at all. */
  readonly families?: WalkFamilies;
  /**
   * Says which swarms to visit; all when it is missing. Called with the shard's lock held, once for a
   * swarm that is then visited, and again when a step begins in its middle.
   */
  readonly filter?: (record: number) => boolean;
  /** How often one peer set may be visited anew because leaves were merged meanwhile. */
  readonly restartsMax: number;
  /** How long to wait for a lock, in ms. Infinity on a healthy store. */
  readonly lockTimeoutMs: number;
}

/** A lock that nobody lets go: its owner died inside the store. */
export class ShardStuckError extends Error {
  override name = 'ShardStuckError';
  constructor(readonly shard: number) {
    super(`shard ${shard} of the swarm store is locked for good`);
  }
}

/** Takes a shard's lock and returns its base, as `lockShard` does. Throws ShardStuckError. */
export function lockForWalk(store: SwarmStore, shard: number, timeoutMs: number): number {
  if (timeoutMs === Number.POSITIVE_INFINITY) return store.lockShard(shard);
  const base = store.lockShardWithin(shard, timeoutMs);
  if (base < 0) throw new ShardStuckError(shard);
  return base;
}

/** An empty index slot costs this share of the budget that a peer costs. */
export const SLOTS_PER_PEER = 16;
/** A swarm that is not visited costs a look at its record and a hash: as much as so many slots. */
const FILTERED_COST = 8;

export class StoreWalk {
  #shard = 0;
  #slot: number;
  /** Where in the swarm at `#slot` to go on; kind -1: at its beginning. */
  #kind = -1;
  #record = -1;
  #leaf = 0;
  #moves = 0;
  #restarts = 0;
  readonly #store: SwarmStore;
  readonly #visitor: StoreVisitor;
  readonly #options: WalkOptions;
  readonly #firstKind: number;
  readonly #endKind: number;

  constructor(store: SwarmStore, visitor: StoreVisitor, options: WalkOptions) {
    this.#store = store;
    this.#visitor = visitor;
    this.#options = options;
    this.#firstKind = options.families === 'web' ? WEB_KINDS : 0;
    this.#endKind = options.families === 'addresses' ? WEB_KINDS : PEER_KINDS;
    this.#slot = store.index.slotsTotal - 1;
  }

  /** The shard that the next step begins in. */
  get shard(): number {
    return this.#shard;
  }

  /**
   * Goes on for about `peers` peers, then returns whether there is more to come. Throws
   * ShardStuckError when a lock cannot be had in time.
   */
  step(peers: number): boolean {
    const store = this.#store;
    if (this.#shard >= store.limits.shards) return false;
    const shard = lockForWalk(store, this.#shard, this.#options.lockTimeoutMs);
    try {
      let budget = peers * SLOTS_PER_PEER;
      while (this.#slot >= 0 && budget > 0) {
        const record = store.index.recordAt(this.#shard, this.#slot);
        // Between two steps a swarm may have gone or moved down; whoever is here now is new here.
        if (record !== this.#record) this.#kind = -1;
        this.#record = record;
        if (record >= 0) budget -= this.#pass(shard, record, budget);
        if (this.#kind < 0) this.#slot--;
        budget--;
      }
    } finally {
      store.unlockShard(shard);
    }
    if (this.#slot < 0) {
      this.#shard++;
      this.#slot = store.index.slotsTotal - 1;
    }
    return this.#shard < store.limits.shards;
  }

  /** Visits a swarm that the filter lets through. Returns the budget spent. */
  #pass(shard: number, record: number, budget: number): number {
    const { filter } = this.#options;
    const isVisited = this.#firstKind === 0 || this.#store.records[record + Swarm.side] < 0;
    if (isVisited && (filter === undefined || filter(record)))
      return this.#visitSwarm(shard, record, budget);
    this.#kind = -1;
    return FILTERED_COST;
  }

  /** Visits leaves of one swarm; leaves `#kind` at -1 when it is done. Returns the budget spent. */
  #visitSwarm(shard: number, record: number, budget: number): number {
    const { sets, table } = this.#store;
    let spent = 0;
    if (this.#kind < 0) this.#enterSet(this.#firstKind);
    this.#visitor.swarm(shard, record);
    while (this.#kind < this.#endKind) {
      // Leechers first: a peer that completes meanwhile is met once at least.
      const kind = this.#kind ^ 1;
      const set = table.setOf(record, kind);
      if (this.#leaf === 0) this.#moves = sets.moves(set);
      else if (sets.moves(set) !== this.#moves) this.#restartSet(sets.moves(set));
      if (this.#leaf >= sets.leafCount(set)) {
        this.#enterSet(this.#kind + 1);
        continue;
      }
      if (spent >= budget) return spent;
      const index = this.#leaf++;
      const count = sets.peersAt(set, index);
      spent += (count + 1) * SLOTS_PER_PEER;
      if (count === 0) continue;
      const words = wordsOf(kind);
      this.#visitor.leaf(shard, record, kind, index, words);
    }
    this.#kind = -1;
    this.#visitor.swarmDone(shard, record);
    return spent;
  }

  #enterSet(kind: number): void {
    this.#kind = kind;
    this.#leaf = 0;
    this.#restarts = 0;
  }

  #restartSet(moves: number): void {
    this.#moves = moves;
    if (this.#restarts++ < this.#options.restartsMax) this.#leaf = 0;
  }
}
