/** Buffers of one size for connections that are in the middle of something; a bounded number. */
import { PinnedMemory } from '../../sys/pinned-memory.js';
import type { Sys } from '../../sys/sys.js';

export class BlockPool {
  readonly bytes: Uint8Array;
  readonly #memory: PinnedMemory;
  readonly #free: Int32Array;
  #freeCount = 0;
  #fresh = 0;

  constructor(
    sys: Sys,
    readonly blockBytes: number,
    readonly blocksMax: number,
  ) {
    this.#memory = new PinnedMemory(sys, blockBytes * blocksMax);
    this.bytes = this.#memory.bytes;
    this.#free = new Int32Array(blocksMax);
  }

  /** A block's number, or -1 when all are in use. */
  take(): number {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount];
    return this.#fresh < this.blocksMax ? this.#fresh++ : -1;
  }

  give(block: number): void {
    this.#free[this.#freeCount++] = block;
  }

  /** Where in `bytes` a block begins. */
  offset(block: number): number {
    return block * this.blockBytes;
  }

  address(block: number): number {
    return this.#memory.address + block * this.blockBytes;
  }
}
