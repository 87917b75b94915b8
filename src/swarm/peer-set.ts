/**
 * A set of peers of one family and role: the seeders, or the leechers, of one swarm.
 *
 * ```
 * record word 0   root    0 none   > 0 the only leaf   < 0 minus the reference of a directory
 *             1   count   peers in the set
 *
 * directory   [ leaves ][ moves ][ page 0 ][ page 1 ] ...           leaves: how many there are
 * page        64 x [ leaf ][ peers in it ]                          leaf: 0 while it is empty
 * ```
 *
 * A small set is one leaf. A large one spreads its peers over leaves by linear hashing (Litwin 1980):
 * as it grows, one leaf at a time is split in two, as it shrinks the last one is merged back. So
 * every operation touches a bounded number of peers, no block is ever larger than a few KiB, a set
 * of a million peers never has to move, and peers need no index beside them (docs/adr/0002).
 *
 * Every method needs the lock of the shard that the swarm is in.
 */
import { hashPeer } from './hash.js';
import type { Heap } from './heap.js';
import { SEGMENT_MASK, SEGMENT_SHIFT, Shard, type StoreMemory } from './layout.js';
import type { Leaves } from './leaf.js';

export const PAGE_ENTRIES = 64;
const PAGE_BYTES = PAGE_ENTRIES * 8;
/** Words of a directory before its pages. */
export const DIRECTORY_HEAD = 2;
/** Peers a leaf on average at which one more leaf is made, and under which one is merged away. */
export const SPLIT_PEERS = 128;
export const MERGE_PEERS = 48;

/** Which of `leaves` leaves a hash belongs to: linear hashing's two moduli. */
export function leafOf(hash: number, leaves: number): number {
  const half = 1 << (31 - Math.clz32(leaves));
  const index = hash & (2 * half - 1);
  return index < leaves ? index : index - half;
}

export class PeerSets {
  /** Where the last `find` found its peer. */
  foundLeaf = 0;
  foundSlot = -1;
  foundIndex = 0;
  readonly #heap: Heap;
  readonly #leaves: Leaves;
  readonly #records: Int32Array;
  readonly #control: Int32Array;
  readonly #keys: Int32Array;
  /** Result of `#entry`: the words of a page, and where in them the entry begins. */
  #page: Int32Array;
  #at = 0;

  constructor(memory: StoreMemory, { heap, leaves }: { heap: Heap; leaves: Leaves }) {
    this.#heap = heap;
    this.#leaves = leaves;
    this.#records = new Int32Array(memory.records);
    this.#control = new Int32Array(memory.control);
    this.#keys = memory.hashKeys;
    this.#page = this.#records;
  }

  /** How many leaves the set at record word `set` has; 0 when it is empty. */
  leafCount(set: number): number {
    const root = this.#records[set];
    if (root >= 0) return root === 0 ? 0 : 1;
    return this.#heap.i32[-root >>> SEGMENT_SHIFT][2 * (-root & SEGMENT_MASK)];
  }

  /** Changes whenever peers move to a lower leaf: a walk over leaves that sees it starts anew. */
  moves(set: number): number {
    const root = this.#records[set];
    if (root >= 0) return 0;
    return this.#heap.i32[-root >>> SEGMENT_SHIFT][2 * (-root & SEGMENT_MASK) + 1];
  }

  /** The reference of leaf `index`, 0 when it is empty. */
  leafAt(set: number, index: number): number {
    const root = this.#records[set];
    if (root >= 0) return root;
    this.#entry(-root, index);
    return this.#page[this.#at];
  }

  /** How many peers leaf `index` holds. */
  peersAt(set: number, index: number): number {
    const root = this.#records[set];
    if (root >= 0) return this.#records[set + 1];
    this.#entry(-root, index);
    return this.#page[this.#at + 1];
  }

  /** Looks a peer up; true leaves its place in `foundLeaf`, `foundSlot` and `foundIndex`. */
  find(set: number, words: number, wire: Uint16Array): boolean {
    const root = this.#records[set];
    if (root === 0) return false;
    let leaf = root;
    let count = this.#records[set + 1];
    let index = 0;
    if (root < 0) {
      index = leafOf(hashPeer(this.#keys, wire, 0, words), this.leafCount(set));
      this.#entry(-root, index);
      leaf = this.#page[this.#at];
      count = this.#page[this.#at + 1];
      if (count === 0) return false;
    }
    const slot = this.#leaves.find(leaf, words, count, wire);
    if (slot < 0) return false;
    this.foundLeaf = leaf;
    this.foundSlot = slot;
    this.foundIndex = index;
    return true;
  }

  /**
   * Adds a peer that is not in the set; its place is then in `foundLeaf`, `foundSlot` and
   * `foundIndex`. Returns false, the set unchanged, when the arena is exhausted.
   */
  insert(
    shard: number,
    set: number,
    words: number,
    wire: Uint16Array,
    stamp: number,
    seenAndFlags: number,
  ): boolean {
    const records = this.#records;
    if (records[set + 1] >= SPLIT_PEERS * Math.max(1, this.leafCount(set))) {
      this.#split(shard, set, words);
    }
    const root = records[set];
    let index = 0;
    let leaf = root;
    let count = records[set + 1];
    if (root < 0) {
      index = leafOf(hashPeer(this.#keys, wire, 0, words), this.leafCount(set));
      this.#entry(-root, index);
      leaf = this.#page[this.#at];
      count = this.#page[this.#at + 1];
    }
    if (leaf === 0) {
      leaf = this.#leaves.allocate(shard, words, 1);
      if (leaf === 0) return false;
      this.#setLeaf(set, index, leaf, 0);
    } else if (count === this.#leaves.capacity(leaf, words)) {
      const larger = this.#leaves.resize(shard, leaf, words, count, count + 1);
      if (larger === 0) return false;
      leaf = larger;
    }
    this.#leaves.write(leaf, words, count, wire, stamp, seenAndFlags);
    this.#setLeaf(set, index, leaf, count + 1);
    if (records[set] < 0) records[set + 1]++;
    this.foundLeaf = leaf;
    this.foundSlot = count;
    this.foundIndex = index;
    return true;
  }

  /** Removes the peer in `slot` of leaf `index`; the leaf's last peer takes its place. */
  remove(shard: number, set: number, words: number, index: number, slot: number): void {
    const records = this.#records;
    let leaf = this.leafAt(set, index);
    const left = this.peersAt(set, index) - 1;
    if (slot !== left) this.#leaves.copy(leaf, left, leaf, slot, words);
    if (left === 0) {
      this.#heap.free(shard, leaf);
      leaf = 0;
    } else if (this.#leaves.isSparse(leaf, words, left)) {
      const smaller = this.#leaves.resize(shard, leaf, words, left, left);
      if (smaller !== 0) leaf = smaller;
    }
    this.#setLeaf(set, index, leaf, left);
    if (records[set] >= 0) return;
    records[set + 1]--;
    if (records[set + 1] >= MERGE_PEERS * this.leafCount(set)) return;
    // One merge keeps up, unless merges found no memory; an empty set needs none, and keeps none.
    do {
      const leaves = this.leafCount(set);
      if (leaves > 1) this.#merge(shard, set, words, leaves);
      else this.#dropDirectory(shard, set);
    } while (records[set] < 0 && records[set + 1] === 0);
  }

  /** Sets a leaf's reference and count; for a set of one leaf these are the record's own words. */
  #setLeaf(set: number, index: number, leaf: number, count: number): void {
    const root = this.#records[set];
    if (root >= 0) {
      this.#records[set] = leaf;
      this.#records[set + 1] = count;
      return;
    }
    this.#entry(-root, index);
    this.#page[this.#at] = leaf;
    this.#page[this.#at + 1] = count;
  }

  /** Points `#page` and `#at` at the entry of leaf `index`. */
  #entry(directory: number, index: number): void {
    const words = this.#heap.i32[directory >>> SEGMENT_SHIFT];
    const head = 2 * (directory & SEGMENT_MASK) + DIRECTORY_HEAD;
    const page = words[head + ((index / PAGE_ENTRIES) | 0)];
    this.#page = this.#heap.i32[page >>> SEGMENT_SHIFT];
    this.#at = 2 * (page & SEGMENT_MASK) + 2 * (index & (PAGE_ENTRIES - 1));
  }

  /**
   * Makes one leaf more. Where memory for that is missing the set stays as it is: its leaves get
   * longer, and a later insert tries again.
   */
  #split(shard: number, set: number, words: number): void {
    if (this.#records[set] > 0 && !this.#makeDirectory(shard, set)) return;
    const leaves = this.leafCount(set);
    if (leaves % PAGE_ENTRIES === 0 && !this.#addPage(shard, set, leaves / PAGE_ENTRIES)) return;
    const bit = 1 << (31 - Math.clz32(leaves));
    const source = leaves - bit;
    const leaf = this.leafAt(set, source);
    const count = this.peersAt(set, source);
    const moving = leaf === 0 ? 0 : this.#countMoving(leaf, words, count, bit);
    let fresh = 0;
    if (moving > 0) {
      fresh = this.#leaves.allocate(shard, words, moving);
      if (fresh === 0) {
        if (leaves % PAGE_ENTRIES === 0) this.#dropPage(shard, set, leaves / PAGE_ENTRIES);
        return;
      }
    }
    this.#setLeafCount(set, leaves + 1);
    let moved = 0;
    let kept = 0;
    for (let slot = 0; slot < count; slot++) {
      if ((this.#hashAt(leaf, words, slot) & bit) !== 0) {
        this.#leaves.copy(leaf, slot, fresh, moved++, words);
      } else {
        if (kept !== slot) this.#leaves.copy(leaf, slot, leaf, kept, words);
        kept++;
      }
    }
    this.#setLeaf(set, leaves, fresh, moved);
    this.#setLeaf(set, source, this.#fit(shard, leaf, words, kept), kept);
  }

  /** Undoes the last split: the last leaf goes back into the one that it came from. */
  #merge(shard: number, set: number, words: number, leaves: number): void {
    const last = leaves - 1;
    const target = last - (1 << (31 - Math.clz32(last)));
    const lastLeaf = this.leafAt(set, last);
    const lastCount = this.peersAt(set, last);
    const count = this.peersAt(set, target);
    let leaf = this.leafAt(set, target);
    if (leaf === 0) {
      leaf = lastLeaf;
    } else if (lastCount > 0) {
      if (this.#leaves.capacity(leaf, words) < count + lastCount) {
        const larger = this.#leaves.resize(shard, leaf, words, count, count + lastCount);
        if (larger === 0) return;
        leaf = larger;
      }
      for (let i = 0; i < lastCount; i++) this.#leaves.copy(lastLeaf, i, leaf, count + i, words);
      this.#heap.free(shard, lastLeaf);
    }
    this.#setLeaf(set, last, 0, 0);
    this.#setLeaf(set, target, leaf, count + lastCount);
    this.#setLeafCount(set, last);
    this.#countMove(shard, set);
    if (last % PAGE_ENTRIES === 0) this.#dropPage(shard, set, last / PAGE_ENTRIES);
    if (last === 1) this.#dropDirectory(shard, set);
  }

  /** Turns a set of one leaf into a directory of one leaf. */
  #makeDirectory(shard: number, set: number): boolean {
    const directory = this.#heap.allocate(shard, (DIRECTORY_HEAD + 4) * 4);
    if (directory === 0) return false;
    const page = this.#heap.allocate(shard, PAGE_BYTES);
    if (page === 0) {
      this.#heap.free(shard, directory);
      return false;
    }
    const words = this.#heap.i32[directory >>> SEGMENT_SHIFT];
    const at = 2 * (directory & SEGMENT_MASK);
    words[at] = 1;
    words[at + 1] = ++this.#control[shard + Shard.moves];
    words[at + DIRECTORY_HEAD] = page;
    const leaf = this.#records[set];
    this.#records[set] = -directory;
    this.#setLeaf(set, 0, leaf, this.#records[set + 1]);
    return true;
  }

  /** Turns a directory of one leaf into a set of one leaf. */
  #dropDirectory(shard: number, set: number): void {
    const directory = -this.#records[set];
    const leaf = this.leafAt(set, 0);
    const words = this.#heap.i32[directory >>> SEGMENT_SHIFT];
    this.#heap.free(shard, words[2 * (directory & SEGMENT_MASK) + DIRECTORY_HEAD]);
    this.#heap.free(shard, directory);
    this.#records[set] = leaf;
  }

  #setLeafCount(set: number, leaves: number): void {
    const directory = -this.#records[set];
    const words = this.#heap.i32[directory >>> SEGMENT_SHIFT];
    words[2 * (directory & SEGMENT_MASK)] = leaves;
  }

  #countMove(shard: number, set: number): void {
    const directory = -this.#records[set];
    const words = this.#heap.i32[directory >>> SEGMENT_SHIFT];
    words[2 * (directory & SEGMENT_MASK) + 1] = ++this.#control[shard + Shard.moves];
  }

  /** Adds page number `page` to a directory, which moves to a larger block when it is full. */
  #addPage(shard: number, set: number, page: number): boolean {
    let directory = -this.#records[set];
    const fresh = this.#heap.allocate(shard, PAGE_BYTES);
    if (fresh === 0) return false;
    if ((DIRECTORY_HEAD + page + 1) * 4 > this.#heap.payloadBytes(directory)) {
      const larger = this.#growDirectory(shard, directory, page);
      if (larger === 0) {
        this.#heap.free(shard, fresh);
        return false;
      }
      directory = larger;
      this.#records[set] = -larger;
    }
    const words = this.#heap.i32[directory >>> SEGMENT_SHIFT];
    words[2 * (directory & SEGMENT_MASK) + DIRECTORY_HEAD + page] = fresh;
    return true;
  }

  #growDirectory(shard: number, directory: number, pages: number): number {
    const larger = this.#heap.allocate(shard, (DIRECTORY_HEAD + pages + (pages >>> 1) + 1) * 4);
    if (larger === 0) return 0;
    const from = this.#heap.i32[directory >>> SEGMENT_SHIFT];
    const to = this.#heap.i32[larger >>> SEGMENT_SHIFT];
    const source = 2 * (directory & SEGMENT_MASK);
    const target = 2 * (larger & SEGMENT_MASK);
    for (let i = 0; i < DIRECTORY_HEAD + pages; i++) to[target + i] = from[source + i];
    this.#heap.free(shard, directory);
    return larger;
  }

  #dropPage(shard: number, set: number, page: number): void {
    const directory = -this.#records[set];
    const words = this.#heap.i32[directory >>> SEGMENT_SHIFT];
    this.#heap.free(shard, words[2 * (directory & SEGMENT_MASK) + DIRECTORY_HEAD + page]);
  }

  /** The leaf in a block that fits `count` peers; 0, the block freed, when there are none. */
  #fit(shard: number, leaf: number, words: number, count: number): number {
    if (leaf === 0) return 0;
    if (count === 0) {
      this.#heap.free(shard, leaf);
      return 0;
    }
    if (!this.#leaves.isSparse(leaf, words, count)) return leaf;
    const smaller = this.#leaves.resize(shard, leaf, words, count, count);
    return smaller === 0 ? leaf : smaller;
  }

  #countMoving(leaf: number, words: number, count: number, bit: number): number {
    let moving = 0;
    for (let slot = 0; slot < count; slot++) {
      if ((this.#hashAt(leaf, words, slot) & bit) !== 0) moving++;
    }
    return moving;
  }

  #hashAt(leaf: number, words: number, slot: number): number {
    const all = this.#heap.u16[leaf >>> SEGMENT_SHIFT];
    return hashPeer(this.#keys, all, (leaf & SEGMENT_MASK) * 4 + slot * words, words);
  }
}
