/**
 * Removes peers that were not heard of for longer than they live, and forgets swarms that have been
 * without peers for long.
 */
import type { BusiestSwarms } from './busiest.js';
import { Global, Swarm } from './layout.js';
import { ageSeconds } from './peer-age.js';
import type { SwarmStore } from './swarm-store.js';
import { isOver, sweepLeaf } from './sweep.js';
import { type StoreVisitor, StoreWalk } from './walk.js';

export interface ExpiryOptions {
  /**
   * Seconds without an announce after which a peer is gone, at most `PEER_LIFE_SECONDS_MAX`. In a
   * cluster, peers live as long as the replication memory says. Both give way to
   * `Global.peerTtlSeconds` while that is set.
   */
  peerTtlSeconds: number;
  /** Seconds that a swarm without peers is remembered for its download count. */
  emptySwarmSeconds: number;
}

/** Above this share of `swarmsMax`, swarms without peers make room whatever their age. */
const CROWDED = 0.9;

export class Expiry implements StoreVisitor {
  readonly #store: SwarmStore;
  readonly #options: ExpiryOptions;
  readonly #isGone: (stamp: number, seenAndFlags: number) => boolean;
  readonly #busiest: BusiestSwarms | undefined;
  #walk: StoreWalk | undefined;

  /** `busiest` is offered every swarm that has peers. */
  constructor(store: SwarmStore, options: ExpiryOptions, busiest?: BusiestSwarms) {
    this.#store = store;
    this.#busiest = busiest;
    this.#options = options;
    this.#isGone = (stamp, seenAndFlags) => {
      const age = ageSeconds(store.seconds, seenAndFlags);
      return isOver(store, seenAndFlags >>> 16, age, stamp, options.peerTtlSeconds);
    };
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
    const { table } = this.#store;
    const removed = sweepLeaf(this.#store, shard, record, kind, index, words, this.#isGone);
    table.countExpired(shard, removed);
  }

  swarmDone(shard: number, record: number): void {
    const { records, control, limits, seconds } = this.#store;
    const peers = this.#store.peersOf(record);
    if (peers > 0) {
      this.#busiest?.offer(records, record, peers);
      return;
    }
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
