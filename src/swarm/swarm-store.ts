/**
 * The swarm store as one thread sees it: every peer of every swarm, in memory that all threads
 * share. This is where an announce ends up. Each call takes the lock of one shard, does all its
 * work there, and lets go; nothing is allocated on the way.
 */
import type { AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { AnnounceWriter } from './announce-writer.js';
import type { Heap } from './heap.js';
import { Global, PeerKind, Shard, type StoreMemory, Swarm, shardBase } from './layout.js';
import { type Leaves, PeerFlag, wordsOf } from './leaf.js';
import { ListGate } from './list-gate.js';
import { lock, lockWithin, unlock } from './lock.js';
import { PeerChooser } from './peer-chooser.js';
import type { PeerSets } from './peer-set.js';
import { PeerTable } from './peer-table.js';
import { ProbeAnswers } from './probe-answers.js';
import { Outcome, type PeerQuery } from './query.js';
import { Sampler } from './sampler.js';
import { SwarmIndex } from './swarm-index.js';
import { ThreadReplication } from './thread-replication.js';

/** What stands for a record that was not made: no room, or its info hash is not served here. */
export const NO_ROOM = -1;
export const REFUSED = -2;

export class SwarmStore {
  readonly heap: Heap;
  readonly leaves: Leaves;
  readonly sets: PeerSets;
  readonly table: PeerTable;
  readonly index: SwarmIndex;
  readonly records: Int32Array;
  readonly control: Int32Array;
  /** This thread's part in replication; undefined for a tracker that stands alone. */
  readonly replication: ThreadReplication | undefined;
  readonly #gate: ListGate;
  readonly #writer: AnnounceWriter;
  readonly #chooser: PeerChooser;
  readonly #thread: number;
  readonly #probeAnswers: ProbeAnswers | undefined;
  readonly #memory: StoreMemory;

  /** `thread` names the caller in lock words: a number over 0 that no other thread uses. */
  constructor(memory: StoreMemory, { thread, seed }: { thread: number; seed: number }) {
    this.#memory = memory;
    this.#thread = thread;
    const { replication, hashKeys, probeAnswers } = memory;
    this.#probeAnswers = probeAnswers === undefined ? undefined : new ProbeAnswers(probeAnswers);
    const control = new Int32Array(memory.control);
    this.replication =
      replication === undefined
        ? undefined
        : new ThreadReplication(replication, thread, { hashKeys, control });
    this.table = new PeerTable(memory, thread, this.replication);
    this.heap = this.table.heap;
    this.leaves = this.table.leaves;
    this.sets = this.table.sets;
    this.records = this.table.records;
    this.control = this.table.control;
    this.index = new SwarmIndex(memory, this.table);
    this.#gate = new ListGate(memory);
    this.#writer = new AnnounceWriter(memory, this);
    this.#chooser = new PeerChooser(memory, {
      table: this.table,
      sampler: new Sampler({ heap: this.heap, sets: this.sets, seed }),
    });
  }

  get limits() {
    return this.#memory.limits;
  }

  /** Monotonic second of everything that this thread does now. */
  get seconds(): number {
    return this.#writer.seconds;
  }

  /** Replication's stamp of everything that this thread does now. */
  get stamp(): number {
    return this.#writer.stamp;
  }

  /**
   * Sets the time of what follows. `wallMs`, corrected by what the cluster knows of this machine's
   * clock, feeds the replication stamp (units of 1/64 s, modulo 2^32) and says what of the lists of
   * info hashes has expired.
   */
  setTime(seconds: number, wallMs: number): void {
    this.#writer.seconds = seconds;
    const correctionMs = this.control[Global.clockCorrectionMs];
    this.#writer.stamp = Math.floor((wallMs + correctionMs) / 15.625) | 0;
    this.#gate.wallSeconds = Math.floor((wallMs + correctionMs) / 1000);
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
    reply.countWeb = 0;
    const hash = this.index.hash(query.infoHash, 0);
    const shard = this.lockShard(this.index.shardOf(hash));
    let record = this.index.find(hash, query.infoHash, 0);
    let outcome: Outcome = Outcome.done;
    if (record < 0) {
      if (query.stopped) record = this.#stopUnknown(shard, query);
      else record = this.#create(shard, hash, query);
      if (record < 0) {
        if (record === REFUSED) outcome = Outcome.denied;
        else if (!query.stopped) {
          this.table.countDropped(shard);
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
    if (query.stopped) this.#writer.stop(shard, record, query);
    else outcome = this.#writer.upsert(shard, record, query);
    const { records } = this;
    const sets = record + Swarm.sets;
    reply.seeders = records[sets + 1] + records[sets + 5];
    reply.leechers = records[sets + 3] + records[sets + 7];
    if (records[record + Swarm.side] < 0) {
      const web = this.table.setOf(record, PeerKind.seedersWeb);
      reply.seeders += records[web + 1];
      reply.leechers += records[web + 3];
    }
    reply.downloads = records[record + Swarm.downloads];
    if (query.numwant > 0 && !query.stopped) this.#chooser.choose(record, query, reply);
    if (reply.seeders + reply.leechers === 0) this.becomeEmpty(shard, record);
    this.unlockShard(shard);
    return outcome;
  }

  /** Fills `entry` with a swarm's counts; zeros for one that is not known. */
  scrape(infoHash: Int32Array, entry: ScrapeEntry): void {
    this.scrapeHashed(this.index.hash(infoHash, 0), infoHash, 0, entry);
  }

  /** The same for an info hash at `from` whose hash is known. */
  scrapeHashed(hash: number, infoHash: Int32Array, from: number, entry: ScrapeEntry): void {
    const shard = this.lockShard(this.index.shardOf(hash));
    const record = this.index.find(hash, infoHash, from);
    this.readCounts(record, entry);
    this.unlockShard(shard);
    if (record < 0) this.#probeAnswers?.read(infoHash, from, this.seconds, entry);
  }

  /** The counts in a record, -1 for none. Needs the shard's lock. */
  readCounts(record: number, entry: ScrapeEntry): void {
    const { records } = this;
    const sets = record + Swarm.sets;
    entry.seeders = record < 0 ? 0 : records[sets + 1] + records[sets + 5];
    entry.leechers = record < 0 ? 0 : records[sets + 3] + records[sets + 7];
    entry.downloads = record < 0 ? 0 : records[record + Swarm.downloads];
    entry.partialSeeds = record < 0 ? 0 : records[record + Swarm.partialSeeds];
    if (record < 0 || records[record + Swarm.side] >= 0) return;
    const web = this.table.setOf(record, PeerKind.seedersWeb);
    entry.seeders += records[web + 1];
    entry.leechers += records[web + 3];
  }

  /** How many of a swarm's peers are web peers. Needs the shard's lock. */
  webPeersOf(record: number): number {
    const web = this.table.setOf(record, PeerKind.seedersWeb);
    return this.records[web + 1] + this.records[web + 3];
  }

  /** How many peers a swarm has, all kinds together. Needs the shard's lock. */
  peersOf(record: number): number {
    const { records } = this;
    const sets = record + Swarm.sets;
    const count = records[sets + 1] + records[sets + 3] + records[sets + 5] + records[sets + 7];
    return records[record + Swarm.side] < 0 ? count + this.webPeersOf(record) : count;
  }

  /**
   * Puts back a peer that a snapshot told of, unless it is known. Returns false when the store is
   * full. Needs the shard's lock.
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
    if ((kind & 1) === 0) seenAndFlags &= ~(PeerFlag.partialSeed << 16);
    if (this.table.locate(record, kind, words, wire) >= 0) return true;
    return this.table.insert(shard, record, kind, words, wire, stamp, seenAndFlags);
  }

  /**
   * The record of a swarm, made when it is missing; NO_ROOM or REFUSED, both negative, when there is
   * none. Needs the lock.
   */
  findOrCreate(shard: number, hash: number, infoHash: Int32Array): number {
    const record = this.index.find(hash, infoHash, 0);
    if (record >= 0) return record;
    if (this.#gate.refuses(infoHash, 0)) return REFUSED;
    const made = this.index.insert(hash, infoHash, 0);
    if (made >= 0) this.control[shard + Shard.swarms]++;
    return made;
  }

  /** True when the lists forbid a swarm of this info hash, five words at `at`. */
  refuses(infoHash: Int32Array, at: number): boolean {
    return this.#gate.refuses(infoHash, at);
  }

  /** Forgets a swarm without peers. Needs the shard's lock. */
  forget(shard: number, record: number): void {
    this.index.remove(record);
    this.control[shard + Shard.swarms]--;
  }

  /** What to do with a swarm that has no peers: kept for its downloads, else forgotten. Needs the lock. */
  becomeEmpty(shard: number, record: number): void {
    if (this.records[record + Swarm.downloads] === 0) this.forget(shard, record);
    else if (this.records[record + Swarm.emptySince] === 0) {
      this.records[record + Swarm.emptySince] = this.seconds;
    }
  }

  /** A stop in a swarm that is not known; says so, or that there must be none. */
  #stopUnknown(shard: number, query: PeerQuery): number {
    // A minder that probes is no peer: its stop is nothing to tell the others.
    if (this.#probeAnswers?.has(query.infoHash, 0, this.seconds)) return NO_ROOM;
    if (this.#gate.refuses(query.infoHash, 0)) return REFUSED;
    this.#writer.stop(shard, -1, query);
    return NO_ROOM;
  }

  #create(shard: number, hash: number, query: PeerQuery): number {
    // A swarm that cannot get its first peer is not worth a record.
    if (Atomics.load(this.control, Global.peers) >= this.limits.peersMax) {
      return this.#gate.refuses(query.infoHash, 0) ? REFUSED : NO_ROOM;
    }
    return this.findOrCreate(shard, hash, query.infoHash);
  }
}
