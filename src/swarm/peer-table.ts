/**
 * The peers of all swarms as one thread changes them: every peer that is stored, moved to its other
 * role or removed goes through here, so that the counts of swarm, shard and store, and the digest,
 * follow. What to store is decided elsewhere. Every method needs the lock of the swarm's shard.
 *
 * `shard` is the first word of the shard's control block, `record` that of the swarm's record.
 */
import { roleTag } from './digest-hash.js';
import { Heap } from './heap.js';
import {
  Global,
  PeerKind,
  RECORD_WORDS,
  SEGMENT_MASK,
  SEGMENT_SHIFT,
  Shard,
  type StoreMemory,
  Swarm,
  WEB_KINDS,
} from './layout.js';
import { Leaves, PeerFlag, wordsOf } from './leaf.js';
import { PeerSets } from './peer-set.js';
import { RecordPool, sideOf } from './record-pool.js';
import type { ThreadReplication } from './thread-replication.js';

/** Where flags stand in the second meta word of a peer. */
const PARTIAL = PeerFlag.partialSeed << 16;

export class PeerTable {
  readonly heap: Heap;
  readonly leaves: Leaves;
  readonly sets: PeerSets;
  readonly pool: RecordPool;
  readonly records: Int32Array;
  readonly control: Int32Array;
  /** The same memory: a count at word `w` of it is number `w / 2` here (`Shard`). */
  readonly counts: Float64Array;
  /** The meta words of the peer that `locate` found. */
  foundStamp = 0;
  foundSeenAndFlags = 0;
  #meta = 0;
  readonly #peersMax: number;
  readonly #replication: ThreadReplication | undefined;

  constructor(memory: StoreMemory, thread: number, replication: ThreadReplication | undefined) {
    this.heap = new Heap(memory, thread);
    this.leaves = new Leaves(this.heap);
    this.sets = new PeerSets(memory, this);
    this.pool = new RecordPool(memory, thread);
    this.records = new Int32Array(memory.records);
    this.control = new Int32Array(memory.control);
    this.counts = new Float64Array(memory.control);
    this.#peersMax = memory.limits.peersMax;
    this.#replication = replication;
  }

  /**
   * Looks a peer up, among those of `kind` first, then in the other role. Returns the kind that it is
   * stored as, its place in `sets.found...` and its meta words here; or -1.
   */
  locate(record: number, kind: number, words: number, wire: Uint16Array): number {
    const { sets } = this;
    let found = kind;
    const base = kind < WEB_KINDS ? record + Swarm.sets : this.#webSets(record);
    if (!sets.find(base + 2 * kind, words, wire)) {
      found = kind ^ 1;
      if (!sets.find(base + 2 * found, words, wire)) return -1;
    }
    const leaf = sets.foundLeaf;
    const segment = this.heap.i32[leaf >>> SEGMENT_SHIFT];
    this.#meta = this.leaves.metaStart(leaf, words) + 2 * sets.foundSlot;
    this.foundStamp = segment[this.#meta];
    this.foundSeenAndFlags = segment[this.#meta + 1];
    return found;
  }

  /** Gives the peer that `locate` found as `kind` new meta words. */
  rewrite(
    shard: number,
    record: number,
    kind: number,
    words: number,
    wire: Uint16Array,
    stamp: number,
    seenAndFlags: number,
  ): void {
    const segment = this.heap.i32[this.sets.foundLeaf >>> SEGMENT_SHIFT];
    segment[this.#meta] = stamp;
    segment[this.#meta + 1] = seenAndFlags;
    const old = this.foundSeenAndFlags;
    if (((old ^ seenAndFlags) & PARTIAL) === 0) return;
    this.#countPartial(shard, record, old, seenAndFlags);
    this.#digest(record, wire, 0, words, kind, old);
    this.#digest(record, wire, 0, words, kind, seenAndFlags);
  }

  /**
   * Stores a peer that is not stored. Returns false, nothing changed, when there is no room. `wire`
   * begins with the peer.
   */
  insert(
    shard: number,
    record: number,
    kind: number,
    words: number,
    wire: Uint16Array,
    stamp: number,
    seenAndFlags: number,
  ): boolean {
    if (!this.#admit()) return false;
    const before = this.records[record + Swarm.side];
    if (kind >= WEB_KINDS && !this.#needSide(record)) {
      Atomics.sub(this.control, Global.peers, 1);
      return false;
    }
    if (!this.sets.insert(shard, this.setOf(record, kind), words, wire, stamp, seenAndFlags)) {
      Atomics.sub(this.control, Global.peers, 1);
      if (kind >= WEB_KINDS) this.#dropSide(record, before);
      return false;
    }
    this.control[shard + Shard.peers + kind]++;
    if (kind < WEB_KINDS && before > 0) this.records[record + Swarm.emptySince] = 0;
    this.#countPartial(shard, record, 0, seenAndFlags);
    this.#digest(record, wire, 0, words, kind, seenAndFlags);
    return true;
  }

  /**
   * Moves the peer that `locate` found in the other role to `kind`; its new place is in
   * `sets.found...`. Returns false, nothing changed, when there is no room.
   */
  move(
    shard: number,
    record: number,
    kind: number,
    words: number,
    wire: Uint16Array,
    stamp: number,
    seenAndFlags: number,
  ): boolean {
    const { sets, control } = this;
    const { foundIndex, foundSlot, foundLeaf } = sets;
    const set = this.setOf(record, kind);
    if (!sets.insert(shard, set, words, wire, stamp, seenAndFlags)) {
      sets.foundIndex = foundIndex;
      sets.foundSlot = foundSlot;
      sets.foundLeaf = foundLeaf;
      return false;
    }
    const { foundIndex: index, foundSlot: slot, foundLeaf: leaf } = sets;
    sets.remove(shard, this.setOf(record, kind ^ 1), words, foundIndex, foundSlot);
    sets.foundIndex = index;
    sets.foundSlot = slot;
    sets.foundLeaf = leaf;
    control[shard + Shard.peers + (kind ^ 1)]--;
    control[shard + Shard.peers + kind]++;
    this.#countPartial(shard, record, this.foundSeenAndFlags, seenAndFlags);
    this.#digest(record, wire, 0, words, kind ^ 1, this.foundSeenAndFlags);
    this.#digest(record, wire, 0, words, kind, seenAndFlags);
    return true;
  }

  /**
   * Removes the peer in `slot` of leaf `index` of a set. With the last web peer of a swarm the words
   * of its web sets are gone, so a set must be asked for anew (`setOf`) after a removal.
   */
  remove(shard: number, record: number, kind: number, index: number, slot: number): void {
    const set = this.setOf(record, kind);
    const words = wordsOf(kind);
    const replicates = this.#replication !== undefined;
    // Only leechers are partial seeds: alone, a seeder's flags need no look.
    if (replicates || (kind & 1) === 1) {
      const leaf = this.sets.leafAt(set, index);
      const meta = this.leaves.metaStart(leaf, words) + 2 * slot;
      const old = this.heap.i32[leaf >>> SEGMENT_SHIFT][meta + 1];
      this.#countPartial(shard, record, old, 0);
      if (replicates) {
        const all = this.heap.u16[leaf >>> SEGMENT_SHIFT];
        this.#digest(record, all, (leaf & SEGMENT_MASK) * 4 + slot * words, words, kind, old);
      }
    }
    this.sets.remove(shard, set, words, index, slot);
    if (kind >= WEB_KINDS) this.#dropSide(record, 0);
    this.control[shard + Shard.peers + kind]--;
    Atomics.sub(this.control, Global.peers, 1);
  }

  /** Counts a new peer that found no room. */
  countDropped(shard: number): void {
    this.counts[(shard + Shard.droppedFull) >>> 1]++;
  }

  /** Counts peers that were not heard of in time. */
  countExpired(shard: number, peers: number): void {
    this.counts[(shard + Shard.expired) >>> 1] += peers;
  }

  /** First word of the set of a kind; of web kinds an empty one where the swarm has no web peers. */
  setOf(record: number, kind: number): number {
    return (kind < WEB_KINDS ? record + Swarm.sets : this.#webSets(record)) + 2 * kind;
  }

  /** The word from which the sets of web kinds are counted. */
  #webSets(record: number): number {
    return sideOf(this.records, record) + Swarm.sets - 2 * WEB_KINDS;
  }

  /** Makes the side record when it is missing; false when all records are in use. */
  #needSide(record: number): boolean {
    if (this.records[record + Swarm.side] < 0) return true;
    const side = this.pool.take();
    if (side < 0) return false;
    this.records[record + Swarm.side] = ~(side / RECORD_WORDS);
    return true;
  }

  /** Gives the side record back when its sets are empty; `before` is what its word is to be then. */
  #dropSide(record: number, before: number): void {
    const { records } = this;
    const seeders = this.setOf(record, PeerKind.seedersWeb);
    if (records[seeders + 1] + records[seeders + 3] > 0) return;
    const side = sideOf(records, record);
    records[record + Swarm.side] = before;
    this.pool.give(side);
  }

  /** Counts one peer more, unless that would be one too many. */
  #admit(): boolean {
    if (Atomics.add(this.control, Global.peers, 1) < this.#peersMax) return true;
    Atomics.sub(this.control, Global.peers, 1);
    return false;
  }

  #countPartial(shard: number, record: number, before: number, after: number): void {
    // The bit's place is that of PARTIAL.
    const change = ((after & PARTIAL) - (before & PARTIAL)) >> 29;
    if (change === 0) return;
    this.records[record + Swarm.partialSeeds] += change;
    this.control[shard + Shard.partialSeeds] += change;
  }

  /** Takes a peer into the digest, or out of it. */
  #digest(
    record: number,
    wire: Uint16Array,
    at: number,
    words: number,
    kind: number,
    seenAndFlags: number,
  ): void {
    if (this.#replication === undefined) return;
    const tag = roleTag(kind, (seenAndFlags & PARTIAL) !== 0);
    this.#replication.digest.toggle(this.records, record, wire, at, words, tag);
  }
}
