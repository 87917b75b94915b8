/**
 * One WebSocket of a load, apart from how its bytes travel: what it asks next, what it waits for, and
 * what it says to the offers that reach it. It stands for a browser: one peer id in many swarms.
 *
 * ```
 * connected -- upgrade asked -- 101 came: open -- announces, scrapes, answers, pongs -- lost
 * ```
 *
 * A reply is taken for that of the oldest request of its kind, since trackers answer in order.
 */
import type { Crowd } from './crowd.js';
import type { LoadPhase } from './engine.js';
import { LoadError } from './load-options.js';
import type { Tally } from './tally.js';
import { WebFrameWriter, WebOpcode } from './web-frame-writer.js';
import { WEB_FRAME_BYTES_MAX, WebFrameReader, WebUpgrade } from './web-frames.js';
import { WebMessage, WebMessageKind } from './web-message.js';
import {
  WEB_ANSWER_BYTES_MAX,
  type WebRequestOptions,
  WebRequestWriter,
} from './web-request-writer.js';

/** What comes in at once: the beginning of a frame that came before, and as much as that again. */
export const WEB_READ_BYTES = 2 * WEB_FRAME_BYTES_MAX;
/** What one turn of one connection may send: dozens of answers, or of announces. */
export const WEB_WRITE_BYTES = 256 * 1024;
/** Connections being made at a time, below what a listener usually holds. */
export const OPENING_MAX = 256;
/** How long a connection may take to become a WebSocket: a lost packet costs a second. */
export const OPENING_MS_MAX = 10_000;
/** What may wait for a tracker that does not read. */
export const UNSENT_BYTES_MAX = 1_048_576;
const PONG_BYTES_MAX = 125;
/** Any key does, as long as it is not zero and is base64 of 16 bytes. */
const UPGRADE_KEY = Buffer.from('trackerbt-load-1').toString('base64');
const MASK_KEY = 0x5bd1e995;

export interface WebMeansOptions extends WebRequestOptions {
  readonly url: URL;
  /** Requests under way on each connection. */
  readonly pipeline: number;
}

/** What all connections of an engine share: one of them has its turn at a time. */
export class WebMeans {
  /** What the connection whose turn it is has to say. */
  readonly out: WebFrameWriter;
  readonly requests: WebRequestWriter;
  readonly upgrade: WebUpgrade;
  readonly frames = new WebFrameReader();
  readonly message = new WebMessage();
  readonly pipeline: number;
  /** Requests under way on all connections. */
  inFlight = 0;
  /** Connections that announced all of their peers. */
  filled = 0;

  /** `outBytes` has WEB_WRITE_BYTES. */
  constructor(
    options: WebMeansOptions,
    outBytes: Uint8Array,
    readonly deps: { readonly crowd: Crowd; readonly tally: Tally },
  ) {
    this.pipeline = options.pipeline;
    this.out = new WebFrameWriter(outBytes, MASK_KEY);
    this.requests = new WebRequestWriter(options, this.out);
    this.upgrade = new WebUpgrade(options.url, UPGRADE_KEY);
  }
}

export class WebConnectionState {
  /** Announces and offers may be sent. */
  isOpen = false;
  /** The beginning of a frame whose end has not come. */
  carry: Uint8Array | undefined;
  #isFilled = false;
  readonly #means: WebMeans;
  readonly #number: number;
  /** Requests under way, the oldest first: when they were sent, and which are scrapes. */
  readonly #sentMs: Float64Array;
  readonly #isScrape: Uint8Array;
  #count = 0;

  /** `number` is the source of its peers, and makes its peer id. */
  constructor(number: number, means: WebMeans) {
    this.#number = number;
    this.#means = means;
    this.#sentMs = new Float64Array(means.pipeline);
    this.#isScrape = new Uint8Array(means.pipeline);
  }

  /** When the oldest request under way was sent; Infinity when there is none. */
  get oldestMs(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : this.#sentMs[0];
  }

  /** Writes as many requests as may be under way. */
  ask(phase: LoadPhase, nowMs: number): void {
    if (!this.isOpen || phase === 'drain') return;
    const means = this.#means;
    const { crowd, tally } = means.deps;
    const isFill = phase === 'fill';
    while (this.#count < means.pipeline && means.out.hasRoom(means.requests.bytesMax)) {
      if (!isFill) crowd.next(this.#number);
      else if (this.#isFilled) return;
      else if (!crowd.nextFill(this.#number)) {
        this.#isFilled = true;
        means.filled++;
        return;
      }
      // Peers greet in silence when a tracker is filled: nobody would be there to answer.
      tally.offersSent += means.requests.write(crowd, this.#number, isFill);
      this.#sentMs[this.#count] = nowMs;
      this.#isScrape[this.#count++] = crowd.isScrape ? 1 : 0;
      means.inFlight++;
    }
  }

  /**
   * Takes `bytes[0..end)`, which begin with `carry`, and writes what is to be said to that. Returns
   * why the connection is to be given up, if it is.
   */
  receive(bytes: Uint8Array, end: number, nowMs: number): string | undefined {
    const { frames, upgrade } = this.#means;
    let at = 0;
    if (!this.isOpen) {
      const head = upgrade.read(bytes, end);
      if (typeof head === 'string') return head;
      if (head === 0) return this.#keep(bytes, 0, end);
      this.isOpen = true;
      at = head;
    }
    while (frames.read(bytes, at, end)) {
      const { opcode } = frames;
      at = frames.end;
      if (opcode === WebOpcode.text || opcode === WebOpcode.binary) this.#hear(bytes, nowMs);
      else if (opcode === WebOpcode.ping) this.#pong(bytes);
      else if (opcode === WebOpcode.close) return closeText(bytes, frames.start, frames.end);
    }
    return frames.problem ?? this.#keep(bytes, at, end);
  }

  /** The connection is gone; so is what it waited for. Says how many requests that were. */
  lost(): number {
    const count = this.#count;
    this.#means.inFlight -= count;
    this.#count = 0;
    this.isOpen = false;
    this.carry = undefined;
    return count;
  }

  #keep(bytes: Uint8Array, at: number, end: number): undefined {
    this.carry = at === end ? undefined : bytes.slice(at, end);
  }

  #hear(bytes: Uint8Array, nowMs: number): void {
    const { message, requests, out, frames, deps } = this.#means;
    const { tally } = deps;
    const kind = message.read(bytes, frames.start, frames.end);
    tally.replyBytes += frames.end - frames.start;
    if (kind === WebMessageKind.offer) {
      tally.offersReceived++;
      if (!out.hasRoom(WEB_ANSWER_BYTES_MAX)) {
        tally.error('answers too many');
        return;
      }
      requests.writeAnswer(message, bytes, this.#number);
      tally.answersSent++;
    } else if (kind === WebMessageKind.answer) tally.answersReceived++;
    else if (kind === WebMessageKind.reply) {
      if (this.#finish(0, nowMs)) tally.announces++;
    } else if (kind === WebMessageKind.scrape) {
      if (this.#finish(1, nowMs)) tally.scrapes++;
    } else if (kind === WebMessageKind.failure) {
      this.#finish(-1, nowMs);
      tally.error(`failure: ${message.failureText()}`);
    } else tally.error('invalid message');
  }

  /** Takes the oldest request of this kind (-1: of any) from those under way. */
  #finish(isScrape: number, nowMs: number): boolean {
    let i = 0;
    while (i < this.#count && isScrape >= 0 && this.#isScrape[i] !== isScrape) i++;
    const { deps } = this.#means;
    if (i >= this.#count) {
      if (isScrape >= 0) deps.tally.error('unasked reply');
      return false;
    }
    deps.tally.latency(nowMs - this.#sentMs[i]);
    this.#sentMs.copyWithin(i, i + 1, this.#count);
    this.#isScrape.copyWithin(i, i + 1, this.#count);
    this.#count--;
    this.#means.inFlight--;
    return true;
  }

  #pong(bytes: Uint8Array): void {
    const { out, frames } = this.#means;
    if (!out.hasRoom(PONG_BYTES_MAX)) return;
    out.begin(WebOpcode.pong);
    out.putBytes(bytes, frames.start, Math.min(frames.end, frames.start + PONG_BYTES_MAX));
    out.end();
  }
}

/** The error to end with when the first connection failed with `reason`; undefined: it may be too early. */
export function noWebSockets(reason: string): LoadError | undefined {
  if (!reason.startsWith('status') && reason !== 'no WebSocket') return undefined;
  return new LoadError(`it takes no WebSockets there (${reason}): does the path fit?`);
}

function closeText(bytes: Uint8Array, start: number, end: number): string {
  return end - start < 2 ? 'closed' : `closed (${bytes[start] * 256 + bytes[start + 1]})`;
}
