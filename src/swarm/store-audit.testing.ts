/**
 * Goes over all memory of a store that is at rest and throws where anything is not as it should be:
 * every granule of the arena has one owner, every count is that of what it counts, every list ends.
 */
import { assert } from '../lib/assert.js';
import { DigestReader } from './digest.js';
import { DigestHash, roleTag } from './digest-hash.js';
import { hashPeer } from './hash.js';
import {
  Global,
  PEER_KINDS,
  RECORD_MASK,
  RECORD_WORDS,
  REGION_GRANULES,
  REGIONS_PER_SEGMENT,
  SEGMENT_MASK,
  SEGMENT_SHIFT,
  Shard,
  type StoreMemory,
  Swarm,
  shardBase,
  WEB_KINDS,
} from './layout.js';
import { PeerFlag, wordsOf } from './leaf.js';
import { DIRECTORY_HEAD, leafOf, PAGE_ENTRIES } from './peer-set.js';
import { CELL_WORDS, CELLS } from './replication-memory.js';
import type { SwarmStore } from './swarm-store.js';

/** Of the heap (heap.ts), written down a second time on purpose. */
const FL_BITMAP = Shard.heap;
const SL_BITMAPS = FL_BITMAP + 1;
const LISTS = SL_BITMAPS + 11;
const FIRST_LEVELS = 11;
const SECOND_LEVELS = 16;

/** Checks all of it. `memory` is the store's. */
export function auditStore(store: SwarmStore, memory: StoreMemory): void {
  new Audit(store, memory).run();
}

class Audit {
  readonly #store: SwarmStore;
  readonly #memory: StoreMemory;
  readonly #control: Int32Array;
  readonly #records: Int32Array;
  /** Blocks in use by reference, with the shard whose they are. */
  readonly #owners = new Map<number, number>();
  readonly #usedRecords = new Set<number>();
  #peers = 0;
  readonly #digest: DigestHash | undefined;
  /** Digest cells of addresses, and of web peers. */
  readonly #cells = [new Int32Array(CELLS * CELL_WORDS), new Int32Array(CELLS * CELL_WORDS)];

  constructor(store: SwarmStore, memory: StoreMemory) {
    this.#store = store;
    this.#memory = memory;
    this.#control = new Int32Array(memory.control);
    this.#records = new Int32Array(memory.records);
    const { replication } = memory;
    this.#digest = replication === undefined ? undefined : new DigestHash(replication.digestKey);
  }

  run(): void {
    const { shards } = this.#memory.limits;
    for (let shard = 0; shard < shards; shard++) this.#auditShard(shard);
    assert(this.#control[Global.peers] === this.#peers, 'peers of the store');
    this.#auditPool();
    this.#auditArena();
    this.#auditDigest();
  }

  #auditShard(shard: number): void {
    const control = this.#control;
    const base = shardBase(shard);
    assert(control[base + Shard.lock] === 0 && control[base + Shard.owner] === 0, 'lock is free');
    const { index, table } = this.#store;
    let swarms = 0;
    let partialSeeds = 0;
    const kinds = new Int32Array(PEER_KINDS);
    for (let slot = 0; slot < index.slotsTotal; slot++) {
      const record = index.recordAt(shard, slot);
      if (record < 0) continue;
      assert(slot < index.slotsTotal - 1, 'the last slot is empty');
      this.#takeRecord(record);
      swarms++;
      const hash = index.hash(this.#records, record);
      assert(index.shardOf(hash) === shard, 'swarm is in its shard');
      assert(index.find(hash, this.#records, record) === record, 'swarm is found, once');
      const side = this.#records[record + Swarm.side];
      if (side < 0) this.#takeRecord(~side * RECORD_WORDS);
      this.#digest?.swarm(this.#records, record);
      let peers = 0;
      let partial = 0;
      for (let kind = 0; kind < (side < 0 ? PEER_KINDS : WEB_KINDS); kind++) {
        const set = table.setOf(record, kind);
        partial += this.#auditSet(shard, set, kind);
        const count = this.#records[set + 1];
        kinds[kind] += count;
        peers += count;
      }
      const web = side < 0 ? this.#store.webPeersOf(record) : 1;
      assert(web > 0, 'a side record has web peers');
      assert(this.#records[record + Swarm.partialSeeds] === partial, 'partial seeds of a swarm');
      const downloads = this.#records[record + Swarm.downloads];
      assert(downloads >= 0 && peers + downloads > 0, 'a swarm has a reason to be there');
      if (peers > 0) assert(side <= 0, 'a swarm with peers is not empty since then');
      partialSeeds += partial;
      this.#peers += peers;
    }
    assert(control[base + Shard.swarms] === swarms, 'swarms of a shard');
    assert(control[base + Shard.partialSeeds] === partialSeeds, 'partial seeds of a shard');
    for (let kind = 0; kind < PEER_KINDS; kind++) {
      assert(control[base + Shard.peers + kind] === kinds[kind], `peers of a shard, kind ${kind}`);
    }
  }

  #takeRecord(record: number): void {
    const number = record / RECORD_WORDS;
    assert(number >= 0 && number < this.#memory.recordsTotal, 'a record of the pool');
    assert(number < RECORD_MASK && !this.#usedRecords.has(number), 'a record has one use');
    this.#usedRecords.add(number);
  }

  /** Checks leaves, directory and pages of a set; returns its partial seeds. */
  #auditSet(shard: number, set: number, kind: number): number {
    const { sets, heap } = this.#store;
    const root = this.#records[set];
    const count = this.#records[set + 1];
    const leaves = sets.leafCount(set);
    if (root === 0) {
      assert(count === 0, 'no leaf, no peers');
      return 0;
    }
    if (root < 0) {
      const directory = -root;
      this.#take(directory, shard);
      const words = heap.i32[directory >>> SEGMENT_SHIFT];
      const head = 2 * (directory & SEGMENT_MASK) + DIRECTORY_HEAD;
      assert(leaves >= 1, 'a directory has leaves');
      for (let page = 0; page * PAGE_ENTRIES < leaves; page++)
        this.#take(words[head + page], shard);
    }
    let partial = 0;
    let sum = 0;
    const seen = new Set<string>();
    for (let index = 0; index < leaves; index++) {
      const leaf = sets.leafAt(set, index);
      const peers = sets.peersAt(set, index);
      assert(leaf === 0 ? peers === 0 : peers > 0, 'a leaf has peers');
      if (leaf === 0) continue;
      this.#take(leaf, shard);
      partial += this.#auditLeaf(leaf, peers, kind, seen, root < 0 ? { index, leaves } : undefined);
      sum += peers;
    }
    assert(sum === count && seen.size === count, 'peers of a set, each once');
    return partial;
  }

  #auditLeaf(
    leaf: number,
    peers: number,
    kind: number,
    seen: Set<string>,
    place: { index: number; leaves: number } | undefined,
  ): number {
    const { leaves, heap } = this.#store;
    const words = wordsOf(kind);
    assert(peers <= leaves.capacity(leaf, words), 'a leaf has room for its peers');
    const all = heap.u16[leaf >>> SEGMENT_SHIFT];
    const meta = heap.i32[leaf >>> SEGMENT_SHIFT];
    let partial = 0;
    for (let slot = 0; slot < peers; slot++) {
      const at = (leaf & SEGMENT_MASK) * 4 + slot * words;
      seen.add(all.subarray(at, at + words).join());
      if (place !== undefined) {
        const hash = hashPeer(this.#memory.hashKeys, all, at, words);
        assert(leafOf(hash, place.leaves) === place.index, 'a peer is in its leaf');
      }
      const flags = meta[leaves.metaStart(leaf, words) + 2 * slot + 1] >>> 16;
      const isPartial = (flags & PeerFlag.partialSeed) !== 0;
      this.#toggle(all, at, kind, isPartial);
      if (!isPartial) continue;
      assert((kind & 1) === 1, 'only leechers are partial seeds');
      partial++;
    }
    return partial;
  }

  #take(ref: number, shard: number): void {
    assert(ref > 0 && !this.#owners.has(ref), `block ${ref} has one owner`);
    this.#owners.set(ref, shard);
  }

  /** Every record ever handed out is in use or on the list of free ones. */
  #auditPool(): void {
    const control = this.#control;
    assert(control[Global.poolLock] === 0, 'the pool is not locked');
    const used = this.#usedRecords.size;
    assert(control[Global.swarms] === used, 'records in use');
    for (let free = control[Global.recordsFree]; free !== 0; ) {
      assert(!this.#usedRecords.has(free - 1), 'a record is free or in use');
      this.#usedRecords.add(free - 1);
      free = this.#records[(free - 1) * RECORD_WORDS];
    }
    assert(this.#usedRecords.size === control[Global.recordsFresh], 'records are all somewhere');
    const never = this.#records.subarray(this.#memory.recordsTotal * RECORD_WORDS);
    assert(
      never.every((word) => word === 0),
      'the side record of swarms without one is empty',
    );
  }

  #auditArena(): void {
    const control = this.#control;
    const free = new Set<number>();
    for (let next = control[Global.regionsFree]; next !== 0; ) {
      const region = next - 1;
      assert(!free.has(region), 'a region is free once');
      free.add(region);
      next = this.#words(region)[this.#firstWord(region)];
    }
    const fresh = control[Global.regionsFresh];
    assert(fresh <= this.#memory.regionsTotal, 'regions are within the arena');
    assert(fresh - free.size === control[Global.regionsUsed], 'regions are used or free');
    const listed = this.#freeBlocks();
    for (let region = 0; region < fresh; region++) {
      if (!free.has(region)) this.#auditRegion(region, listed);
    }
    assert(listed.size === 0, 'free blocks are in regions in use');
    assert(this.#owners.size === 0, 'blocks in use are in regions in use');
  }

  /** All blocks on free lists by reference, with their shard. */
  #freeBlocks(): Map<number, number> {
    const control = this.#control;
    const listed = new Map<number, number>();
    for (let shard = 0; shard < this.#memory.limits.shards; shard++) {
      const base = shardBase(shard);
      for (let fl = 0; fl < FIRST_LEVELS; fl++) {
        const bits = control[base + SL_BITMAPS + fl];
        assert(((control[base + FL_BITMAP] >>> fl) & 1) === (bits === 0 ? 0 : 1), 'first bitmap');
        for (let sl = 0; sl < SECOND_LEVELS; sl++) {
          const head = control[base + LISTS + fl * SECOND_LEVELS + sl];
          assert(((bits >>> sl) & 1) === (head === 0 ? 0 : 1), 'second bitmap');
          this.#walkList(head, shard, { fl, sl }, listed);
        }
      }
    }
    return listed;
  }

  #walkList(
    head: number,
    shard: number,
    { fl, sl }: { fl: number; sl: number },
    listed: Map<number, number>,
  ): void {
    const { i32 } = this.#store.heap;
    let previous = 0;
    for (let ref = head; ref !== 0; ) {
      assert(!listed.has(ref), 'a free block is on one list, once');
      listed.set(ref, shard);
      const words = i32[ref >>> SEGMENT_SHIFT];
      const at = 2 * (ref & SEGMENT_MASK);
      const granules = words[at - 1] >>> 2;
      const least = fl === 0 ? sl : (SECOND_LEVELS + sl) * 2 ** (fl - 1);
      const most = fl === 0 ? sl : least + 2 ** (fl - 1) - 1;
      assert(granules >= least && granules <= most, 'a free block is on the list of its size');
      assert(words[at + 1] === previous, 'a list leads back');
      previous = ref;
      ref = words[at];
    }
  }

  /** Blocks fill the region, each is owned by one, or free and listed; all are of one shard. */
  #auditRegion(region: number, listed: Map<number, number>): void {
    const words = this.#words(region);
    const first = this.#firstWord(region) / 2;
    const end = first + REGION_GRANULES;
    const segment = Math.floor(region / REGIONS_PER_SEGMENT) * 2 ** SEGMENT_SHIFT;
    let wasFree = false;
    let shard = -1;
    let at = first + 1;
    while (at < end) {
      const header = words[2 * at - 1];
      const granules = header >>> 2;
      const isFree = (header & 1) === 1;
      assert(granules >= 2 && at + granules <= end, 'a block is within its region');
      assert(((header & 2) === 2) === wasFree, 'a block knows whether the one before it is free');
      assert(!(isFree && wasFree), 'free neighbours are one');
      const ref = segment + at;
      const books = isFree ? listed : this.#owners;
      const owner = books.get(ref);
      assert(owner !== undefined, `block ${ref}, ${isFree ? 'free' : 'used'}, is somebody's`);
      books.delete(ref);
      assert(shard < 0 || shard === owner, 'a region is of one shard');
      shard = owner;
      if (isFree) assert(words[2 * (at + granules) - 2] === ref, 'a free block names itself');
      wasFree = isFree;
      at += granules;
    }
    assert(at === end, 'blocks fill the region');
    assert(words[2 * end - 1] === (wasFree ? 2 : 0), 'the end of a region');
  }

  #words(region: number): Int32Array {
    return this.#store.heap.i32[Math.floor(region / REGIONS_PER_SEGMENT)];
  }

  #firstWord(region: number): number {
    return (region % REGIONS_PER_SEGMENT) * REGION_GRANULES * 2;
  }

  #toggle(all: Uint16Array, at: number, kind: number, isPartial: boolean): void {
    const digest = this.#digest;
    if (digest === undefined) return;
    digest.peer(all, at, wordsOf(kind), roleTag(kind, isPartial));
    const cells = this.#cells[kind < WEB_KINDS ? 0 : 1];
    cells[CELL_WORDS * digest.cell] ^= digest.low;
    cells[CELL_WORDS * digest.cell + 1] ^= digest.high;
  }

  #auditDigest(): void {
    const { replication } = this.#memory;
    if (replication === undefined) return;
    const kept = new Int32Array(CELLS * CELL_WORDS);
    for (const [half, families] of (['addresses', 'web'] as const).entries()) {
      new DigestReader(replication).cells(kept, families);
      const isSame = kept.every((word, i) => word === this.#cells[half][i]);
      assert(isSame, `the digest is that of the peers, ${families}`);
    }
  }
}
