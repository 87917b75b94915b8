/** What clients over WebSocket may take. */
export interface WebSocketLimits {
  /** Open connections of this worker. */
  readonly connectionsMax: number;
  /** The same of one address, in all workers together; 0: no bound. Loopback is not counted. */
  readonly connectionsPerAddressMax: number;
  /** Largest message, in bytes: a larger one closes its connection (1009). */
  readonly messageBytesMax: number;
  /**
   * Messages and pings a second on one connection, on average; `BURST_SECONDS` as many at once. A
   * faster one is not read for as long as it takes to come down to that, and closed (1008) if it sent
   * even more in one piece.
   */
  readonly messagesPerSecond: number;
  /** Each connection is pinged so often, and closed when nothing came by the next time. */
  readonly pingSeconds: number;
  /** How long a connection may be open without being in any swarm. */
  readonly idleSeconds: number;
  /** Bytes that wait for a client to read them; above it is closed. */
  readonly unreadBytesMax: number;
  /**
   * The same of all connections of this worker together: each of them may stay just below its own
   * bound. Those that are behind for longest are closed.
   */
  readonly unreadTotalBytesMax: number;
  /** Values of `Origin` that are let in, such as `https://example.org`; empty: all, and none. */
  readonly origins: readonly string[];
  /** How long clients may take to say good bye when the worker stops. */
  readonly stopTimeoutMs: number;
}

export const WEB_SOCKET_LIMITS: WebSocketLimits = {
  connectionsMax: 50_000,
  connectionsPerAddressMax: 1_000,
  messageBytesMax: 64 * 1024,
  messagesPerSecond: 20,
  pingSeconds: 60,
  idleSeconds: 60,
  unreadBytesMax: 256 * 1024,
  unreadTotalBytesMax: 256 * 1024 * 1024,
  origins: [],
  stopTimeoutMs: 1_000,
};
