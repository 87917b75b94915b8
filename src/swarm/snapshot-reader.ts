/**
 * Loads a saved store. The whole file is checked before the first peer is believed; ages go on
 * from where they were, the time that the tracker was down included.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Swarm, WEB_KINDS } from './layout.js';
import { wordsOf } from './leaf.js';
import {
  CHUNK_BYTES_MAX,
  CHUNK_HEAD_BYTES,
  END_ENTRY_BYTES,
  HEADER_BYTES,
  MAGIC,
  PEER_META_BYTES,
  PEERS_HEAD_BYTES,
  SnapshotDamagedError,
  SWARM_ENTRY_BYTES,
  Tag,
  VERSION,
} from './snapshot-format.js';
import { REFUSED, type SwarmStore } from './swarm-store.js';
import { isOver } from './sweep.js';

export interface LoadResult {
  /** Peers stored. */
  readonly peers: number;
  /** Peers too old to be stored. */
  readonly expired: number;
  /** Peers for which there was no room. */
  readonly dropped: number;
  /** Peers of swarms that the lists forbid. */
  readonly denied: number;
}

export interface LoadOptions {
  /** Seconds that peers live; in a cluster, others' peers live as the replication memory says. */
  readonly peerTtlSeconds: number;
  readonly wallMs: number;
  /** Hears how much is done, 0 to 1, after each chunk: the file is read twice. */
  readonly onProgress?: (share: number) => void;
}

/**
 * Loads `path` into a store. The store's time must have been set. Throws SnapshotDamagedError, the
 * store unchanged, when the file is not whole; the system's error when it cannot be read.
 */
export function loadSnapshot(store: SwarmStore, path: string, options: LoadOptions): LoadResult {
  const file = openSync(path, 'r');
  try {
    const reader = new ChunkReader(file);
    const savedMs = reader.readHeader();
    const { onProgress } = options;
    reader.onRead = (share) => onProgress?.(share / 2);
    checkChunks(reader);
    reader.rewind();
    reader.onRead = (share) => onProgress?.((1 + share) / 2);
    const downSeconds = Math.max(0, Math.floor((options.wallMs - savedMs) / 1000));
    const loader = new Loader(store, downSeconds, options.peerTtlSeconds);
    for (let payload = reader.next(); payload !== undefined; payload = reader.next()) {
      walkEntries(payload, reader.payloadOffset, loader);
    }
    return loader.result;
  } finally {
    closeSync(file);
  }
}

/** Reads chunk after chunk, each checked against its sum. */
class ChunkReader {
  payloadOffset = 0;
  /** Called with the share of the file that was read, at each chunk. */
  onRead: (share: number) => void = () => {};
  readonly #file: number;
  readonly #size: number;
  readonly #buffer = Buffer.allocUnsafe(CHUNK_BYTES_MAX + SWARM_ENTRY_BYTES);
  #offset = HEADER_BYTES;

  constructor(file: number) {
    this.#file = file;
    this.#size = fstatSync(file).size;
  }

  /** Checks the header and returns when the save began, in ms since 1970. */
  readHeader(): number {
    const header = this.#read(0, HEADER_BYTES);
    if (header === undefined) throw new SnapshotDamagedError('the file is too short', this.#size);
    if (!header.subarray(0, 8).equals(MAGIC)) throw new SnapshotDamagedError('no store file', 0);
    const version = header.readUInt32LE(8);
    if (version !== VERSION) throw new SnapshotDamagedError(`unknown version ${version}`, 8);
    if (crc32(header.subarray(16)) !== header.readUInt32LE(12)) {
      throw new SnapshotDamagedError('wrong checksum of the header', 12);
    }
    return Number(header.readBigUInt64LE(16));
  }

  rewind(): void {
    this.#offset = HEADER_BYTES;
  }

  /** The next payload, valid until the next call, or undefined at the end of the file. */
  next(): Buffer | undefined {
    if (this.#offset === this.#size) return undefined;
    const head = this.#read(this.#offset, CHUNK_HEAD_BYTES);
    if (head === undefined) throw new SnapshotDamagedError('the file is cut off', this.#offset);
    const length = head.readUInt32LE(0);
    const sum = head.readUInt32LE(4);
    if (length === 0 || length > this.#buffer.length) {
      throw new SnapshotDamagedError(`impossible chunk of ${length} bytes`, this.#offset);
    }
    const payload = this.#read(this.#offset + CHUNK_HEAD_BYTES, length);
    if (payload === undefined) throw new SnapshotDamagedError('the file is cut off', this.#offset);
    if (crc32(payload) !== sum) throw new SnapshotDamagedError('wrong checksum', this.#offset);
    this.payloadOffset = this.#offset + CHUNK_HEAD_BYTES;
    this.#offset += CHUNK_HEAD_BYTES + length;
    this.onRead(this.#offset / this.#size);
    return payload;
  }

  #read(offset: number, length: number): Buffer | undefined {
    if (offset + length > this.#size) return undefined;
    for (let done = 0; done < length; ) {
      const got = readSync(this.#file, this.#buffer, done, length - done, offset + done);
      if (got === 0) return undefined;
      done += got;
    }
    return this.#buffer.subarray(0, length);
  }
}

interface EntryVisitor {
  swarm(payload: Buffer, at: number): void;
  peers(payload: Buffer, at: number, kind: number, count: number, words: number): void;
  end(payload: Buffer, at: number): void;
}

/** Calls the visitor for each entry of a chunk; throws when an entry is none or runs out of it. */
function walkEntries(payload: Buffer, fileOffset: number, visitor: EntryVisitor): void {
  const damaged = (what: string, at: number) => new SnapshotDamagedError(what, fileOffset + at);
  let inSwarm = false;
  for (let at = 0; at < payload.length; ) {
    const tag = payload[at];
    const left = payload.length - at;
    if (tag === Tag.swarm && left >= SWARM_ENTRY_BYTES) {
      visitor.swarm(payload, at + 1);
      inSwarm = true;
      at += SWARM_ENTRY_BYTES;
    } else if (tag === Tag.peers && left >= PEERS_HEAD_BYTES && inSwarm) {
      const kind = payload[at + 1];
      if (kind >= WEB_KINDS) throw damaged(`unknown kind ${kind}`, at);
      const count = payload.readUInt16LE(at + 2);
      const words = wordsOf(kind);
      const bytes = PEERS_HEAD_BYTES + count * (words * 2 + PEER_META_BYTES);
      if (bytes > left) throw damaged('peers run past their chunk', at);
      visitor.peers(payload, at + PEERS_HEAD_BYTES, kind, count, words);
      at += bytes;
    } else if (tag === Tag.end && left === END_ENTRY_BYTES && at === 0) {
      visitor.end(payload, at + 1);
      at += END_ENTRY_BYTES;
    } else {
      throw damaged(`impossible entry ${tag}`, at);
    }
  }
}

/** Reads everything once: sums, structure, and the totals at the end. */
function checkChunks(reader: ChunkReader): void {
  let swarms = 0;
  let peers = 0;
  let ended = false;
  const counter: EntryVisitor = {
    swarm: () => {
      swarms++;
    },
    peers: (_payload, _at, _kind, count) => {
      peers += count;
    },
    end: (payload, at) => {
      ended = true;
      const total = [Number(payload.readBigUInt64LE(at)), Number(payload.readBigUInt64LE(at + 8))];
      if (total[0] === swarms && total[1] === peers) return;
      throw new SnapshotDamagedError('the totals do not add up', reader.payloadOffset);
    },
  };
  for (let payload = reader.next(); payload !== undefined; payload = reader.next()) {
    if (ended) throw new SnapshotDamagedError('data after the end', reader.payloadOffset);
    walkEntries(payload, reader.payloadOffset, counter);
  }
  if (!ended) throw new SnapshotDamagedError('the file is cut off', reader.payloadOffset);
}

/** Puts entries into the store. */
class Loader implements EntryVisitor {
  readonly result = { peers: 0, expired: 0, dropped: 0, denied: 0 };
  readonly #store: SwarmStore;
  readonly #downSeconds: number;
  readonly #peerTtlSeconds: number;
  readonly #infoHash = new Int32Array(5);
  readonly #wireBytes = new Uint8Array(18);
  readonly #wire = new Uint16Array(this.#wireBytes.buffer);
  #hash = 0;
  #downloads = 0;

  constructor(store: SwarmStore, downSeconds: number, peerTtlSeconds: number) {
    this.#store = store;
    this.#downSeconds = downSeconds;
    this.#peerTtlSeconds = peerTtlSeconds;
  }

  swarm(payload: Buffer, at: number): void {
    for (let i = 0; i < 5; i++) this.#infoHash[i] = payload.readInt32BE(at + 4 * i);
    this.#hash = this.#store.index.hash(this.#infoHash, 0);
    this.#downloads = payload.readInt32LE(at + 20);
    if (this.#downloads <= 0) return;
    const shard = this.#store.lockShard(this.#store.index.shardOf(this.#hash));
    const record = this.#store.findOrCreate(shard, this.#hash, this.#infoHash);
    if (record >= 0) {
      const { records, seconds } = this.#store;
      const known = records[record + Swarm.downloads];
      records[record + Swarm.downloads] = Math.max(known, this.#downloads);
      if (this.#store.peersOf(record) === 0) records[record + Swarm.emptySince] = seconds;
    }
    this.#store.unlockShard(shard);
  }

  peers(payload: Buffer, at: number, kind: number, count: number, words: number): void {
    const store = this.#store;
    const shard = store.lockShard(store.index.shardOf(this.#hash));
    let record = -1;
    const wireBytes = words * 2;
    for (let i = 0; i < count; i++, at += wireBytes + PEER_META_BYTES) {
      const age = payload.readUInt16LE(at + wireBytes + 4) + this.#downSeconds;
      const flags = payload.readUInt16LE(at + wireBytes + 6);
      const stamp = payload.readInt32LE(at + wireBytes);
      if (isOver(store, flags, age, stamp, this.#peerTtlSeconds)) {
        this.result.expired++;
        continue;
      }
      // Made for the first peer that lives: a swarm of ghosts needs no record.
      if (record < 0) record = store.findOrCreate(shard, this.#hash, this.#infoHash);
      for (let b = 0; b < wireBytes; b++) this.#wireBytes[b] = payload[at + b];
      const seenAndFlags = ((store.seconds - age) & 0xffff) | (flags << 16);
      if (record >= 0 && store.restore(shard, record, kind, this.#wire, stamp, seenAndFlags)) {
        this.result.peers++;
      } else if (record === REFUSED) this.result.denied++;
      else this.result.dropped++;
    }
    if (record >= 0) this.#forgetIfUnused(shard, record);
    store.unlockShard(shard);
  }

  end(): void {}

  /** A record made for peers that then found no room. */
  #forgetIfUnused(shard: number, record: number): void {
    const downloads = this.#store.records[record + Swarm.downloads];
    if (this.#store.peersOf(record) === 0 && downloads === 0) this.#store.forget(shard, record);
  }
}
