/** Where WebSockets meet what understands their messages. */

/** A connection, as the handler sees it. */
export interface WebSocketPeer {
  /** What is sent now would wait: the client is far behind with reading. */
  readonly isBehind: boolean;
  /**
   * Sends the first `length` bytes, UTF-8, as a text message; in silence not, once the connection ends.
   * They are copied.
   */
  send(bytes: Buffer, length: number): void;
}

/** Understands messages. Never throws for bad input. */
export interface WebSocketHandler {
  /** While it is true, connections are closed a few at a time, so that clients move on. */
  readonly draining: boolean;
  /** Called before a message is handled, and each second: reads the clock. */
  beginBatch(): void;
  /**
   * Handles a message of at most `WebSocketLimits.messageBytesMax` bytes: well-formed UTF-8, good only
   * during the call.
   */
  heard(peer: WebSocketPeer, bytes: Buffer): void;
  /** True for a connection that is there for a reason, however long it is silent. */
  isInUse(peer: WebSocketPeer): boolean;
  /** The connection has ended. Called once for each of which something was heard, and for others too. */
  closed(peer: WebSocketPeer): void;
}
