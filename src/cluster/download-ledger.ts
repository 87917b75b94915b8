/**
 * Keeps two books of downloads in step: the swarm's record in the store, which any thread adds to
 * when a peer completes here, and the counts of each node (download-counters.ts), which this thread
 * alone writes. What the record has more than the counts together was counted here and not yet
 * entered: nothing else makes it grow. So an entry is never a step but the whole difference, and one
 * that was lost on its way is made good by the next.
 *
 * A slow pass over all swarms does the same for those in which nothing happens, tells this node's
 * counts once more, and has counts of forgotten swarms forgotten. The first pass is a fast one, and
 * the first few tell also of swarms for which this node has no count: whoever knows better says so.
 */
import { Swarm } from '../swarm/layout.js';
import { Replica } from '../swarm/replica.js';
import type { CountGossip } from './count-gossip.js';
import { SELF_SLOT } from './origins.js';
import type { ReplicationContext } from './replication-context.js';

/** Index slots that are looked at under one lock. */
const SLOTS_PER_LOCK = 256;
const SLOTS_PER_STEP_MAX = 8_192;
/** How much faster the first pass is. */
const FIRST_PASS_SPEED = 30;
/** Passes that tell of counts of nothing. Others that restarted as well may know of swarms only later. */
const PASSES_OF_NOTHING = 3;

/** Tells others of this node's count of the swarm `words[at..at + 5)`. */
export type CountTeller = (words: Int32Array, at: number, downloads: number) => void;

export class DownloadLedger {
  readonly #context: ReplicationContext;
  readonly #replica: Replica;
  readonly #gossip: CountGossip;
  #shard = 0;
  #slot = -1;
  #creditSlots = 0;
  #passes = 0;
  #lastMs: number | undefined;

  constructor(context: ReplicationContext, { gossip }: { readonly gossip: CountGossip }) {
    this.#context = context;
    this.#gossip = gossip;
    const { store, origins } = context.means;
    this.#replica = new Replica(store, { compareOrigins: origins.compare });
  }

  /**
   * Makes the books agree before anything is exchanged, in one go. A tracker without counts stood
   * alone until now: what its records say was counted here. Otherwise the counts are right, because
   * what a record has more came from others, who will say so again, or was never told to anybody.
   */
  open(): void {
    const { counters, store } = this.#context.means;
    const stoodAlone = counters.size === 0;
    const { records, index } = store;
    for (let shard = 0; shard < store.limits.shards; shard++) {
      const base = store.lockShard(shard);
      for (let slot = index.slotsTotal - 1; slot >= 0; slot--) {
        const record = index.recordAt(shard, slot);
        if (record < 0) continue;
        const at = record + Swarm.downloads;
        if (!stoodAlone) records[at] = counters.sum(records, record);
        else if (records[at] > 0) counters.merge(records, record, SELF_SLOT, records[at]);
      }
      store.unlockShard(base);
    }
  }

  /** Enters a download that a thread counted; returns this node's count of the swarm. */
  enter(infoHash: Int32Array): number {
    const { counters } = this.#context.means;
    this.#replica.begin(infoHash);
    const recorded = this.#replica.downloads;
    const sum = counters.sum(infoHash);
    if (recorded > sum) {
      counters.merge(infoHash, 0, SELF_SLOT, counters.own(infoHash) + recorded - sum);
    } else if (recorded < sum) {
      // The store forgot the swarm for a while, and counts from nothing: this one at least is new.
      counters.merge(infoHash, 0, SELF_SLOT, counters.own(infoHash) + 1);
      this.#replica.addDownloads(sum + 1 - recorded);
    }
    this.#replica.end();
    return counters.own(infoHash);
  }

  /** Goes on with the pass. Once this node has taken what others hold: before it knows few swarms. */
  step(tell: CountTeller): void {
    const { store } = this.#context.means;
    const { index, limits } = store;
    const now = this.#context.nowMs;
    const total = limits.shards * index.slotsTotal;
    const speed = this.#passes === 0 ? FIRST_PASS_SPEED : 1;
    const share = (speed * (now - (this.#lastMs ?? now))) / this.#context.options.countPassMs;
    this.#creditSlots += total * share;
    this.#creditSlots = Math.min(this.#creditSlots, SLOTS_PER_STEP_MAX);
    this.#lastMs = now;
    while (this.#creditSlots >= SLOTS_PER_LOCK) {
      this.#creditSlots -= SLOTS_PER_LOCK;
      this.#stepShard(tell);
    }
  }

  #stepShard(tell: CountTeller): void {
    const { store, counters } = this.#context.means;
    const { index, records } = store;
    if (this.#slot < 0) {
      if (this.#shard === 0) {
        counters.beginSweep();
        this.#gossip.begin();
      }
      this.#slot = index.slotsTotal - 1;
    }
    const base = store.lockShard(this.#shard);
    const end = Math.max(0, this.#slot + 1 - SLOTS_PER_LOCK);
    for (; this.#slot >= end; this.#slot--) {
      const record = index.recordAt(this.#shard, this.#slot);
      if (record < 0) continue;
      counters.touch(records, record);
      const at = record + Swarm.downloads;
      const sum = counters.sum(records, record);
      const more = records[at] - sum;
      if (more < 0) records[at] = sum;
      const own = counters.own(records, record);
      if (more > 0) counters.merge(records, record, SELF_SLOT, own + more);
      const count = own + Math.max(0, more);
      const isAsking = this.#passes < PASSES_OF_NOTHING && records[at] > 0;
      if (count > 0 || isAsking) tell(records, record, count);
      if (records[at] > 0) this.#gossip.take(records, record);
    }
    store.unlockShard(base);
    const isEnd = this.#slot < 0 && this.#shard === store.limits.shards - 1;
    this.#gossip.flush(isEnd);
    if (this.#slot >= 0) return;
    this.#shard++;
    if (!isEnd) return;
    this.#shard = 0;
    this.#passes++;
    counters.sweep();
  }
}
