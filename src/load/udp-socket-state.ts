/**
 * One UDP socket's side of the load, without the socket: its connection id, and the requests under
 * way. Both engines feed it.
 *
 * ```
 * transaction id:  bits 0..7  slot    bits 8..31  count, so that a late answer is not mistaken
 * slot `window`:   the request for a connection id
 * ```
 */
import type { Crowd } from './crowd.js';
import type { LoadPhase } from './engine.js';
import type { Tally } from './tally.js';
import {
  kindOfReply,
  readInt32,
  UdpReply,
  type UdpRequestOptions,
  writeConnect,
  writeRequest,
} from './udp-wire.js';

/** BEP 15: a connection id may be used for a minute. */
const CONNECTION_ID_MS = 60_000;
const ERROR_TEXT_BYTES_MAX = 80;

export interface UdpSocketDependencies {
  readonly crowd: Crowd;
  readonly tally: Tally;
}

export interface UdpSocketStateOptions extends UdpRequestOptions {
  /** This socket's number, which is the source of its peers. */
  readonly source: number;
  /** Requests under way at most. */
  readonly window: number;
  /** Bytes of a peer in replies: 6 or 18. */
  readonly peerBytes: number;
  readonly timeoutMs: number;
}

export class UdpSocketState {
  /** Requests under way. */
  inFlight = 0;
  /** Every peer of this source was announced. */
  filled = false;
  #idHi = 0;
  #idLo = 0;
  #idAtMs = Number.NEGATIVE_INFINITY;
  #connectSentMs = Number.NEGATIVE_INFINITY;
  #count = 0;
  readonly #options: UdpSocketStateOptions;
  readonly #deps: UdpSocketDependencies;
  /** By slot: transaction id under way, and when it was sent. */
  readonly #transactions: Int32Array;
  readonly #sentMs: Float64Array;
  /** Free slots, a stack. */
  readonly #free: Uint8Array;
  #freeCount: number;

  constructor(options: UdpSocketStateOptions, deps: UdpSocketDependencies) {
    const { window } = options;
    this.#options = options;
    this.#deps = deps;
    this.#transactions = new Int32Array(window + 1);
    this.#sentMs = new Float64Array(window + 1);
    this.#free = Uint8Array.from({ length: window }, (_, slot) => slot);
    this.#freeCount = window;
  }

  get isConnected(): boolean {
    return this.#idAtMs > Number.NEGATIVE_INFINITY;
  }

  /**
   * Writes the next request to `out`; returns its length, 0 when nothing is to be sent now: the
   * window is full, the fill complete, or the connection id not there yet.
   */
  write(out: Uint8Array, phase: LoadPhase, nowMs: number): number {
    const { window, source, timeoutMs } = this.#options;
    if (nowMs - this.#idAtMs > CONNECTION_ID_MS && nowMs - this.#connectSentMs > timeoutMs) {
      this.#connectSentMs = nowMs;
      return writeConnect(out, this.#begin(window, nowMs));
    }
    if (!this.isConnected || this.#freeCount === 0 || phase === 'drain') return 0;
    const { crowd } = this.#deps;
    if (phase === 'mix') crowd.next(source);
    else if (this.filled || !crowd.nextFill(source)) {
      this.filled = true;
      return 0;
    }
    const slot = this.#free[--this.#freeCount];
    this.inFlight++;
    const id = this.#begin(slot, nowMs);
    return writeRequest(out, crowd, this.#idHi, this.#idLo, id, this.#options);
  }

  /** Takes a datagram that came. */
  read(bytes: Uint8Array, length: number, nowMs: number): void {
    const { tally } = this.#deps;
    const kind = kindOfReply(bytes, length);
    if (kind === UdpReply.invalid) {
      tally.error('invalid reply');
      return;
    }
    const id = readInt32(bytes, 4);
    const slot = id & 0xff;
    if (slot > this.#options.window || this.#transactions[slot] !== id) {
      tally.error('late reply');
      return;
    }
    this.#transactions[slot] = 0;
    if (slot === this.#options.window) {
      if (kind !== UdpReply.connect) return;
      this.#idHi = readInt32(bytes, 8);
      this.#idLo = readInt32(bytes, 12);
      this.#idAtMs = nowMs;
      return;
    }
    this.#release(slot);
    tally.latency(nowMs - this.#sentMs[slot]);
    tally.replyBytes += length;
    if (kind === UdpReply.announce) {
      tally.announces++;
      tally.peerReplies++;
      tally.peers += (length - 20) / this.#options.peerBytes;
    } else if (kind === UdpReply.scrape) tally.scrapes++;
    else {
      const text = Buffer.from(bytes.subarray(8, Math.min(length, ERROR_TEXT_BYTES_MAX)));
      tally.error(`failure: ${text.toString('latin1')}`);
    }
  }

  /** Gives up what was sent too long ago. */
  expire(nowMs: number): void {
    const { window, timeoutMs } = this.#options;
    for (let slot = 0; slot < window; slot++) {
      if (this.#transactions[slot] === 0 || nowMs - this.#sentMs[slot] < timeoutMs) continue;
      this.#transactions[slot] = 0;
      this.#release(slot);
      this.#deps.tally.error('timeout');
    }
  }

  #release(slot: number): void {
    this.#free[this.#freeCount++] = slot;
    this.inFlight--;
  }

  /** A new transaction id for `slot`; never 0, which stands for none. */
  #begin(slot: number, nowMs: number): number {
    this.#count = (this.#count % 0x7fffff) + 1;
    const id = (this.#count << 8) | slot;
    this.#transactions[slot] = id;
    this.#sentMs[slot] = nowMs;
    return id;
  }
}
