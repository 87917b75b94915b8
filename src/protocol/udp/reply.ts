/**
 * Replies of the UDP tracker protocol (BEP 15), written in place. All integers are big endian.
 *
 * ```
 * connect (16)              announce (20 + 6 n | 20 + 18 n)   scrape (8 + 12 n)     error (8 + text)
 *  0  4  action 0            0  4  action 1                    0  4  action 2        0  4  action 3
 *  4  4  transaction id      4  4  transaction id              4  4  transaction id  4  4  transaction id
 *  8  8  connection id       8  4  interval (seconds)         then, for each hash:   8  -  message, ASCII
 *                           12  4  leechers                    0  4  seeders
 *                           16  4  seeders                     4  4  completed
 *                           20  -  peers, address and port     8  4  leechers
 * ```
 *
 * Every function returns the length of the reply so far, in bytes.
 */
import type { ScrapeEntry } from '../announce.js';
import { FAILURES, type Failure } from '../failure.js';

export const CONNECT_REPLY_BYTES = 16;
export const ANNOUNCE_REPLY_HEADER_BYTES = 20;
export const SCRAPE_REPLY_HEADER_BYTES = 8;
export const SCRAPE_REPLY_ENTRY_BYTES = 12;

/** Error texts as bytes, by failure number. */
const MESSAGES: readonly Uint8Array[] = Object.values(FAILURES).map(({ reason }) =>
  Uint8Array.from(reason, (c) => c.charCodeAt(0) & 0x7f),
);

export function encodeConnectReply(
  out: Uint8Array,
  transactionId: number,
  idHi: number,
  idLo: number,
): number {
  writeInt32(out, 0, 0);
  writeInt32(out, 4, transactionId);
  writeInt32(out, 8, idHi);
  writeInt32(out, 12, idLo);
  return CONNECT_REPLY_BYTES;
}

/** Writes all but the peers, which the store has put, or will put, behind these 20 bytes. */
export function encodeAnnounceHeader(
  out: Uint8Array,
  transactionId: number,
  intervalSeconds: number,
  leechers: number,
  seeders: number,
): number {
  writeInt32(out, 0, 1);
  writeInt32(out, 4, transactionId);
  writeInt32(out, 8, intervalSeconds);
  writeInt32(out, 12, leechers);
  writeInt32(out, 16, seeders);
  return ANNOUNCE_REPLY_HEADER_BYTES;
}

export function encodeScrapeHeader(out: Uint8Array, transactionId: number): number {
  writeInt32(out, 0, 2);
  writeInt32(out, 4, transactionId);
  return SCRAPE_REPLY_HEADER_BYTES;
}

/** Writes the answer for the `index`-th hash of the request. */
export function encodeScrapeEntry(out: Uint8Array, index: number, entry: ScrapeEntry): number {
  const at = SCRAPE_REPLY_HEADER_BYTES + SCRAPE_REPLY_ENTRY_BYTES * index;
  writeInt32(out, at, entry.seeders);
  writeInt32(out, at + 4, entry.downloads);
  writeInt32(out, at + 8, entry.leechers);
  return at + SCRAPE_REPLY_ENTRY_BYTES;
}

export function encodeError(out: Uint8Array, transactionId: number, failure: Failure): number {
  writeInt32(out, 0, 3);
  writeInt32(out, 4, transactionId);
  const message = MESSAGES[failure];
  for (let i = 0; i < message.length; i++) out[8 + i] = message[i];
  return 8 + message.length;
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
