/**
 * How nodes exchange deny and allow lists, on `ctl`. After the envelope (16 bytes):
 *
 * ```
 * listEntries  16  from     8   the minder that speaks
 *              24  request  4   of the question that this answers; 0: news for everybody
 *              28  next     2   of the last message of an answer: the bucket from which on nothing was
 *                               compared yet; 4096: this is all
 *              30  list     1   0 deny, 1 allow
 *              31  flags    1   bit 0: the last message of an answer
 *              32  block        list-block.ts
 *
 * listWanted   16  from     8   who asks
 *              24  to       8   the minder that is asked: others hear it too
 *              32  request  4   not 0
 *              36  first    2   the first bucket to be compared
 *              38  list     1
 *              39  zero     1
 *              40  digests  4096 x 8    of the asker's buckets, low half first
 * ```
 *
 * ```
 * ctl.all            entries that are new, from a minder to everybody
 * ctl.<id>           entries, to the tracker that asked
 * ctl.minder.<self>  wanted, from a tracker
 * ctl.lists.<id>     both, from minder to minder: trackers can neither say nor hear it
 * ```
 */
import {
  Decoded,
  ENVELOPE_BYTES,
  hasMagic,
  MessageKind,
  messageKind,
  openEnvelope,
  sealEnvelope,
} from './envelope.js';
import { readU16, readU32, writeU16, writeU32 } from './fields.js';
import { type ListBlockEncoder, type ListBlockReader, openListBlock } from './list-block.js';
import { NO_NODE, readNodeId, writeNodeId } from './node-id.js';

/** Largest message about lists: some 5,900 entries. */
export const LIST_MESSAGE_BYTES_MAX = 128 * 1024;
/** Buckets of a list, by the first 12 bits of the info hash. */
export const LIST_BUCKETS = 4_096;
/** `next` of an answer that compared everything. */
export const LIST_END = LIST_BUCKETS;

export const listSubject = (minderId: string) => `ctl.lists.${minderId}`;

const LISTS = ['deny', 'allow'] as const;
export type WireList = (typeof LISTS)[number];

const HEAD = ENVELOPE_BYTES;
const ENTRIES_AT = { from: HEAD, request: 24, next: 28, list: 30, flags: 31, block: 32 } as const;
const WANTED_AT = { from: HEAD, to: 24, request: 32, first: 36, list: 38, zero: 39, digests: 40 };
const WANTED_BYTES = WANTED_AT.digests + 8 * LIST_BUCKETS;
const LAST = 1;

/** Room for a block in a message. */
export const LIST_MESSAGE_BLOCK_BYTES = LIST_MESSAGE_BYTES_MAX - ENTRIES_AT.block;

/** What a message of entries says beside them. */
export interface ListEntriesHead {
  readonly from: string;
  readonly list: WireList;
  /** 0: an answer to nobody. */
  readonly request: number;
  readonly isLast: boolean;
  /** Of the last message: where the next question should begin; `LIST_END` when all was compared. */
  readonly next: number;
}

export interface ListWanted {
  readonly from: string;
  readonly to: string;
  readonly list: WireList;
  readonly request: number;
  readonly first: number;
  /** Two words a bucket, low half first. */
  readonly digests: Uint32Array;
}

export type ListMessage =
  | ({ readonly kind: 'entries'; readonly entries: ListBlockReader } & ListEntriesHead)
  | ({ readonly kind: 'wanted' } & ListWanted);

/** Makes a message of what the encoder has collected, which may be nothing, and empties it. */
export function encodeListEntries(
  { from, list, request, isLast, next }: ListEntriesHead,
  encoder: ListBlockEncoder,
): Uint8Array {
  const bytes = encoder.finish(ENTRIES_AT.block);
  writeNodeId(bytes, ENTRIES_AT.from, from);
  writeU32(bytes, ENTRIES_AT.request, request);
  writeU16(bytes, ENTRIES_AT.next, next);
  bytes[ENTRIES_AT.list] = LISTS.indexOf(list);
  bytes[ENTRIES_AT.flags] = isLast ? LAST : 0;
  sealEnvelope(bytes, MessageKind.listEntries);
  return bytes;
}

export function encodeListWanted(wanted: ListWanted): Uint8Array {
  const bytes = new Uint8Array(WANTED_BYTES);
  writeNodeId(bytes, WANTED_AT.from, wanted.from);
  writeNodeId(bytes, WANTED_AT.to, wanted.to);
  writeU32(bytes, WANTED_AT.request, wanted.request);
  writeU16(bytes, WANTED_AT.first, wanted.first);
  bytes[WANTED_AT.list] = LISTS.indexOf(wanted.list);
  for (let i = 0; i < 2 * LIST_BUCKETS; i++) {
    writeU32(bytes, WANTED_AT.digests + 4 * i, wanted.digests[i]);
  }
  sealEnvelope(bytes, MessageKind.listWanted);
  return bytes;
}

/** Whether a message is about lists, judged by its first bytes alone: `ctl` carries JSON too. */
export function isListMessage(bytes: Uint8Array): boolean {
  if (!hasMagic(bytes)) return false;
  const kind = messageKind(bytes);
  return kind === MessageKind.listEntries || kind === MessageKind.listWanted;
}

/** Of a message about lists, judged the same way: whether it asks. */
export function isListQuestion(bytes: Uint8Array): boolean {
  return messageKind(bytes) === MessageKind.listWanted;
}

/** Who sent such a message, as it says itself and before anything is checked; `NO_NODE` for none. */
export function listSender(bytes: Uint8Array): string {
  return bytes.length < HEAD + 8 ? NO_NODE : readNodeId(bytes, HEAD);
}

/** Reads a message about lists; a `Decoded` code for one that cannot be. Never throws. */
export function decodeListMessage(bytes: Uint8Array): ListMessage | Exclude<Decoded, 0> {
  const outcome = openEnvelope(bytes, LIST_MESSAGE_BYTES_MAX);
  if (outcome !== Decoded.ok) return outcome;
  switch (messageKind(bytes)) {
    case MessageKind.listEntries:
      return decodeEntries(bytes);
    case MessageKind.listWanted:
      return decodeWanted(bytes);
    default:
      return Decoded.kind;
  }
}

function decodeEntries(bytes: Uint8Array): ListMessage | Exclude<Decoded, 0> {
  if (bytes.length < ENTRIES_AT.block) return Decoded.length;
  const from = readNodeId(bytes, ENTRIES_AT.from);
  const next = readU16(bytes, ENTRIES_AT.next);
  const list = LISTS[bytes[ENTRIES_AT.list]];
  const flags = bytes[ENTRIES_AT.flags];
  if (from === NO_NODE || next > LIST_END || list === undefined || (flags & ~LAST) !== 0) {
    return Decoded.body;
  }
  const entries = openListBlock(bytes, ENTRIES_AT.block);
  if (entries === undefined) return Decoded.body;
  const request = readU32(bytes, ENTRIES_AT.request);
  return { kind: 'entries', from, list, request, isLast: flags === LAST, next, entries };
}

function decodeWanted(bytes: Uint8Array): ListMessage | Exclude<Decoded, 0> {
  if (bytes.length !== WANTED_BYTES) return Decoded.length;
  const from = readNodeId(bytes, WANTED_AT.from);
  const to = readNodeId(bytes, WANTED_AT.to);
  const request = readU32(bytes, WANTED_AT.request);
  const first = readU16(bytes, WANTED_AT.first);
  const list = LISTS[bytes[WANTED_AT.list]];
  if (from === NO_NODE || to === NO_NODE || request === 0 || first >= LIST_BUCKETS) {
    return Decoded.body;
  }
  if (list === undefined || bytes[WANTED_AT.zero] !== 0) return Decoded.body;
  const digests = new Uint32Array(2 * LIST_BUCKETS);
  for (let i = 0; i < digests.length; i++) digests[i] = readU32(bytes, WANTED_AT.digests + 4 * i);
  return { kind: 'wanted', from, to, list, request, first, digests };
}
