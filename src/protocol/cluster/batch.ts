/**
 * A batch of changes, on `peers.<origin>`: what one node heard from clients in a few milliseconds.
 *
 * ```
 * envelope          16   kind batch
 * 16  origin         8   node id; whoever receives compares it with the subject
 * 24  epoch          8   when the origin's process started, ms since 1970
 * 32  sequence       4   from 1, one more each batch of an epoch
 * 36  records        4   in all groups
 * 40  base           4   stamp that the records count from
 * 44  map revision   4   of the shard map; 0 while every node holds everything
 * 48  built          8   wall clock of the origin, ms since 1970
 * 56  groups
 *
 * group             20   info hash
 *                    1   records in it (bits 0 to 6); bit 7: a count of downloads follows
 *                   [4]  downloads of the swarm that this origin counted, in all
 *                   ...  records
 * record             1   flags (RecordFlag)
 *                    2   stamp: so much after the base, in 1/64 s
 *                6, 18   peer as it travels
 * ```
 *
 * A swarm may have several groups in a batch, and a peer several records: the newest stamp counts.
 */

import {
  Decoded,
  ENVELOPE_BYTES,
  MESSAGE_BYTES_MAX,
  MessageKind,
  messageKind,
  openEnvelope,
} from './envelope.js';
import {
  DOWNLOADS_MAX,
  INFO_HASH_BYTES,
  readI32,
  readInfoHash,
  readU16,
  readU32,
  readU64,
  wireBytesOf,
} from './fields.js';
import { NO_NODE, readNodeId } from './node-id.js';

/** Largest batch: it must fit into another message when it is sent again. */
export const BATCH_BYTES_MAX = MESSAGE_BYTES_MAX - ENVELOPE_BYTES;
export const BATCH_HEAD_BYTES = 56;
export const BATCH_AT = {
  origin: ENVELOPE_BYTES,
  epoch: 24,
  sequence: 32,
  records: 36,
  base: 40,
  mapRevision: 44,
  built: 48,
} as const;
export const GROUP_HEAD_BYTES = INFO_HASH_BYTES + 1;
export const DOWNLOADS_BYTES = 4;
/** Bytes of a record besides its wire form. */
export const RECORD_HEAD_BYTES = 3;
export const GROUP_RECORDS_MAX = 0x7f;
export const HAS_DOWNLOADS = 0x80;
/** Records of one batch lie within so many units of each other. */
export const STAMP_RANGE_MAX = 0xffff;

/** Who built a batch, and when. */
export interface BatchHeader {
  readonly origin: string;
  /** ms since 1970. */
  readonly epoch: number;
  /** From 1. */
  readonly sequence: number;
  /** Revision of the shard map. */
  readonly mapRevision: number;
  /** ms since 1970. */
  readonly builtMs: number;
}

/**
 * Reads batches, one after the other, without garbage but for the origin's name. `open` believes
 * nothing until it has walked all of it; the iteration after that cannot fail.
 */
export class BatchDecoder {
  origin = NO_NODE;
  epoch = 0;
  sequence = 0;
  mapRevision = 0;
  builtMs = 0;
  /** In all groups. */
  records = 0;
  /** Of the group: the info hash as five big-endian integers. */
  readonly infoHash = new Int32Array(5);
  /** Of the group: what the origin counted, or -1 when it does not say. */
  downloads = -1;
  /** Of the record: RecordFlag bits. */
  flags = 0;
  /** Of the record, as a signed integer. */
  stamp = 0;
  /** Of the record: the peer as it travels, 6 or 18 bytes. */
  readonly wireBytes = new Uint8Array(18);
  /** The same bytes as the store keeps them. */
  readonly wire = new Uint16Array(this.wireBytes.buffer);
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #recordsLeft = 0;
  #base = 0;

  /** Takes a batch, which must not change while it is read. Never throws. */
  open(bytes: Uint8Array): Decoded {
    this.#bytes = bytes;
    // Until all is well there is nothing to iterate over.
    this.#at = bytes.length;
    this.#recordsLeft = 0;
    this.records = 0;
    const outcome = openEnvelope(bytes);
    if (outcome !== Decoded.ok) return outcome;
    if (messageKind(bytes) !== MessageKind.batch) return Decoded.kind;
    if (bytes.length < BATCH_HEAD_BYTES || bytes.length > BATCH_BYTES_MAX) return Decoded.length;
    this.origin = readNodeId(bytes, BATCH_AT.origin);
    this.epoch = readU64(bytes, BATCH_AT.epoch);
    this.sequence = readU32(bytes, BATCH_AT.sequence);
    this.mapRevision = readU32(bytes, BATCH_AT.mapRevision);
    this.builtMs = readU64(bytes, BATCH_AT.built);
    this.#base = readI32(bytes, BATCH_AT.base);
    if (this.origin === NO_NODE || this.sequence === 0) return Decoded.body;
    if (this.epoch < 0 || this.builtMs < 0) return Decoded.body;
    const records = readU32(bytes, BATCH_AT.records);
    if (countRecords(bytes) !== records) return Decoded.body;
    this.records = records;
    this.#at = BATCH_HEAD_BYTES;
    return Decoded.ok;
  }

  /** Goes on to the next group; false when there is none. Records of this one left are skipped. */
  nextGroup(): boolean {
    while (this.nextRecord());
    const bytes = this.#bytes;
    let at = this.#at;
    if (at >= bytes.length) return false;
    readInfoHash(bytes, at, this.infoHash);
    const head = bytes[at + INFO_HASH_BYTES];
    at += GROUP_HEAD_BYTES;
    this.downloads = -1;
    if ((head & HAS_DOWNLOADS) !== 0) {
      this.downloads = readU32(bytes, at);
      at += DOWNLOADS_BYTES;
    }
    this.#recordsLeft = head & GROUP_RECORDS_MAX;
    this.#at = at;
    return true;
  }

  /** Goes on to the next record of the group; false when there is none. */
  nextRecord(): boolean {
    if (this.#recordsLeft === 0) return false;
    this.#recordsLeft--;
    const bytes = this.#bytes;
    const at = this.#at;
    this.flags = bytes[at];
    this.stamp = (this.#base + readU16(bytes, at + 1)) | 0;
    const length = wireBytesOf(this.flags);
    const start = at + RECORD_HEAD_BYTES;
    for (let i = 0; i < length; i++) this.wireBytes[i] = bytes[start + i];
    this.#at = start + length;
    return true;
  }
}

/** Walks all groups and counts their records; -1 when they do not add up to the message. */
function countRecords(bytes: Uint8Array): number {
  const end = bytes.length;
  let at = BATCH_HEAD_BYTES;
  let records = 0;
  while (at < end) {
    if (at + GROUP_HEAD_BYTES > end) return -1;
    const head = bytes[at + INFO_HASH_BYTES];
    // A group that says nothing is not written by any of us.
    if (head === 0) return -1;
    at += GROUP_HEAD_BYTES;
    if ((head & HAS_DOWNLOADS) !== 0) {
      if (at + DOWNLOADS_BYTES > end || readU32(bytes, at) > DOWNLOADS_MAX) return -1;
      at += DOWNLOADS_BYTES;
    }
    for (let left = head & GROUP_RECORDS_MAX; left > 0; left--) {
      if (at >= end) return -1;
      const length = wireBytesOf(bytes[at]);
      if (length === 0) return -1;
      at += RECORD_HEAD_BYTES + length;
      records++;
    }
  }
  return at === end ? records : -1;
}
