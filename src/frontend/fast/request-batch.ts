/**
 * What connections sent in one turn of the loop, before anybody looks at it: requests are answered
 * by the batch, so that the cache misses of one overlap with those of the others.
 *
 * ```
 * input   [ put aside before ][ what recv brought ]   a part for each entry, `partBytes` long
 *         |base(i)                                |limits[i]
 * ```
 *
 * Entries are filled by `add` in order, and all taken at once.
 */
import type { Endpoint } from '../../lib/endpoint.js';
import { PinnedMemory } from '../../sys/pinned-memory.js';
import type { Sys } from '../../sys/sys.js';
import { HTTP_BATCH_MAX, type HttpBatchHandler } from '../handler.js';
import { Head, type HeadParser } from './head-parser.js';

/** Keeps the beginnings of parts from falling into the same set of the first-level cache. */
const SKEW_BYTES = 7 * 64;

export interface RequestBatchDependencies {
  readonly sys: Sys;
  readonly parser: HeadParser;
  readonly handler: HttpBatchHandler;
}

export class RequestBatch {
  count = 0;
  readonly bytes: Uint8Array;
  /** Connection of each entry. */
  readonly slots = new Int32Array(HTTP_BATCH_MAX);
  /** Behind the last byte of each entry. */
  readonly limits = new Int32Array(HTTP_BATCH_MAX);
  /** What the parser says of the first request of each entry (Head). */
  readonly results = new Uint8Array(HTTP_BATCH_MAX);
  /** The handler's number for that request, -1 when it has none. */
  readonly prepared = new Int8Array(HTTP_BATCH_MAX);
  readonly recv: (fd: number, at: number, room: number) => number;
  /** A pipelining client sends several heads at once. */
  readonly partBytes: number;
  readonly #headBytesMax: number;
  readonly #parser: HeadParser;
  readonly #handler: HttpBatchHandler;
  readonly #strideBytes: number;
  readonly #memory: PinnedMemory;
  readonly #targets = new Int32Array(2 * HTTP_BATCH_MAX);
  readonly #ends = new Int32Array(HTTP_BATCH_MAX);
  readonly #keeps = new Uint8Array(HTTP_BATCH_MAX);

  /** `headBytesMax`: the longest head that is a plain one. */
  constructor(headBytesMax: number, { sys, parser, handler }: RequestBatchDependencies) {
    this.partBytes = 4 * headBytesMax;
    this.#headBytesMax = headBytesMax;
    this.#parser = parser;
    this.#handler = handler;
    this.#strideBytes = this.partBytes + SKEW_BYTES;
    this.#memory = new PinnedMemory(sys, this.#strideBytes * HTTP_BATCH_MAX);
    this.bytes = this.#memory.bytes;
    const { address } = this.#memory;
    this.recv = (fd, at, room) => sys.recv(fd, address + at, room, 0);
  }

  /** Where entry `i` begins in `bytes`. */
  base(i: number): number {
    return i * this.#strideBytes;
  }

  /** Takes what lies from the next entry's base to `limit`. True when that was the last entry. */
  add(slot: number, limit: number): boolean {
    const i = this.count++;
    this.slots[i] = slot;
    this.limits[i] = limit;
    return this.count === HTTP_BATCH_MAX;
  }

  /** What lies at `at`, up to `limit` (Head); the parser has the details. */
  parse(at: number, limit: number): number {
    const result = this.#parser.parse(this.bytes, at, limit);
    const tooLong = result === Head.plain && this.#parser.end - at > this.#headBytesMax;
    return tooLong ? Head.unusual : result;
  }

  /** Parses the first request of every entry, and has the handler read and prepare those. */
  prepare(sources: readonly Endpoint[]): void {
    const parser = this.#parser;
    let prepared = 0;
    for (let i = 0; i < this.count; i++) {
      const result = this.parse(this.base(i), this.limits[i]);
      this.results[i] = result;
      this.prepared[i] = -1;
      if (result !== Head.plain) continue;
      const { targetStart, targetEnd } = parser;
      this.#targets[2 * i] = targetStart;
      this.#targets[2 * i + 1] = targetEnd;
      this.#ends[i] = parser.end;
      this.#keeps[i] = parser.keepAlive ? 1 : 0;
      const source = sources[this.slots[i]];
      this.#handler.prepare(prepared, this.bytes, targetStart, targetEnd, source);
      this.prepared[i] = prepared++;
    }
    this.#handler.warmUp(prepared);
  }

  /** Puts the parser where it was after the first request of entry `i`, a plain one. */
  restore(i: number): void {
    const parser = this.#parser;
    parser.targetStart = this.#targets[2 * i];
    parser.targetEnd = this.#targets[2 * i + 1];
    parser.end = this.#ends[i];
    parser.keepAlive = this.#keeps[i] === 1;
  }
}
