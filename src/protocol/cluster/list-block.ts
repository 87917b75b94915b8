/**
 * Entries of a deny or allow list as bytes, in messages and in files alike. Integers are little
 * endian.
 *
 * ```
 *  0  words     2   1 to 65,535, or 0 in a block without entries
 *  2  zero      2
 *  4  entries   4
 *  8  word      24 + n each
 *      0  stamp    8   ms since 1970, under 2^48
 *      8  expires  4   seconds since 1970; 0 never
 *     12  by       8   node id of who said it; zeros: nobody that can be named
 *     20  flags    1   bit 0: present; without it the entry was removed
 *     21  zero     1
 *     22  length   2   of the reason
 *     24  reason   n   UTF-8
 *     entry     22 each
 *      0  word     2   what was said of it, from 0
 *      2  hash    20
 * ```
 *
 * What was said of many hashes at once, as an import does, stands in a block once.
 */
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './fields.js';
import { readNodeId, writeNodeId } from './node-id.js';

/** One entry, as `ListEntry` of the swarm store has it. */
export interface ListRecord {
  /** 20 bytes. */
  readonly hash: Uint8Array;
  /** When it was said, ms since 1970. */
  readonly stamp: number;
  /** Node id of who said it. */
  readonly by: string;
  /** False: it was removed. */
  readonly present: boolean;
  /** Since 1970; 0 never. */
  readonly expiresSeconds: number;
  readonly reason: string;
}

export const LIST_STAMP_MAX = 2 ** 48 - 1;
/** 200 UTF-16 units of three bytes. */
const REASON_BYTES_MAX = 600;
const HASH_BYTES = 20;

const HEAD_BYTES = 8;
const WORD_BYTES = 24;
const ENTRY_BYTES = 2 + HASH_BYTES;
const WORDS_MAX = 0xffff;
const AT = { words: 0, zero: 2, entries: 4 } as const;
const WORD_AT = { stamp: 0, expires: 8, by: 12, flags: 20, zero: 21, length: 22, reason: 24 };
const PRESENT = 1;

/** The smallest `bytesMax` of an encoder: one entry with a long reason. */
export const LIST_BLOCK_BYTES_MIN = HEAD_BYTES + WORD_BYTES + REASON_BYTES_MAX + ENTRY_BYTES;

/** Collects entries until a block is full. */
export class ListBlockEncoder {
  readonly #bytesMax: number;
  /** Words from the front. */
  readonly #words: Buffer;
  readonly #entries: Buffer;
  readonly #known = new Map<string, number>();
  #wordBytes = 0;
  #count = 0;
  /** The entry before: mostly the next one says the same. */
  #last: ListRecord | undefined;
  #lastWord = 0;

  /** `bytesMax`: of a block. */
  constructor({ bytesMax }: { readonly bytesMax: number }) {
    this.#bytesMax = bytesMax;
    this.#words = Buffer.allocUnsafe(bytesMax);
    this.#entries = Buffer.allocUnsafe(bytesMax);
  }

  /** Entries taken since the last `finish`. */
  get count(): number {
    return this.#count;
  }

  /** False when the entry does not fit beside those that are there: finish, then add it again. */
  add(entry: ListRecord): boolean {
    const size = HEAD_BYTES + this.#wordBytes + (this.#count + 1) * ENTRY_BYTES;
    if (size > this.#bytesMax) return false;
    const word = this.#wordOf(entry, this.#bytesMax - size);
    if (word < 0) return false;
    const at = this.#count++ * ENTRY_BYTES;
    writeU16(this.#entries, at, word);
    this.#entries.set(entry.hash, at + 2);
    return true;
  }

  /** The block behind `headBytes` bytes for whoever sends or writes it; the encoder is empty again. */
  finish(headBytes: number): Buffer {
    const words = headBytes + HEAD_BYTES;
    const entries = words + this.#wordBytes;
    const length = entries + this.#count * ENTRY_BYTES;
    const bytes = Buffer.allocUnsafeSlow(length);
    writeU16(bytes, headBytes + AT.words, this.#known.size);
    writeU16(bytes, headBytes + AT.zero, 0);
    writeU32(bytes, headBytes + AT.entries, this.#count);
    this.#words.copy(bytes, words, 0, this.#wordBytes);
    this.#entries.copy(bytes, entries, 0, length - entries);
    this.#known.clear();
    this.#wordBytes = 0;
    this.#count = 0;
    this.#last = undefined;
    return bytes;
  }

  /** Number of what is said of an entry; negative when there are not as many bytes. */
  #wordOf(entry: ListRecord, bytesLeft: number): number {
    const last = this.#last;
    if (
      last !== undefined &&
      last.stamp === entry.stamp &&
      last.by === entry.by &&
      last.present === entry.present &&
      last.expiresSeconds === entry.expiresSeconds &&
      last.reason === entry.reason
    ) {
      return this.#lastWord;
    }
    const { stamp, by, present, expiresSeconds, reason } = entry;
    const key = `${stamp} ${by} ${present} ${expiresSeconds} ${reason}`;
    let word = this.#known.get(key);
    if (word === undefined) {
      const text = Buffer.from(reason);
      // A longer one is of no list of ours.
      const length = text.length > REASON_BYTES_MAX ? 0 : text.length;
      if (WORD_BYTES + length > bytesLeft || this.#known.size === WORDS_MAX) return -1;
      word = this.#known.size;
      this.#known.set(key, word);
      this.#write(entry, text.subarray(0, length));
    }
    this.#last = entry;
    this.#lastWord = word;
    return word;
  }

  #write({ stamp, by, present, expiresSeconds }: ListRecord, reason: Buffer): void {
    const words = this.#words;
    const at = this.#wordBytes;
    writeU64(words, at + WORD_AT.stamp, stamp);
    writeU32(words, at + WORD_AT.expires, expiresSeconds);
    writeNodeId(words, at + WORD_AT.by, by);
    words[at + WORD_AT.flags] = present ? PRESENT : 0;
    words[at + WORD_AT.zero] = 0;
    writeU16(words, at + WORD_AT.length, reason.length);
    reason.copy(words, at + WORD_AT.reason);
    this.#wordBytes += WORD_BYTES + reason.length;
  }
}

type Word = Omit<ListRecord, 'hash'>;

/** The entries of a block, one after the other: whoever has little time goes on later. */
export class ListBlockReader {
  readonly #bytes: Uint8Array;
  readonly #words: readonly Word[];
  /** A view a million times over is garbage that no heap shrinks from again. */
  readonly #hash = new Uint8Array(HASH_BYTES);
  #at: number;

  /** For `openListBlock`, which has checked everything. */
  constructor(bytes: Uint8Array, entriesAt: number, words: readonly Word[]) {
    this.#bytes = bytes;
    this.#at = entriesAt;
    this.#words = words;
  }

  /** Entries that `next` has not given yet. */
  get left(): number {
    return (this.#bytes.length - this.#at) / ENTRY_BYTES;
  }

  /** The next entry, whose hash is good until the next call; undefined at the end. */
  next(): ListRecord | undefined {
    const at = this.#at;
    if (at >= this.#bytes.length) return undefined;
    this.#at = at + ENTRY_BYTES;
    const { stamp, by, present, expiresSeconds, reason } = this.#words[readU16(this.#bytes, at)];
    const hash = this.#hash;
    for (let i = 0; i < HASH_BYTES; i++) hash[i] = this.#bytes[at + 2 + i];
    return { hash, stamp, by, present, expiresSeconds, reason };
  }
}

/**
 * Checks a block, which reaches from `from` to the end of the bytes. Undefined for what is none. Never
 * throws, and makes nothing larger than what it was given.
 */
export function openListBlock(bytes: Uint8Array, from: number): ListBlockReader | undefined {
  if (bytes.length < from + HEAD_BYTES || readU16(bytes, from + AT.zero) !== 0) return undefined;
  const count = readU16(bytes, from + AT.words);
  const entries = readU32(bytes, from + AT.entries);
  if ((count === 0) !== (entries === 0)) return undefined;
  const words: Word[] = [];
  let at = from + HEAD_BYTES;
  for (let i = 0; i < count; i++) {
    const word = readWord(bytes, at);
    if (word === undefined) return undefined;
    words.push(word);
    at += WORD_BYTES + readU16(bytes, at + WORD_AT.length);
  }
  if (bytes.length - at !== entries * ENTRY_BYTES) return undefined;
  for (let entry = at; entry < bytes.length; entry += ENTRY_BYTES) {
    if (readU16(bytes, entry) >= count) return undefined;
  }
  return new ListBlockReader(bytes, at, words);
}

function readWord(bytes: Uint8Array, at: number): Word | undefined {
  if (bytes.length < at + WORD_BYTES) return undefined;
  const stamp = readU64(bytes, at + WORD_AT.stamp);
  const flags = bytes[at + WORD_AT.flags];
  const length = readU16(bytes, at + WORD_AT.length);
  if (stamp < 0 || stamp > LIST_STAMP_MAX || (flags & ~PRESENT) !== 0) return undefined;
  if (bytes[at + WORD_AT.zero] !== 0 || length > REASON_BYTES_MAX) return undefined;
  const start = at + WORD_AT.reason;
  if (bytes.length < start + length) return undefined;
  return {
    stamp,
    by: readNodeId(bytes, at + WORD_AT.by),
    present: (flags & PRESENT) !== 0,
    expiresSeconds: readU32(bytes, at + WORD_AT.expires),
    reason: Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString(),
  };
}
