/**
 * Picks peers for a reply: runs of a few leaves, from a random place on, copied in wire form. In a
 * set of one leaf that is one run or two. Needs the lock of the shard.
 */
import type { Heap } from './heap.js';
import { SEGMENT_MASK, SEGMENT_SHIFT } from './layout.js';
import { leafOf, type PeerSets } from './peer-set.js';

export class Sampler {
  readonly #heap: Heap;
  readonly #sets: PeerSets;
  #state: number;

  constructor({ heap, sets, seed }: { heap: Heap; sets: PeerSets; seed: number }) {
    this.#heap = heap;
    this.#sets = sets;
    this.#state = seed | 1;
  }

  /**
   * Copies up to `want` peers of the set at record word `set` to `out`, from word `at` on, but not
   * the peer in slot `selfSlot` of leaf `selfLeaf` (0: nobody is left out). Returns the peers copied.
   */
  sample(
    set: number,
    words: number,
    want: number,
    out: Uint16Array,
    at: number,
    selfLeaf: number,
    selfSlot: number,
  ): number {
    const leaves = this.#sets.leafCount(set);
    if (leaves === 0 || want <= 0) return 0;
    // A random hash finds a leaf as often as it has peers, whether it was split already or not.
    let index = leaves === 1 ? 0 : leafOf(this.#next() >>> 2, leaves);
    let room = want;
    let visited = 0;
    while (room > 0 && visited < leaves) {
      const count = this.#sets.peersAt(set, index);
      if (count > 0) {
        const leaf = this.#sets.leafAt(set, index);
        const skip = leaf === selfLeaf ? selfSlot : -1;
        // A run that would begin at the one left out would tell the peer behind it twice as often.
        let start = this.below(skip < 0 ? count : count - 1);
        if (skip >= 0 && start >= skip) start++;
        const first = this.#run(leaf, words, start, count, skip, out, at, room);
        at += first * words;
        room -= first;
        const second = this.#run(leaf, words, 0, start, skip, out, at, room);
        at += second * words;
        room -= second;
      }
      if (++index === leaves) index = 0;
      visited++;
    }
    return want - room;
  }

  /** A random integer from 0 to `bound` - 1. */
  below(bound: number): number {
    return (((this.#next() >>> 0) * bound) / 4294967296) | 0;
  }

  /** Copies the peers in slots `from` to `to` - 1 but `skip`, `room` at most; returns how many. */
  #run(
    leaf: number,
    words: number,
    from: number,
    to: number,
    skip: number,
    out: Uint16Array,
    at: number,
    room: number,
  ): number {
    if (skip >= from && skip < to) {
      const before = this.#run(leaf, words, from, skip, -1, out, at, room);
      const next = at + before * words;
      return before + this.#run(leaf, words, skip + 1, to, -1, out, next, room - before);
    }
    const count = Math.min(to - from, room);
    const all = this.#heap.u16[leaf >>> SEGMENT_SHIFT];
    const source = (leaf & SEGMENT_MASK) * 4 + from * words;
    for (let i = 0; i < count * words; i++) out[at + i] = all[source + i];
    return count;
  }

  /** Xorshift32 (Marsaglia 2003): enough to spread peers, and nothing secret hangs on it. */
  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x;
  }
}
