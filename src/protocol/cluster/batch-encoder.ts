/**
 * Gathers changes for a batch (batch.ts) and writes it: grouped by swarm, and of several changes of
 * one peer only the newest.
 *
 * ```
 * groups    8 words    info hash (5), first record + 1, records, downloads (-1: not said)
 * records   4 words    group, next record of the group + 1, stamp, flags
 * wires     9 halves   a record's peer
 * tables               open addressing: number of the group or record + 1, 0 when empty
 * ```
 *
 * Swarms and peers are chosen by strangers, so a search looks at 8 places and no more. What it then
 * does not find travels twice: that costs bytes, never time, and the newest stamp counts either way.
 */
import { assert } from '../../lib/assert.js';
import {
  BATCH_AT,
  BATCH_BYTES_MAX,
  BATCH_HEAD_BYTES,
  type BatchHeader,
  DOWNLOADS_BYTES,
  GROUP_HEAD_BYTES,
  GROUP_RECORDS_MAX,
  HAS_DOWNLOADS,
  RECORD_HEAD_BYTES,
  STAMP_RANGE_MAX,
} from './batch.js';
import { MessageKind, sealEnvelope } from './envelope.js';
import {
  DOWNLOADS_MAX,
  FAMILY_FLAGS,
  INFO_HASH_BYTES,
  WIRE_BYTES4,
  WIRE_WORDS6,
  wireBytesOf,
  writeInfoHash,
  writeU16,
  writeU32,
  writeU64,
} from './fields.js';
import { writeNodeId } from './node-id.js';

const GROUP_WORDS = 8;
const Group = { infoHash: 0, first: 5, records: 6, downloads: 7 } as const;
const RECORD_WORDS = 4;
const Record = { group: 0, next: 1, stamp: 2, flags: 3 } as const;
/** Places that a search looks at. */
const WINDOW = 8;

export interface BatchEncoderOptions {
  /** Size that a batch does not exceed; default and most: BATCH_BYTES_MAX. */
  readonly bytesMax?: number;
  /** Random: strangers must not know what lies near what. */
  readonly seed: number;
}

export class BatchEncoder {
  readonly #bytesMax: number;
  readonly #seed: number;
  readonly #groups: Int32Array;
  readonly #records: Int32Array;
  readonly #wires: Uint16Array;
  readonly #groupTable: Int32Array;
  readonly #recordTable: Int32Array;
  #groupCount = 0;
  #recordCount = 0;
  #bytes = BATCH_HEAD_BYTES;
  #oldest = 0;
  #newest = 0;

  constructor({ bytesMax = BATCH_BYTES_MAX, seed }: BatchEncoderOptions) {
    assert(bytesMax >= 256 && bytesMax <= BATCH_BYTES_MAX, 'a batch fits a message');
    this.#bytesMax = bytesMax;
    this.#seed = seed | 0;
    const room = bytesMax - BATCH_HEAD_BYTES;
    const groupsMax = Math.ceil(room / GROUP_HEAD_BYTES);
    const recordsMax = Math.ceil(room / (RECORD_HEAD_BYTES + WIRE_BYTES4));
    this.#groups = new Int32Array(groupsMax * GROUP_WORDS);
    this.#records = new Int32Array(recordsMax * RECORD_WORDS);
    this.#wires = new Uint16Array(recordsMax * WIRE_WORDS6);
    this.#groupTable = new Int32Array(tableSize(groupsMax));
    this.#recordTable = new Int32Array(tableSize(recordsMax));
  }

  /** Records gathered so far, repeated changes of a peer counted once. */
  get records(): number {
    return this.#recordCount;
  }

  /** Size of the batch, were it finished now. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#groupCount === 0;
  }

  /**
   * Takes a change of the peer `wire[wireAt..]` in the swarm `words[at..at + 5)`. The flags are
   * RecordFlag bits. Returns false, nothing taken, when the batch must be finished first: it is full,
   * or the stamp is too far from the others. An empty one takes every change.
   */
  add(
    words: Int32Array,
    at: number,
    flags: number,
    stamp: number,
    wire: Uint16Array,
    wireAt: number,
  ): boolean {
    const wireBytes = wireBytesOf(flags);
    assert(wireBytes > 0, 'flags of a change are possible ones');
    if (!this.#fitsRange(stamp)) return false;
    const found = this.#findGroup(words, at);
    const hash = mixWire(wire, wireAt, wireBytes >>> 1, found < 0 ? 0 : found);
    if (found >= 0 && this.#renew(found, hash, flags, stamp, wire, wireAt)) return true;
    const count = found < 0 ? 0 : this.#groups[found * GROUP_WORDS + Group.records];
    // Another head when a group has as many as its count can tell.
    const heads = found < 0 || (count > 0 && count % GROUP_RECORDS_MAX === 0) ? 1 : 0;
    const cost = RECORD_HEAD_BYTES + wireBytes + heads * GROUP_HEAD_BYTES;
    if (this.#bytes + cost > this.#bytesMax) return false;
    const group = found < 0 ? this.#addGroup(words, at) : found;
    this.#bytes += cost;
    this.#widenRange(stamp);
    this.#addRecord(group, flags, stamp, wire, wireAt);
    return true;
  }

  /**
   * Says how many downloads of a swarm this origin counted, in all; of several the highest travels.
   * Returns false, nothing taken, when the batch is full.
   */
  setDownloads(words: Int32Array, at: number, downloads: number): boolean {
    const found = this.#findGroup(words, at);
    const before = found < 0 ? -1 : this.#groups[found * GROUP_WORDS + Group.downloads];
    const cost = (found < 0 ? GROUP_HEAD_BYTES : 0) + (before < 0 ? DOWNLOADS_BYTES : 0);
    if (this.#bytes + cost > this.#bytesMax) return false;
    const group = found < 0 ? this.#addGroup(words, at) : found;
    this.#bytes += cost;
    const index = group * GROUP_WORDS + Group.downloads;
    this.#groups[index] = Math.max(before, Math.min(downloads, DOWNLOADS_MAX));
    return true;
  }

  /** Writes the batch to memory of its own, and starts anew. */
  finish(header: BatchHeader): Uint8Array {
    // Not from the pool that Node keeps for small buffers: batches are held for a while.
    const bytes = new Uint8Array(new ArrayBuffer(this.#bytes));
    writeNodeId(bytes, BATCH_AT.origin, header.origin);
    writeU64(bytes, BATCH_AT.epoch, header.epoch);
    writeU32(bytes, BATCH_AT.sequence, header.sequence);
    writeU32(bytes, BATCH_AT.records, this.#recordCount);
    writeU32(bytes, BATCH_AT.base, this.#oldest);
    writeU32(bytes, BATCH_AT.mapRevision, header.mapRevision);
    writeU64(bytes, BATCH_AT.built, header.builtMs);
    let at = BATCH_HEAD_BYTES;
    for (let group = 0; group < this.#groupCount; group++) at = this.#writeGroup(bytes, at, group);
    assert(at === bytes.length, 'a batch has the size that was counted');
    sealEnvelope(bytes, MessageKind.batch);
    this.#reset();
    return bytes;
  }

  #writeGroup(bytes: Uint8Array, at: number, group: number): number {
    const groups = this.#groups;
    const records = this.#records;
    const start = group * GROUP_WORDS;
    let left = groups[start + Group.records];
    let next = groups[start + Group.first];
    let downloads = groups[start + Group.downloads];
    do {
      const count = Math.min(left, GROUP_RECORDS_MAX);
      left -= count;
      writeInfoHash(bytes, at, groups, start + Group.infoHash);
      bytes[at + INFO_HASH_BYTES] = count | (downloads >= 0 ? HAS_DOWNLOADS : 0);
      at += GROUP_HEAD_BYTES;
      if (downloads >= 0) {
        writeU32(bytes, at, downloads);
        at += DOWNLOADS_BYTES;
        downloads = -1;
      }
      for (let i = 0; i < count; i++) {
        const record = next - 1;
        at = this.#writeRecord(bytes, at, record);
        next = records[record * RECORD_WORDS + Record.next];
      }
    } while (left > 0);
    return at;
  }

  #writeRecord(bytes: Uint8Array, at: number, record: number): number {
    const start = record * RECORD_WORDS;
    const flags = this.#records[start + Record.flags];
    bytes[at] = flags;
    writeU16(bytes, at + 1, this.#records[start + Record.stamp] - this.#oldest);
    at += RECORD_HEAD_BYTES;
    const wireWords = wireBytesOf(flags) >>> 1;
    const wire = record * WIRE_WORDS6;
    // The words are in memory order, which is little endian wherever Node runs.
    for (let i = 0; i < wireWords; i++, at += 2) writeU16(bytes, at, this.#wires[wire + i]);
    return at;
  }

  #reset(): void {
    this.#groupCount = 0;
    this.#recordCount = 0;
    this.#bytes = BATCH_HEAD_BYTES;
    this.#oldest = 0;
    this.#newest = 0;
    this.#groupTable.fill(0);
    this.#recordTable.fill(0);
  }

  #fitsRange(stamp: number): boolean {
    if (this.#recordCount === 0) return true;
    const fromOldest = (stamp - this.#oldest) | 0;
    const fromNewest = (this.#newest - stamp) | 0;
    // Between them it fits; on either side it must not be farther off than a record can tell.
    if (fromOldest >= 0 && fromNewest >= 0) return true;
    return fromOldest < 0
      ? fromNewest >= 0 && fromNewest <= STAMP_RANGE_MAX
      : fromOldest <= STAMP_RANGE_MAX;
  }

  #widenRange(stamp: number): void {
    if (this.#recordCount === 0 || ((stamp - this.#oldest) | 0) < 0) this.#oldest = stamp;
    if (this.#recordCount === 0 || ((stamp - this.#newest) | 0) > 0) this.#newest = stamp;
  }

  /** Number of the swarm's group, or -1. */
  #findGroup(words: Int32Array, at: number): number {
    const table = this.#groupTable;
    const groups = this.#groups;
    const home = mixInfoHash(words, at, this.#seed);
    for (let i = 0; i < WINDOW; i++) {
      const entry = table[(home + i) & (table.length - 1)];
      if (entry === 0) return -1;
      const start = (entry - 1) * GROUP_WORDS;
      if (
        groups[start] === words[at] &&
        groups[start + 1] === words[at + 1] &&
        groups[start + 2] === words[at + 2] &&
        groups[start + 3] === words[at + 3] &&
        groups[start + 4] === words[at + 4]
      ) {
        return entry - 1;
      }
    }
    return -1;
  }

  #addGroup(words: Int32Array, at: number): number {
    const group = this.#groupCount++;
    const start = group * GROUP_WORDS;
    for (let i = 0; i < 5; i++) this.#groups[start + i] = words[at + i];
    this.#groups[start + Group.first] = 0;
    this.#groups[start + Group.records] = 0;
    this.#groups[start + Group.downloads] = -1;
    enter(this.#groupTable, mixInfoHash(words, at, this.#seed), group);
    return group;
  }

  /** Renews a record of the peer that was gathered before, if there is one that can be found. */
  #renew(
    group: number,
    hash: number,
    flags: number,
    stamp: number,
    wire: Uint16Array,
    wireAt: number,
  ): boolean {
    const table = this.#recordTable;
    const records = this.#records;
    const wireWords = wireBytesOf(flags) >>> 1;
    for (let i = 0; i < WINDOW; i++) {
      const entry = table[(hash + this.#seed + i) & (table.length - 1)];
      if (entry === 0) return false;
      const start = (entry - 1) * RECORD_WORDS;
      if (records[start + Record.group] !== group) continue;
      if (((records[start + Record.flags] ^ flags) & FAMILY_FLAGS) !== 0) continue;
      if (!this.#isWire(entry - 1, wire, wireAt, wireWords)) continue;
      if (((stamp - records[start + Record.stamp]) | 0) >= 0) {
        this.#widenRange(stamp);
        records[start + Record.stamp] = stamp;
        records[start + Record.flags] = flags;
      }
      return true;
    }
    return false;
  }

  #isWire(record: number, wire: Uint16Array, wireAt: number, wireWords: number): boolean {
    const start = record * WIRE_WORDS6;
    let same = 0;
    while (same < wireWords && this.#wires[start + same] === wire[wireAt + same]) same++;
    return same === wireWords;
  }

  #addRecord(group: number, flags: number, stamp: number, wire: Uint16Array, wireAt: number): void {
    const record = this.#recordCount++;
    const start = record * RECORD_WORDS;
    const head = group * GROUP_WORDS;
    this.#records[start + Record.group] = group;
    this.#records[start + Record.next] = this.#groups[head + Group.first];
    this.#records[start + Record.stamp] = stamp;
    this.#records[start + Record.flags] = flags;
    this.#groups[head + Group.first] = record + 1;
    this.#groups[head + Group.records]++;
    const wireWords = wireBytesOf(flags) >>> 1;
    const to = record * WIRE_WORDS6;
    for (let i = 0; i < wireWords; i++) this.#wires[to + i] = wire[wireAt + i];
    enter(this.#recordTable, mixWire(wire, wireAt, wireWords, group) + this.#seed, record);
  }
}

/** Twice what may be in it, so that windows are rarely full. */
function tableSize(entries: number): number {
  let size = 64;
  while (size < 2 * entries) size *= 2;
  return size;
}

/** Puts a number into the first free place of its window; when there is none it is not found later. */
function enter(table: Int32Array, home: number, number: number): void {
  for (let i = 0; i < WINDOW; i++) {
    const place = (home + i) & (table.length - 1);
    if (table[place] !== 0) continue;
    table[place] = number + 1;
    return;
  }
}

function mixInfoHash(words: Int32Array, at: number, seed: number): number {
  let mixed = seed;
  for (let i = 0; i < 5; i++) {
    mixed = Math.imul(mixed ^ words[at + i], 0x9e3779b1);
    mixed ^= mixed >>> 15;
  }
  return mixed;
}

function mixWire(wire: Uint16Array, at: number, count: number, group: number): number {
  let mixed = Math.imul(group + 1, 0x85ebca6b);
  for (let i = 0; i < count; i++) {
    mixed = Math.imul(mixed ^ wire[at + i], 0x9e3779b1);
    mixed ^= mixed >>> 15;
  }
  return mixed;
}
