/**
 * Saves a store that is in use: walks it a bit at a time, writes to a temporary file, makes that
 * durable and renames it over the old one. A crash at any moment leaves the old file or the new one.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncDirectory, writeAll } from '../lib/durable.js';
import { SEGMENT_MASK, SEGMENT_SHIFT, Swarm } from './layout.js';
import { ageSeconds } from './peer-age.js';
import {
  CHUNK_BYTES,
  CHUNK_BYTES_MAX,
  CHUNK_HEAD_BYTES,
  END_ENTRY_BYTES,
  ENTRY_PEERS_MAX,
  HEADER_BYTES,
  MAGIC,
  PEER_META_BYTES,
  PEERS_HEAD_BYTES,
  SWARM_ENTRY_BYTES,
  Tag,
  VERSION,
} from './snapshot-format.js';
import type { SwarmStore } from './swarm-store.js';
import { type StoreVisitor, StoreWalk } from './walk.js';

export interface SnapshotResult {
  /** Entries of swarms: one that a chunk does not hold whole has several. */
  readonly swarms: number;
  readonly peers: number;
  readonly bytes: number;
}

export interface SnapshotOptions {
  readonly wallMs: number;
  /** How long to wait for one shard's lock: finite when a thread may have died inside the store. */
  readonly lockTimeoutMs: number;
}

/** Peers looked at under one lock. */
const STEP_PEERS = 2_000;
/** Merges during the save bring a set back for another visit, but not for ever. */
const RESTARTS_MAX = 8;

/**
 * Saves the store to `path`. Synchronous: for a thread that has nothing else to do. Throws the
 * system's error when writing fails and ShardStuckError when a shard stays locked; then the old file
 * is untouched. The store's time must have been set, since ages are counted from it.
 */
export function saveSnapshot(
  store: SwarmStore,
  path: string,
  options: SnapshotOptions,
): SnapshotResult {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    const result = writeDurably(store, file, options);
    renameSync(temporary, path);
    syncDirectory(dirname(path));
    return result;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes a file and closes it: once, whatever fails, since its number may be another thread's then. */
function writeDurably(store: SwarmStore, file: number, options: SnapshotOptions): SnapshotResult {
  try {
    const result = new SnapshotWriter(store, file).write(options);
    fsyncSync(file);
    return result;
  } finally {
    closeSync(file);
  }
}

class SnapshotWriter implements StoreVisitor {
  readonly #store: SwarmStore;
  readonly #file: number;
  readonly #chunk = Buffer.allocUnsafe(CHUNK_HEAD_BYTES + CHUNK_BYTES_MAX + SWARM_ENTRY_BYTES);
  #at = CHUNK_HEAD_BYTES;
  #bytes = 0;
  #swarms = 0;
  #peers = 0;

  constructor(store: SwarmStore, file: number) {
    this.#store = store;
    this.#file = file;
  }

  write({ wallMs, lockTimeoutMs }: SnapshotOptions): SnapshotResult {
    this.#writeHeader(wallMs);
    // Web peers are not saved: their connections end with this process.
    const walk = new StoreWalk(this.#store, this, {
      restartsMax: RESTARTS_MAX,
      lockTimeoutMs,
      families: 'addresses',
    });
    let more = true;
    while (more) {
      more = walk.step(STEP_PEERS);
      // Written between steps: nobody waits for the disk.
      if (this.#at - CHUNK_HEAD_BYTES >= CHUNK_BYTES / 2) this.#flush();
    }
    this.#flush();
    this.#writeEnd();
    return { swarms: this.#swarms, peers: this.#peers, bytes: this.#bytes };
  }

  swarm(_shard: number, record: number): void {
    this.#swarmEntry(record);
  }

  leaf(_shard: number, record: number, kind: number, index: number, words: number): void {
    const { sets, leaves, heap, seconds, table } = this.#store;
    const set = table.setOf(record, kind);
    const ref = sets.leafAt(set, index);
    const count = Math.min(sets.peersAt(set, index), ENTRY_PEERS_MAX);
    const bytesEach = words * 2 + PEER_META_BYTES;
    if (this.#at + PEERS_HEAD_BYTES + count * bytesEach > this.#chunk.length) {
      this.#flush();
      this.#swarmEntry(record);
    }
    const chunk = this.#chunk;
    let at = this.#at;
    chunk[at] = Tag.peers;
    chunk[at + 1] = kind;
    chunk.writeUInt16LE(count, at + 2);
    at += PEERS_HEAD_BYTES;
    const all = heap.u16[ref >>> SEGMENT_SHIFT];
    const meta32 = heap.i32[ref >>> SEGMENT_SHIFT];
    let wire = (ref & SEGMENT_MASK) * 4;
    let meta = leaves.metaStart(ref, words);
    for (let slot = 0; slot < count; slot++, wire += words, meta += 2) {
      // Words are kept in memory order; on the little-endian machines that Node runs on, so is this.
      for (let i = 0; i < words; i++, at += 2) {
        chunk[at] = all[wire + i];
        chunk[at + 1] = all[wire + i] >>> 8;
      }
      chunk.writeInt32LE(meta32[meta], at);
      const seenAndFlags = meta32[meta + 1];
      chunk.writeUInt16LE(ageSeconds(seconds, seenAndFlags), at + 4);
      chunk.writeUInt16LE(seenAndFlags >>> 16, at + 6);
      at += PEER_META_BYTES;
    }
    this.#at = at;
    this.#peers += count;
  }

  swarmDone(): void {}

  #swarmEntry(record: number): void {
    if (this.#at + SWARM_ENTRY_BYTES > this.#chunk.length) this.#flush();
    const { records } = this.#store;
    const chunk = this.#chunk;
    chunk[this.#at] = Tag.swarm;
    for (let i = 0; i < 5; i++) chunk.writeInt32BE(records[record + i], this.#at + 1 + 4 * i);
    chunk.writeInt32LE(records[record + Swarm.downloads], this.#at + 21);
    this.#at += SWARM_ENTRY_BYTES;
    this.#swarms++;
  }

  #writeHeader(wallMs: number): void {
    const header = Buffer.alloc(HEADER_BYTES);
    MAGIC.copy(header, 0);
    header.writeUInt32LE(VERSION, 8);
    header.writeBigUInt64LE(BigInt(Math.floor(wallMs)), 16);
    header.writeUInt32LE(crc32(header.subarray(16)), 12);
    this.#write(header);
  }

  #writeEnd(): void {
    const chunk = this.#chunk;
    chunk[this.#at] = Tag.end;
    chunk.writeBigUInt64LE(BigInt(this.#swarms), this.#at + 1);
    chunk.writeBigUInt64LE(BigInt(this.#peers), this.#at + 9);
    this.#at += END_ENTRY_BYTES;
    this.#flush();
  }

  #flush(): void {
    const payload = this.#chunk.subarray(CHUNK_HEAD_BYTES, this.#at);
    if (payload.length === 0) return;
    this.#chunk.writeUInt32LE(payload.length, 0);
    this.#chunk.writeUInt32LE(crc32(payload), 4);
    this.#write(this.#chunk.subarray(0, this.#at));
    this.#at = CHUNK_HEAD_BYTES;
  }

  #write(bytes: Uint8Array): void {
    writeAll(this.#file, bytes);
    this.#bytes += bytes.length;
  }
}
