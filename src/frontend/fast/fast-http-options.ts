/** What a fast HTTP frontend is told, and what it needs of others. */
import type { Endpoint } from '../../lib/endpoint.js';
import type { Sys } from '../../sys/sys.js';
import type { FrontendCounters } from '../counters.js';
import type { HttpBatchHandler } from '../handler.js';
import type { HeadParser } from './head-parser.js';
import type { SocketLoop } from './socket-loop.js';

export interface FastHttpAddress {
  readonly local: Endpoint;
  readonly scope?: number;
}

export interface FastHttpOptions {
  readonly addresses: readonly FastHttpAddress[];
  /** Of all workers together. */
  readonly connectionsMax: number;
  readonly backlog: number;
  /** Longest request head. */
  readonly headerBytesMax: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly sendTimeoutMs: number;
  readonly requestsPerConnectionMax: number;
  /** Connections at a time that are in the middle of a request or a reply. */
  readonly blocksMax: number;
}

/** Takes connections that are not plain. */
export interface HandOver {
  /**
   * Takes a descriptor and what was received on it so far (copied). False when there is no room for
   * it: the caller closes it.
   */
  take(fd: number, bytes: Uint8Array<ArrayBuffer>, source: Endpoint): boolean;
  /** True for sources whose connections are never plain, such as proxies with a preamble. */
  isNeverPlain(source: Endpoint): boolean;
}

export interface FastHttpDependencies {
  readonly sys: Sys;
  readonly loop: SocketLoop;
  readonly handler: HttpBatchHandler;
  readonly parser: HeadParser;
  readonly handOver: HandOver;
  readonly counters: FrontendCounters;
  /** Connections open in all workers: one shared word. */
  readonly open: Int32Array;
}
