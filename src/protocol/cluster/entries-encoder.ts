/**
 * Gathers entries of a store and writes them as messages (entries.ts). Swarms come one after the
 * other, as a walk visits them, so bytes are written in place and nothing is sorted.
 */
import { assert } from '../../lib/assert.js';
import {
  ENTRIES_AT,
  ENTRIES_GROUP_BYTES,
  ENTRIES_HEAD_BYTES,
  ENTRY_AGE_SECONDS_MAX,
  ENTRY_GROUP_RECORDS_MAX,
  ENTRY_HEAD_BYTES,
  ENTRY_ORIGINS_MAX,
  type EntriesKind,
  ORIGIN_COUNT_BYTES,
} from './entries.js';
import { MESSAGE_BYTES_MAX, sealEnvelope } from './envelope.js';
import {
  DOWNLOADS_MAX,
  INFO_HASH_BYTES,
  wireBytesOf,
  writeInfoHash,
  writeU16,
  writeU32,
} from './fields.js';
import { NODE_ID_BYTES, writeNodeId } from './node-id.js';

/** Slots of origins that exist: 12 bits. */
const SLOTS = 4_096;

export interface EntriesEncoderOptions {
  /** Size that a message does not exceed; default and most: MESSAGE_BYTES_MAX. */
  readonly bytesMax?: number;
}

export interface EntriesEncoderDependencies {
  /** The node id behind an origin's slot; slot 0 is this node. */
  readonly idOf: (slot: number) => string;
}

/** What stands in the head of a message. */
export interface EntriesHeader {
  readonly kind: EntriesKind;
  readonly walkId: number;
  readonly number: number;
  readonly isLast: boolean;
}

export class EntriesEncoder {
  readonly #bytesMax: number;
  readonly #idOf: (slot: number) => string;
  /** Groups, as they will follow the origin table. */
  readonly #groups: Uint8Array;
  /** Slots in the table, by index; and index + 1 by slot. */
  readonly #slots: number[] = [];
  readonly #indexes = new Uint8Array(SLOTS);
  readonly #infoHash = new Int32Array(5);
  #at = 0;
  #records = 0;
  /** Where the open group begins, -1 for none. */
  #group = -1;
  #groupRecords = 0;
  #groupCounts = 0;

  constructor(
    { bytesMax = MESSAGE_BYTES_MAX }: EntriesEncoderOptions,
    { idOf }: EntriesEncoderDependencies,
  ) {
    assert(bytesMax >= 256 && bytesMax <= MESSAGE_BYTES_MAX, 'entries fit a message');
    this.#bytesMax = bytesMax;
    this.#idOf = idOf;
    this.#groups = new Uint8Array(bytesMax);
  }

  /** Records gathered so far. */
  get records(): number {
    return this.#records;
  }

  /** Size of the message, were it finished now. */
  get bytes(): number {
    return ENTRIES_HEAD_BYTES + this.#slots.length * NODE_ID_BYTES + this.#at;
  }

  /** True while there is nothing to send. */
  get isEmpty(): boolean {
    return this.#at === 0;
  }

  /** All that follows is about the swarm `words[at..at + 5)`. It stays so after `finish`. */
  beginGroup(words: Int32Array, at: number): void {
    this.#closeGroup();
    for (let i = 0; i < 5; i++) this.#infoHash[i] = words[at + i];
  }

  /**
   * Says how many downloads of the swarm an origin counted. Returns false, nothing taken, when the
   * message must be finished first. Counts come before records.
   */
  addDownloads(slot: number, downloads: number): boolean {
    if (this.#groupRecords > 0 || this.#groupCounts === 0xff) this.#closeGroup();
    if (!this.#hasRoom(slot, ORIGIN_COUNT_BYTES)) return false;
    this.#openGroup();
    const index = this.#indexOf(slot);
    this.#groups[this.#at] = index;
    writeU32(this.#groups, this.#at + 1, Math.min(downloads, DOWNLOADS_MAX));
    this.#at += ORIGIN_COUNT_BYTES;
    this.#groupCounts++;
    return true;
  }

  /**
   * Tells of the peer `wire[wireAt..]` of the swarm. The flags are RecordFlag bits; a larger age
   * than a record can tell is told as the largest. Returns false, nothing taken, when the message
   * must be finished first. An empty one takes every entry.
   */
  addRecord(
    flags: number,
    slot: number,
    stamp: number,
    ageSeconds: number,
    wire: Uint16Array,
    wireAt: number,
  ): boolean {
    const wireBytes = wireBytesOf(flags);
    assert(wireBytes > 0, 'flags of an entry are possible ones');
    if (this.#groupRecords === ENTRY_GROUP_RECORDS_MAX) this.#closeGroup();
    if (!this.#hasRoom(slot, ENTRY_HEAD_BYTES + wireBytes)) return false;
    this.#openGroup();
    const groups = this.#groups;
    const index = this.#indexOf(slot);
    let at = this.#at;
    groups[at] = flags;
    groups[at + 1] = index;
    writeU32(groups, at + 2, stamp);
    writeU16(groups, at + 6, Math.min(ageSeconds, ENTRY_AGE_SECONDS_MAX));
    at += ENTRY_HEAD_BYTES;
    // The words are in memory order, which is little endian wherever Node runs.
    for (let i = 0; i < wireBytes >>> 1; i++, at += 2) writeU16(groups, at, wire[wireAt + i]);
    this.#at = at;
    this.#groupRecords++;
    this.#records++;
    return true;
  }

  /** Writes the message to memory of its own, and starts the next, in the same swarm. */
  finish({ kind, walkId, number, isLast }: EntriesHeader): Uint8Array {
    this.#closeGroup();
    const slots = this.#slots;
    const start = ENTRIES_HEAD_BYTES + slots.length * NODE_ID_BYTES;
    const bytes = new Uint8Array(new ArrayBuffer(start + this.#at));
    writeU32(bytes, ENTRIES_AT.walk, walkId);
    writeU32(bytes, ENTRIES_AT.number, number);
    writeU32(bytes, ENTRIES_AT.records, this.#records);
    bytes[ENTRIES_AT.last] = isLast ? 1 : 0;
    bytes[ENTRIES_AT.origins] = slots.length;
    for (let i = 0; i < slots.length; i++) {
      writeNodeId(bytes, ENTRIES_HEAD_BYTES + i * NODE_ID_BYTES, this.#idOf(slots[i]));
    }
    bytes.set(this.#groups.subarray(0, this.#at), start);
    sealEnvelope(bytes, kind);
    for (const slot of slots) this.#indexes[slot] = 0;
    slots.length = 0;
    this.#at = 0;
    this.#records = 0;
    return bytes;
  }

  /** True when so many bytes more fit, with what their origin and their group need. */
  #hasRoom(slot: number, bytes: number): boolean {
    const isNew = this.#indexes[slot] === 0;
    if (isNew && this.#slots.length === ENTRY_ORIGINS_MAX) return false;
    const head = this.#group < 0 ? ENTRIES_GROUP_BYTES : 0;
    return this.bytes + head + bytes + (isNew ? NODE_ID_BYTES : 0) <= this.#bytesMax;
  }

  #indexOf(slot: number): number {
    if (this.#indexes[slot] === 0) this.#indexes[slot] = this.#slots.push(slot);
    return this.#indexes[slot] - 1;
  }

  #openGroup(): void {
    if (this.#group >= 0) return;
    this.#group = this.#at;
    writeInfoHash(this.#groups, this.#at, this.#infoHash, 0);
    this.#at += ENTRIES_GROUP_BYTES;
  }

  /** Writes how much the open group holds. One is opened by its first content, so none is empty. */
  #closeGroup(): void {
    if (this.#group < 0) return;
    writeU16(this.#groups, this.#group + INFO_HASH_BYTES, this.#groupRecords);
    this.#groups[this.#group + INFO_HASH_BYTES + 2] = this.#groupCounts;
    this.#group = -1;
    this.#groupRecords = 0;
    this.#groupCounts = 0;
  }
}
