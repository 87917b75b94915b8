/**
 * The file that keeps download counters between two runs, `tracker/downloads`. Integers are little
 * endian.
 *
 * ```
 * header    0   8  magic "TBTDOWNL"
 *           8   4  version (1)
 *          12   4  CRC-32 of the rest of the header and of the origins
 *          16  16  key of the swarms' hashes: a secret, as is the whole file
 *          32   8  entries in all
 *          40   4  origins
 *          44   4  zero
 * origins   8 each  node ids by slot, from slot 0: the node that saved
 * block*    0   4  entries in it, from 1 to 65,536
 *           4   4  CRC-32 of them
 *           8  16  each: swarm hash (8), origin (4): a slot, 4095 for nodes without one, downloads (4)
 * ```
 *
 * It names nodes by id, so that it still tells the truth when slots were given out anew.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { setAside } from '../lib/damaged-file.js';
import { syncDirectory, writeAll } from '../lib/durable.js';
import { DOWNLOADS_MAX } from '../protocol/cluster/fields.js';
import { NO_NODE, NODE_ID_BYTES, readNodeId, writeNodeId } from '../protocol/cluster/node-id.js';
import { COUNTER_KEY_BYTES, DownloadCounters } from './download-counters.js';
import { ORIGINS_MAX, type Origins, OTHER_SLOT } from './origins.js';

const MAGIC = Buffer.from('TBTDOWNL', 'latin1');
const VERSION = 1;
const HEADER_BYTES = 48;
const AT = { version: 8, checksum: 12, key: 16, entries: 32, origins: 40, zero: 44 } as const;
const CHECKED_FROM = AT.key;
const BLOCK_HEAD_BYTES = 8;
const ENTRY_BYTES = 16;
const BLOCK_ENTRIES_MAX = 65_536;

/** A file of counters that cannot be believed. */
class DownloadsDamagedError extends Error {
  override name = 'DownloadsDamagedError';
}

/**
 * Saves the counters: writes a temporary file, makes it durable and renames it over the old one. Takes
 * a few milliseconds for each 100,000 entries. Throws the system's error when writing fails; then the
 * old file is untouched.
 */
export function saveDownloads(
  counters: DownloadCounters,
  path: string,
  { origins }: { origins: Origins },
): void {
  const temporary = `${path}.tmp`;
  rmSync(temporary, { force: true });
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeAll(file, headerOf(counters, origins));
    writeBlocks(file, counters);
    fsyncSync(file);
  } catch (error) {
    closeSync(file);
    rmSync(temporary, { force: true });
    throw error;
  }
  closeSync(file);
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

function headerOf(counters: DownloadCounters, origins: Origins): Buffer {
  const count = 1 + origins.size;
  const header = Buffer.alloc(HEADER_BYTES + count * NODE_ID_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, AT.version);
  header.set(counters.key, AT.key);
  header.writeBigUInt64LE(BigInt(counters.size), AT.entries);
  header.writeUInt32LE(count, AT.origins);
  for (let slot = 0; slot < count; slot++) {
    writeNodeId(header, HEADER_BYTES + slot * NODE_ID_BYTES, origins.idOf(slot));
  }
  header.writeUInt32LE(crc32(header.subarray(CHECKED_FROM)), AT.checksum);
  return header;
}

function writeBlocks(file: number, counters: DownloadCounters): void {
  const block = Buffer.allocUnsafe(BLOCK_HEAD_BYTES + BLOCK_ENTRIES_MAX * ENTRY_BYTES);
  let at = BLOCK_HEAD_BYTES;
  const flush = () => {
    if (at === BLOCK_HEAD_BYTES) return;
    block.writeUInt32LE((at - BLOCK_HEAD_BYTES) / ENTRY_BYTES, 0);
    block.writeUInt32LE(crc32(block.subarray(BLOCK_HEAD_BYTES, at)), 4);
    writeAll(file, block.subarray(0, at));
    at = BLOCK_HEAD_BYTES;
  };
  counters.forEachEntry((low, high, slot, downloads) => {
    block.writeInt32LE(low, at);
    block.writeInt32LE(high, at + 4);
    block.writeUInt32LE(slot, at + 8);
    block.writeUInt32LE(downloads, at + 12);
    at += ENTRY_BYTES;
    if (at === block.length) flush();
  });
  flush();
}

export interface LoadDownloadsOptions {
  readonly countersMax: number;
  /** Key of counters that begin anew: 16 random bytes. */
  readonly freshKey: Uint8Array;
  readonly wallMs: number;
}

export interface LoadedDownloads {
  readonly counters: DownloadCounters;
  /** Where a damaged file was moved to, and what is wrong with it; the counters are then empty. */
  readonly damaged: { readonly aside: string; readonly reason: string } | undefined;
}

/**
 * Loads what was saved; counters without any when there is no file. The whole file is checked before
 * anything of it is believed, and a damaged one is renamed. Throws the system's error when it is there
 * and cannot be read.
 */
export function loadDownloads(
  path: string,
  { countersMax, freshKey, wallMs }: LoadDownloadsOptions,
  { origins }: { origins: Origins },
): LoadedDownloads {
  try {
    const file = openSync(path, 'r');
    try {
      return { counters: read(file, countersMax, origins), damaged: undefined };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const counters = new DownloadCounters({ countersMax, key: freshKey });
    if (error instanceof DownloadsDamagedError) {
      const aside = setAside(path, wallMs);
      return { counters, damaged: { aside, reason: error.message } };
    }
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return { counters, damaged: undefined };
    }
    throw error;
  }
}

function read(file: number, countersMax: number, origins: Origins): DownloadCounters {
  const { size } = fstatSync(file);
  const head = Buffer.alloc(HEADER_BYTES);
  readExactly(file, head, 0);
  if (!head.subarray(0, MAGIC.length).equals(MAGIC)) damaged('no file of counters', 0);
  const version = head.readUInt32LE(AT.version);
  if (version !== VERSION) damaged(`unknown version ${version}`, AT.version);
  const count = head.readUInt32LE(AT.origins);
  if (count < 1 || count > 1 + ORIGINS_MAX) damaged(`impossible: ${count} origins`, AT.origins);
  const ids = Buffer.alloc(count * NODE_ID_BYTES);
  readExactly(file, ids, HEADER_BYTES);
  if (crc32(ids, crc32(head.subarray(CHECKED_FROM))) !== head.readUInt32LE(AT.checksum)) {
    damaged('wrong checksum of the header', AT.checksum);
  }
  const start = HEADER_BYTES + ids.length;
  const entries = walkBlocks(file, start, size, count, () => {});
  if (BigInt(entries) !== head.readBigUInt64LE(AT.entries)) damaged('entries are missing', size);
  const key = head.subarray(AT.key, AT.key + COUNTER_KEY_BYTES);
  const counters = new DownloadCounters({ countersMax, key });
  const slots: number[] = [];
  for (let i = 0; i < count; i++) {
    const id = readNodeId(ids, i * NODE_ID_BYTES);
    slots.push(id === NO_NODE ? OTHER_SLOT : origins.slotOf(id));
  }
  walkBlocks(file, start, size, count, (low, high, origin, downloads) => {
    counters.restore(low, high, slots[origin] ?? OTHER_SLOT, downloads);
  });
  return counters;
}

/** Calls the visitor with each entry, once its block was checked; returns how many there are. */
function walkBlocks(
  file: number,
  start: number,
  size: number,
  origins: number,
  visitor: (low: number, high: number, origin: number, downloads: number) => void,
): number {
  const head = Buffer.alloc(BLOCK_HEAD_BYTES);
  const block = Buffer.allocUnsafe(BLOCK_ENTRIES_MAX * ENTRY_BYTES);
  let entries = 0;
  for (let at = start; at < size; ) {
    readExactly(file, head, at);
    const count = head.readUInt32LE(0);
    if (count < 1 || count > BLOCK_ENTRIES_MAX) damaged(`impossible: ${count} entries`, at);
    const bytes = block.subarray(0, count * ENTRY_BYTES);
    readExactly(file, bytes, at + BLOCK_HEAD_BYTES);
    if (crc32(bytes) !== head.readUInt32LE(4)) damaged('wrong checksum', at);
    for (let entry = 0; entry < bytes.length; entry += ENTRY_BYTES) {
      const origin = bytes.readUInt32LE(entry + 8);
      const downloads = bytes.readUInt32LE(entry + 12);
      if (origin >= origins && origin !== OTHER_SLOT) damaged('unknown origin', at);
      if (downloads < 1 || downloads > DOWNLOADS_MAX) damaged('impossible count', at);
      visitor(bytes.readInt32LE(entry), bytes.readInt32LE(entry + 4), origin, downloads);
    }
    entries += count;
    at += BLOCK_HEAD_BYTES + bytes.length;
  }
  return entries;
}

function readExactly(file: number, bytes: Buffer, from: number): void {
  for (let done = 0; done < bytes.length; ) {
    const read = readSync(file, bytes, done, bytes.length - done, from + done);
    if (read === 0) damaged('the file is cut off', from + done);
    done += read;
  }
}

function damaged(what: string, at: number): never {
  throw new DownloadsDamagedError(`${what} at byte ${at}`);
}
