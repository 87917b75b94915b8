/**
 * What a frontend counts, as cells that another thread may read.
 *
 * ```
 * Float64Array, 8 bytes a cell   [ cell i holds counter i; whole numbers up to 2^53 ][ latency.ts ]
 * ```
 *
 * One worker writes a set of cells and nobody else does, so no atomics are needed; a 64-bit load of
 * an aligned double is whole on every machine that runs Node. Cells of several workers are summed.
 * All but `...Open` and `...EndMs` only ever grow.
 */

import { LATENCY_CELLS, LatencyCells } from './latency.js';

/** Cell numbers. */
export const FrontendCounter = {
  udpPacketsIn: 0,
  udpPacketsOut: 1,
  udpBytesIn: 2,
  udpBytesOut: 3,
  /** Handled, and nothing was to be sent: junk, or an unproven address. */
  udpUnanswered: 4,
  /** Dropped: source port 0, to which nothing can be sent. */
  udpDropsSourcePort: 5,
  /** Dropped: the source address could not be read. */
  udpDropsSource: 6,
  /** Dropped unhandled: all reply buffers wait for the system's send queue. */
  udpDropsSendQueue: 7,
  udpSendErrors: 8,
  udpReceiveErrors: 9,
  /** A local address that could not be bound (its packets reach the catch-all), or was lost. */
  udpLocalAddressErrors: 10,
  udpSocketsOpen: 11,
  httpConnectionsOpen: 12,
  httpConnectionsTotal: 13,
  /** Closed at once: the bound on connections was reached. */
  httpConnectionsRefused: 14,
  /** Half-open connections that made room for new ones at the bound. */
  httpConnectionsEvicted: 15,
  /** Connections of a trusted proxy without a valid PROXY header. */
  httpProxyHeadersRefused: 16,
  httpAcceptErrors: 17,
  httpRequests: 18,
  httpResponsesOk: 19,
  httpResponsesClientError: 20,
  httpResponsesServerError: 21,
  /** Requests that were not complete in time (408). */
  httpTimeouts: 22,
  /** Bytes that are not HTTP (400) or too many headers (431). */
  httpMalformed: 23,
  /** Closed: the client did not read its replies in time, or queued too many. */
  httpSlowReaders: 24,
  httpBytesIn: 25,
  httpBytesOut: 26,
  /** Connections that the fast path left to node's own server. */
  httpHandedOver: 27,
  /** The same, but closed since there was no room for them. */
  httpHandOversRefused: 28,
  wsConnectionsOpen: 29,
  wsConnectionsTotal: 30,
  /** Upgrades refused: the bound on WebSockets was reached (503). */
  wsConnectionsRefused: 31,
  /** Upgrades refused for their `Origin` (403). */
  wsOriginsRefused: 32,
  /** Upgrades that were none (400). */
  wsHandshakesRefused: 33,
  wsMessagesIn: 34,
  wsMessagesOut: 35,
  wsBytesIn: 36,
  wsBytesOut: 37,
  /** Closed: nothing came between one ping and the next. */
  wsTimeouts: 38,
  /** Closed: in no swarm for too long. */
  wsIdleCloses: 39,
  /** Closed: the client did not read. */
  wsSlowReaders: 40,
  /** Times that a connection was not read for a while, because it sent too much. */
  wsPauses: 41,
  /** Closed: it had sent even more. */
  wsRateCloses: 42,
  /** Closed: frames that are none, or messages that are too large. */
  wsProtocolErrors: 43,
  /** TLS handshakes under way. */
  httpsHandshakesOpen: 44,
  /** Handshakes that came to their end. */
  httpsHandshakes: 45,
  /** The same, of those: with a ticket of an earlier session. */
  httpsSessionsResumed: 46,
  /** No common protocol or cipher, no certificate yet, or bytes that are not TLS. */
  httpsHandshakesFailed: 47,
  /** Not done in time. */
  httpsHandshakeTimeouts: 48,
  /** Closed at once: the bound on handshakes was reached. */
  httpsHandshakesRefused: 49,
  /** Handshakes that made room for new ones at the bound. */
  httpsHandshakesEvicted: 50,
  /** When the certificate ends, in ms since 1970; not a count, and 0 without one. */
  httpsCertificateEndMs: 51,
  /** Upgrades refused: too many WebSockets of one address (429). */
  wsAddressesRefused: 52,
  /** Dropped: sent to a group or a broadcast address, of which every worker has a copy. */
  udpDropsGroup: 53,
} as const;
export type FrontendCounterName = keyof typeof FrontendCounter;
export type FrontendCounterIndex = (typeof FrontendCounter)[FrontendCounterName];

export const FRONTEND_COUNTER_COUNT = Object.keys(FrontendCounter).length;
export const FRONTEND_COUNTER_BYTES =
  (FRONTEND_COUNTER_COUNT + LATENCY_CELLS) * Float64Array.BYTES_PER_ELEMENT;

/** The cells of one worker. The worker writes them; any thread that shares the buffer reads. */
export class FrontendCounters {
  readonly cells: Float64Array;
  /** How long requests took. */
  readonly latency: LatencyCells;

  /** `buffer` holds at least `FRONTEND_COUNTER_BYTES` from `byteOffset`, a multiple of 8. */
  constructor(
    buffer: SharedArrayBuffer | ArrayBuffer = new ArrayBuffer(FRONTEND_COUNTER_BYTES),
    byteOffset = 0,
  ) {
    this.cells = new Float64Array(buffer, byteOffset, FRONTEND_COUNTER_COUNT);
    const latencyAt = byteOffset + this.cells.byteLength;
    this.latency = new LatencyCells(new Float64Array(buffer, latencyAt, LATENCY_CELLS));
  }

  count(index: FrontendCounterIndex): void {
    this.cells[index]++;
  }

  add(index: FrontendCounterIndex, amount: number): void {
    this.cells[index] += amount;
  }

  get(name: FrontendCounterName): number {
    return this.cells[FrontendCounter[name]];
  }
}

/** The sum of several workers' counters, by name. */
export function sumCounters(
  workers: readonly FrontendCounters[],
): Record<FrontendCounterName, number> {
  const names = Object.keys(FrontendCounter) as FrontendCounterName[];
  const sums = names.map((name) => [name, workers.reduce((sum, w) => sum + w.get(name), 0)]);
  return Object.fromEntries(sums) as Record<FrontendCounterName, number>;
}
