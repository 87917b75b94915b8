/**
 * From info hash to swarm record: open addressing with linear probing, a table a shard.
 *
 * ```
 * slot   0 empty, else  hash bits << 26 | record number + 1
 * ```
 *
 * The six hash bits spare a look at the record of nearly every other swarm on the way. Probing runs
 * upwards without wrapping around, and removal closes the gap, so swarms only ever move to lower
 * slots: a walk from the top never misses one. Methods need the lock of the shard.
 */
import { hashInfoHash } from './hash.js';
import {
  INDEX_TAIL,
  RECORD_BITS,
  RECORD_MASK,
  RECORD_WORDS,
  type StoreMemory,
  Swarm,
} from './layout.js';
import type { RecordPool } from './record-pool.js';

export class SwarmIndex {
  /** Slots of one shard, tail included. */
  readonly slotsTotal: number;
  readonly #slots: Int32Array;
  readonly #records: Int32Array;
  readonly #keys: Int32Array;
  readonly #pool: RecordPool;
  readonly #shardShift: number;
  readonly #slotMask: number;

  constructor(memory: StoreMemory, { pool }: { readonly pool: RecordPool }) {
    this.slotsTotal = memory.slotsPerShard + INDEX_TAIL;
    this.#slots = new Int32Array(memory.index);
    this.#records = new Int32Array(memory.records);
    this.#keys = memory.hashKeys;
    this.#pool = pool;
    this.#shardShift = Math.clz32(memory.limits.shards) + 1;
    this.#slotMask = memory.slotsPerShard - 1;
  }

  /** Hash of an info hash given as five words at `at`. Shard, home slot and slot bits are parts of it. */
  hash(words: Int32Array, at: number): number {
    return hashInfoHash(this.#keys, words, at);
  }

  /** The shard of a hash: its top bits. */
  shardOf(hash: number): number {
    return this.#shardShift === 32 ? 0 : hash >>> this.#shardShift;
  }

  /** What the first slot for a hash holds: reads it, for whoever wants it in the cache. */
  homeEntry(hash: number): number {
    return this.#slots[this.#home(hash)];
  }

  /** First word of the swarm's record, or -1. `words[at..at+5)` is the info hash. */
  find(hash: number, words: Int32Array, at: number): number {
    const slots = this.#slots;
    const records = this.#records;
    let slot = this.#home(hash);
    const tag = hash & 0x3f;
    for (let entry = slots[slot]; entry !== 0; entry = slots[++slot]) {
      if (entry >>> RECORD_BITS !== tag) continue;
      const record = ((entry & RECORD_MASK) - 1) * RECORD_WORDS;
      if (
        records[record] === words[at] &&
        records[record + 1] === words[at + 1] &&
        records[record + 2] === words[at + 2] &&
        records[record + 3] === words[at + 3] &&
        records[record + 4] === words[at + 4]
      ) {
        return record;
      }
    }
    return -1;
  }

  /** First word of the record that slot `slot` of a shard names, or -1 when the slot is empty. */
  recordAt(shard: number, slot: number): number {
    const entry = this.#slots[shard * this.slotsTotal + slot];
    return entry === 0 ? -1 : ((entry & RECORD_MASK) - 1) * RECORD_WORDS;
  }

  /**
   * Makes a record for a swarm that has none. Returns its first word, or -1 when `swarmsMax` swarms
   * exist or the shard's table is full.
   */
  insert(hash: number, words: Int32Array, at: number): number {
    const slots = this.#slots;
    const end = (this.shardOf(hash) + 1) * this.slotsTotal - 1;
    let slot = this.#home(hash);
    while (slots[slot] !== 0) slot++;
    // The very last slot stays empty: it ends every probe.
    if (slot >= end) return -1;
    const record = this.#pool.take();
    if (record < 0) return -1;
    for (let i = 0; i < 5; i++) this.#records[record + i] = words[at + i];
    slots[slot] = ((hash & 0x3f) << RECORD_BITS) | (record / RECORD_WORDS + 1);
    return record;
  }

  /** Removes a swarm, whose peer sets must be empty. */
  remove(record: number): void {
    const slots = this.#slots;
    const hash = this.hash(this.#records, record + Swarm.infoHash);
    const wanted = ((hash & 0x3f) << RECORD_BITS) | (record / RECORD_WORDS + 1);
    let gap = this.#home(hash);
    while (slots[gap] !== wanted) gap++;
    for (let slot = gap + 1; slots[slot] !== 0; slot++) {
      const other = ((slots[slot] & RECORD_MASK) - 1) * RECORD_WORDS;
      if (this.#home(this.hash(this.#records, other)) <= gap) {
        slots[gap] = slots[slot];
        gap = slot;
      }
    }
    slots[gap] = 0;
    this.#pool.give(record);
  }

  /** Index of the first slot to look at, in the table of all shards. */
  #home(hash: number): number {
    return this.shardOf(hash) * this.slotsTotal + ((hash >>> 6) & this.#slotMask);
  }
}
