/**
 * What a socket asks of whoever understands its bytes. Frontends own sockets and nothing else; the
 * tracker implements these interfaces and never sees a socket.
 */
import type { Endpoint } from '../lib/endpoint.js';

/** Understands datagrams. Never throws for bad input. */
export interface DatagramHandler {
  /** Called once before each batch of packets: reads the clock. */
  beginBatch(): void;
  /**
   * Handles the datagram `input[0..length)` that came from `source`. Writes a reply to
   * `output` and returns its length in bytes; 0 means that nothing is to be sent.
   */
  handle(input: Uint8Array, length: number, source: Endpoint, output: DatagramBuffer): number;
}

/** Room for one reply, seen as bytes and as the 16-bit words that peers are stored in. */
export class DatagramBuffer {
  readonly words: Uint16Array;
  constructor(readonly bytes: Uint8Array) {
    this.words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 1);
  }
}

/** Largest datagram that we send: an IPv6 path of 1280 bytes less headers and a margin. */
export const DATAGRAM_BYTES_MAX = 1_220;
/** Largest datagram that we read. Longer ones are cut by the system, which no valid request is. */
export const DATAGRAM_READ_BYTES_MAX = 2_048;

/** Understands the target of an HTTP GET or HEAD. Never throws for bad input. */
export interface HttpHandler {
  /** While it is true, every reply ends its connection, so that clients move on. */
  readonly draining?: boolean;
  /** Called before each request or batch of requests: reads the clock. */
  beginBatch(): void;
  /**
   * Handles the request target `target[start..end)` (from the slash to the last byte of the query,
   * raw, still percent-encoded) of a client at `source` (already the client's own address where a
   * trusted proxy stands between). Writes the body to `output` and returns its length; a negative
   * return is an HTTP status without a body of ours: -404.
   */
  handle(
    target: Uint8Array,
    start: number,
    end: number,
    source: Endpoint,
    output: Uint8Array,
  ): number;
}

/** Most requests in a batch over HTTP: 64 wait at a busy moment, and 16 fill the first-level cache. */
export const HTTP_BATCH_MAX = 16;

/** Understands several requests at once, so that their cache misses overlap. */
export interface HttpBatchHandler extends HttpHandler {
  /** Reads request number `i` of a batch; numbers follow each other from 0 on. As for `handle`. */
  prepare(i: number, target: Uint8Array, start: number, end: number, source: Endpoint): void;
  /** Called when `count` requests are prepared and before the first is answered. */
  warmUp(count: number): void;
  /** Handles request `i`; its target and source are as they were. Returns what `handle` does. */
  answer(i: number, output: Uint8Array): number;
}

/** Room for the longest body: 1,000 peers of both families and the keys around them, or a scrape. */
export const HTTP_BODY_BYTES_MAX = 64 * 1024;
