/** Where WebSockets meet what understands their messages. */

/** A connection, as the handler sees it. */
export interface WebSocketPeer {
  /** Sends a text message; in silence not, once the connection ends. */
  send(text: string): void;
}

/** Understands messages. Never throws for bad input. */
export interface WebSocketHandler {
  /** While it is true, connections are closed a few at a time, so that clients move on. */
  readonly draining: boolean;
  /** Called before a message is handled, and each second: reads the clock. */
  beginBatch(): void;
  /** Handles a message of at most `WebSocketLimits.messageBytesMax` bytes. */
  heard(peer: WebSocketPeer, text: string): void;
  /** True for a connection that is there for a reason, however long it is silent. */
  isInUse(peer: WebSocketPeer): boolean;
  /** The connection has ended. Called once for each of which something was heard, and for others too. */
  closed(peer: WebSocketPeer): void;
}
