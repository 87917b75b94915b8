/**
 * What every binary message of the cluster begins with.
 *
 * ```
 *  0  magic      4   "TBTR"
 *  4  kind       1   MessageKind
 *  5  zero       1
 *  6  version    2   1
 *  8  length     4   of the whole message
 * 12  checksum   4   CRC-32 of bytes 0 to 11 and 16 to the end
 * 16  body
 * ```
 *
 * The bus authenticates who speaks; the checksum is against damage and against our own bugs. A
 * version that we do not know is refused before anything else of the message is looked at, so that
 * a later one may change all that follows.
 */
import { crc32 } from 'node:zlib';
import { readU16, readU32, writeU16, writeU32 } from './fields.js';

export const ENVELOPE_BYTES = 16;
export const CLUSTER_VERSION = 1;
/** Largest binary message, but for those about lists. */
export const MESSAGE_BYTES_MAX = 64 * 1024;

const MAGIC = 0x52544254;
const AT = { kind: 4, zero: 5, version: 6, length: 8, checksum: 12 } as const;

/** What a message is. `batch` travels on `peers.<origin>`, all others on `rep.<to>.<from>`. */
export const MessageKind = {
  batch: 1,
  /** Asks an origin for batches again. */
  resend: 2,
  /** One batch, again. */
  resent: 3,
  /** The batches asked for are no longer held. */
  gone: 4,
  /** Asks for a walk over some cells. */
  walk: 5,
  /** Allows a walk to send more chunks. */
  credit: 6,
  /** No walk now. */
  busy: 7,
  /** Ends a walk early. */
  cancel: 8,
  /** A part of what a walk found. */
  chunk: 9,
  /** Asks for the digests of all cells. */
  cellsWanted: 10,
  /** The digests of all cells. */
  cells: 11,
  /** Entries that the requester of a walk holds and its donor seems to lack. */
  words: 12,
  /** What the donor knows better of those: their peers left. */
  stops: 13,
  /** Entries of a deny or allow list (list-message.ts). Travels on `ctl`. */
  listEntries: 14,
  /** The digests of a list: asks for the entries of the buckets that differ. Travels on `ctl`. */
  listWanted: 15,
  /** An offer or an answer of a web peer (signal.ts). Travels on `sig.<to>.<from>`. */
  signal: 16,
} as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

/** How reading a message ended: everything but `ok` means that nothing of it may be used. */
export const Decoded = {
  ok: 0,
  /** Not one of our messages, or cut off before its length. */
  foreign: 1,
  /** Of a version that we do not know. */
  version: 2,
  /** Longer or shorter than it says, or than any may be. */
  length: 3,
  /** Damaged on the way. */
  checksum: 4,
  /** Of a kind that has no business here. */
  kind: 5,
  /** Whole, and yet what it says cannot be. */
  body: 6,
} as const;
export type Decoded = (typeof Decoded)[keyof typeof Decoded];

/** Completes a message whose body is in place; `bytes` is exactly the message. */
export function sealEnvelope(bytes: Uint8Array, kind: MessageKind): void {
  writeU32(bytes, 0, MAGIC);
  bytes[AT.kind] = kind;
  bytes[AT.zero] = 0;
  writeU16(bytes, AT.version, CLUSTER_VERSION);
  writeU32(bytes, AT.length, bytes.length);
  writeU32(bytes, AT.checksum, checksum(bytes));
}

/** Whether this may be one of our messages at all; nothing else of it is looked at. */
export function hasMagic(bytes: Uint8Array): boolean {
  return bytes.length >= ENVELOPE_BYTES && readU32(bytes, 0) === MAGIC;
}

/** Checks all but the body. Never throws. `bytesMax`: for kinds that may be larger than others. */
export function openEnvelope(bytes: Uint8Array, bytesMax: number = MESSAGE_BYTES_MAX): Decoded {
  if (!hasMagic(bytes)) return Decoded.foreign;
  if (readU16(bytes, AT.version) !== CLUSTER_VERSION) return Decoded.version;
  if (bytes.length > bytesMax || readU32(bytes, AT.length) !== bytes.length) {
    return Decoded.length;
  }
  if (checksum(bytes) !== readU32(bytes, AT.checksum)) return Decoded.checksum;
  return bytes[AT.zero] === 0 ? Decoded.ok : Decoded.body;
}

/** The kind of a message that `openEnvelope` found good; of any other some number. */
export function messageKind(bytes: Uint8Array): number {
  return bytes[AT.kind];
}

function checksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(ENVELOPE_BYTES), crc32(bytes.subarray(0, AT.checksum)));
}
