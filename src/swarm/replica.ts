/**
 * Applies what other trackers tell to the store of this one: last writer wins, by stamp, then by
 * origin. In whatever order words come, and however often, every replica ends up with the same peers.
 *
 * ```
 * begin(infoHash)  takes the lock of the swarm's shard
 *   apply(word) ...  addDownloads(delta)
 * end()            lets it go
 * ```
 *
 * Keep groups short: announces of the shard wait meanwhile. What is applied here is not told to
 * anybody, and no download is counted for it.
 */
import { assert } from '../lib/assert.js';
import { roleTag } from './digest-hash.js';
import { Swarm, shardNumber } from './layout.js';
import { PeerFlag, wordsOf } from './leaf.js';
import { ageSeconds, PEER_LIFE_SECONDS_MAX } from './peer-age.js';
import type { PeerTable } from './peer-table.js';
import type { PeerWord } from './peer-word.js';
import { REFUSED, type SwarmStore } from './swarm-store.js';
import type { ThreadReplication } from './thread-replication.js';

/** Bits of a peer's second meta word. */
const PARTIAL = PeerFlag.partialSeed << 16;
const COMPLETED = PeerFlag.completed << 16;

/** What became of a word. */
export const Applied = {
  /** It was news: the store, or a tombstone, changed. */
  newer: 0,
  /** It was known; the peer's age may have become younger. */
  same: 1,
  /** Something newer is known about the peer, which is stored. */
  stale: 2,
  /** The peer left later than that: `buriedStamp` and `buriedOrigin` say when and where. */
  buried: 3,
  /** A new peer, for which there is no room. */
  full: 4,
  /** The peer has not been heard of for longer than a peer of its origin lives here. */
  expired: 5,
  /** The lists forbid the swarm here. */
  denied: 6,
} as const;
export type Applied = (typeof Applied)[keyof typeof Applied];

export interface ReplicaDependencies {
  /**
   * Orders origin slots as the whole cluster does: by the ids of their nodes, slot 0 being this one.
   * Negative, zero or positive. Must not throw.
   */
  readonly compareOrigins: (slotA: number, slotB: number) => number;
}

export class Replica {
  /** Of the tombstone that beat the last word, when `apply` said `buried`. */
  buriedStamp = 0;
  buriedOrigin = 0;
  readonly #store: SwarmStore;
  readonly #table: PeerTable;
  readonly #replication: ThreadReplication;
  readonly #compareOrigins: (slotA: number, slotB: number) => number;
  readonly #infoHash = new Int32Array(5);
  #hash = 0;
  /** First word of the locked shard's control block; -1 outside of a group. */
  #shard = -1;
  #record = -1;

  /** The store's memory must have replication. */
  constructor(store: SwarmStore, { compareOrigins }: ReplicaDependencies) {
    assert(store.replication !== undefined, 'the store replicates');
    this.#store = store;
    this.#table = store.table;
    this.#replication = store.replication;
    this.#compareOrigins = compareOrigins;
  }

  /** Begins a group of words about one swarm: five words of info hash at `at`. */
  begin(infoHash: Int32Array, at = 0): void {
    assert(this.#shard < 0, 'one group at a time');
    const store = this.#store;
    for (let i = 0; i < 5; i++) this.#infoHash[i] = infoHash[at + i];
    this.#hash = store.index.hash(this.#infoHash, 0);
    this.#shard = store.lockShard(store.index.shardOf(this.#hash));
    this.#record = store.index.find(this.#hash, this.#infoHash, 0);
  }

  /** Ends the group. */
  end(): void {
    const store = this.#store;
    if (this.#record >= 0 && store.peersOf(this.#record) === 0) {
      store.becomeEmpty(this.#shard, this.#record);
    }
    store.unlockShard(this.#shard);
    this.#shard = -1;
  }

  /** Downloads of the swarm, as counted by all nodes together. */
  get downloads(): number {
    return this.#record < 0 ? 0 : this.#store.records[this.#record + Swarm.downloads];
  }

  /**
   * Adds to the swarm's downloads what other nodes counted. Returns false when there is no room for a
   * swarm more, or must be none.
   */
  addDownloads(delta: number): boolean {
    if (delta === 0) return true;
    if (delta > 0 && !this.#needRecord()) return false;
    if (this.#record < 0) return true;
    const at = this.#record + Swarm.downloads;
    const { records } = this.#store;
    records[at] = Math.min(0x7fffffff, Math.max(0, records[at] + delta));
    return true;
  }

  /** True when the word's peer is stored, in whichever role. */
  holds({ kind, wire }: PeerWord): boolean {
    if (this.#record < 0) return false;
    return this.#table.locate(this.#record, kind, wordsOf(kind), wire) >= 0;
  }

  /**
   * Has a stored peer be newer than a word that beats it: said by somebody who cannot know, it would
   * otherwise be answered with that word for ever.
   */
  outlive({ kind, wire, stamp, stopped }: PeerWord): void {
    if (this.#record < 0) return;
    const table = this.#table;
    const words = wordsOf(kind);
    const stored = table.locate(this.#record, kind, words, wire);
    const ahead = (stamp - table.foundStamp) | 0;
    // Of two words under one stamp the stop counts; of others under one stamp, ours.
    if (stored < 0 || ahead < 0 || (ahead === 0 && !stopped)) return;
    const { foundSeenAndFlags: meta } = table;
    table.rewrite(this.#shard, this.#record, stored, words, wire, (stamp + 1) | 0, meta);
  }

  /** Applies one word about a peer of the swarm. Its kind is one that exists. */
  apply(word: PeerWord): Applied {
    const { kind } = word;
    const words = wordsOf(kind);
    const stored = this.#record < 0 ? -1 : this.#table.locate(this.#record, kind, words, word.wire);
    if (word.stopped) return this.#stop(word, stored, words);
    return stored < 0 ? this.#add(word, kind, words) : this.#renew(word, kind, stored, words);
  }

  #stop(word: PeerWord, stored: number, words: number): Applied {
    const table = this.#table;
    const { tombstones } = this.#replication;
    if (stored >= 0) {
      const origin = (table.foundSeenAndFlags >>> 16) & PeerFlag.origin;
      // Of two words that nothing else tells apart, the stop counts.
      if (this.#compare(word, table.foundStamp, origin) < 0) return Applied.stale;
      const { foundIndex, foundSlot } = table.sets;
      table.remove(this.#shard, this.#record, stored, foundIndex, foundSlot);
    } else if (this.#findTombstone(word, words)) {
      const order = this.#compare(word, tombstones.stamp, tombstones.origin);
      if (order <= 0) return order < 0 ? Applied.stale : Applied.same;
    }
    const { seconds } = this.#store;
    this.#replication.putTombstone(
      shardNumber(this.#shard),
      this.#infoHash,
      word.wire,
      words,
      word.stamp,
      word.origin,
      seconds - Math.min(word.ageSeconds, this.#replication.remoteTtlSeconds),
      seconds,
    );
    return Applied.newer;
  }

  /** A peer that is not stored. */
  #add(word: PeerWord, kind: number, words: number): Applied {
    const { tombstones } = this.#replication;
    const { origin, ageSeconds: age } = word;
    if (this.#replication.isOver(origin, age, word.stamp, this.#store.stamp)) {
      return Applied.expired;
    }
    const wasBuried = this.#findTombstone(word, words);
    if (wasBuried && this.#compare(word, tombstones.stamp, tombstones.origin) <= 0) {
      this.buriedStamp = tombstones.stamp;
      this.buriedOrigin = tombstones.origin;
      return Applied.buried;
    }
    if (!this.#needRecord()) {
      if (this.#record === REFUSED) return Applied.denied;
      this.#table.countDropped(this.#shard);
      return Applied.full;
    }
    const meta = this.#seenAndFlags(word, kind);
    const { stamp, wire } = word;
    if (!this.#table.insert(this.#shard, this.#record, kind, words, wire, stamp, meta)) {
      this.#table.countDropped(this.#shard);
      return Applied.full;
    }
    if (wasBuried) tombstones.removeFound();
    return Applied.newer;
  }

  /** A peer that is stored as `stored`, in this role or in the other. */
  #renew(word: PeerWord, kind: number, stored: number, words: number): Applied {
    const table = this.#table;
    const old = table.foundSeenAndFlags;
    let order = this.#compare(word, table.foundStamp, (old >>> 16) & PeerFlag.origin);
    let meta = this.#seenAndFlags(word, kind);
    // Only a node that forgot can say two things under one stamp; then any order will do.
    if (order === 0) order = contentRank(kind, meta) - contentRank(stored, old);
    // A download that was counted once is not to be counted again, whoever knows of it.
    meta |= old & COMPLETED;
    if (order > 0) {
      const { stamp, wire } = word;
      if (kind === stored) {
        table.rewrite(this.#shard, this.#record, kind, words, wire, stamp, meta);
        return Applied.newer;
      }
      // Without room for the move all stays as it was, old stamp included: the word can come again.
      const moved = table.move(this.#shard, this.#record, kind, words, wire, stamp, meta);
      return moved ? Applied.newer : Applied.full;
    }
    const { seconds } = this.#store;
    const isYounger = order === 0 && ageSeconds(seconds, meta) < ageSeconds(seconds, old);
    const kept = (old | (meta & COMPLETED)) & ~0xffff;
    const renewed = kept | ((isYounger ? meta : old) & 0xffff);
    if (renewed !== old) {
      const { foundStamp } = table;
      table.rewrite(this.#shard, this.#record, stored, words, word.wire, foundStamp, renewed);
    }
    return order === 0 ? Applied.same : Applied.stale;
  }

  /** Orders a word against what is known of its peer: by stamp, then by origin. */
  #compare(word: PeerWord, stamp: number, origin: number): number {
    const ahead = (word.stamp - stamp) | 0;
    if (ahead !== 0 || word.origin === origin) return ahead;
    return this.#compareOrigins(word.origin, origin);
  }

  #findTombstone(word: PeerWord, words: number): boolean {
    const shard = shardNumber(this.#shard);
    const { seconds } = this.#store;
    return this.#replication.findTombstone(shard, this.#infoHash, word.wire, words, seconds);
  }

  /** The second meta word of a peer as a word has it. */
  #seenAndFlags(word: PeerWord, kind: number): number {
    let flags = word.origin & PeerFlag.origin;
    if (word.partialSeed && (kind & 1) === 1) flags |= PeerFlag.partialSeed;
    if (word.completed) flags |= PeerFlag.completed;
    const age = Math.min(word.ageSeconds, PEER_LIFE_SECONDS_MAX);
    return ((this.#store.seconds - age) & 0xffff) | (flags << 16);
  }

  /** Makes the swarm's record when it is missing; false when there is no room or must be none. */
  #needRecord(): boolean {
    if (this.#record < 0) {
      this.#record = this.#store.findOrCreate(this.#shard, this.#hash, this.#infoHash);
    }
    return this.#record >= 0;
  }
}

/** Orders what nodes can say of a peer under one stamp: any order will do that all nodes share. */
function contentRank(kind: number, seenAndFlags: number): number {
  return roleTag(kind, (seenAndFlags & PARTIAL) !== 0);
}
