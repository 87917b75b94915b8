/**
 * What a server sends on a WebSocket: first the head that accepts it, then frames without a mask.
 *
 * ```
 * 8x | length 7 bits          | payload     below 126 bytes
 * 8x | 7e | length 16, big    | payload
 * 8x | 7f | length 64, big    | payload     no longer than WEB_FRAME_BYTES_MAX here
 * ```
 *
 * Trackers send a message in one piece; one in several ends the connection, and is counted.
 */
import { createHash } from 'node:crypto';
import { HttpReplyHead } from './http-wire.js';

/** Longest frame that is taken, head and payload: a scrape of 74 hashes has some 15 KB. */
export const WEB_FRAME_BYTES_MAX = 128 * 1024;
/** Longest head of the reply to the upgrade. */
export const WEB_HEAD_BYTES_MAX = 8_192;

/** What frames must be to end a connection, for the report. */
export type WebFrameProblem = 'frame too long' | 'message in pieces' | 'masked frame';

export class WebFrameReader {
  opcode = 0;
  /** Where the payload lies. */
  start = 0;
  end = 0;
  problem: WebFrameProblem | undefined;

  /** Reads the frame at `at`; false when it is not whole, or (see `problem`) not to be had. */
  read(bytes: Uint8Array, at: number, end: number): boolean {
    this.problem = undefined;
    if (end - at < 2) return false;
    const first = bytes[at];
    const second = bytes[at + 1];
    this.opcode = first & 15;
    if ((first & 0xf0) !== 0x80 || this.opcode === 0) {
      this.problem = 'message in pieces';
      return false;
    }
    if (second >= 0x80) {
      this.problem = 'masked frame';
      return false;
    }
    let length = second;
    let head = 2;
    if (second >= 126) {
      head = second === 126 ? 4 : 10;
      if (end - at < head) return false;
      length = 0;
      for (let i = at + 2; i < at + head; i++) length = length * 256 + bytes[i];
    }
    if (head + length > WEB_FRAME_BYTES_MAX) {
      this.problem = 'frame too long';
      return false;
    }
    this.start = at + head;
    this.end = this.start + length;
    return this.end <= end;
  }
}

/** The request for a WebSocket, and what must come back. */
export class WebUpgrade {
  readonly request: Uint8Array;
  readonly #accept: string;
  readonly #head = new HttpReplyHead();

  /** One key does for all connections: it only proves that a server knows WebSockets. */
  constructor(url: URL, key: string) {
    this.request = Buffer.from(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nUser-Agent: trackerbt-load\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    this.#accept = createHash('sha1')
      .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
  }

  /** Bytes of the head that accepts; 0 while it is not whole; what is wrong otherwise. */
  read(bytes: Uint8Array, end: number): number | string {
    const head = this.#head;
    if (!head.read(bytes, Math.min(end, WEB_HEAD_BYTES_MAX))) {
      return end >= WEB_HEAD_BYTES_MAX ? 'head too long' : 0;
    }
    if (head.status !== 101) return `status ${head.status}`;
    const text = Buffer.from(bytes.slice(0, head.headBytes)).toString('latin1');
    const accept = /^sec-websocket-accept: *(\S+)\s*$/im.exec(text)?.[1];
    return accept === this.#accept ? head.headBytes : 'no WebSocket';
  }
}
