/**
 * The swarm store as one thread sees it: every peer of every swarm, in memory that all threads
 * share. This is where an announce ends up. Each call takes the lock of one shard, does all its
 * work there, and lets go; nothing is allocated on the way.
 */
import type { AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { Heap, shardBase } from './heap.js';
import { Global, PeerKind, SEGMENT_SHIFT, Shard, type StoreMemory, Swarm } from './layout.js';
import { Leaves, PeerFlag, WORDS4, WORDS6, wordsOf } from './leaf.js';
import { lock, lockWithin, unlock } from './lock.js';
import { PeerChooser } from './peer-chooser.js';
import { PeerSets } from './peer-set.js';
import { Outcome, type PeerQuery } from './query.js';
import { Sampler } from './sampler.js';
import { SwarmIndex } from './swarm-index.js';

export class SwarmStore {
  readonly heap: Heap;
  readonly leaves: Leaves;
  readonly sets: PeerSets;
  readonly index: SwarmIndex;
  readonly records: Int32Array;
  readonly control: Int32Array;
  /** Monotonic second, and replication's stamp, of everything that this thread does now. */
  seconds = 0;
  stamp = 0;
  readonly #chooser: PeerChooser;
  readonly #thread: number;
  readonly #memory: StoreMemory;

  /** `thread` names the caller in lock words: a number over 0 that no other thread uses. */
  constructor(memory: StoreMemory, { thread, seed }: { thread: number; seed: number }) {
    this.#memory = memory;
    this.#thread = thread;
    this.heap = new Heap(memory, thread);
    this.leaves = new Leaves(this.heap);
    this.sets = new PeerSets(memory, this);
    this.index = new SwarmIndex(memory, thread);
    this.records = new Int32Array(memory.records);
    this.control = new Int32Array(memory.control);
    this.#chooser = new PeerChooser(memory, {
      sets: this.sets,
      sampler: new Sampler({ heap: this.heap, sets: this.sets, seed }),
    });
  }

  get limits() {
    return this.#memory.limits;
  }

  /** Sets the time of what follows. `wallMs` feeds the replication stamp: units of 1/64 s, modulo 2^32. */
  setTime(seconds: number, wallMs: number): void {
    this.seconds = seconds;
    this.stamp = Math.floor(wallMs / 15.625) | 0;
  }

  /** Takes a shard's lock and returns the first word of its control block. */
  lockShard(shard: number): number {
    const base = shardBase(shard);
    lock(this.control, base + Shard.lock, this.#thread);
    return base;
  }

  /** Like `lockShard`, but gives up after `timeoutMs`: -1. */
  lockShardWithin(shard: number, timeoutMs: number): number {
    const base = shardBase(shard);
    return lockWithin(this.control, base + Shard.lock, this.#thread, timeoutMs) ? base : -1;
  }

  unlockShard(base: number): void {
    unlock(this.control, base + Shard.lock);
  }

  /**
   * Does what an announce says and fills `reply` with the swarm's counts, as they are afterwards, and
   * with peers for the announcing one.
   */
  announce(query: PeerQuery, reply: AnnounceReply): Outcome {
    reply.count4 = 0;
    reply.count6 = 0;
    const hash = this.index.hash(query.infoHash, 0);
    const shard = this.lockShard(this.index.shardOf(hash));
    let record = this.index.find(hash, query.infoHash, 0);
    let outcome: Outcome = Outcome.done;
    if (record < 0) {
      if (!query.stopped) record = this.#create(shard, hash, query);
      if (record < 0) {
        if (!query.stopped) {
          this.control[shard + Shard.droppedFull]++;
          outcome = Outcome.full;
        }
        this.unlockShard(shard);
        reply.seeders = 0;
        reply.leechers = 0;
        reply.downloads = 0;
        return outcome;
      }
    }
    // `find` and `insert` say where the peer is; a peer that is not stored is nowhere.
    this.sets.foundLeaf = 0;
    if (query.stopped) this.#stop(shard, record, query);
    else outcome = this.#upsert(shard, record, query);
    const { records } = this;
    const sets = record + Swarm.sets;
    reply.seeders = records[sets + 1] + records[sets + 5];
    reply.leechers = records[sets + 3] + records[sets + 7];
    reply.downloads = records[record + Swarm.downloads];
    if (query.numwant > 0 && !query.stopped) this.#chooser.choose(record, query, reply);
    if (reply.seeders + reply.leechers === 0) this.#becomeEmpty(shard, record);
    this.unlockShard(shard);
    return outcome;
  }

  /** Fills `entry` with a swarm's counts; zeros for one that is not known. */
  scrape(infoHash: Int32Array, entry: ScrapeEntry): void {
    const hash = this.index.hash(infoHash, 0);
    const shard = this.lockShard(this.index.shardOf(hash));
    const record = this.index.find(hash, infoHash, 0);
    this.readCounts(record, entry);
    this.unlockShard(shard);
  }

  /** The counts in a record, -1 for none. Needs the shard's lock. */
  readCounts(record: number, entry: ScrapeEntry): void {
    const { records } = this;
    const sets = record + Swarm.sets;
    entry.seeders = record < 0 ? 0 : records[sets + 1] + records[sets + 5];
    entry.leechers = record < 0 ? 0 : records[sets + 3] + records[sets + 7];
    entry.downloads = record < 0 ? 0 : records[record + Swarm.downloads];
    entry.partialSeeds = record < 0 ? 0 : records[record + Swarm.partialSeeds];
  }

  /** How many peers a swarm has, all kinds together. Needs the shard's lock. */
  peersOf(record: number): number {
    const { records } = this;
    const sets = record + Swarm.sets;
    return records[sets + 1] + records[sets + 3] + records[sets + 5] + records[sets + 7];
  }

  /** Removes a peer whose place is known, and counts that. Needs the shard's lock. */
  removeAt(shard: number, record: number, kind: number, leafIndex: number, slot: number): void {
    const set = record + Swarm.sets + 2 * kind;
    const words = wordsOf(kind);
    if ((kind & 1) === 1) {
      const leaf = this.sets.leafAt(set, leafIndex);
      this.#countPartial(shard, record, this.#flagsAt(leaf, words, slot), 0);
    }
    this.sets.remove(shard, set, words, leafIndex, slot);
    this.control[shard + Shard.peers + kind]--;
    Atomics.sub(this.control, Global.peers, 1);
  }

  /**
   * Puts back a peer that a snapshot or another node told of, unless it is known. Returns false
   * when the store is full. Needs the shard's lock.
   */
  restore(
    shard: number,
    record: number,
    kind: number,
    wire: Uint16Array,
    stamp: number,
    seenAndFlags: number,
  ): boolean {
    const words = wordsOf(kind);
    const set = record + Swarm.sets + 2 * kind;
    if ((kind & 1) === 0) seenAndFlags &= ~(PeerFlag.partialSeed << 16);
    if (this.sets.find(set, words, wire)) return true;
    const other = record + Swarm.sets + 2 * (kind ^ 1);
    if (this.sets.find(other, words, wire)) return true;
    if (!this.#admit()) return false;
    if (!this.sets.insert(shard, set, words, wire, stamp, seenAndFlags)) {
      Atomics.sub(this.control, Global.peers, 1);
      return false;
    }
    this.control[shard + Shard.peers + kind]++;
    this.records[record + Swarm.emptySince] = 0;
    if ((kind & 1) === 1) this.#countPartial(shard, record, 0, seenAndFlags >>> 16);
    return true;
  }

  /** The record of a swarm, made when it is missing; -1 when there is no room. Needs the lock. */
  findOrCreate(shard: number, hash: number, infoHash: Int32Array): number {
    const record = this.index.find(hash, infoHash, 0);
    if (record >= 0) return record;
    const made = this.index.insert(hash, infoHash, 0);
    if (made >= 0) this.control[shard + Shard.swarms]++;
    return made;
  }

  /** Forgets a swarm without peers. Needs the shard's lock. */
  forget(shard: number, record: number): void {
    this.index.remove(record);
    this.control[shard + Shard.swarms]--;
  }

  /** What to do with a swarm that has no peers: kept for its downloads, else forgotten. */
  #becomeEmpty(shard: number, record: number): void {
    if (this.records[record + Swarm.downloads] === 0) this.forget(shard, record);
    else if (this.records[record + Swarm.emptySince] === 0) {
      this.records[record + Swarm.emptySince] = this.seconds;
    }
  }

  #create(shard: number, hash: number, query: PeerQuery): number {
    // A swarm that cannot get its first peer is not worth a record.
    if (Atomics.load(this.control, Global.peers) >= this.limits.peersMax) return -1;
    return this.findOrCreate(shard, hash, query.infoHash);
  }

  /** Counts one peer more, unless that would be one too many. */
  #admit(): boolean {
    if (Atomics.add(this.control, Global.peers, 1) < this.limits.peersMax) return true;
    Atomics.sub(this.control, Global.peers, 1);
    return false;
  }

  #stop(shard: number, record: number, query: PeerQuery): void {
    const { sets } = this;
    const words = query.family === 4 ? WORDS4 : WORDS6;
    const first = query.family === 4 ? PeerKind.seeders4 : PeerKind.seeders6;
    for (let kind: number = first; kind <= first + 1; kind++) {
      if (!sets.find(record + Swarm.sets + 2 * kind, words, query.wire)) continue;
      this.removeAt(shard, record, kind, sets.foundIndex, sets.foundSlot);
      return;
    }
  }

  #upsert(shard: number, record: number, query: PeerQuery): Outcome {
    const { sets, control } = this;
    const words = query.family === 4 ? WORDS4 : WORDS6;
    const seeders = query.family === 4 ? PeerKind.seeders4 : PeerKind.seeders6;
    const kind = query.seeder ? seeders : seeders + 1;
    const set = record + Swarm.sets + 2 * kind;
    if (sets.find(set, words, query.wire)) {
      this.#refresh(shard, record, words, query);
      return Outcome.done;
    }
    const other = record + Swarm.sets + 2 * (kind ^ 1);
    if (sets.find(other, words, query.wire)) {
      return this.#move(shard, record, kind, words, query);
    }
    if (!this.#admit()) {
      control[shard + Shard.droppedFull]++;
      return Outcome.full;
    }
    const flags = this.#flags(record, 0, query);
    if (!sets.insert(shard, set, words, query.wire, this.stamp, this.#seenWith(flags))) {
      Atomics.sub(control, Global.peers, 1);
      control[shard + Shard.droppedFull]++;
      if ((flags & PeerFlag.completed) !== 0) this.records[record + Swarm.downloads]--;
      return Outcome.full;
    }
    control[shard + Shard.peers + kind]++;
    this.records[record + Swarm.emptySince] = 0;
    this.#countPartial(shard, record, 0, flags);
    return Outcome.done;
  }

  /** Moves the peer that `find` found in the other role's set to the set of `kind`. */
  #move(shard: number, record: number, kind: number, words: number, query: PeerQuery): Outcome {
    const { sets, control } = this;
    const { foundIndex, foundSlot, foundLeaf } = sets;
    const meta = this.leaves.metaStart(foundLeaf, words) + 2 * foundSlot;
    const segment = this.heap.i32[foundLeaf >>> SEGMENT_SHIFT];
    const old = segment[meta + 1] >>> 16;
    const flags = this.#flags(record, old, query);
    const stamp = this.#newer(segment[meta]);
    const seen = this.#seenWith(flags);
    const set = record + Swarm.sets + 2 * kind;
    const moved = sets.insert(shard, set, words, query.wire, stamp, seen);
    if (moved) {
      const { foundLeaf: leaf, foundSlot: slot } = sets;
      sets.remove(shard, record + Swarm.sets + 2 * (kind ^ 1), words, foundIndex, foundSlot);
      sets.foundLeaf = leaf;
      sets.foundSlot = slot;
      control[shard + Shard.peers + (kind ^ 1)]--;
      control[shard + Shard.peers + kind]++;
    } else {
      // No room to move: the peer keeps its old role until its next announce.
      const kept = (kind & 1) === 0 ? flags : flags & ~PeerFlag.partialSeed;
      segment[meta] = stamp;
      segment[meta + 1] = this.#seenWith(kept);
      this.#countPartial(shard, record, old, kept);
      sets.foundLeaf = foundLeaf;
      sets.foundSlot = foundSlot;
    }
    if (moved) this.#countPartial(shard, record, old, flags);
    return moved ? Outcome.done : Outcome.full;
  }

  /** Renews the peer that `find` found. */
  #refresh(shard: number, record: number, words: number, query: PeerQuery): void {
    const leaf = this.sets.foundLeaf;
    const meta = this.leaves.metaStart(leaf, words) + 2 * this.sets.foundSlot;
    const segment = this.heap.i32[leaf >>> SEGMENT_SHIFT];
    const old = segment[meta + 1] >>> 16;
    const flags = this.#flags(record, old, query);
    segment[meta] = this.#newer(segment[meta]);
    segment[meta + 1] = this.#seenWith(flags);
    this.#countPartial(shard, record, old, flags);
  }

  /** Flags after an announce; counts a download the first time that the peer completes. */
  #flags(record: number, old: number, query: PeerQuery): number {
    let flags = old & PeerFlag.completed;
    if (query.partialSeed && !query.seeder) flags |= PeerFlag.partialSeed;
    if (query.completed && query.seeder && flags === 0) {
      flags = PeerFlag.completed;
      this.records[record + Swarm.downloads]++;
    }
    return flags;
  }

  /** A stamp for a change: later than the one before it, also when the clock went back. */
  #newer(old: number): number {
    return ((this.stamp - old) | 0) > 0 ? this.stamp : (old + 1) | 0;
  }

  #seenWith(flags: number): number {
    return (this.seconds & 0xffff) | (flags << 16);
  }

  #flagsAt(leaf: number, words: number, slot: number): number {
    return (
      this.heap.i32[leaf >>> SEGMENT_SHIFT][this.leaves.metaStart(leaf, words) + 2 * slot + 1] >>>
      16
    );
  }

  #countPartial(shard: number, record: number, before: number, after: number): void {
    const change = ((after & PeerFlag.partialSeed) - (before & PeerFlag.partialSeed)) >> 13;
    if (change === 0) return;
    this.records[record + Swarm.partialSeeds] += change;
    this.control[shard + Shard.partialSeeds] += change;
  }
}
