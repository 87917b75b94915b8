/**
 * Where replies are put together: one after the other, so that those to pipelined requests leave with
 * one call.
 *
 * ```
 * bytes  [ head, body ][ head, body ] ... to REPLIES_BYTES   [ scratch: the body, before its head ]
 * ```
 */
import { writeDecimal } from '../../lib/decimal.js';
import type { Endpoint } from '../../lib/endpoint.js';
import { PinnedMemory } from '../../sys/pinned-memory.js';
import type { Sys } from '../../sys/sys.js';
import { FrontendCounter, type FrontendCounters } from '../counters.js';
import { HTTP_BODY_BYTES_MAX, type HttpHandler } from '../handler.js';
import { refusalStatus } from '../http/refusal.js';
import { HEAD_CLOSE, HEAD_END, HEAD_KEEP, refusalBytes } from './response-head.js';

const REPLIES_BYTES = 256 * 1024;
const HEAD_BYTES_MAX = 160;

export class ReplyWriter {
  readonly bytes: Uint8Array;
  readonly address: number;
  /** Behind this offset another reply might not fit. */
  readonly full = REPLIES_BYTES - HTTP_BODY_BYTES_MAX - HEAD_BYTES_MAX;
  readonly #memory: PinnedMemory;
  readonly #body: Uint8Array;
  readonly #handler: HttpHandler;
  readonly #counters: FrontendCounters;

  constructor(
    sys: Sys,
    { handler, counters }: { handler: HttpHandler; counters: FrontendCounters },
  ) {
    this.#memory = new PinnedMemory(sys, REPLIES_BYTES + HTTP_BODY_BYTES_MAX);
    this.bytes = this.#memory.bytes;
    this.address = this.#memory.address;
    this.#body = this.bytes.subarray(REPLIES_BYTES);
    this.#handler = handler;
    this.#counters = counters;
  }

  /**
   * Has the request with the target `input[start..end)` handled and writes the reply at `out`, at most
   * `full`. Returns the offset behind it.
   */
  respond(
    input: Uint8Array,
    start: number,
    end: number,
    source: Endpoint,
    out: number,
    keep: boolean,
  ): number {
    const length = this.#handler.handle(input, start, end, source, this.#body);
    if (length < 0) return this.refuse(refusalStatus(-length), out, keep);
    this.#counters.count(FrontendCounter.httpResponsesOk);
    const { bytes } = this;
    const head = keep ? HEAD_KEEP : HEAD_CLOSE;
    for (let i = 0; i < head.length; i++) bytes[out + i] = head[i];
    let at = writeDecimal(bytes, out + head.length, length);
    for (let i = 0; i < HEAD_END.length; i++) bytes[at++] = HEAD_END[i];
    bytes.copyWithin(at, REPLIES_BYTES, REPLIES_BYTES + length);
    return at + length;
  }

  /** Writes a reply that carries a status and nothing of the tracker's. */
  refuse(status: number, out: number, keep: boolean): number {
    const { httpResponsesClientError, httpResponsesServerError } = FrontendCounter;
    this.#counters.count(status < 500 ? httpResponsesClientError : httpResponsesServerError);
    const refusal = refusalBytes(status, keep);
    this.bytes.set(refusal, out);
    return out + refusal.length;
  }
}
