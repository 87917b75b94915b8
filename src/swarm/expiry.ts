/**
 * Removes peers that were not heard of for longer than they live, and forgets swarms that have been
 * without peers for long.
 */
import { Global, SEGMENT_SHIFT, Shard, Swarm } from './layout.js';
import { ageSeconds } from './leaf.js';
import type { SwarmStore } from './swarm-store.js';
import { type StoreVisitor, StoreWalk } from './walk.js';

export interface ExpiryOptions {
  /** Seconds without an announce after which a peer is gone; under 65,536 (layout of `seen`). */
  peerTtlSeconds: number;
  /** Seconds that a swarm without peers is remembered for its download count. */
  emptySwarmSeconds: number;
}

/** Above this share of `swarmsMax`, swarms without peers make room whatever their age. */
const CROWDED = 0.9;

export class Expiry implements StoreVisitor {
  readonly #store: SwarmStore;
  readonly #options: ExpiryOptions;
  #walk: StoreWalk | undefined;

  constructor(store: SwarmStore, options: ExpiryOptions) {
    this.#store = store;
    this.#options = options;
  }

  /**
   * Looks at about `peers` peers more. Returns false when that ended a pass over the whole store;
   * the next call begins a new one. The store's time must have been set.
   */
  step(peers: number): boolean {
    // A peer that a merge moves out of sight is met by the next pass.
    this.#walk ??= new StoreWalk(this.#store, this, {
      restartsMax: 0,
      lockTimeoutMs: Number.POSITIVE_INFINITY,
    });
    const more = this.#walk.step(peers);
    if (!more) this.#walk = undefined;
    return more;
  }

  swarm(): void {}

  leaf(shard: number, record: number, kind: number, index: number, words: number): void {
    const store = this.#store;
    const { sets, leaves, heap, control } = store;
    const set = record + Swarm.sets + 2 * kind;
    // From the last slot down: a removal fills the gap with a peer that was looked at already.
    for (let slot = sets.peersAt(set, index) - 1; slot >= 0; slot--) {
      const leaf = sets.leafAt(set, index);
      const meta = leaves.metaStart(leaf, words) + 2 * slot + 1;
      const seen = heap.i32[leaf >>> SEGMENT_SHIFT][meta];
      if (ageSeconds(store.seconds, seen) <= this.#options.peerTtlSeconds) continue;
      store.removeAt(shard, record, kind, index, slot);
      control[shard + Shard.expired]++;
      // The removal may have merged this leaf away.
      if (index >= sets.leafCount(set)) return;
    }
  }

  swarmDone(shard: number, record: number): void {
    const { records, control, limits, seconds } = this.#store;
    if (this.#store.peersOf(record) > 0) return;
    if (records[record + Swarm.downloads] > 0) {
      if (records[record + Swarm.emptySince] === 0) {
        // Emptied by expiry just now.
        records[record + Swarm.emptySince] = seconds;
        return;
      }
      const age = seconds - records[record + Swarm.emptySince];
      const crowded = control[Global.swarms] > limits.swarmsMax * CROWDED;
      if (age <= this.#options.emptySwarmSeconds && !crowded) return;
    }
    this.#store.forget(shard, record);
  }
}
