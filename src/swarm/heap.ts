/**
 * Memory for peers: a two-level segregated-fit heap (TLSF, Masmano et al. 2004) a shard, over 64 KiB
 * regions that all shards draw from one pool. Allocate and free are O(1), neighbours that are free
 * join, and a region that is wholly free goes back to the pool. So a block of any size can become
 * blocks of any other size, which fixed size classes cannot do (docs/adr/0002).
 *
 * ```
 * region  words: [ pool link ][ header ][ payload ... ][ header ][ payload ... ] ... [ end header ]
 * block   header, one word before an 8-byte aligned payload:  granules << 2 | prevFree << 1 | free
 *         used:  payload
 *         free:  [ next ][ previous ] ... [ own reference ]     the last word serves the neighbour
 * ```
 *
 * A block's granules count its header: a payload holds `granules * 8 - 4` bytes. References are
 * granule numbers (layout.ts). Every method needs the lock of the shard it is called for.
 */
import {
  Global,
  REGION_GRANULES,
  REGIONS_PER_SEGMENT,
  SEGMENT_MASK,
  SEGMENT_SHIFT,
  Shard,
  type StoreMemory,
} from './layout.js';
import { lock, unlock } from './lock.js';

const FREE = 1;
const PREV_FREE = 2;
/** Second-level lists: sizes between two powers of two are told apart in 16 steps. */
const SL_BITS = 4;
const SL_COUNT = 1 << SL_BITS;
/** First level: exact sizes under 16 granules, then a power of two each up to a region. */
const FL_COUNT = 11;
/** Smallest block: header, two links and the footer. */
const BLOCK_GRANULES_MIN = 2;
const REGION_BLOCK_GRANULES = REGION_GRANULES - 1;

/** The heap's tables in a shard's control block. */
const FL_BITMAP = Shard.heap;
const SL_BITMAPS = FL_BITMAP + 1;
const HEADS = SL_BITMAPS + FL_COUNT;

/** Largest payload: the largest size whose rounding up still meets a whole region. */
export const PAYLOAD_BYTES_MAX = 7_936 * 8 - 4;

export class Heap {
  /** The arena's segments as 32-bit and as 16-bit words. */
  readonly i32: readonly Int32Array[];
  readonly u16: readonly Uint16Array[];
  readonly #control: Int32Array;
  readonly #regionsTotal: number;
  readonly #thread: number;

  constructor(memory: StoreMemory, thread: number) {
    this.i32 = memory.segments.map((segment) => new Int32Array(segment));
    this.u16 = memory.segments.map((segment) => new Uint16Array(segment));
    this.#control = new Int32Array(memory.control);
    this.#regionsTotal = memory.regionsTotal;
    this.#thread = thread;
  }

  /**
   * Returns a reference to a payload of at least `bytes` bytes, or 0 when the arena is exhausted or
   * more than PAYLOAD_BYTES_MAX are asked for. `shard` is the first word of the shard's control block.
   */
  allocate(shard: number, bytes: number): number {
    if (bytes > PAYLOAD_BYTES_MAX) return 0;
    let granules = (bytes + 11) >>> 3;
    if (granules < BLOCK_GRANULES_MIN) granules = BLOCK_GRANULES_MIN;
    let ref = this.#takeFit(shard, granules);
    if (ref === 0) {
      if (!this.#addRegion(shard)) return 0;
      ref = this.#takeFit(shard, granules);
      if (ref === 0) return 0;
    }
    this.#split(shard, ref, granules);
    return ref;
  }

  /** Bytes that fit in the payload. */
  payloadBytes(ref: number): number {
    const words = this.i32[ref >>> SEGMENT_SHIFT];
    return (words[2 * (ref & SEGMENT_MASK) - 1] >>> 2) * 8 - 4;
  }

  free(shard: number, ref: number): void {
    const words = this.i32[ref >>> SEGMENT_SHIFT];
    let at = ref & SEGMENT_MASK;
    let granules = words[2 * at - 1] >>> 2;
    if ((words[2 * at - 1] & PREV_FREE) !== 0) {
      const previous = words[2 * at - 2] & SEGMENT_MASK;
      const previousGranules = words[2 * previous - 1] >>> 2;
      this.#unlink(shard, ref - at + previous, previousGranules);
      granules += previousGranules;
      at = previous;
    }
    const next = at + granules;
    const nextHeader = words[2 * next - 1];
    if ((nextHeader & FREE) !== 0) {
      this.#unlink(shard, ref - (ref & SEGMENT_MASK) + next, nextHeader >>> 2);
      granules += nextHeader >>> 2;
    }
    const merged = ref - (ref & SEGMENT_MASK) + at;
    if (granules === REGION_BLOCK_GRANULES && this.#returnRegion(shard, merged)) return;
    this.#link(shard, merged, granules);
  }

  /** Finds, unlinks and returns a free block of at least `granules`; 0 when there is none. */
  #takeFit(shard: number, granules: number): number {
    const control = this.#control;
    let fl = 0;
    let sl = granules;
    if (granules >= SL_COUNT) {
      // Round up to the next list, in which every block is large enough.
      const shift = 31 - Math.clz32(granules) - SL_BITS;
      const rounded = granules + (1 << shift) - 1;
      const log = 31 - Math.clz32(rounded);
      fl = log - SL_BITS + 1;
      sl = (rounded >>> (log - SL_BITS)) & (SL_COUNT - 1);
      if (fl >= FL_COUNT) return 0;
    }
    let bits = control[shard + SL_BITMAPS + fl] & (-1 << sl);
    if (bits === 0) {
      const above = fl + 1 < 32 ? control[shard + FL_BITMAP] & (-1 << (fl + 1)) : 0;
      if (above === 0) return 0;
      fl = 31 - Math.clz32(above & -above);
      bits = control[shard + SL_BITMAPS + fl];
    }
    sl = 31 - Math.clz32(bits & -bits);
    const ref = control[shard + HEADS + fl * SL_COUNT + sl];
    const words = this.i32[ref >>> SEGMENT_SHIFT];
    this.#unlink(shard, ref, words[2 * (ref & SEGMENT_MASK) - 1] >>> 2);
    return ref;
  }

  /** Marks a block that is on no list as used, giving back what it has over `granules`. */
  #split(shard: number, ref: number, granules: number): void {
    const words = this.i32[ref >>> SEGMENT_SHIFT];
    const at = ref & SEGMENT_MASK;
    const header = words[2 * at - 1];
    const rest = (header >>> 2) - granules;
    if (rest < BLOCK_GRANULES_MIN) {
      words[2 * at - 1] = header & ~FREE;
      words[2 * (at + (header >>> 2)) - 1] &= ~PREV_FREE;
      return;
    }
    words[2 * at - 1] = (granules << 2) | (header & PREV_FREE);
    words[2 * (at + granules) - 1] = 0;
    this.#link(shard, ref + granules, rest);
  }

  /** Puts a block on its list and tells its right neighbour. Its own PREV_FREE bit is kept. */
  #link(shard: number, ref: number, granules: number): void {
    const control = this.#control;
    const words = this.i32[ref >>> SEGMENT_SHIFT];
    const at = ref & SEGMENT_MASK;
    words[2 * at - 1] = (granules << 2) | (words[2 * at - 1] & PREV_FREE) | FREE;
    words[2 * (at + granules) - 2] = ref;
    words[2 * (at + granules) - 1] |= PREV_FREE;
    const log = 31 - Math.clz32(granules);
    const fl = granules < SL_COUNT ? 0 : log - SL_BITS + 1;
    const sl = granules < SL_COUNT ? granules : (granules >>> (log - SL_BITS)) & (SL_COUNT - 1);
    const head = shard + HEADS + fl * SL_COUNT + sl;
    const next = control[head];
    words[2 * at] = next;
    words[2 * at + 1] = 0;
    if (next !== 0) this.i32[next >>> SEGMENT_SHIFT][2 * (next & SEGMENT_MASK) + 1] = ref;
    control[head] = ref;
    control[shard + FL_BITMAP] |= 1 << fl;
    control[shard + SL_BITMAPS + fl] |= 1 << sl;
  }

  /** Takes a block off its list. Its header still says free; the caller decides. */
  #unlink(shard: number, ref: number, granules: number): void {
    const control = this.#control;
    const words = this.i32[ref >>> SEGMENT_SHIFT];
    const at = ref & SEGMENT_MASK;
    const next = words[2 * at];
    const previous = words[2 * at + 1];
    if (next !== 0) this.i32[next >>> SEGMENT_SHIFT][2 * (next & SEGMENT_MASK) + 1] = previous;
    if (previous !== 0) {
      this.i32[previous >>> SEGMENT_SHIFT][2 * (previous & SEGMENT_MASK)] = next;
      return;
    }
    const log = 31 - Math.clz32(granules);
    const fl = granules < SL_COUNT ? 0 : log - SL_BITS + 1;
    const sl = granules < SL_COUNT ? granules : (granules >>> (log - SL_BITS)) & (SL_COUNT - 1);
    control[shard + HEADS + fl * SL_COUNT + sl] = next;
    if (next !== 0) return;
    control[shard + SL_BITMAPS + fl] &= ~(1 << sl);
    if (control[shard + SL_BITMAPS + fl] === 0) control[shard + FL_BITMAP] &= ~(1 << fl);
  }

  /** Takes a region from the pool and makes one free block of it. */
  #addRegion(shard: number): boolean {
    const control = this.#control;
    lock(control, Global.poolLock, this.#thread);
    let region = control[Global.regionsFree] - 1;
    if (region >= 0) {
      control[Global.regionsFree] = this.#regionWords(region)[this.#regionWord(region)];
    } else if (control[Global.regionsFresh] < this.#regionsTotal) {
      region = control[Global.regionsFresh]++;
    }
    if (region >= 0) control[Global.regionsUsed]++;
    unlock(control, Global.poolLock);
    if (region < 0) return false;
    const words = this.#regionWords(region);
    const first = this.#regionWord(region);
    words[first + 1] = 0;
    words[first + 2 * REGION_GRANULES - 1] = 0;
    const segment = Math.floor(region / REGIONS_PER_SEGMENT);
    this.#link(shard, segment * 2 ** SEGMENT_SHIFT + (first >>> 1) + 1, REGION_BLOCK_GRANULES);
    return true;
  }

  /**
   * Gives a wholly free region back, unless it is the shard's last spare one: a shard that
   * hovers around a region's edge would otherwise take and return it all the time.
   */
  #returnRegion(shard: number, ref: number): boolean {
    const control = this.#control;
    const spareHead = shard + HEADS + (FL_COUNT - 2) * SL_COUNT + (SL_COUNT - 1);
    if (control[spareHead] === 0) return false;
    const at = ref & SEGMENT_MASK;
    const region = (ref >>> SEGMENT_SHIFT) * REGIONS_PER_SEGMENT + Math.floor(at / REGION_GRANULES);
    lock(control, Global.poolLock, this.#thread);
    this.#regionWords(region)[this.#regionWord(region)] = control[Global.regionsFree];
    control[Global.regionsFree] = region + 1;
    control[Global.regionsUsed]--;
    unlock(control, Global.poolLock);
    return true;
  }

  #regionWords(region: number): Int32Array {
    return this.i32[Math.floor(region / REGIONS_PER_SEGMENT)];
  }

  /** The first word of a region in its segment. */
  #regionWord(region: number): number {
    return (region % REGIONS_PER_SEGMENT) * REGION_GRANULES * 2;
  }
}
