/**
 * Where replies are put together: one after the other, so that those to pipelined requests leave with
 * one call.
 *
 * ```
 * bytes  [ room for a head ][ body ][ head, body ] ... to REPLIES_BYTES   [ scratch ]
 *            [ head of the first ]
 *            |start
 * ```
 *
 * A head tells the length of its body, so it comes last. The first body, which nearly always is the
 * only one, is written where it stays, and its head backwards from there; further bodies go by way
 * of the scratch.
 */
import type { Endpoint } from '../../lib/endpoint.js';
import { PinnedMemory } from '../../sys/pinned-memory.js';
import type { Sys } from '../../sys/sys.js';
import { FrontendCounter, type FrontendCounters } from '../counters.js';
import { HTTP_BODY_BYTES_MAX, type HttpBatchHandler } from '../handler.js';
import { refusalStatus } from '../http/refusal.js';
import { LatencyProtocol } from '../latency.js';
import { HEAD_CLOSE, HEAD_END, HEAD_KEEP, refusalBytes } from './response-head.js';

const HEAD_BYTES_MAX = 160;
/** Replies to pipelined requests that leave with one call: so many bytes and another reply. */
const PIPELINED_BYTES = 16 * 1024;
/** The most that one call sends, and so the most that may wait for a client to read. */
export const REPLIES_BYTES = PIPELINED_BYTES + HEAD_BYTES_MAX + HTTP_BODY_BYTES_MAX;
/** Where the first body begins. */
const FIRST_BODY = HEAD_BYTES_MAX;

export class ReplyWriter {
  readonly bytes: Uint8Array;
  readonly address: number;
  /** Where the first reply begins. */
  start = 0;
  /** Behind this offset another reply might not fit. */
  readonly full = PIPELINED_BYTES;
  readonly #memory: PinnedMemory;
  /** Where the first body goes, and where all others are written before they are moved. */
  readonly #first: Uint8Array;
  readonly #scratch: Uint8Array;
  readonly #handler: HttpBatchHandler;
  readonly #counters: FrontendCounters;
  /** The head that stands in front of the first body, and where. */
  #head = HEAD_KEEP;
  #headStart = -1;
  /** Replies of this batch. */
  #answered = 0;
  /** Since when its requests were known of. */
  #sinceMs = performance.now();

  constructor(
    sys: Sys,
    { handler, counters }: { handler: HttpBatchHandler; counters: FrontendCounters },
  ) {
    this.#memory = new PinnedMemory(sys, REPLIES_BYTES + HTTP_BODY_BYTES_MAX);
    this.bytes = this.#memory.bytes;
    this.address = this.#memory.address;
    this.#scratch = this.bytes.subarray(REPLIES_BYTES);
    this.#first = this.bytes.subarray(FIRST_BODY, FIRST_BODY + HTTP_BODY_BYTES_MAX);
    this.#handler = handler;
    this.#counters = counters;
  }

  /** Called when the loop has heard which connections are ready. */
  beginTurn(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  /** Called when all replies to what came together were handed to the system. */
  endBatch(): void {
    const nowMs = performance.now();
    const { latency } = this.#counters;
    latency.record(LatencyProtocol.http, nowMs - this.#sinceMs, this.#answered);
    this.#answered = 0;
    this.#sinceMs = nowMs;
  }

  /**
   * Has the request with the target `input[start..end)` handled and writes the reply behind the one
   * that ends at `out` (0: it is the first), at most `full`. Returns where it ends. One that the
   * handler has prepared comes with its number there, others with -1.
   */
  respond(
    input: Uint8Array,
    start: number,
    end: number,
    source: Endpoint,
    out: number,
    keep: boolean,
    prepared: number,
  ): number {
    this.#answered++;
    const first = out === 0;
    const body = first ? this.#first : this.#scratch;
    const handler = this.#handler;
    const length =
      prepared < 0
        ? handler.handle(input, start, end, source, body)
        : handler.answer(prepared, body);
    if (length < 0) return this.refuse(refusalStatus(-length), out, keep);
    this.#counters.count(FrontendCounter.httpResponsesOk);
    const { bytes } = this;
    const head = keep ? HEAD_KEEP : HEAD_CLOSE;
    const headBytes = head.length + digitsOf(length) + HEAD_END.length;
    const at = first ? FIRST_BODY : out + headBytes;
    let digit = at - HEAD_END.length;
    for (let i = 0; i < HEAD_END.length; i++) bytes[digit + i] = HEAD_END[i];
    let rest = length;
    do {
      const next = (rest / 10) | 0;
      bytes[--digit] = 48 + (rest - next * 10);
      rest = next;
    } while (rest > 0);
    const headStart = at - headBytes;
    // In front of the first body only heads are written: one that stands there already may stay.
    if (!first || headStart !== this.#headStart || head !== this.#head) {
      for (let i = 0; i < head.length; i++) bytes[headStart + i] = head[i];
    }
    if (first) {
      this.start = headStart;
      this.#headStart = headStart;
      this.#head = head;
    } else bytes.copyWithin(at, REPLIES_BYTES, REPLIES_BYTES + length);
    return at + length;
  }

  /** Writes a reply that carries a status and nothing of the tracker's. */
  refuse(status: number, out: number, keep: boolean): number {
    const { httpResponsesClientError, httpResponsesServerError } = FrontendCounter;
    this.#counters.count(status < 500 ? httpResponsesClientError : httpResponsesServerError);
    const refusal = refusalBytes(status, keep);
    const at = out === 0 ? FIRST_BODY : out;
    if (out === 0) this.start = at;
    this.bytes.set(refusal, at);
    return at + refusal.length;
  }
}

function digitsOf(value: number): number {
  if (value < 1_000) return value < 10 ? 1 : value < 100 ? 2 : 3;
  return value < 10_000 ? 4 : 5;
}
