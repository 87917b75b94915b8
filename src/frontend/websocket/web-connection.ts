/**
 * One WebSocket: what it is allowed, and what it was heard of last.
 *
 * Texts are framed here and written to the socket itself, since nothing of what `ws` does for a message
 * is needed: no mask, no compression, no parts. All that a turn of the event loop has for a client
 * leaves with one system call, which costs more than making the message.
 *
 * ```
 * 81 | length 7 bits           | text     below 126 bytes
 * 81 | 7e | length 16, big     | text     below 65,536
 * 81 | 7f | length 64, big     | text
 * ```
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { FrontendCounter, type FrontendCounters } from '../counters.js';
import type { WebSocketPeer } from './web-socket-handler.js';

/** Seconds of messages that may come at once: a client with many swarms greets for all of them. */
export const BURST_SECONDS = 10;

/** What all connections of a worker share. */
export interface WebConnectionMeans {
  readonly counters: FrontendCounters;
  readonly messagesPerSecond: number;
  readonly unreadBytesMax: number;
  readonly nowMs: () => number;
  /** Told once of a connection that has something to flush at the end of this turn. */
  readonly flushLater: (connection: WebConnection) => void;
  /** Told of a connection that has much to read still, again and again. */
  readonly noteLate: (connection: WebConnection) => void;
}

/** What may wait for each of many clients without any notice: most have less, for a moment. */
const NOTICED_BYTES = 4 * 1024;

/** Final frame, text. */
const TEXT_FRAME = 0x81;

export class WebConnection implements WebSocketPeer {
  /** A ping was sent, and nothing came since. */
  isAsked = false;
  /** Reading waits until the rate has come down. */
  isPaused = false;
  /** When it was last of use: opened, or in a swarm. */
  usedMs: number;
  readonly slot: number;
  readonly cell: number;
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  #isCorked = false;
  readonly #means: WebConnectionMeans;
  /** Messages that may come now; negative: the connection is ahead of its rate. */
  #allowance: number;
  #allowanceMs: number;

  /** `slot` is where the wheel has it, `cell` where its address is counted. */
  constructor(
    ws: WebSocket,
    socket: Socket,
    { slot, cell }: { readonly slot: number; readonly cell: number },
    means: WebConnectionMeans,
  ) {
    this.slot = slot;
    this.cell = cell;
    this.#ws = ws;
    this.#socket = socket;
    this.#means = means;
    this.#allowance = BURST_SECONDS * means.messagesPerSecond;
    this.#allowanceMs = means.nowMs();
    this.usedMs = this.#allowanceMs;
  }

  get isBehind(): boolean {
    return this.#hasUnread(this.#means.unreadBytesMax / 2);
  }

  send(bytes: Buffer, length: number): void {
    const ws = this.#ws;
    if (ws.readyState !== ws.OPEN || !this.checkReader()) return;
    const frame = textFrame(bytes, length);
    const { counters, flushLater } = this.#means;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      flushLater(this);
    }
    this.#socket.write(frame);
    counters.count(FrontendCounter.wsMessagesOut);
    counters.add(FrontendCounter.wsBytesOut, frame.length);
  }

  /** Lets what was sent in this turn leave. */
  flush(): void {
    this.#isCorked = false;
    this.#socket.uncork();
    if (this.unreadBytes > 0) this.#means.noteLate(this);
  }

  /** What waits for the client; 0 for what is not worth a look. */
  get unreadBytes(): number {
    const bytes = this.#ws.bufferedAmount;
    return bytes > NOTICED_BYTES ? bytes : 0;
  }

  ping(): void {
    this.isAsked = true;
    this.#ws.ping();
  }

  pong(data: Buffer): void {
    if (this.#ws.readyState === this.#ws.OPEN && this.checkReader()) this.#ws.pong(data);
  }

  /** Closes a connection whose client does not read; false when that is so. */
  checkReader(): boolean {
    if (!this.#hasUnread(this.#means.unreadBytesMax)) return true;
    this.cutReader();
    return false;
  }

  cutReader(): void {
    this.#means.counters.count(FrontendCounter.wsSlowReaders);
    // A close message would wait behind what is not read.
    this.#ws.terminate();
  }

  /**
   * Takes one message from what the rate allows, and stops reading when that is used up. False when
   * the message is not to be handled: the connection was closed.
   */
  admit(): boolean {
    const { messagesPerSecond, counters } = this.#means;
    this.isAsked = false;
    this.#allowance--;
    if (this.#allowance >= 0) return true;
    this.#refill();
    if (this.#allowance >= 0) return true;
    if (this.#allowance < -BURST_SECONDS * messagesPerSecond) {
      if (this.#ws.readyState === this.#ws.OPEN) counters.count(FrontendCounter.wsRateCloses);
      this.close(1008);
      return false;
    }
    if (!this.isPaused) {
      this.isPaused = true;
      counters.count(FrontendCounter.wsPauses);
      this.#ws.pause();
    }
    return true;
  }

  /** Reads on, when the rate has come down. */
  resume(): boolean {
    this.#refill();
    if (this.#allowance < 0) return false;
    this.isPaused = false;
    this.#ws.resume();
    return true;
  }

  close(code: 1001 | 1008): void {
    // Otherwise what it sent meanwhile would hide the end of the closing handshake.
    if (this.isPaused) this.#ws.resume();
    this.#ws.close(code);
  }

  terminate(): void {
    this.#ws.terminate();
  }

  /** More than `bytes` wait for the client. */
  #hasUnread(bytes: number): boolean {
    const ws = this.#ws;
    if (ws.bufferedAmount <= bytes) return false;
    if (this.#isCorked) {
      // What we hold back until the end of the turn is not the client's fault.
      this.#socket.uncork();
      this.#socket.cork();
    }
    return ws.bufferedAmount > bytes;
  }

  #refill(): void {
    const { messagesPerSecond, nowMs } = this.#means;
    const now = nowMs();
    const earned = ((now - this.#allowanceMs) / 1000) * messagesPerSecond;
    this.#allowance = Math.min(BURST_SECONDS * messagesPerSecond, this.#allowance + earned);
    this.#allowanceMs = now;
  }
}

function textFrame(bytes: Buffer, length: number): Buffer {
  const headBytes = length < 126 ? 2 : length < 0x1_0000 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headBytes + length);
  frame[0] = TEXT_FRAME;
  if (headBytes === 2) {
    frame[1] = length;
  } else if (headBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
  bytes.copy(frame, headBytes, 0, length);
  return frame;
}
