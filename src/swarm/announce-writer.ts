/**
 * What an announce does to the store, and what of that other trackers are told. Every method needs
 * the lock of the swarm's shard.
 *
 * A plain refresh of a peer that this node heard last is told every second time only: copies on other
 * trackers live an interval longer. Whatever changes something is told at once, and so is every peer
 * that begins: its stop at another tracker may be on its way to us. What a replica holds is decided by
 * stamps, so every stamp that is stored was told.
 */
import { ChangeFlag } from './change-ring.js';
import { PeerKind, type StoreMemory, Swarm, shardNumber } from './layout.js';
import { PeerFlag, WORDS4, WORDS6 } from './leaf.js';
import type { PeerTable } from './peer-table.js';
import { Outcome, PeerFamily, type PeerQuery } from './query.js';
import { ReplicationCounter } from './replication-memory.js';
import type { ThreadReplication } from './thread-replication.js';

export class AnnounceWriter {
  /** Monotonic second, and stamp, of what follows. */
  seconds = 0;
  stamp = 0;
  readonly #table: PeerTable;
  readonly #records: Int32Array;
  readonly #replication: ThreadReplication | undefined;

  constructor(
    memory: StoreMemory,
    { table, replication }: { table: PeerTable; replication: ThreadReplication | undefined },
  ) {
    this.#table = table;
    this.#records = new Int32Array(memory.records);
    this.#replication = replication;
  }

  /** Stores, renews or moves the peer. */
  upsert(shard: number, record: number, query: PeerQuery): Outcome {
    const table = this.#table;
    const words = query.family === PeerFamily.ipv4 ? WORDS4 : WORDS6;
    const seeders = seedersOf(query.family);
    const kind = query.seeder ? seeders : seeders + 1;
    const stored = table.locate(record, kind, words, query.wire);
    if (stored < 0) return this.#insert(shard, record, kind, words, query);
    const old = table.foundSeenAndFlags >>> 16;
    const flags = this.#flags(record, old, query);
    if (stored === kind && !query.started && this.#maySkip(old, flags)) {
      // It keeps its stamp as well: one that nobody was told of would beat words that count elsewhere.
      const seen = this.#seenWith(flags | PeerFlag.refreshSkipped);
      table.rewrite(shard, record, kind, words, query.wire, table.foundStamp, seen);
      return Outcome.done;
    }
    const stamp = this.#newer(table.foundStamp);
    if (stored === kind) {
      table.rewrite(shard, record, kind, words, query.wire, stamp, this.#seenWith(flags));
      const isRefresh = ((old ^ flags) & ~PeerFlag.refreshSkipped) === 0;
      const event = isRefresh ? ChangeFlag.refresh : this.#downloadBit(old, flags);
      this.#tell(kind, words, query, stamp, flags, event);
      return Outcome.done;
    }
    if (table.move(shard, record, kind, words, query.wire, stamp, this.#seenWith(flags))) {
      this.#tell(kind, words, query, stamp, flags, this.#downloadBit(old, flags));
      return Outcome.done;
    }
    // No room to move: the peer keeps its old role until its next announce.
    const kept = query.seeder ? flags : flags & ~PeerFlag.partialSeed;
    table.rewrite(shard, record, stored, words, query.wire, stamp, this.#seenWith(kept));
    this.#tell(stored, words, query, stamp, kept, this.#downloadBit(old, kept));
    return Outcome.full;
  }

  /** Removes the peer. `record` is -1 for a swarm that is not known. */
  stop(shard: number, record: number, query: PeerQuery): void {
    const table = this.#table;
    const words = query.family === PeerFamily.ipv4 ? WORDS4 : WORDS6;
    const seeders = seedersOf(query.family);
    const stored = record < 0 ? -1 : table.locate(record, seeders, words, query.wire);
    if (stored < 0) {
      if (this.#replication !== undefined) this.#stopUnknown(this.#replication, shard, query);
      return;
    }
    const stamp = this.#newer(table.foundStamp);
    table.remove(shard, record, stored, table.sets.foundIndex, table.sets.foundSlot);
    if (this.#replication === undefined) return;
    this.#bury(this.#replication, shard, words, query, stamp);
    this.#tell(stored, words, query, stamp, 0, ChangeFlag.stopped);
  }

  #insert(shard: number, record: number, kind: number, words: number, query: PeerQuery): Outcome {
    const replication = this.#replication;
    let { stamp } = this;
    let buried = false;
    if (replication !== undefined) {
      const number = shardNumber(shard);
      const { infoHash, wire } = query;
      buried = replication.findTombstone(number, infoHash, wire, words, this.seconds);
      if (buried) stamp = this.#newer(replication.tombstones.stamp);
    }
    const flags = this.#flags(record, 0, query);
    const table = this.#table;
    if (!table.insert(shard, record, kind, words, query.wire, stamp, this.#seenWith(flags))) {
      table.countDropped(shard);
      if ((flags & PeerFlag.completed) !== 0) this.#records[record + Swarm.downloads]--;
      return Outcome.full;
    }
    if (buried) replication?.tombstones.removeFound();
    this.#tell(kind, words, query, stamp, flags, this.#downloadBit(0, flags));
    return Outcome.done;
  }

  /**
   * Another tracker may know a peer that we do not: its stop travels as well, but a client cannot make
   * up as many as it likes.
   */
  #stopUnknown(replication: ThreadReplication, shard: number, query: PeerQuery): void {
    if (!replication.stopBudget.take(query, this.seconds)) {
      replication.counters[ReplicationCounter.stopsRefused]++;
      return;
    }
    const words = query.family === PeerFamily.ipv4 ? WORDS4 : WORDS6;
    const kind = seedersOf(query.family);
    const { infoHash, wire } = query;
    const number = shardNumber(shard);
    const buried = replication.findTombstone(number, infoHash, wire, words, this.seconds);
    const stamp = buried ? this.#newer(replication.tombstones.stamp) : this.stamp;
    this.#bury(replication, shard, words, query, stamp);
    this.#tell(kind, words, query, stamp, 0, ChangeFlag.stopped);
  }

  #bury(
    replication: ThreadReplication,
    shard: number,
    words: number,
    { infoHash, wire }: PeerQuery,
    stamp: number,
  ): void {
    const { seconds } = this;
    const number = shardNumber(shard);
    replication.putTombstone(number, infoHash, wire, words, stamp, 0, seconds, seconds);
  }

  /** True when a renewal is not told: nothing changed, and the one before was told. */
  #maySkip(old: number, flags: number): boolean {
    // Flags of a peer of another origin differ as well: it is ours from now on, and that is told.
    if (this.#replication === undefined || old !== flags) return false;
    this.#replication.counters[ReplicationCounter.refreshesSkipped]++;
    return true;
  }

  /** Puts a change into the thread's ring. `event`: bits of ChangeFlag. */
  #tell(
    kind: number,
    words: number,
    query: PeerQuery,
    stamp: number,
    flags: number,
    event: number,
  ): void {
    if (this.#replication === undefined) return;
    let bits = kind | event;
    if ((flags & PeerFlag.partialSeed) !== 0) bits |= ChangeFlag.partialSeed;
    if ((flags & PeerFlag.completed) !== 0) bits |= ChangeFlag.completed;
    this.#replication.changes.write(query.infoHash, stamp, bits, query.wire, words);
  }

  /** Flags after an announce; counts a download the first time that the peer completes. */
  #flags(record: number, old: number, query: PeerQuery): number {
    let flags = old & PeerFlag.completed;
    if (query.partialSeed && !query.seeder) flags |= PeerFlag.partialSeed;
    if (query.completed && query.seeder && flags === 0) {
      flags = PeerFlag.completed;
      // Other nodes, or a saved store, may have told of as many as there is room for.
      if (this.#records[record + Swarm.downloads] < 0x7fffffff) {
        this.#records[record + Swarm.downloads]++;
      }
    }
    return flags;
  }

  #downloadBit(old: number, flags: number): number {
    return (flags & ~old & PeerFlag.completed) === 0 ? 0 : ChangeFlag.download;
  }

  /** A stamp for a change: later than the one before it, also when the clock went back. */
  #newer(old: number): number {
    return ((this.stamp - old) | 0) > 0 ? this.stamp : (old + 1) | 0;
  }

  #seenWith(flags: number): number {
    return (this.seconds & 0xffff) | (flags << 16);
  }
}

/** The kind of a family's seeders. */
function seedersOf(family: PeerFamily): number {
  if (family === PeerFamily.ipv4) return PeerKind.seeders4;
  return family === PeerFamily.ipv6 ? PeerKind.seeders6 : PeerKind.seedersWeb;
}
