/**
 * HTTP requests as BitTorrent clients send them, written into the same buffer again and again, and
 * the heads of replies read in place. The longest request, a scrape of 74, has some 5 KB.
 */
import type { Crowd } from './crowd.js';
import { writeInfoHash } from './torrent-names.js';
import { writePeerId } from './udp-wire.js';

export const HTTP_REQUEST_BYTES_MAX = 8_192;

export interface HttpRequestOptions {
  readonly url: URL;
  readonly seed: number;
  readonly numwant: number;
  /** Asks the server to close after its reply. */
  readonly close: boolean;
}

const EVENT_TEXTS = ['', '&event=completed', '&event=started', '&event=stopped', '&event=paused'];
const HEX = Buffer.from('0123456789ABCDEF');

/** Bytes that stay as they are in a query (RFC 3986, unreserved). */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[A-Za-z0-9._~-]/.test(String.fromCharCode(byte)) && byte < 128 ? 1 : 0,
);

export class HttpRequestWriter {
  readonly #options: HttpRequestOptions;
  readonly #announceStart: Uint8Array;
  readonly #scrapeStart: Uint8Array;
  readonly #tail: Uint8Array;
  readonly #peerIdText = Buffer.from('&peer_id=');
  readonly #portText = Buffer.from('&port=');
  readonly #leftText = Buffer.from('&uploaded=0&downloaded=0&left=');
  readonly #restText: Uint8Array;
  readonly #hashText = Buffer.from('&info_hash=');
  readonly #events: readonly Uint8Array[];
  readonly #raw = new Uint8Array(20);

  constructor(options: HttpRequestOptions) {
    const { url, numwant, close } = options;
    this.#options = options;
    const announcePath = url.pathname === '/' ? '/announce' : url.pathname;
    const scrapePath = announcePath.replace(/announce([^/]*)$/, 'scrape$1');
    const join = url.search === '' ? '?' : `${url.search}&`;
    this.#announceStart = Buffer.from(`GET ${announcePath}${join}info_hash=`);
    this.#scrapeStart = Buffer.from(`GET ${scrapePath}${join}info_hash=`);
    this.#restText = Buffer.from(`&compact=1&numwant=${numwant}`);
    this.#events = EVENT_TEXTS.map((text) => Buffer.from(text));
    const connection = close ? 'Connection: close\r\n' : '';
    this.#tail = Buffer.from(
      ` HTTP/1.1\r\nHost: ${url.host}\r\nUser-Agent: trackerbt-load\r\nAccept-Encoding: gzip\r\n${connection}\r\n`,
    );
  }

  /** Writes what `crowd` decided on to the start of `out`; returns the length. */
  write(out: Uint8Array, crowd: Crowd): number {
    const { seed } = this.#options;
    let at = 0;
    if (crowd.isScrape) {
      const { scraped } = crowd;
      for (let i = 0; i < scraped.length; i++) {
        at = copy(i === 0 ? this.#scrapeStart : this.#hashText, out, at);
        writeInfoHash(seed, scraped[i], this.#raw, 0);
        at = percentEncode(this.#raw, out, at);
      }
      return copy(this.#tail, out, at);
    }
    at = copy(this.#announceStart, out, at);
    writeInfoHash(seed, crowd.torrent, this.#raw, 0);
    at = percentEncode(this.#raw, out, at);
    at = copy(this.#peerIdText, out, at);
    writePeerId(crowd.peer, out, at);
    at = copy(this.#portText, out, at + 20);
    at = writeDecimal(crowd.port, out, at);
    at = copy(this.#leftText, out, at);
    out[at++] = crowd.isSeeder ? 48 : 49;
    at = copy(this.#restText, out, at);
    at = copy(this.#events[crowd.event], out, at);
    return copy(this.#tail, out, at);
  }
}

function copy(from: Uint8Array, out: Uint8Array, at: number): number {
  for (let i = 0; i < from.length; i++) out[at + i] = from[i];
  return at + from.length;
}

function percentEncode(raw: Uint8Array, out: Uint8Array, at: number): number {
  for (let i = 0; i < raw.length; i++) {
    const byte = raw[i];
    if (IS_PLAIN[byte] === 1) out[at++] = byte;
    else {
      out[at++] = 37;
      out[at++] = HEX[byte >>> 4];
      out[at++] = HEX[byte & 15];
    }
  }
  return at;
}

/** Five digits: ports of a crowd have no fewer. */
function writeDecimal(port: number, out: Uint8Array, at: number): number {
  for (let i = 4; i >= 0; i--) {
    out[at + i] = 48 + (port % 10);
    port = Math.floor(port / 10);
  }
  return at + 5;
}

/** The head of a reply, as far as a load cares. */
export class HttpReplyHead {
  /** Bytes up to and with the empty line; 0 while it has not come. */
  headBytes = 0;
  status = 0;
  /** -1 when not given: the body ends with the connection. */
  contentLength = -1;
  /** The server ends the connection after this reply. */
  closes = false;

  /** Reads `bytes[0..length)`. False while the head is incomplete. */
  read(bytes: Uint8Array, length: number): boolean {
    this.headBytes = 0;
    this.contentLength = -1;
    this.closes = false;
    let lineStart = 0;
    for (let i = 0; i < length; i++) {
      if (bytes[i] !== 10) continue;
      const lineBytes = i - lineStart;
      if (lineBytes === 0 || (lineBytes === 1 && bytes[lineStart] === 13)) {
        this.headBytes = i + 1;
        return true;
      }
      if (lineStart === 0) {
        this.status = readDigits(bytes, 9, i);
        // HTTP/1.0 closes unless it says otherwise; a load never asks it to.
        this.closes = bytes[7] === 48;
      } else if (beginsWith(bytes, lineStart, CONTENT_LENGTH)) {
        this.contentLength = readDigits(bytes, lineStart + CONTENT_LENGTH.length, i);
      } else if (beginsWith(bytes, lineStart, CONNECTION_CLOSE)) this.closes = true;
      lineStart = i + 1;
    }
    return false;
  }
}

const CONTENT_LENGTH = Buffer.from('content-length:');
const CONNECTION_CLOSE = Buffer.from('connection: close');

/** Whether `bytes` have `lowerCase` at `at`, in either case. */
function beginsWith(bytes: Uint8Array, at: number, lowerCase: Uint8Array): boolean {
  for (let i = 0; i < lowerCase.length; i++) {
    const byte = bytes[at + i];
    const lower = byte >= 65 && byte <= 90 ? byte + 32 : byte;
    if (lower !== lowerCase[i]) return false;
  }
  return true;
}

/** The number that follows spaces at `at`; 0 when there is none. */
function readDigits(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && bytes[at] === 32) at++;
  let value = 0;
  for (; at < end && bytes[at] >= 48 && bytes[at] <= 57; at++) value = value * 10 + bytes[at] - 48;
  return value;
}

/** The text of a bencoded failure at the start of a body, cut short; undefined when it is none. */
export function failureText(body: Uint8Array): string | undefined {
  if (body[0] !== 100 || body[1] !== 49 || body[2] !== 52 || body[4] !== 102) return undefined;
  const text = Buffer.from(body.subarray(0, 120)).toString('latin1');
  return /^d14:failure reason\d+:(.{0,80}?)(?:8:interval|8:retry in|e$|$)/s.exec(text)?.[1];
}

/** IPv4 peers in a bencoded announce reply; 0 when it has none. */
export function countPeers(body: Uint8Array): number {
  const view = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const at = view.indexOf('5:peers');
  return at < 0 ? 0 : readDigits(body, at + 7, body.length) / 6;
}
