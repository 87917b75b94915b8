/**
 * The swarms with the most peers, found by whoever walks over the store anyway: each swarm is offered
 * once, with its shard's lock held, and nearly all of them cost one comparison.
 *
 * ```
 * peers    of entry 0, 1, 2, ...                    a binary heap: the smallest is entry 0
 * hashes   five words of entry 0, of entry 1, ...
 * ```
 */
import { Swarm } from './layout.js';

export const INFO_HASH_BYTES = 20;
const HASH_WORDS = 5;
/** A swarm that a removal moved during the walk may be met twice, and takes two places. */
const TWICE_MAX = 4;

export class BusiestSwarms {
  readonly #max: number;
  readonly #capacity: number;
  readonly #peers: Int32Array;
  readonly #hashes: Int32Array;
  #count = 0;
  /** A swarm needs more peers than that to be taken in. */
  #least = 0;

  /** Keeps `max` swarms. */
  constructor(max: number) {
    this.#max = max;
    this.#capacity = max === 0 ? 0 : max + TWICE_MAX;
    this.#peers = new Int32Array(this.#capacity);
    this.#hashes = new Int32Array(this.#capacity * HASH_WORDS);
    if (max === 0) this.#least = Number.POSITIVE_INFINITY;
  }

  /** Looks at the swarm whose record is at `record` in `records`. */
  offer(records: Int32Array, record: number, peers: number): void {
    if (peers <= this.#least) return;
    if (this.#count < this.#capacity) {
      this.#set(this.#count, records, record, peers);
      this.#siftUp(this.#count++);
    } else {
      this.#set(0, records, record, peers);
      this.#siftDown();
    }
    if (this.#count === this.#capacity) this.#least = this.#peers[0];
  }

  /** The info hashes of the busiest swarms, the busiest first, and begins anew. */
  take(): Uint8Array {
    const entries = Array.from({ length: this.#count }, (_, entry) => entry);
    entries.sort((a, b) => this.#peers[b] - this.#peers[a]);
    const bytes = new Uint8Array(this.#max * INFO_HASH_BYTES);
    const view = new DataView(bytes.buffer);
    let found = 0;
    for (const entry of entries) {
      if (found === this.#max) break;
      if (this.#isAmong(entry, view, found)) continue;
      for (let i = 0; i < HASH_WORDS; i++) {
        const word = this.#hashes[entry * HASH_WORDS + i];
        view.setInt32(found * INFO_HASH_BYTES + 4 * i, word);
      }
      found++;
    }
    this.#count = 0;
    if (this.#max > 0) this.#least = 0;
    return bytes.slice(0, found * INFO_HASH_BYTES);
  }

  #isAmong(entry: number, taken: DataView, found: number): boolean {
    for (let other = 0; other < found; other++) {
      let same = 0;
      while (
        same < HASH_WORDS &&
        taken.getInt32(other * INFO_HASH_BYTES + 4 * same) ===
          this.#hashes[entry * HASH_WORDS + same]
      )
        same++;
      if (same === HASH_WORDS) return true;
    }
    return false;
  }

  #set(entry: number, records: Int32Array, record: number, peers: number): void {
    this.#peers[entry] = peers;
    const at = record + Swarm.infoHash;
    for (let i = 0; i < HASH_WORDS; i++) this.#hashes[entry * HASH_WORDS + i] = records[at + i];
  }

  #siftUp(entry: number): void {
    while (entry > 0) {
      const parent = (entry - 1) >>> 1;
      if (this.#peers[parent] <= this.#peers[entry]) return;
      this.#swap(parent, entry);
      entry = parent;
    }
  }

  #siftDown(): void {
    let entry = 0;
    for (;;) {
      let child = 2 * entry + 1;
      if (child >= this.#count) return;
      if (child + 1 < this.#count && this.#peers[child + 1] < this.#peers[child]) child++;
      if (this.#peers[entry] <= this.#peers[child]) return;
      this.#swap(entry, child);
      entry = child;
    }
  }

  #swap(a: number, b: number): void {
    const peers = this.#peers[a];
    this.#peers[a] = this.#peers[b];
    this.#peers[b] = peers;
    const hashes = this.#hashes;
    for (let i = 0; i < HASH_WORDS; i++) {
      const word = hashes[a * HASH_WORDS + i];
      hashes[a * HASH_WORDS + i] = hashes[b * HASH_WORDS + i];
      hashes[b * HASH_WORDS + i] = word;
    }
  }
}
