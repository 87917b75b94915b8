/** Groups of the file that keeps the lists: making them, and reading a whole file (lists-file.ts). */
import { fstatSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { type ListBlockEncoder, openListBlock } from '../protocol/cluster/list-block.js';
import { LIST_NAMES, type ListEntry, type ListName } from '../swarm/hash-list.js';

const MAGIC = Buffer.from('TBTLISTS', 'latin1');
const VERSION = 1;
const HEADER_BYTES = 16;
const HEAD_BYTES = 12;
const AT = { length: 0, checksum: 4, kind: 8, list: 9, zero: 10 } as const;
const ENTRIES = 0;
/** Of a body. */
export const LISTS_GROUP_BLOCK_BYTES = 64 * 1024;
const LISTS_FILE_BYTES_MAX = 2 ** 31;

export const LISTS_HEADER = headerBytes();

function headerBytes(): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, MAGIC.length);
  return header;
}

interface ListGroup {
  readonly bytes: Buffer;
  readonly entries: number;
}

/** Makes a group of what the encoder has collected, and empties it. */
export function groupOfEntries(list: ListName, encoder: ListBlockEncoder): ListGroup {
  const entries = encoder.count;
  const bytes = seal(encoder.finish(HEAD_BYTES), LIST_NAMES.indexOf(list));
  return { bytes, entries };
}

function seal(bytes: Buffer, list: number): Buffer {
  bytes.writeUInt32LE(bytes.length - HEAD_BYTES, AT.length);
  bytes[AT.kind] = ENTRIES;
  bytes[AT.list] = list;
  bytes.writeUInt16LE(0, AT.zero);
  bytes.writeUInt32LE(crc32(bytes.subarray(AT.kind)), AT.checksum);
  return bytes;
}

type Visitor = (list: ListName, entry: ListEntry) => void;

export interface ReadLists {
  /** Bytes up to the end of the last whole group. */
  readonly end: number;
  /** Bytes behind that, of an append that a crash broke off. */
  readonly torn: number;
  /** What is wrong with it, when it is more than a torn end. */
  readonly damaged: string | undefined;
  readonly entries: number;
}

/**
 * Reads a file from its begin, and calls the visitor, if there is one, with each entry, whose hash is
 * good until it returns. A bad group with good ones behind it is damage; it is left out. Throws the system's error.
 */
export function readListGroups(fd: number, visitor: Visitor | undefined): ReadLists {
  const { size } = fstatSync(fd);
  const found: Found = { end: HEADER_BYTES, entries: 0 };
  const result = (damaged?: string): ReadLists => ({ ...found, torn: size - found.end, damaged });
  if (size > LISTS_FILE_BYTES_MAX) return result('it is too large');
  const window = new FileWindow(fd, size);
  if (!window.bytes(0, HEADER_BYTES).equals(LISTS_HEADER)) return result('it is no file of lists');
  let bad: string | undefined;
  let damaged: string | undefined;
  for (let at = HEADER_BYTES; at < size; ) {
    const head = window.bytes(at, HEAD_BYTES);
    if (head.length < HEAD_BYTES) break;
    const length = head.readUInt32LE(AT.length);
    if (length === 0 || length > LISTS_GROUP_BLOCK_BYTES) {
      // Zeros: the file had been made longer, and what belongs there was not written any more.
      if (!window.isZeroFrom(at)) damaged ??= `impossible length at byte ${at}`;
      break;
    }
    const group = window.bytes(at, HEAD_BYTES + length);
    if (group.length < HEAD_BYTES + length) break;
    at += group.length;
    if (take(group, found, visitor)) {
      damaged ??= bad;
      found.end = at;
    } else {
      bad ??= `bad group before byte ${at}`;
    }
  }
  return result(damaged);
}

interface Found {
  end: number;
  entries: number;
}

/** False for a group that is damaged. */
function take(group: Buffer, found: Found, visitor: Visitor | undefined): boolean {
  if (crc32(group.subarray(AT.kind)) !== group.readUInt32LE(AT.checksum)) return false;
  const list = LIST_NAMES[group[AT.list]];
  const block = openListBlock(group, HEAD_BYTES);
  if (group[AT.kind] !== ENTRIES || list === undefined || block === undefined) return false;
  found.entries += block.left;
  if (visitor === undefined) return true;
  for (let entry = block.next(); entry !== undefined; entry = block.next()) visitor(list, entry);
  return true;
}

/** A part of a file in memory, which moves on with whoever reads: groups may be tiny. */
class FileWindow {
  readonly #fd: number;
  readonly #size: number;
  readonly #buffer = Buffer.allocUnsafeSlow(4 * LISTS_GROUP_BLOCK_BYTES);
  #from = 0;
  #length = 0;

  constructor(fd: number, size: number) {
    this.#fd = fd;
    this.#size = size;
  }

  /** So many bytes, fewer only at the end of the file; good until the next call. */
  bytes(at: number, count: number): Buffer {
    const end = Math.min(at + count, this.#size);
    if (at < this.#from || end > this.#from + this.#length) this.#move(at);
    return this.#buffer.subarray(at - this.#from, end - this.#from);
  }

  isZeroFrom(at: number): boolean {
    for (let from = at; from < this.#size; from += LISTS_GROUP_BLOCK_BYTES) {
      if (this.bytes(from, LISTS_GROUP_BLOCK_BYTES).some((byte) => byte !== 0)) return false;
    }
    return true;
  }

  #move(at: number): void {
    const wanted = Math.min(this.#buffer.length, this.#size - at);
    this.#from = at;
    this.#length = 0;
    while (this.#length < wanted) {
      const left = wanted - this.#length;
      const read = readSync(this.#fd, this.#buffer, this.#length, left, at + this.#length);
      // One process writes this file, and it is at its start.
      if (read === 0) throw new Error('it became shorter while it was read');
      this.#length += read;
    }
  }
}
