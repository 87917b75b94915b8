/** One client connection: what is known of it, and the careful ways to end it. */
import type { ServerResponse } from 'node:http';
import { Socket as NetSocket, type Socket } from 'node:net';
import { Endpoint } from '../../lib/endpoint.js';
import { rawRefusal } from './refusal.js';

/** What a closing connection may still send, and for how long, before it is cut. */
const LINGER_BYTES_MAX = 64 * 1024;
const LINGER_MS = 2_000;

/** What we hold for a client that sends requests faster than it reads replies. */
const QUEUED_BYTES_MAX = 512 * 1024;

export class HttpConnection {
  /** The client: the other end of the socket, or whom a PROXY header named. */
  readonly source = new Endpoint();
  /** What requests come from: once a handshake is done, the TLS socket. */
  socket: Socket;
  readonly openedMs: number;
  /** True while a PROXY header is awaited. */
  gated = false;
  /** True while a TLS handshake is under way; whoever leads it minds its time. */
  shaking = false;
  /** The source is a trusted proxy whose `X-Forwarded-For` counts. */
  trusted = false;
  requests = 0;
  /** No further request is served here. */
  closing = false;
  /** Somebody else has it now and minds its time; it only counts here. */
  upgraded = false;
  /** When a reply was first found unsent by a sweep; 0: none is. */
  unsentSinceMs = 0;
  /** When it was opened, its last request came, or a reply was last found unsent by a sweep. */
  servedMs: number;
  /** When a closing connection is cut; 0: it is not closing that way. */
  lingerUntilMs = 0;
  bytesInCounted = 0;
  bytesOutCounted = 0;

  #last: ServerResponse | undefined;
  #queuedBytes = 0;
  #bytesAtRequest = 0;
  #refused = false;

  constructor(socket: Socket, nowMs: number) {
    this.socket = socket;
    this.openedMs = nowMs;
    this.servedMs = nowMs;
  }

  /** Notes that a PROXY header was read, and `restBytes` bytes of the client's own behind it. */
  preambleRead(restBytes: number): void {
    this.#bytesAtRequest = this.socket.bytesRead - restBytes;
  }

  /** Goes on over TLS. Bytes are counted anew, as the client meant them. */
  secured(socket: Socket): void {
    this.shaking = false;
    this.socket = socket;
    this.bytesInCounted = 0;
    this.bytesOutCounted = 0;
    this.#bytesAtRequest = socket.bytesRead;
  }

  /** Notes that a request has arrived. */
  requestArrived(nowMs: number): void {
    this.requests++;
    this.servedMs = nowMs;
    this.#bytesAtRequest = this.socket.bytesRead;
  }

  /**
   * Notes that `response` of about `bytes` bytes is to be sent. Returns false, and it must not be,
   * when the client has too many unread replies.
   */
  replying(response: ServerResponse, bytes: number): boolean {
    const queuedBytes = this.repliesUnsent ? this.#queuedBytes + bytes : bytes;
    if (queuedBytes > QUEUED_BYTES_MAX) return false;
    this.#queuedBytes = queuedBytes;
    this.#last = response;
    return true;
  }

  /** True while the system has not taken all replies. They leave in order: the last one tells. */
  get repliesUnsent(): boolean {
    if (this.#last === undefined) return false;
    if (!this.#last.writableFinished) return true;
    if (this.#last.closed) this.#last = undefined;
    return false;
  }

  /**
   * True when nothing is in flight: all replies sent, and no byte came since the chunk that held
   * the last request.
   */
  get idle(): boolean {
    return !this.repliesUnsent && this.socket.bytesRead === this.#bytesAtRequest;
  }

  /** Calls back when all replies are sent: at once when they are. */
  whenSent(then: () => void): void {
    if (this.repliesUnsent) this.#last?.once('finish', then);
    else then();
  }

  /** Calls back when all replies are sent and node has let go of them: at once when it did. */
  whenReplied(then: () => void): void {
    if (this.#last === undefined || this.#last.closed) then();
    else this.#last.once('close', then);
  }

  /**
   * Answers bytes that are no request with `status`, after the replies that are due, and ends the
   * connection. Only the first call counts: node reports every later byte as another error. A
   * connection that ends anyway gets no second answer.
   */
  refuse(status: number): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#discardInput();
    if (this.closing) {
      this.lingerWhenClosed();
      return;
    }
    this.closing = true;
    this.whenSent(() => this.#linger(rawRefusal(status)));
  }

  /**
   * Makes node end this connection gently when the closing reply is sent: a socket closed with unread
   * input sends a reset, which can overtake the reply and destroy it.
   */
  lingerWhenClosed(): void {
    this.socket.destroySoon = () => this.#linger('');
  }

  /** Ends the connection once everything written has left. */
  closeSoon(): void {
    this.closing = true;
    NetSocket.prototype.destroySoon.call(this.socket);
  }

  #linger(last: string): void {
    const { socket } = this;
    if (socket.destroyed || this.lingerUntilMs > 0) return;
    this.lingerUntilMs = performance.now() + LINGER_MS;
    this.#discardInput();
    // The socket destroys itself when the client has closed its side too; a sweep cuts it if not.
    socket.end(last, 'latin1');
    socket.resume();
    // Node's parser may have stopped the reading; only an empty push makes the stream ask again.
    socket.push('');
  }

  /** Takes the input away from node's parser. */
  #discardInput(): void {
    const { socket } = this;
    let discarded = 0;
    socket.removeAllListeners('data');
    socket.on('data', (chunk) => {
      discarded += chunk.length;
      if (discarded > LINGER_BYTES_MAX) socket.destroy();
    });
  }
}
