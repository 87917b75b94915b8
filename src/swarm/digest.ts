/**
 * Digests of what a store holds, so that two trackers can tell whether they hold the same, and where
 * not. A swarm belongs to one of 4,096 cells; each peer adds a 64-bit hash of swarm, address, port
 * and role to its cell by exclusive or, so that whatever comes can go again.
 *
 * ```
 * cells   [ thread 0: cell 0 low, cell 0 high, cell 1 low ... ][ thread 1 ] ...
 * ```
 *
 * Each thread adds to cells of its own and locks nothing; the value of a cell is the exclusive or
 * over all threads. One that is read while peers come and go may be wrong: compare it twice.
 */
import type { DigestHash } from './digest-hash.js';
import { CELL_WORDS, CELLS, type ReplicationMemory } from './replication-memory.js';

/** One thread's cells. */
export class DigestWriter {
  readonly #cells: Int32Array;
  readonly #hash: DigestHash;

  constructor(memory: ReplicationMemory, thread: number, hash: DigestHash) {
    const bytes = CELLS * CELL_WORDS * 4;
    this.#cells = new Int32Array(memory.cells, thread * bytes, CELLS * CELL_WORDS);
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
    const cell = CELL_WORDS * hash.cell;
    this.#cells[cell] ^= hash.low;
    this.#cells[cell + 1] ^= hash.high;
  }
}

/** Reads the cells of all threads. */
export class DigestReader {
  readonly #cells: Int32Array;
  readonly #threads: number;

  constructor(memory: ReplicationMemory) {
    this.#cells = new Int32Array(memory.cells);
    this.#threads = memory.threads;
  }

  /** Fills `out`, 8,192 words, with the cells: low half of cell 0, high half, low half of cell 1. */
  cells(out: Int32Array): void {
    const words = CELLS * CELL_WORDS;
    out.fill(0, 0, words);
    for (let thread = 1; thread <= this.#threads; thread++) {
      const first = thread * words;
      for (let i = 0; i < words; i++) out[i] ^= this.#cells[first + i];
    }
  }

  /** The exclusive or of all cells, as 16 hexadecimal digits. */
  root(): string {
    let low = 0;
    let high = 0;
    const end = (1 + this.#threads) * CELLS * CELL_WORDS;
    for (let i = CELLS * CELL_WORDS; i < end; i += CELL_WORDS) {
      low ^= this.#cells[i];
      high ^= this.#cells[i + 1];
    }
    return formatDigest(low, high);
  }
}

/** The exclusive or of cells that were read before, as 16 hexadecimal digits. */
export function rootOf(cells: Int32Array): string {
  let low = 0;
  let high = 0;
  for (let i = 0; i < CELLS * CELL_WORDS; i += CELL_WORDS) {
    low ^= cells[i];
    high ^= cells[i + 1];
  }
  return formatDigest(low, high);
}

function formatDigest(low: number, high: number): string {
  const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
  return hex(high) + hex(low);
}
