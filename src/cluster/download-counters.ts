/**
 * How many downloads each node of the cluster counted for each swarm. A node changes only its own
 * count, which only grows, and tells the whole of it; of two values for one node the higher is newer.
 * So counts can come in any order and any number of times, and their sum over the nodes is the
 * swarm's.
 *
 * ```
 * entry   0  swarm, low       keyed 64-bit hash of the info hash
 *         1  swarm, high
 *         2  origin slot (bits 0 to 11), bit 16: touched since the last sweep
 *         3  downloads; 0: the entry is free
 * ```
 *
 * Open addressing from the swarm's hash alone: the entries of one swarm stand near each other, and
 * most swarms have one. The hash is keyed because clients choose info hashes; that two of ten million
 * swarms share one has odds of one to four hundred thousand.
 *
 * What bounds it: `countersMax`, beyond which new entries are dropped and counted, and `sweep`, which
 * forgets swarms that the store has forgotten.
 */
import { assert } from '../lib/assert.js';
import { DOWNLOADS_MAX } from '../protocol/cluster/fields.js';
import { DigestHash } from '../swarm/digest-hash.js';
import { SELF_SLOT } from './origins.js';

const ENTRY_WORDS = 4;
const Entry = { low: 0, high: 1, origin: 2, downloads: 3 } as const;
const SLOT_MASK = 0xfff;
const TOUCHED = 1 << 16;
const CAPACITY_MIN = 1_024;
export const COUNTER_KEY_BYTES = 16;

export interface DownloadCountersOptions {
  /** Most entries, one for each swarm and node. An entry takes 21 to 43 bytes. */
  readonly countersMax: number;
  /** Secret, 16 bytes. Entries saved under one key mean nothing under another. */
  readonly key: Uint8Array;
}

/** Called with each count of a swarm. */
export type DownloadsVisitor = (slot: number, downloads: number) => void;
/** Called with each entry: swarm hash, slot, downloads. */
export type CounterVisitor = (low: number, high: number, slot: number, downloads: number) => void;

export class DownloadCounters {
  readonly key: Uint8Array;
  readonly #countersMax: number;
  readonly #hash: DigestHash;
  #entries = new Int32Array(CAPACITY_MIN * ENTRY_WORDS);
  #capacity = CAPACITY_MIN;
  #size = 0;
  #dropped = 0;

  constructor({ countersMax, key }: DownloadCountersOptions) {
    assert(key.length === COUNTER_KEY_BYTES, 'a key of counters has 16 bytes');
    this.key = Uint8Array.from(key);
    this.#countersMax = countersMax;
    const view = new DataView(this.key.buffer);
    this.#hash = new DigestHash(Int32Array.from([0, 4, 8, 12], (at) => view.getInt32(at, true)));
  }

  /** Entries held. */
  get size(): number {
    return this.#size;
  }

  /** Counts that found no room. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Downloads of the swarm `words[at..at + 5)` that this node counted. */
  own(words: Int32Array, at = 0): number {
    this.#hash.swarm(words, at);
    const entry = this.#find(this.#hash.swarmLow, this.#hash.swarmHigh, SELF_SLOT);
    return this.#entries[entry + Entry.downloads];
  }

  /** Downloads of a swarm that all nodes counted. */
  sum(words: Int32Array, at = 0): number {
    let sum = 0;
    this.forEach(words, at, (_slot, downloads) => {
      sum += downloads;
    });
    return Math.min(sum, DOWNLOADS_MAX);
  }

  /**
   * Takes the count of a node as somebody told it, and returns by how much that is more than what was
   * known: what the swarm's sum grows by. For this node's own slot it is how a restarted node learns
   * what it had counted.
   */
  merge(words: Int32Array, at: number, slot: number, downloads: number): number {
    this.#hash.swarm(words, at);
    return this.restore(this.#hash.swarmLow, this.#hash.swarmHigh, slot, downloads);
  }

  /** Like `merge`, for a swarm of which only the hash is known: an entry that was saved. */
  restore(low: number, high: number, slot: number, downloads: number): number {
    const told = Math.min(downloads, DOWNLOADS_MAX);
    if (told <= 0) return 0;
    let entry = this.#find(low, high, slot);
    const known = this.#entries[entry + Entry.downloads];
    if (known === 0) {
      if (this.#size >= this.#countersMax) {
        this.#dropped++;
        return 0;
      }
      if (4 * (this.#size + 1) > 3 * this.#capacity) {
        this.#grow();
        entry = this.#find(low, high, slot);
      }
      this.#entries[entry + Entry.low] = low;
      this.#entries[entry + Entry.high] = high;
      this.#size++;
    }
    this.#entries[entry + Entry.origin] = (slot & SLOT_MASK) | TOUCHED;
    if (told <= known) return 0;
    this.#entries[entry + Entry.downloads] = told;
    return told - known;
  }

  /** Calls the visitor with the count of each node for a swarm; it must not change the counters. */
  forEach(words: Int32Array, at: number, visitor: DownloadsVisitor): void {
    const entries = this.#entries;
    this.#hash.swarm(words, at);
    const { swarmLow, swarmHigh } = this.#hash;
    let entry = this.#home(swarmHigh);
    while (entries[entry + Entry.downloads] !== 0) {
      if (entries[entry + Entry.low] === swarmLow && entries[entry + Entry.high] === swarmHigh) {
        visitor(entries[entry + Entry.origin] & SLOT_MASK, entries[entry + Entry.downloads]);
      }
      entry = (entry + ENTRY_WORDS) & (entries.length - 1);
    }
  }

  /** Calls the visitor with every entry; it must not change the counters. */
  forEachEntry(visitor: CounterVisitor): void {
    const entries = this.#entries;
    for (let entry = 0; entry < entries.length; entry += ENTRY_WORDS) {
      const downloads = entries[entry + Entry.downloads];
      if (downloads === 0) continue;
      const slot = entries[entry + Entry.origin] & SLOT_MASK;
      visitor(entries[entry + Entry.low], entries[entry + Entry.high], slot, downloads);
    }
  }

  /**
   * Begins to forget. Afterwards call `touch` for every swarm that the store knows, in as many steps
   * as it takes, and then `sweep`. What is counted or told of meanwhile is touched too.
   */
  beginSweep(): void {
    const entries = this.#entries;
    for (let entry = 0; entry < entries.length; entry += ENTRY_WORDS) {
      entries[entry + Entry.origin] &= SLOT_MASK;
    }
  }

  /** Keeps the counts of a swarm over the next `sweep`. */
  touch(words: Int32Array, at = 0): void {
    const entries = this.#entries;
    this.#hash.swarm(words, at);
    const { swarmLow, swarmHigh } = this.#hash;
    let entry = this.#home(swarmHigh);
    while (entries[entry + Entry.downloads] !== 0) {
      if (entries[entry + Entry.low] === swarmLow && entries[entry + Entry.high] === swarmHigh) {
        entries[entry + Entry.origin] |= TOUCHED;
      }
      entry = (entry + ENTRY_WORDS) & (entries.length - 1);
    }
  }

  /**
   * Forgets the counts of swarms that were not touched since `beginSweep`; returns how many. In place:
   * it costs a look at each entry, and a few moves for each that goes.
   */
  sweep(): number {
    const entries = this.#entries;
    const before = this.#size;
    for (let entry = 0; entry < entries.length; ) {
      const isGone =
        entries[entry + Entry.downloads] !== 0 && (entries[entry + Entry.origin] & TOUCHED) === 0;
      // Another entry may have moved into the gap: it is looked at next.
      if (isGone) this.#remove(entry);
      else entry += ENTRY_WORDS;
    }
    return before - this.#size;
  }

  /** First word of the entry of a swarm and slot, or of the free one where it belongs. */
  #find(low: number, high: number, slot: number): number {
    const entries = this.#entries;
    let entry = this.#home(high);
    while (entries[entry + Entry.downloads] !== 0) {
      if (
        entries[entry + Entry.low] === low &&
        entries[entry + Entry.high] === high &&
        (entries[entry + Entry.origin] & SLOT_MASK) === slot
      ) {
        break;
      }
      entry = (entry + ENTRY_WORDS) & (entries.length - 1);
    }
    return entry;
  }

  #home(high: number): number {
    return (high & (this.#capacity - 1)) * ENTRY_WORDS;
  }

  /** Removes an entry and closes the gap, so that whatever was found past it still is. */
  #remove(entry: number): void {
    const entries = this.#entries;
    const mask = entries.length - 1;
    let gap = entry;
    let next = (gap + ENTRY_WORDS) & mask;
    while (entries[next + Entry.downloads] !== 0) {
      const home = this.#home(entries[next + Entry.high]);
      // It may move up to its home and no further.
      if (((next - home) & mask) >= ((next - gap) & mask)) {
        for (let i = 0; i < ENTRY_WORDS; i++) entries[gap + i] = entries[next + i];
        gap = next;
      }
      next = (next + ENTRY_WORDS) & mask;
    }
    entries[gap + Entry.downloads] = 0;
    this.#size--;
  }

  /** Moves all entries to a table twice as large. */
  #grow(): void {
    const old = this.#entries;
    this.#capacity *= 2;
    this.#entries = new Int32Array(this.#capacity * ENTRY_WORDS);
    for (let from = 0; from < old.length; from += ENTRY_WORDS) {
      if (old[from + Entry.downloads] === 0) continue;
      const slot = old[from + Entry.origin] & SLOT_MASK;
      const to = this.#find(old[from + Entry.low], old[from + Entry.high], slot);
      for (let i = 0; i < ENTRY_WORDS; i++) this.#entries[to + i] = old[from + i];
    }
  }
}
