/**
 * UDP requests written into the same buffers again and again, and replies read in place. Layouts:
 * `protocol/udp/request.ts` and `reply.ts` (BEP 15).
 */
import {
  ANNOUNCE_BYTES_MIN,
  CONNECT_MAGIC_HI,
  CONNECT_MAGIC_LO,
  REQUEST_HEADER_BYTES,
} from '../protocol/udp/request.js';
import type { Crowd } from './crowd.js';
import { mix, writeInfoHash } from './torrent-names.js';

/** Longest request: a scrape of 74. A multiple of 64, as batches want it. */
export const UDP_REQUEST_BYTES_MAX = 1_536;

export const UdpReply = {
  invalid: -1,
  connect: 0,
  announce: 1,
  scrape: 2,
  error: 3,
} as const;
export type UdpReply = (typeof UdpReply)[keyof typeof UdpReply];

export function writeInt32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** Returns the length, as the other writers do. */
export function writeConnect(out: Uint8Array, transactionId: number): number {
  writeInt32(out, 0, CONNECT_MAGIC_HI);
  writeInt32(out, 4, CONNECT_MAGIC_LO);
  writeInt32(out, 8, 0);
  writeInt32(out, 12, transactionId);
  return REQUEST_HEADER_BYTES;
}

/** What all requests of a load have in common. */
export interface UdpRequestOptions {
  readonly seed: number;
  readonly numwant: number;
}

/** Writes what `crowd` decided on. */
export function writeRequest(
  out: Uint8Array,
  crowd: Crowd,
  idHi: number,
  idLo: number,
  transactionId: number,
  { seed, numwant }: UdpRequestOptions,
): number {
  writeInt32(out, 0, idHi);
  writeInt32(out, 4, idLo);
  writeInt32(out, 12, transactionId);
  if (crowd.isScrape) {
    writeInt32(out, 8, 2);
    const { scraped } = crowd;
    for (let i = 0; i < scraped.length; i++) {
      writeInfoHash(seed, scraped[i], out, REQUEST_HEADER_BYTES + 20 * i);
    }
    return REQUEST_HEADER_BYTES + 20 * scraped.length;
  }
  writeInt32(out, 8, 1);
  writeInfoHash(seed, crowd.torrent, out, 16);
  writePeerId(crowd.peer, out, 36);
  for (let at = 56; at < 96; at += 4) writeInt32(out, at, 0);
  if (!crowd.isSeeder) writeInt32(out, 68, 1 << 20);
  writeInt32(out, 80, crowd.event);
  writeInt32(out, 88, mix(crowd.peer));
  writeInt32(out, 92, numwant);
  out[96] = crowd.port >>> 8;
  out[97] = crowd.port;
  return ANNOUNCE_BYTES_MIN;
}

/** 20 characters that need no escaping: `-TB0000-` and the peer's number in letters. */
export function writePeerId(peer: number, out: Uint8Array, at: number): void {
  for (let i = 0; i < 8; i++) out[at + i] = PEER_ID_PREFIX[i];
  let rest = peer;
  for (let i = 19; i >= 8; i--) {
    out[at + i] = 97 + (rest % 16);
    rest = Math.floor(rest / 16);
  }
}

const PEER_ID_PREFIX = Buffer.from('-TB0000-');

/** What the reply of `length` bytes is, as far as its first bytes tell. */
export function kindOfReply(bytes: Uint8Array, length: number): UdpReply {
  if (length < 8) return UdpReply.invalid;
  const action = readInt32(bytes, 0);
  if (action === UdpReply.connect) return length >= 16 ? action : UdpReply.invalid;
  if (action === UdpReply.announce) return length >= 20 ? action : UdpReply.invalid;
  if (action === UdpReply.scrape) return (length - 8) % 12 === 0 ? action : UdpReply.invalid;
  return action === UdpReply.error ? action : UdpReply.invalid;
}
