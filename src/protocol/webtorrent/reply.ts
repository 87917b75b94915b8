/**
 * What a tracker says to WebTorrent clients, as JSON text:
 *
 * ```
 * {action: 'announce', interval, info_hash, complete, incomplete}
 * {action: 'announce', offer, offer_id, peer_id, info_hash}        another peer's offer
 * {action: 'announce', answer, offer_id, peer_id, info_hash}       the answer to an offer of one's own
 * {action: 'scrape', files: {[hash]: {complete, incomplete, downloaded}}, flags}
 * {'failure reason', action, info_hash}
 * ```
 *
 * Descriptions arrive here as JSON already (session-text.ts) and are put in as they are. Hashes and ids
 * are written byte by byte: a unit over 0x7f is two bytes of UTF-8, what JSON wants escaped is `\u00xx`.
 */
import type { AnnounceReply, ScrapeEntry } from '../announce.js';
import { FAILURES } from '../failure.js';
import type { WebRefused } from './request.js';
import { SESSION_BYTES_MAX } from './session-text.js';

/** What one peer has for another. */
export interface WebSession {
  readonly infoHash: string;
  /** Of the one who sends it. */
  readonly peerId: string;
  readonly offerId: string;
  /** JSON of the description. */
  readonly text: string;
}

/** Of a text of 20 units, all of them escaped, and its quotes. */
const BINARY_BYTES_MAX = 122;
/** All but the description and the ids. */
const REST_BYTES_MAX = 256;
const HEX = Buffer.from('0123456789abcdef');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const ANNOUNCE = Buffer.from('{"action":"announce","interval":');
const HASH = Buffer.from(',"info_hash":');
const COMPLETE = Buffer.from(',"complete":');
const INCOMPLETE = Buffer.from(',"incomplete":');
const OFFER = Buffer.from('{"action":"announce","offer":');
const ANSWER = Buffer.from('{"action":"announce","answer":');
const OFFER_ID = Buffer.from(',"offer_id":');
const PEER_ID = Buffer.from(',"peer_id":');
const END = 0x7d;

/** Writes one message after the other: each is good until the next. */
export class WebReply {
  /** The message stands at the beginning. */
  bytes = Buffer.alloc(SESSION_BYTES_MAX + 3 * BINARY_BYTES_MAX + REST_BYTES_MAX);
  length = 0;

  /** As a text, for tests. */
  toString(): string {
    return this.bytes.toString('utf8', 0, this.length);
  }

  announce(infoHash: string, reply: AnnounceReply): this {
    this.length = 0;
    this.#put(ANNOUNCE);
    this.#putNumber(reply.intervalSeconds);
    this.#put(HASH);
    this.#putBinary(infoHash);
    this.#put(COMPLETE);
    this.#putNumber(reply.seeders);
    this.#put(INCOMPLETE);
    this.#putNumber(reply.leechers);
    return this.#close();
  }

  session(kind: 'offer' | 'answer', session: WebSession): this {
    this.length = 0;
    this.#put(kind === 'offer' ? OFFER : ANSWER);
    this.length += this.bytes.write(session.text, this.length);
    this.#put(OFFER_ID);
    this.#putBinary(session.offerId);
    this.#put(PEER_ID);
    this.#putBinary(session.peerId);
    this.#put(HASH);
    this.#putBinary(session.infoHash);
    return this.#close();
  }

  /** `read` gives the counts of info hash number `i`, good until the next call. */
  scrape(
    infoHashes: readonly string[],
    read: (i: number) => ScrapeEntry,
    intervalSeconds: number,
  ): this {
    const files = infoHashes.map((infoHash, i) => {
      const { seeders, leechers, downloads } = read(i);
      return `${JSON.stringify(infoHash)}:{"complete":${seeders},"incomplete":${leechers},"downloaded":${downloads}}`;
    });
    return this.#text(
      `{"action":"scrape","files":{${files.join(',')}},"flags":{"min_request_interval":${intervalSeconds}}}`,
    );
  }

  failure({ failure, action, infoHash }: WebRefused): this {
    const { reason } = FAILURES[failure];
    return this.#text(JSON.stringify({ 'failure reason': reason, action, info_hash: infoHash }));
  }

  #text(text: string): this {
    const length = Buffer.byteLength(text);
    if (length > this.bytes.length) this.bytes = Buffer.alloc(length);
    this.length = this.bytes.write(text);
    return this;
  }

  #close(): this {
    this.bytes[this.length++] = END;
    return this;
  }

  #put(part: Buffer): void {
    const { bytes } = this;
    const at = this.length;
    for (let i = 0; i < part.length; i++) bytes[at + i] = part[i];
    this.length = at + part.length;
  }

  /** A whole number, not negative. */
  #putNumber(value: number): void {
    const { bytes } = this;
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    let rest = value;
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      bytes[at] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.length += digits;
  }

  #putBinary(text: string): void {
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) {
        bytes[at++] = 0xc0 | (unit >>> 6);
        bytes[at++] = 0x80 | (unit & 0x3f);
      } else if (unit < 0x20) {
        bytes[at++] = BACKSLASH;
        bytes[at++] = 0x75;
        bytes[at++] = 0x30;
        bytes[at++] = 0x30;
        bytes[at++] = HEX[unit >>> 4];
        bytes[at++] = HEX[unit & 15];
      } else {
        if (unit === QUOTE || unit === BACKSLASH) bytes[at++] = BACKSLASH;
        bytes[at++] = unit;
      }
    }
    bytes[at++] = QUOTE;
    this.length = at;
  }
}
