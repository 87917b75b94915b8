/**
 * Entries of a store on their way to another node: chunks of a walk, words and stops of a repair, on
 * `rep.<to>.<from>`. They say what a node holds, whoever heard it first.
 *
 * ```
 * envelope          16   kind chunk, words or stops
 * 16  walk           4   number that the requester of the walk chose
 * 20  number         4   of this message in the walk and kind, from 0
 * 24  records        4   in all groups
 * 28  last           1   1: no more of this kind follow
 * 29  origins        1   entries of the table
 * 30  zero           2
 * 32  origin table   8   each: a node id; zeros for a node that cannot be named any more
 * ..  groups
 *
 * group             20   info hash
 *                    2   records in it
 *                    1   counts of downloads in it
 *                   5n   each: origin (index, 1), downloads that it counted (4)
 *                   ...  records
 * record             1   flags (RecordFlag)
 *                    1   origin (index): who heard the newest word about the peer
 *                    4   stamp of that word
 *                    2   age: seconds since then, as the sender counts
 *                6, 18   peer as it travels
 * ```
 *
 * A swarm may have several groups, in one message and over several.
 */
import { Decoded, ENVELOPE_BYTES, MessageKind, messageKind, openEnvelope } from './envelope.js';
import {
  DOWNLOADS_MAX,
  INFO_HASH_BYTES,
  RecordFlag,
  readI32,
  readInfoHash,
  readU16,
  readU32,
  wireBytesOf,
} from './fields.js';
import { NODE_ID_BYTES, readNodeId } from './node-id.js';

export const ENTRIES_AT = {
  walk: ENVELOPE_BYTES,
  number: 20,
  records: 24,
  last: 28,
  origins: 29,
  zero: 30,
} as const;
export const ENTRIES_HEAD_BYTES = 32;
export const ENTRIES_GROUP_BYTES = INFO_HASH_BYTES + 3;
export const ORIGIN_COUNT_BYTES = 5;
/** Bytes of a record besides its wire form. */
export const ENTRY_HEAD_BYTES = 8;
/** Origins that one message can name. */
export const ENTRY_ORIGINS_MAX = 255;
export const ENTRY_GROUP_RECORDS_MAX = 0xffff;
export const ENTRY_AGE_SECONDS_MAX = 0xffff;

/** The kinds of message that hold entries. */
export type EntriesKind =
  | typeof MessageKind.chunk
  | typeof MessageKind.words
  | typeof MessageKind.stops;

export function isEntriesKind(kind: number): kind is EntriesKind {
  return kind === MessageKind.chunk || kind === MessageKind.words || kind === MessageKind.stops;
}

/**
 * Reads such messages, one after the other. `open` believes nothing until it has walked all of it;
 * the iteration after that cannot fail and leaves no garbage. Within a group, counts of downloads
 * come before records; whatever is not asked for is skipped.
 */
export class EntriesDecoder {
  kind: EntriesKind = MessageKind.chunk;
  walkId = 0;
  number = 0;
  isLast = false;
  /** In all groups. */
  records = 0;
  /** Node ids by index; NO_NODE for one that cannot be named any more. */
  readonly origins: string[] = [];
  /** Of the group: the info hash as five big-endian integers. */
  readonly infoHash = new Int32Array(5);
  /** Of the count or the record: an index into `origins`. */
  origin = 0;
  /** Of the count. */
  downloads = 0;
  /** Of the record: RecordFlag bits. */
  flags = 0;
  /** Of the record, as a signed integer. */
  stamp = 0;
  ageSeconds = 0;
  /** Of the record: the peer as it travels, 6 or 18 bytes. */
  readonly wireBytes = new Uint8Array(18);
  /** The same bytes as the store keeps them. */
  readonly wire = new Uint16Array(this.wireBytes.buffer);
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #countsLeft = 0;
  #recordsLeft = 0;

  /** Takes a message, which must not change while it is read. Never throws. */
  open(bytes: Uint8Array): Decoded {
    this.#bytes = bytes;
    // Until all is well there is nothing to iterate over.
    this.#at = bytes.length;
    this.#countsLeft = 0;
    this.#recordsLeft = 0;
    this.records = 0;
    this.origins.length = 0;
    const outcome = openEnvelope(bytes);
    if (outcome !== Decoded.ok) return outcome;
    const kind = messageKind(bytes);
    if (!isEntriesKind(kind)) return Decoded.kind;
    if (bytes.length < ENTRIES_HEAD_BYTES) return Decoded.length;
    const last = bytes[ENTRIES_AT.last];
    const origins = bytes[ENTRIES_AT.origins];
    const start = ENTRIES_HEAD_BYTES + origins * NODE_ID_BYTES;
    if (last > 1 || readU16(bytes, ENTRIES_AT.zero) !== 0) return Decoded.body;
    if (start > bytes.length) return Decoded.body;
    const records = readU32(bytes, ENTRIES_AT.records);
    const mayStop = kind === MessageKind.stops;
    if (countEntries(bytes, start, origins, mayStop) !== records) return Decoded.body;
    this.kind = kind;
    this.walkId = readU32(bytes, ENTRIES_AT.walk);
    this.number = readU32(bytes, ENTRIES_AT.number);
    this.isLast = last === 1;
    for (let i = 0; i < origins; i++) {
      this.origins.push(readNodeId(bytes, ENTRIES_HEAD_BYTES + i * NODE_ID_BYTES));
    }
    this.records = records;
    this.#at = start;
    return Decoded.ok;
  }

  /** Goes on to the next group; false when there is none. */
  nextGroup(): boolean {
    while (this.nextRecord());
    const bytes = this.#bytes;
    const at = this.#at;
    if (at >= bytes.length) return false;
    readInfoHash(bytes, at, this.infoHash);
    this.#recordsLeft = readU16(bytes, at + INFO_HASH_BYTES);
    this.#countsLeft = bytes[at + INFO_HASH_BYTES + 2];
    this.#at = at + ENTRIES_GROUP_BYTES;
    return true;
  }

  /** Goes on to the next count of downloads of the group; false when there is none. */
  nextDownloads(): boolean {
    if (this.#countsLeft === 0) return false;
    this.#countsLeft--;
    this.origin = this.#bytes[this.#at];
    this.downloads = readU32(this.#bytes, this.#at + 1);
    this.#at += ORIGIN_COUNT_BYTES;
    return true;
  }

  /** Goes on to the next record of the group; false when there is none. */
  nextRecord(): boolean {
    this.#at += this.#countsLeft * ORIGIN_COUNT_BYTES;
    this.#countsLeft = 0;
    if (this.#recordsLeft === 0) return false;
    this.#recordsLeft--;
    const bytes = this.#bytes;
    const at = this.#at;
    this.flags = bytes[at];
    this.origin = bytes[at + 1];
    this.stamp = readI32(bytes, at + 2);
    this.ageSeconds = readU16(bytes, at + 6);
    const length = wireBytesOf(this.flags);
    const start = at + ENTRY_HEAD_BYTES;
    for (let i = 0; i < length; i++) this.wireBytes[i] = bytes[start + i];
    this.#at = start + length;
    return true;
  }
}

/**
 * Walks all groups and counts their records; -1 when they do not add up to the message. Only stops
 * hold peers that left, and nothing else: a walk tells of those that are there.
 */
function countEntries(bytes: Uint8Array, start: number, origins: number, stops: boolean): number {
  const end = bytes.length;
  let at = start;
  let records = 0;
  while (at < end) {
    if (at + ENTRIES_GROUP_BYTES > end) return -1;
    const inGroup = readU16(bytes, at + INFO_HASH_BYTES);
    const counts = bytes[at + INFO_HASH_BYTES + 2];
    // A group that says nothing is not written by any of us.
    if (inGroup + counts === 0) return -1;
    at += ENTRIES_GROUP_BYTES;
    if (at + counts * ORIGIN_COUNT_BYTES > end) return -1;
    for (let i = 0; i < counts; i++, at += ORIGIN_COUNT_BYTES) {
      if (bytes[at] >= origins || readU32(bytes, at + 1) > DOWNLOADS_MAX) return -1;
    }
    for (let i = 0; i < inGroup; i++) {
      if (at + ENTRY_HEAD_BYTES > end) return -1;
      const length = wireBytesOf(bytes[at]);
      if (length === 0 || isStop(bytes[at]) !== stops || bytes[at + 1] >= origins) return -1;
      at += ENTRY_HEAD_BYTES + length;
    }
    records += inGroup;
  }
  return at === end ? records : -1;
}

function isStop(flags: number): boolean {
  return (flags & RecordFlag.stopped) !== 0;
}
