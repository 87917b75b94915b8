/**
 * The counts of many swarms at once. Info hashes are looked up a level at a time, so that the cache
 * misses of one request overlap, and without locks: a count is a number of its own, and whether the
 * record was still that swarm's is checked after reading. Where it was not the lock decides, and where
 * none was found: a look without the lock can miss a swarm that just moves to a lower slot.
 */
import type { ScrapeEntry } from '../protocol/announce.js';
import { Swarm } from './layout.js';
import { readInfoHashes } from './query.js';
import type { SwarmStore } from './swarm-store.js';

export class ScrapeBatch {
  /** Keeps the reads of the first level from being optimised away. */
  sink = 0;
  readonly #store: SwarmStore;
  readonly #words: Int32Array;
  readonly #hashes: Int32Array;
  readonly #records: Int32Array;

  constructor(store: SwarmStore, hashesMax: number) {
    this.#store = store;
    this.#words = new Int32Array(5 * hashesMax);
    this.#hashes = new Int32Array(hashesMax);
    this.#records = new Int32Array(hashesMax);
  }

  /** Looks up `count` info hashes of 20 bytes that stand one behind the other from `at` on. */
  look(bytes: Uint8Array, at: number, count: number): void {
    const words = this.#words;
    const { index } = this.#store;
    readInfoHashes(bytes, at, words, 0, count);
    for (let i = 0; i < count; i++) {
      const hash = index.hash(words, 5 * i);
      this.#hashes[i] = hash;
      this.sink ^= index.homeEntry(hash);
    }
    for (let i = 0; i < count; i++) {
      this.#records[i] = index.find(this.#hashes[i], words, 5 * i);
    }
  }

  /** Fills `entry` with the counts of swarm number `i` of the last look; zeros when it is unknown. */
  read(i: number, entry: ScrapeEntry): void {
    const store = this.#store;
    const record = this.#records[i];
    if (record >= 0) {
      const side = store.records[record + Swarm.side];
      store.readCounts(record, entry);
      // Counts of web peers stand in a record of their own, which may have gone meanwhile.
      if (this.#isStill(record, i) && store.records[record + Swarm.side] === side) return;
    }
    store.scrapeHashed(this.#hashes[i], this.#words, 5 * i, entry);
  }

  #isStill(record: number, i: number): boolean {
    const { records } = this.#store;
    for (let w = 0; w < 5; w++) {
      if (records[record + w] !== this.#words[5 * i + w]) return false;
    }
    return true;
  }
}
