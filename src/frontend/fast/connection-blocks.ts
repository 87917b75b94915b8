/**
 * Bytes of connections that are in the middle of something, put aside in a block each; a bounded
 * number of blocks.
 *
 * ```
 * block  [ rest of a reply ][ input behind the request that it answers ]   or of either one alone
 *        |start             |end                                        |limit
 * ```
 */
import { PinnedMemory } from '../../sys/pinned-memory.js';
import type { Sys } from '../../sys/sys.js';

export interface ConnectionBlocksOptions {
  readonly connectionsMax: number;
  /** The longest rest of a reply and the longest input together. */
  readonly blockBytes: number;
  readonly blocksMax: number;
}

export class ConnectionBlocks {
  readonly #memory: PinnedMemory;
  readonly #bytes: Uint8Array;
  readonly #blockBytes: number;
  readonly #blocksMax: number;
  readonly #free: Int32Array;
  #freeCount = 0;
  #fresh = 0;
  /** Block of each connection, or -1. */
  readonly #block: Int32Array;
  readonly #start: Int32Array;
  readonly #end: Int32Array;
  readonly #limit: Int32Array;

  constructor(sys: Sys, { connectionsMax, blockBytes, blocksMax }: ConnectionBlocksOptions) {
    this.#memory = new PinnedMemory(sys, blockBytes * blocksMax);
    this.#bytes = this.#memory.bytes;
    this.#blockBytes = blockBytes;
    this.#blocksMax = blocksMax;
    this.#free = new Int32Array(blocksMax);
    this.#block = new Int32Array(connectionsMax).fill(-1);
    this.#start = new Int32Array(connectionsMax);
    this.#end = new Int32Array(connectionsMax);
    this.#limit = new Int32Array(connectionsMax);
  }

  /** Puts a reply aside, `bytes[from..to)`. False when all blocks are in use. */
  keepReply(slot: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (!this.#append(slot, bytes, from, to)) return false;
    this.#end[slot] = this.#limit[slot];
    return true;
  }

  /** Puts input aside, behind a reply where there is one. False when all blocks are in use. */
  keepInput(slot: number, bytes: Uint8Array, from: number, to: number): boolean {
    return this.#append(slot, bytes, from, to);
  }

  replyBytes(slot: number): number {
    return this.#end[slot] - this.#start[slot];
  }

  /** Where the reply lies in memory. */
  replyAddress(slot: number): number {
    return this.#memory.address + this.#block[slot] * this.#blockBytes + this.#start[slot];
  }

  /** The first `count` bytes of the reply are gone. */
  replySent(slot: number, count: number): void {
    this.#start[slot] += count;
  }

  inputBytes(slot: number): number {
    return this.#block[slot] < 0 ? 0 : this.#limit[slot] - this.#end[slot];
  }

  /** Moves the input to `out[at..)` and gives the block back; returns its length. */
  takeInput(slot: number, out: Uint8Array, at: number): number {
    const length = this.inputBytes(slot);
    const from = this.#block[slot] * this.#blockBytes + this.#end[slot];
    for (let i = 0; i < length; i++) out[at + i] = this.#bytes[from + i];
    this.give(slot);
    return length;
  }

  /** Gives the connection's block back, if it has one. */
  give(slot: number): void {
    if (this.#block[slot] < 0) return;
    this.#free[this.#freeCount++] = this.#block[slot];
    this.#block[slot] = -1;
  }

  #append(slot: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (this.#block[slot] < 0 && !this.#take(slot)) return false;
    const at = this.#block[slot] * this.#blockBytes + this.#limit[slot] - from;
    for (let i = from; i < to; i++) this.#bytes[at + i] = bytes[i];
    this.#limit[slot] += to - from;
    return true;
  }

  #take(slot: number): boolean {
    if (this.#freeCount > 0) this.#block[slot] = this.#free[--this.#freeCount];
    else if (this.#fresh < this.#blocksMax) this.#block[slot] = this.#fresh++;
    else return false;
    this.#start[slot] = 0;
    this.#end[slot] = 0;
    this.#limit[slot] = 0;
    return true;
  }
}
