/**
 * All connections of a worker, and their bound. A sweep, one timer for all, finds those that take
 * too long; what node's parser times itself (headers, requests, idle connections) is left to it, but
 * for line ends between requests: they are no request, and yet each makes node wait anew.
 */
import type { Socket } from 'node:net';
import { FrontendCounter, type FrontendCounters } from '../counters.js';
import { HttpConnection } from './http-connection.js';

export interface ConnectionLimits {
  readonly connectionsMax: number;
  /** How old a connection without any request must be before it may have to make room. */
  readonly halfOpenGraceMs: number;
  /** How long a client may take to read the replies it asked for. */
  readonly sendTimeoutMs: number;
  /** How long a proxy may take to send its PROXY header. */
  readonly proxyHeaderTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

const SWEEP_MS_MAX = 1_000;
const SWEEP_MS_MIN = 10;

export class ConnectionTable {
  readonly #limits: ConnectionLimits;
  readonly #counters: FrontendCounters;
  readonly #bySocket = new Map<Socket, HttpConnection>();
  /** Without a complete request so far, oldest first: a Set keeps the order of insertion. */
  readonly #halfOpen = new Set<HttpConnection>();
  readonly #timer: NodeJS.Timeout;
  /** The longest that a client may wait, and then take for a request. */
  readonly #servedMsMax: number;
  #whenEmpty: (() => void) | undefined;

  constructor(limits: ConnectionLimits, counters: FrontendCounters) {
    this.#limits = limits;
    this.#counters = counters;
    this.#servedMsMax = limits.keepAliveTimeoutMs + limits.requestTimeoutMs + SWEEP_MS_MAX;
    const shortest = Math.min(limits.sendTimeoutMs, limits.proxyHeaderTimeoutMs) / 4;
    const sweepMs = Math.min(SWEEP_MS_MAX, Math.max(SWEEP_MS_MIN, shortest));
    this.#timer = setInterval(() => this.sweep(performance.now()), sweepMs).unref();
  }

  get size(): number {
    return this.#bySocket.size;
  }

  /**
   * Takes a new connection in. At the bound the oldest half-open one makes room, if it has had its
   * time; otherwise the new one is closed at once. Returns undefined when it is not served.
   */
  admit(socket: Socket): HttpConnection | undefined {
    const nowMs = performance.now();
    if (this.#bySocket.size >= this.#limits.connectionsMax && !this.#evict(nowMs)) {
      this.#counters.count(FrontendCounter.httpConnectionsRefused);
      socket.destroy();
      return undefined;
    }
    const connection = new HttpConnection(socket, nowMs);
    // Gone already when the other end has no address any more.
    if (!connection.source.setAddressText(socket.remoteAddress ?? '')) {
      socket.destroy();
      return undefined;
    }
    connection.source.setPort(socket.remotePort ?? 0);
    this.#bySocket.set(socket, connection);
    this.#halfOpen.add(connection);
    this.#counters.count(FrontendCounter.httpConnectionsOpen);
    socket.once('close', () => this.#forget(connection));
    return connection;
  }

  find(socket: Socket): HttpConnection | undefined {
    return this.#bySocket.get(socket);
  }

  /** Goes on over the TLS socket that a connection's handshake led to. */
  secured(connection: HttpConnection, socket: Socket): void {
    this.#countBytes(connection);
    this.#bySocket.delete(connection.socket);
    this.#bySocket.set(socket, connection);
    connection.secured(socket);
    socket.once('close', () => this.#forget(connection));
  }

  /** Notes the first complete request of a connection: it is half-open no longer. */
  opened(connection: HttpConnection): void {
    this.#halfOpen.delete(connection);
  }

  /**
   * Leaves a connection to whoever took its upgrade: no time-out of ours cuts it any more. It counts
   * until it closes, or until the returned function is called.
   */
  upgraded(connection: HttpConnection): () => void {
    this.#countBytes(connection);
    connection.upgraded = true;
    this.#halfOpen.delete(connection);
    return () => this.#forget(connection);
  }

  /** Cuts what has run out of time, and brings the byte counters up to date. */
  sweep(nowMs: number): void {
    for (const connection of this.#bySocket.values()) {
      this.#countBytes(connection);
      if (connection.upgraded || connection.shaking) continue;
      if (connection.repliesUnsent) connection.servedMs = nowMs;
      if (connection.lingerUntilMs > 0) {
        if (nowMs >= connection.lingerUntilMs) connection.socket.destroy();
      } else if (connection.gated) {
        if (nowMs - connection.openedMs >= this.#limits.proxyHeaderTimeoutMs) {
          this.#counters.count(FrontendCounter.httpProxyHeadersRefused);
          connection.socket.destroy();
        }
      } else if (!connection.repliesUnsent) {
        connection.unsentSinceMs = 0;
        if (nowMs - connection.servedMs < this.#servedMsMax) continue;
        this.#counters.count(FrontendCounter.httpTimeouts);
        connection.socket.destroy();
      } else if (connection.unsentSinceMs === 0) {
        connection.unsentSinceMs = nowMs;
      } else if (nowMs - connection.unsentSinceMs >= this.#limits.sendTimeoutMs) {
        this.#counters.count(FrontendCounter.httpSlowReaders);
        connection.socket.destroy();
      }
    }
  }

  /**
   * Ends all connections: idle ones at once, others when their reply is sent, all at the deadline.
   * Requests that are half here may still complete; their replies close. Upgraded ones are ended by
   * whoever took them, and cut at the deadline.
   */
  async drain(deadlineMs: number): Promise<void> {
    for (const connection of this.#bySocket.values()) {
      if (connection.upgraded) continue;
      if (connection.shaking) connection.socket.destroy();
      else if (connection.repliesUnsent) connection.whenSent(() => connection.closeSoon());
      else if (connection.idle && connection.lingerUntilMs === 0) connection.closeSoon();
    }
    if (this.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadlineMs);
        this.#whenEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const connection of this.#bySocket.values()) connection.socket.destroy();
    clearInterval(this.#timer);
  }

  #evict(nowMs: number): boolean {
    const [oldest] = this.#halfOpen;
    if (oldest === undefined || nowMs - oldest.openedMs < this.#limits.halfOpenGraceMs) {
      return false;
    }
    this.#counters.count(FrontendCounter.httpConnectionsEvicted);
    oldest.socket.destroy();
    this.#forget(oldest);
    return true;
  }

  #forget(connection: HttpConnection): void {
    if (!this.#bySocket.delete(connection.socket)) return;
    this.#halfOpen.delete(connection);
    this.#countBytes(connection);
    this.#counters.add(FrontendCounter.httpConnectionsOpen, -1);
    if (this.size === 0) this.#whenEmpty?.();
  }

  #countBytes(connection: HttpConnection): void {
    // A handshake's are nobody's: the TLS socket counts what comes behind it. Those of WebSockets
    // are counted where their messages are.
    if (connection.shaking || connection.upgraded) return;
    const { bytesRead, bytesWritten } = connection.socket;
    this.#counters.add(FrontendCounter.httpBytesIn, bytesRead - connection.bytesInCounted);
    this.#counters.add(FrontendCounter.httpBytesOut, bytesWritten - connection.bytesOutCounted);
    connection.bytesInCounted = bytesRead;
    connection.bytesOutCounted = bytesWritten;
  }
}
