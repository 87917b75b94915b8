/**
 * A leaf: one block of peers of one family, with a linear scan for an index.
 *
 * ```
 * [ wire 0 ][ wire 1 ] ... [ wire cap-1 ][ pad to 4 ][ meta 0 ][ meta 1 ] ... [ meta cap-1 ]
 *
 * wire   address and port as they travel: 3 words of 16 bits (IPv4), 9 words (IPv6, web peers)
 * meta   32 bits  stamp       when the newest word about the peer was said (replication's clock)
 *        16 bits  seen        monotonic second of the last announce heard, modulo 65536
 *        16 bits  flags       origin (12 bits), partial seed, completed counted, refresh skipped
 * ```
 *
 * So an IPv4 peer costs 14 bytes and an IPv6 peer 26, and a reply copies a run of wires. The
 * capacity is what the block holds; how many are in use, the owner of the reference knows.
 */
import { type Heap, PAYLOAD_BYTES_MAX } from './heap.js';
import { PeerKind, SEGMENT_MASK, SEGMENT_SHIFT } from './layout.js';

/** 16-bit words of a peer in wire form. */
export const WORDS4 = 3;
export const WORDS6 = 9;

/** 16-bit words of a peer of a kind (PeerKind). */
export function wordsOf(kind: number): number {
  return kind < PeerKind.seeders6 ? WORDS4 : WORDS6;
}

const BYTES4 = WORDS4 * 2 + 8;
const BYTES6 = WORDS6 * 2 + 8;

/** Bits of a peer's flags. */
export const PeerFlag = {
  /** Which node heard the peer: 0 is this one. */
  origin: 0x0fff,
  /** Wants nothing more although it is incomplete (BEP 21). */
  partialSeed: 0x2000,
  /** Its `completed` was counted. */
  completed: 0x4000,
  /** Its last refresh was not told to other trackers, so the next one will be. */
  refreshSkipped: 0x8000,
} as const;

export class Leaves {
  readonly #heap: Heap;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** Peers that the block at `ref` has room for. */
  capacity(ref: number, words: number): number {
    const bytes = this.#heap.payloadBytes(ref);
    return words === WORDS4 ? (bytes / BYTES4) | 0 : (bytes / BYTES6) | 0;
  }

  /** Index of the first meta word (32-bit) of the leaf at `ref` in its segment. */
  metaStart(ref: number, words: number): number {
    return 2 * (ref & SEGMENT_MASK) + ((this.capacity(ref, words) * words + 1) >>> 1);
  }

  /** A block for `count` peers and a little slack, or 0 when the arena is exhausted. */
  allocate(shard: number, words: number, count: number): number {
    const bytesEach = words === WORDS4 ? BYTES4 : BYTES6;
    const exact = count * bytesEach;
    if (exact > PAYLOAD_BYTES_MAX) return 0;
    // An eighth of slack: blocks then grow a few times on their way to a split, and waste 6 %.
    const roomy = (count + (count >>> 3)) * bytesEach;
    return this.#heap.allocate(shard, Math.min(roomy, PAYLOAD_BYTES_MAX));
  }

  /**
   * Moves the first `count` peers into a block for `room` peers. Returns its reference, or 0, the
   * old block untouched, when there is none.
   */
  resize(shard: number, ref: number, words: number, count: number, room: number): number {
    const fresh = this.allocate(shard, words, room);
    if (fresh === 0) return 0;
    const from = this.#heap.i32[ref >>> SEGMENT_SHIFT];
    const to = this.#heap.i32[fresh >>> SEGMENT_SHIFT];
    const source = 2 * (ref & SEGMENT_MASK);
    const target = 2 * (fresh & SEGMENT_MASK);
    const wireWords = (count * words + 1) >>> 1;
    for (let i = 0; i < wireWords; i++) to[target + i] = from[source + i];
    const sourceMeta = this.metaStart(ref, words);
    const targetMeta = this.metaStart(fresh, words);
    for (let i = 0; i < 2 * count; i++) to[targetMeta + i] = from[sourceMeta + i];
    this.#heap.free(shard, ref);
    return fresh;
  }

  /** True when the block holds so few that a smaller one is worth the copy. */
  isSparse(ref: number, words: number, count: number): boolean {
    const capacity = this.capacity(ref, words);
    return capacity - count > 2 + (capacity >>> 2);
  }

  /** Slot of the peer `wire[0..words)` among the first `count`, or -1. */
  find(ref: number, words: number, count: number, wire: Uint16Array): number {
    const all = this.#heap.u16[ref >>> SEGMENT_SHIFT];
    let at = (ref & SEGMENT_MASK) * 4;
    if (words === WORDS4) {
      const w0 = wire[0];
      const w1 = wire[1];
      const w2 = wire[2];
      // The low half of the address differs most between peers, ports and prefixes repeat.
      for (let slot = 0; slot < count; slot++, at += WORDS4) {
        if (all[at + 1] === w1 && all[at] === w0 && all[at + 2] === w2) return slot;
      }
      return -1;
    }
    const w7 = wire[7];
    const w8 = wire[8];
    for (let slot = 0; slot < count; slot++, at += WORDS6) {
      if (all[at + 7] !== w7 || all[at + 8] !== w8) continue;
      let same = 0;
      while (same < 7 && all[at + same] === wire[same]) same++;
      if (same === 7) return slot;
    }
    return -1;
  }

  /** Writes a peer into a slot within the capacity. */
  write(
    ref: number,
    words: number,
    slot: number,
    wire: Uint16Array,
    stamp: number,
    seenAndFlags: number,
  ): void {
    const segment = ref >>> SEGMENT_SHIFT;
    const all = this.#heap.u16[segment];
    const at = (ref & SEGMENT_MASK) * 4 + slot * words;
    for (let i = 0; i < words; i++) all[at + i] = wire[i];
    const meta = this.metaStart(ref, words) + 2 * slot;
    this.#heap.i32[segment][meta] = stamp;
    this.#heap.i32[segment][meta + 1] = seenAndFlags;
  }

  /** Copies the peer of one slot to another slot, of this leaf or of another. */
  copy(fromRef: number, fromSlot: number, toRef: number, toSlot: number, words: number): void {
    const from = this.#heap.u16[fromRef >>> SEGMENT_SHIFT];
    const to = this.#heap.u16[toRef >>> SEGMENT_SHIFT];
    const source = (fromRef & SEGMENT_MASK) * 4 + fromSlot * words;
    const target = (toRef & SEGMENT_MASK) * 4 + toSlot * words;
    for (let i = 0; i < words; i++) to[target + i] = from[source + i];
    const fromMeta = this.metaStart(fromRef, words) + 2 * fromSlot;
    const toMeta = this.metaStart(toRef, words) + 2 * toSlot;
    const from32 = this.#heap.i32[fromRef >>> SEGMENT_SHIFT];
    const to32 = this.#heap.i32[toRef >>> SEGMENT_SHIFT];
    to32[toMeta] = from32[fromMeta];
    to32[toMeta + 1] = from32[fromMeta + 1];
  }
}
