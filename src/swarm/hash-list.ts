/**
 * A list of info hashes in shared memory: one thread writes, any number read without locks. Each
 * entry carries who said it and when, so that nodes can exchange lists: the last writer wins, and a
 * removed entry stays for a while to say that it was removed.
 *
 * ```
 * header   Int32Array  [ ListHeader ][ bucket 0: first entry ] ...[ bucket 0: digest low, high ] ...
 * index    Int32Array  slot:  hash bits << 26 | entry number + 1; 0 is empty
 * entries  Int32Array  [ entry 0: 11 words ][ entry 1 ] ...
 * reasons  list-reasons.ts
 *
 * entry, words   0..4   info hash, five big-endian integers
 *                5      stamp, low half
 *                6      stamp, high half << 16 | USED | reason << 1 | present
 *                7, 8   node id, two big-endian integers
 *                9      expires, seconds since 1970; 0 never
 *                10     entry number + 1 of the next in its bucket, or on the list of free ones
 * ```
 *
 * A million entries touch 44 MB of entries, 8 MB of index in a list of the default size (a list with
 * room for twice as many: 17 MB), and 50 KB of header: under 64 MB with every reason there can be.
 *
 * What a reader may see: a new entry is written first and published by one store to its slot. What
 * changes an entry in place, or moves slots, does so while `sequence` is odd, and a reader that saw
 * `sequence` odd or changed looks again (a seqlock). A change is a few dozen stores long.
 */
import { randomFillSync } from 'node:crypto';
import { assert } from '../lib/assert.js';
import { hashInfoHash } from './hash.js';
import { ListDigest } from './list-digest.js';
import { ListReasons, REASONS_BYTES } from './list-reasons.js';
import { NodeIdWords } from './node-id-words.js';
import { readInfoHashes } from './query.js';

export const LIST_NAMES = ['deny', 'allow'] as const;
export type ListName = (typeof LIST_NAMES)[number];

/** Values of `Global.listMode`. */
export const ListMode = { open: 0, deny: 1, allow: 2 } as const;
export type ListMode = (typeof ListMode)[keyof typeof ListMode];

/** What threads pass to each other to share a list: buffers and numbers, nothing else. */
export interface HashListMemory {
  /** Entries that there is room for, removed ones included. */
  readonly entriesMax: number;
  readonly header: SharedArrayBuffer;
  readonly index: SharedArrayBuffer;
  readonly entries: SharedArrayBuffer;
  readonly reasons: SharedArrayBuffer;
  /** The secret key of the index: others choose info hashes, and must not choose our slots. */
  readonly hashKeys: Int32Array;
}

export interface ListEntry {
  /** 20 bytes. */
  readonly hash: Uint8Array;
  /** When it was said, ms since 1970, under 2^48. */
  readonly stamp: number;
  /** Node id of who said it, or `NO_NODE`: of two with one stamp the greater counts. */
  readonly by: string;
  /** False: it was removed. */
  readonly present: boolean;
  /** From this second since 1970 on it counts for nothing; 0 never. Under 2^32. */
  readonly expiresSeconds: number;
  /** For people: see `cleanReason`. May be '' here where another node has it: reasons are bounded. */
  readonly reason: string;
}

/** Entries are told apart by the first 12 bits of their hash, for whoever compares two lists. */
export const LIST_BUCKETS = 4096;
/** Most entries that a list can be made for: what an index slot can name. */
export const LIST_ENTRIES_MAX = 2 ** 26 - 2;

const ListHeader = {
  /** Odd while something changes that readers see. */
  sequence: 0,
  /** Entries in use: readers stop here while it is 0. */
  known: 1,
  /** Of those, entries that are present. */
  size: 2,
  fresh: 3,
  /** Entry number + 1 at the head of the list of free entries. */
  free: 4,
} as const;
const HEADS = 16;
const DIGESTS = HEADS + LIST_BUCKETS;
const HEADER_WORDS = DIGESTS + 2 * LIST_BUCKETS;

const ENTRY_WORDS = 11;
const STAMP = 5;
const FLAGS = 6;
const BY = 7;
const EXPIRES = 9;
const NEXT = 10;

const PRESENT = 1;
const REASON_SHIFT = 1;
const REASON_MASK = 0xfff;
const USED = 1 << 13;
/** What of word 6 all nodes agree on. */
const SHARED_FLAGS = 0xffff0000 | PRESENT;

const NUMBER_BITS = 26;
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;
const STAMP_MAX = 2 ** 48 - 1;
/** Looks at a list that is being changed before a reader sleeps, and sleeps of 1 ms before it gives up. */
const SPINS = 200;
const WAITS_MAX = 1_000;

/** Reserves a list. The system commits what is touched. Throws RangeError without address space. */
export function reserveHashList({ entriesMax }: { readonly entriesMax: number }): HashListMemory {
  assert(entriesMax > 0 && entriesMax <= LIST_ENTRIES_MAX, 'entriesMax fits an index slot');
  let slots = 64;
  while (slots < entriesMax * 1.5) slots *= 2;
  return {
    entriesMax,
    header: new SharedArrayBuffer(HEADER_WORDS * 4),
    index: new SharedArrayBuffer(slots * 4),
    entries: new SharedArrayBuffer(entriesMax * ENTRY_WORDS * 4),
    reasons: new SharedArrayBuffer(REASONS_BYTES),
    hashKeys: randomFillSync(new Int32Array(2)),
  };
}

/**
 * A list as one thread sees it. `has`, `get`, `size` and `known` are for every thread, everything else
 * for the one that writes.
 */
export class HashList {
  readonly buckets = LIST_BUCKETS;
  readonly entriesMax: number;
  readonly #header: Int32Array;
  readonly #slots: Int32Array;
  readonly #slotMask: number;
  readonly #entries: Int32Array;
  readonly #keys: Int32Array;
  readonly #reasons: ListReasons;
  readonly #words = new Int32Array(5);
  readonly #id = new NodeIdWords();
  readonly #digest = new ListDigest();

  constructor(memory: HashListMemory) {
    this.entriesMax = memory.entriesMax;
    this.#header = new Int32Array(memory.header);
    this.#slots = new Int32Array(memory.index);
    this.#slotMask = this.#slots.length - 1;
    this.#entries = new Int32Array(memory.entries);
    this.#keys = memory.hashKeys;
    this.#reasons = new ListReasons(memory.reasons);
  }

  /** Entries that are present; expired ones count until they are forgotten. */
  get size(): number {
    return Atomics.load(this.#header, ListHeader.size);
  }

  /** Entries that take room: present, or remembered as removed. */
  get known(): number {
    return Atomics.load(this.#header, ListHeader.known);
  }

  /**
   * Whether the info hash, five big-endian words at `at`, is on the list. Allocates nothing.
   * `nowSeconds`: since 1970.
   */
  has(words: Int32Array, at: number, nowSeconds: number): boolean {
    const header = this.#header;
    if (Atomics.load(header, ListHeader.known) === 0) return false;
    const hash = hashInfoHash(this.#keys, words, at);
    for (let tries = 0; ; tries++) {
      const sequence = Atomics.load(header, ListHeader.sequence);
      if ((sequence & 1) === 0 || tries >= SPINS + WAITS_MAX) {
        const found = this.#probe(hash, words, at);
        const has = found >= 0 && this.#counts(found, nowSeconds);
        if (Atomics.load(header, ListHeader.sequence) === sequence) return has;
      }
      this.#pause(tries, sequence);
    }
  }

  /** The entry of an info hash of 20 bytes, also a removed one. */
  get(hash: Uint8Array): ListEntry | undefined {
    readInfoHashes(hash, 0, this.#words, 0, 1);
    const header = this.#header;
    const slotHash = hashInfoHash(this.#keys, this.#words, 0);
    for (let tries = 0; ; tries++) {
      const sequence = Atomics.load(header, ListHeader.sequence);
      if ((sequence & 1) === 0 || tries >= SPINS + WAITS_MAX) {
        const found = this.#probe(slotHash, this.#words, 0);
        const entry = found < 0 ? undefined : this.#read(found);
        if (Atomics.load(header, ListHeader.sequence) === sequence) return entry;
      }
      this.#pause(tries, sequence);
    }
  }

  /**
   * Takes an entry unless one is known that was said later ('older'; so is the very same one), or
   * there is no room ('full'). Numbers out of range count as the nearest that can be kept.
   */
  put(entry: ListEntry): 'taken' | 'older' | 'full' {
    const words = this.#words;
    readInfoHashes(entry.hash, 0, words, 0, 1);
    this.#id.take(entry.by);
    const stamp = Math.min(STAMP_MAX, Math.max(0, Math.floor(entry.stamp)));
    const hash = hashInfoHash(this.#keys, words, 0);
    const known = this.#probe(hash, words, 0);
    if (known >= 0) {
      if (this.#compare(known, stamp) >= 0) return 'older';
      this.#rewrite(known, entry, stamp);
      return 'taken';
    }
    const number = this.#allocate();
    if (number < 0) return 'full';
    this.#insert(number, hash, entry, stamp);
    return 'taken';
  }

  /** All entries, removed ones too, in no order. The list may change meanwhile. */
  *entries(): IterableIterator<ListEntry> {
    for (let number = 0; number < this.#header[ListHeader.fresh]; number++) {
      const at = number * ENTRY_WORDS;
      if ((this.#entries[at + FLAGS] & USED) !== 0) yield this.#read(at);
    }
  }

  /** The bucket of an info hash of 20 bytes. */
  bucketOf(hash: Uint8Array): number {
    return (hash[0] << 4) | (hash[1] >>> 4);
  }

  /** All entries of a bucket, removed ones too. */
  entriesOf(bucket: number): ListEntry[] {
    const found: ListEntry[] = [];
    for (let next = this.#header[HEADS + bucket]; next !== 0; ) {
      const at = (next - 1) * ENTRY_WORDS;
      found.push(this.#read(at));
      next = this.#entries[at + NEXT];
    }
    return found;
  }

  /**
   * A copy of the digests: low half of bucket b at `2 * b`, high half behind it. Two lists with the
   * same (hash, stamp, by, present, expires) have the same digests; reasons are not part of them.
   */
  bucketDigests(): Uint32Array {
    return Uint32Array.from(
      this.#header.subarray(DIGESTS, DIGESTS + 2 * LIST_BUCKETS),
      (w) => w >>> 0,
    );
  }

  /** One digest over all: 16 hexadecimal digits. */
  root(): string {
    this.#digest.mix(this.#header, DIGESTS, 2 * LIST_BUCKETS);
    return this.#digest.toString();
  }

  /**
   * Forgets entries that were removed before a time (ms since 1970), and those that were said and
   * expired before it: what was said later must outlive what a node that was away may still have.
   * Returns how many. Looks at the buckets from `first` to before `end`: a long list can be done a
   * part at a time.
   */
  forget(beforeMs: number, first = 0, end: number = LIST_BUCKETS): number {
    let forgotten = 0;
    for (let bucket = first; bucket < end; bucket++) {
      forgotten += this.#removeAll(bucket, (at) => this.#isOver(at, beforeMs));
    }
    return forgotten;
  }

  /**
   * Forgets the entries of a bucket that were said before a time, whatever they are, and returns their
   * info hashes: for a list that is exchanged with nobody.
   */
  forgetOlder(beforeMs: number, bucket: number): Uint8Array[] {
    const hashes: Uint8Array[] = [];
    this.#removeAll(bucket, (at) => {
      if (this.#stampOf(at) >= beforeMs) return false;
      hashes.push(this.#hashOf(at));
      return true;
    });
    return hashes;
  }

  /** Removes the entries of a bucket that are gone; returns how many. */
  #removeAll(bucket: number, isGone: (at: number) => boolean): number {
    const entries = this.#entries;
    let removed = 0;
    let previous = -1;
    for (let next = this.#header[HEADS + bucket]; next !== 0; ) {
      const number = next - 1;
      const at = number * ENTRY_WORDS;
      next = entries[at + NEXT];
      if (!isGone(at)) {
        previous = at;
        continue;
      }
      if (previous < 0) this.#header[HEADS + bucket] = next;
      else entries[previous + NEXT] = next;
      this.#remove(number, bucket);
      removed++;
    }
    return removed;
  }

  /** First word of an entry, or -1. */
  #probe(hash: number, words: Int32Array, at: number): number {
    const entries = this.#entries;
    const tag = hash & 0x3f;
    for (let slot = hash >>> 6; ; slot++) {
      const value = Atomics.load(this.#slots, slot & this.#slotMask);
      if (value === 0) return -1;
      if (value >>> NUMBER_BITS !== tag) continue;
      const entry = ((value & NUMBER_MASK) - 1) * ENTRY_WORDS;
      // Atomic, so that they come before the look at `sequence` on every processor.
      if (
        Atomics.load(entries, entry) === words[at] &&
        Atomics.load(entries, entry + 1) === words[at + 1] &&
        Atomics.load(entries, entry + 2) === words[at + 2] &&
        Atomics.load(entries, entry + 3) === words[at + 3] &&
        Atomics.load(entries, entry + 4) === words[at + 4]
      ) {
        return entry;
      }
    }
  }

  #counts(entry: number, nowSeconds: number): boolean {
    if ((Atomics.load(this.#entries, entry + FLAGS) & PRESENT) === 0) return false;
    const expires = Atomics.load(this.#entries, entry + EXPIRES) >>> 0;
    return expires === 0 || expires > nowSeconds;
  }

  /**
   * Waits a bit for a writer that is at work. A writer that died there ends the process; until then
   * readers answer from what they find.
   */
  #pause(tries: number, sequence: number): void {
    if (tries >= SPINS) Atomics.wait(this.#header, ListHeader.sequence, sequence, 1);
  }

  #read(at: number): ListEntry {
    const word = (i: number) => Atomics.load(this.#entries, at + i);
    const flags = word(FLAGS);
    return {
      hash: this.#hashOf(at),
      stamp: this.#stampOf(at),
      by: this.#id.text(word(BY), word(BY + 1)),
      present: (flags & PRESENT) !== 0,
      expiresSeconds: word(EXPIRES) >>> 0,
      reason: this.#reasons.text((flags >>> REASON_SHIFT) & REASON_MASK),
    };
  }

  #hashOf(at: number): Uint8Array {
    const hash = new Uint8Array(20);
    for (let i = 0; i < 20; i++) {
      hash[i] = Atomics.load(this.#entries, at + (i >>> 2)) >>> (24 - 8 * (i & 3));
    }
    return hash;
  }

  #stampOf(at: number): number {
    const high = Atomics.load(this.#entries, at + FLAGS) >>> 16;
    return high * 2 ** 32 + (Atomics.load(this.#entries, at + STAMP) >>> 0);
  }

  /** Orders an entry against a stamp and the node id that was taken last. */
  #compare(at: number, stamp: number): number {
    const entries = this.#entries;
    const known = this.#stampOf(at);
    if (known !== stamp) return known - stamp;
    const high = (entries[at + BY] >>> 0) - (this.#id.high >>> 0);
    return high !== 0 ? high : (entries[at + BY + 1] >>> 0) - (this.#id.low >>> 0);
  }

  #rewrite(at: number, entry: ListEntry, stamp: number): void {
    const entries = this.#entries;
    const header = this.#header;
    const bucket = this.bucketOf(entry.hash);
    const old = entries[at + FLAGS];
    const reason = this.#reasons.take(entry.reason);
    this.#toggle(at, bucket);
    Atomics.add(header, ListHeader.sequence, 1);
    this.#fill(at, entry, stamp, reason);
    Atomics.add(header, ListHeader.sequence, 1);
    this.#toggle(at, bucket);
    this.#reasons.release((old >>> REASON_SHIFT) & REASON_MASK);
    Atomics.add(header, ListHeader.size, (entry.present ? 1 : 0) - (old & PRESENT));
  }

  #insert(number: number, hash: number, entry: ListEntry, stamp: number): void {
    const header = this.#header;
    const at = number * ENTRY_WORDS;
    const bucket = this.bucketOf(entry.hash);
    for (let i = 0; i < 5; i++) this.#entries[at + i] = this.#words[i];
    this.#fill(at, entry, stamp, this.#reasons.take(entry.reason));
    this.#entries[at + NEXT] = header[HEADS + bucket];
    header[HEADS + bucket] = number + 1;
    this.#toggle(at, bucket);
    let slot = hash >>> 6;
    while (this.#slots[slot & this.#slotMask] !== 0) slot++;
    const value = ((hash & 0x3f) << NUMBER_BITS) | (number + 1);
    Atomics.store(this.#slots, slot & this.#slotMask, value);
    Atomics.add(header, ListHeader.size, entry.present ? 1 : 0);
    // From here on a reader finds it, also in a list that was empty.
    Atomics.add(header, ListHeader.known, 1);
  }

  /** Writes what may change of an entry; its node id is the one taken last. */
  #fill(at: number, entry: ListEntry, stamp: number, reason: number): void {
    const entries = this.#entries;
    const flags = USED | (reason << REASON_SHIFT) | (entry.present ? PRESENT : 0);
    Atomics.store(entries, at + STAMP, (stamp % 2 ** 32) | 0);
    Atomics.store(entries, at + FLAGS, (Math.floor(stamp / 2 ** 32) << 16) | flags);
    Atomics.store(entries, at + BY, this.#id.high);
    Atomics.store(entries, at + BY + 1, this.#id.low);
    const expires = Math.min(0xffffffff, Math.max(0, Math.floor(entry.expiresSeconds)));
    Atomics.store(entries, at + EXPIRES, expires | 0);
  }

  #isOver(at: number, beforeMs: number): boolean {
    const entries = this.#entries;
    const flags = entries[at + FLAGS];
    if (this.#stampOf(at) >= beforeMs) return false;
    if ((flags & PRESENT) === 0) return true;
    const expires = entries[at + EXPIRES] >>> 0;
    return expires !== 0 && expires * 1000 < beforeMs;
  }

  /** Takes an entry, which is off its bucket's chain, out of the index, and frees it. */
  #remove(number: number, bucket: number): void {
    const header = this.#header;
    const entries = this.#entries;
    const at = number * ENTRY_WORDS;
    const flags = entries[at + FLAGS];
    this.#toggle(at, bucket);
    Atomics.add(header, ListHeader.sequence, 1);
    this.#unindex(number);
    Atomics.add(header, ListHeader.sequence, 1);
    Atomics.sub(header, ListHeader.known, 1);
    Atomics.sub(header, ListHeader.size, flags & PRESENT);
    this.#reasons.release((flags >>> REASON_SHIFT) & REASON_MASK);
    // A reader that still stands here saw `sequence` before: what it reads does not count.
    entries[at + FLAGS] = 0;
    entries[at + NEXT] = header[ListHeader.free];
    header[ListHeader.free] = number + 1;
  }

  /** Empties the slot of an entry and closes the gap, so that no probe ends too early. */
  #unindex(number: number): void {
    const slots = this.#slots;
    const mask = this.#slotMask;
    const hash = hashInfoHash(this.#keys, this.#entries, number * ENTRY_WORDS);
    const wanted = ((hash & 0x3f) << NUMBER_BITS) | (number + 1);
    let gap = (hash >>> 6) & mask;
    while (slots[gap] !== wanted) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const other = ((slots[slot] & NUMBER_MASK) - 1) * ENTRY_WORDS;
      const home = hashInfoHash(this.#keys, this.#entries, other) >>> 6;
      // It may move to the gap unless its home lies behind it.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      Atomics.store(slots, gap, slots[slot]);
      gap = slot;
    }
    Atomics.store(slots, gap, 0);
  }

  #allocate(): number {
    const header = this.#header;
    const free = header[ListHeader.free];
    if (free !== 0) {
      header[ListHeader.free] = this.#entries[(free - 1) * ENTRY_WORDS + NEXT];
      return free - 1;
    }
    if (header[ListHeader.fresh] >= this.entriesMax) return -1;
    return header[ListHeader.fresh]++;
  }

  /** Takes an entry into the digest of its bucket, or out of it. */
  #toggle(at: number, bucket: number): void {
    this.#digest.mix(this.#entries, at, NEXT, at + FLAGS, SHARED_FLAGS);
    this.#header[DIGESTS + 2 * bucket] ^= this.#digest.low;
    this.#header[DIGESTS + 2 * bucket + 1] ^= this.#digest.high;
  }
}
