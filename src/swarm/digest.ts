/**
 * Digests of what a store holds, so that two trackers can tell whether they hold the same, and where
 * not. A swarm belongs to one of 4,096 cells; each peer adds a 64-bit hash of swarm, address, port
 * and role to its cell by exclusive or, so that whatever comes can go again.
 *
 * ```
 * cells   [ thread 0: addresses, web peers ][ thread 1 ] ...
 *           each of these: cell 0 low, cell 0 high, cell 1 low ...
 * ```
 *
 * Web peers have cells of their own, so that this node can agree with one that does not know them.
 *
 * Each thread adds to cells of its own and locks nothing; the value of a cell is the exclusive or
 * over all threads. One that is read while peers come and go may be wrong: compare it twice.
 */
import { type DigestHash, WEB_TAG } from './digest-hash.js';
import { digestText } from './digest-text.js';
import type { WalkFamilies } from './layout.js';
import { CELL_WORDS, CELLS, type ReplicationMemory } from './replication-memory.js';

/** Words of the cells of one thread, of either half. */
const HALF_WORDS = CELLS * CELL_WORDS;

/** One thread's cells. */
export class DigestWriter {
  readonly #cells: Int32Array;
  readonly #hash: DigestHash;

  constructor(memory: ReplicationMemory, thread: number, hash: DigestHash) {
    const words = 2 * HALF_WORDS;
    this.#cells = new Int32Array(memory.cells, thread * words * 4, words);
    this.#hash = hash;
  }

  /**
   * Takes a peer in, or out again. `infoHash` words stand at `record`; the peer is `words` 16-bit
   * words of `wire` at `at`, its role a `roleTag`.
   */
  toggle(
    infoHash: Int32Array,
    record: number,
    wire: Uint16Array,
    at: number,
    words: number,
    tag: number,
  ): void {
    const hash = this.#hash;
    hash.swarm(infoHash, record);
    hash.peer(wire, at, words, tag);
    const cell = CELL_WORDS * hash.cell + ((tag & WEB_TAG) === 0 ? 0 : HALF_WORDS);
    this.#cells[cell] ^= hash.low;
    this.#cells[cell + 1] ^= hash.high;
  }
}

/** Reads the cells of all threads. */
export class DigestReader {
  readonly #cells: Int32Array;
  readonly #threads: number;
  readonly #read = new Int32Array(HALF_WORDS);

  constructor(memory: ReplicationMemory) {
    this.#cells = new Int32Array(memory.cells);
    this.#threads = memory.threads;
  }

  /**
   * Fills `out`, 8,192 words, with the cells of peers of some families: low half of cell 0, high half,
   * low half of cell 1.
   */
  cells(out: Int32Array, families: WalkFamilies = 'all'): void {
    out.fill(0, 0, HALF_WORDS);
    // The cells of number 0 are never touched.
    for (let half = 2; half < 2 * (1 + this.#threads); half++) {
      if (!isHalfOf(half, families)) continue;
      const first = half * HALF_WORDS;
      for (let i = 0; i < HALF_WORDS; i++) out[i] ^= this.#cells[first + i];
    }
  }

  /** The exclusive or of all cells of peers of some families, as 16 hexadecimal digits. */
  root(families: WalkFamilies = 'all'): string {
    this.cells(this.#read, families);
    return rootOf(this.#read);
  }
}

/** Halves of all threads are numbered through: even ones are of addresses, odd ones of web peers. */
function isHalfOf(half: number, families: WalkFamilies): boolean {
  return families === 'all' || (families === 'web') === ((half & 1) === 1);
}

/** The exclusive or of cells that were read before, as 16 hexadecimal digits. */
export function rootOf(cells: Int32Array): string {
  let low = 0;
  let high = 0;
  for (let i = 0; i < HALF_WORDS; i += CELL_WORDS) {
    low ^= cells[i];
    high ^= cells[i + 1];
  }
  return digestText(low, high);
}
