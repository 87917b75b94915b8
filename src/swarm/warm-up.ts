/**
 * Reads what announces are about to need, for a whole batch at a time and a level at a time: index
 * slots, then records, then directories, then leaves. Reads of one level do not wait for each other,
 * so their cache misses overlap; one announce after the other would pay for each in turn.
 *
 * Nothing is locked and nothing decided here. A value may be out of date the moment it is read, so
 * every reference is checked before it is followed, and a wrong one costs only its own miss.
 */
import { hashPeer } from './hash.js';
import { SEGMENT_MASK, SEGMENT_SHIFT, type StoreMemory, Swarm } from './layout.js';
import { DIRECTORY_HEAD, leafOf, PAGE_ENTRIES } from './peer-set.js';
import { readInfoHashes } from './query.js';
import type { SwarmIndex } from './swarm-index.js';

const SKIPPED = -2;

export class WarmUp {
  /** Keeps the reads from being optimised away. */
  sink = 0;
  readonly #index: SwarmIndex;
  readonly #records: Int32Array;
  readonly #segments: readonly Int32Array[];
  readonly #keys: Int32Array;
  readonly #hashes: Int32Array;
  readonly #recordOf: Int32Array;
  readonly #leaves: Int32Array;
  readonly #others: Int32Array;
  readonly #words: Int32Array;

  constructor(memory: StoreMemory, index: SwarmIndex, batchMax: number) {
    this.#index = index;
    this.#records = new Int32Array(memory.records);
    this.#segments = memory.segments.map((segment) => new Int32Array(segment));
    this.#keys = memory.hashKeys;
    this.#hashes = new Int32Array(batchMax);
    this.#recordOf = new Int32Array(batchMax);
    this.#leaves = new Int32Array(batchMax);
    this.#others = new Int32Array(batchMax);
    this.#words = new Int32Array(batchMax * 5);
  }

  /** First level: takes announce number `i` of the batch, info hash at `at` of `bytes`. */
  index(i: number, bytes: Uint8Array, at: number): void {
    const words = this.#words;
    readInfoHashes(bytes, at, words, 5 * i, 1);
    const hash = this.#index.hash(words, 5 * i);
    this.#hashes[i] = hash;
    this.#recordOf[i] = -1;
    this.sink ^= this.#index.homeEntry(hash);
  }

  /** Leaves number `i` of the batch out of the levels that follow. */
  skip(i: number): void {
    this.#recordOf[i] = SKIPPED;
  }

  /** Second level: the swarm's record. */
  record(i: number): void {
    if (this.#recordOf[i] === SKIPPED) return;
    this.#recordOf[i] = this.#index.find(this.#hashes[i], this.#words, 5 * i);
  }

  /**
   * Third level: the set of `kind`. Where that is one leaf, returns false and is done; where there is
   * a directory, returns true: `directoryLeaf` is to be called with the peer.
   */
  leaf(i: number, kind: number): boolean {
    this.#leaves[i] = 0;
    this.#others[i] = 0;
    const record = this.#recordOf[i];
    if (record < 0) return false;
    const root = this.#records[record + Swarm.sets + 2 * kind];
    this.#leaves[i] = root;
    // The reply takes peers of the other role as well.
    this.#others[i] = this.#records[record + Swarm.sets + 2 * (kind ^ 1)];
    if (root >= 0) return false;
    this.sink ^= this.#segments[-root >>> SEGMENT_SHIFT]?.[2 * (-root & SEGMENT_MASK)] ?? 0;
    return true;
  }

  /** Third level where there is a directory: the leaf of the peer `wire[0..words)`. */
  directoryLeaf(i: number, words: number, wire: Uint16Array): void {
    const root = this.#leaves[i];
    this.#leaves[i] = 0;
    const directory = this.#segments[-root >>> SEGMENT_SHIFT];
    if (directory === undefined) return;
    const head = 2 * (-root & SEGMENT_MASK);
    const leaves = directory[head];
    if (leaves <= 0) return;
    const index = leafOf(hashPeer(this.#keys, wire, 0, words), leaves);
    const page = directory[head + DIRECTORY_HEAD + ((index / PAGE_ENTRIES) | 0)];
    if (!(page > 0)) return;
    const entries = this.#segments[page >>> SEGMENT_SHIFT];
    if (entries === undefined) return;
    const leaf = entries[2 * (page & SEGMENT_MASK) + 2 * (index & (PAGE_ENTRIES - 1))];
    if (leaf > 0) this.#leaves[i] = leaf;
  }

  /** Fourth level: the lines of the leaf in which the peer and its meta may stand. */
  peers(i: number): void {
    this.#touch(this.#leaves[i]);
    this.#touch(this.#others[i]);
  }

  #touch(leaf: number): void {
    if (leaf <= 0) return;
    const segment = this.#segments[leaf >>> SEGMENT_SHIFT];
    if (segment === undefined) return;
    const at = 2 * (leaf & SEGMENT_MASK);
    const payloadWords = (segment[at - 1] >>> 2) * 2 - 1;
    // A line of 64 bytes each; small leaves are one or two, the largest common ones a dozen.
    const end = at + Math.min(payloadWords, 256);
    let sum = 0;
    for (let w = at; w < end; w += 16) sum ^= segment[w] | 0;
    this.sink ^= sum;
  }
}
