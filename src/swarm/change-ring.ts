/**
 * Changes on their way from a thread that announces to the one that tells other trackers: a ring with
 * one writer and one reader, in shared memory. Neither ever waits for the other.
 *
 * ```
 * word  0      head: records written so far        16  tail: records read so far
 *      32      dropped: records that found the ring full
 *      48      record 0: 12 words    60  record 1 ...
 *
 * record  0..4   info hash, as the store keeps it
 *         5      stamp
 *         6      bit 0..2  kind (PeerKind)   bit 3  stopped   bit 4  partial seed
 *                bit 5  completed counted    bit 6  download: this change counted one
 *                bit 7  refresh: nothing changed but the stamp
 *         7..11  wire, 18 bytes; the rest is padding
 * ```
 *
 * Head, tail and dropped have a cache line each and count modulo 2^32. A record that finds the ring
 * full is dropped and counted; the reader sees `dropped` grow and walks the store for what it missed.
 */
import { wordsOf } from './leaf.js';
import { PeerWord } from './peer-word.js';
import {
  CHANGE_WORDS,
  countersOf,
  ReplicationCounter,
  type ReplicationMemory,
  RING_HEAD_WORDS,
  ringWords,
} from './replication-memory.js';

const HEAD = 0;
const TAIL = 16;
const DROPPED = 32;

const INFO_HASH = 0;
const STAMP = 5;
const FLAGS = 6;
const WIRE = 7;

/** Bits of a record's flags above the three of the kind. */
export const ChangeFlag = {
  stopped: 1 << 3,
  partialSeed: 1 << 4,
  completed: 1 << 5,
  download: 1 << 6,
  refresh: 1 << 7,
} as const;

/** A change of one peer as this node heard it: its origin is 0, its age 0. */
export class PeerChange extends PeerWord {
  /** The info hash as five big-endian integers. */
  readonly infoHash = new Int32Array(5);
  /** A download was counted with this change. */
  download = false;
  /** The peer is as it was; only its stamp is newer. */
  refresh = false;
}

/** The writing end: one thread has it. */
export class ChangeRingWriter {
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #counters: Float64Array;
  readonly #records: number;
  #head: number;
  /** The reader's tail as last seen; it is read again when the ring looks full. */
  #tail: number;

  constructor(memory: ReplicationMemory, thread: number) {
    this.#words = ringOf(memory, thread);
    this.#halves = new Uint16Array(memory.rings, this.#words.byteOffset, 2 * this.#words.length);
    this.#counters = countersOf(memory, thread);
    this.#records = memory.ringRecords;
    this.#head = Atomics.load(this.#words, HEAD);
    this.#tail = Atomics.load(this.#words, TAIL);
  }

  /**
   * Puts a change in: five info hash words, stamp, kind with `ChangeFlag`s, and `halves` 16-bit words
   * of wire. Returns false when the ring is full; the change is then counted as dropped.
   */
  write(
    infoHash: Int32Array,
    stamp: number,
    flags: number,
    wire: Uint16Array,
    halves: number,
  ): boolean {
    const words = this.#words;
    const head = this.#head;
    if (((head - this.#tail) | 0) >= this.#records) {
      this.#tail = Atomics.load(words, TAIL);
      if (((head - this.#tail) | 0) >= this.#records) {
        this.#counters[ReplicationCounter.changesDropped]++;
        Atomics.add(words, DROPPED, 1);
        return false;
      }
    }
    const at = RING_HEAD_WORDS + (head & (this.#records - 1)) * CHANGE_WORDS;
    for (let i = 0; i < 5; i++) words[at + INFO_HASH + i] = infoHash[i];
    words[at + STAMP] = stamp;
    words[at + FLAGS] = flags;
    const wireAt = 2 * (at + WIRE);
    for (let i = 0; i < halves; i++) this.#halves[wireAt + i] = wire[i];
    this.#head = (head + 1) | 0;
    // Published last: who sees the head sees the record.
    Atomics.store(words, HEAD, this.#head);
    this.#counters[ReplicationCounter.changes]++;
    return true;
  }
}

/** What is called with each change; the object is filled anew for the next one. */
export type ChangeVisitor = (change: PeerChange) => void;

/** The reading end: one thread has those of all writers. */
export class ChangeRingReader {
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #records: number;
  readonly #change = new PeerChange();

  constructor(memory: ReplicationMemory, thread: number) {
    this.#words = ringOf(memory, thread);
    this.#halves = new Uint16Array(memory.rings, this.#words.byteOffset, 2 * this.#words.length);
    this.#records = memory.ringRecords;
  }

  /** Changes that found the ring full so far, modulo 2^32. */
  get dropped(): number {
    return Atomics.load(this.#words, DROPPED) >>> 0;
  }

  /** Changes that wait. */
  get length(): number {
    return (Atomics.load(this.#words, HEAD) - Atomics.load(this.#words, TAIL)) | 0;
  }

  /**
   * Calls the visitor with up to `max` changes, oldest first, and returns how many. The room of all of
   * them is free again when it returns, or when the visitor throws.
   */
  drain(max: number, visitor: ChangeVisitor): number {
    const words = this.#words;
    const tail = Atomics.load(words, TAIL);
    const count = Math.min(max, (Atomics.load(words, HEAD) - tail) | 0);
    if (count <= 0) return 0;
    try {
      for (let i = 0; i < count; i++) {
        this.#read((tail + i) & (this.#records - 1));
        visitor(this.#change);
      }
    } finally {
      Atomics.store(words, TAIL, (tail + count) | 0);
    }
    return count;
  }

  #read(record: number): void {
    const words = this.#words;
    const change = this.#change;
    const at = RING_HEAD_WORDS + record * CHANGE_WORDS;
    for (let i = 0; i < 5; i++) change.infoHash[i] = words[at + INFO_HASH + i];
    change.stamp = words[at + STAMP];
    const flags = words[at + FLAGS];
    change.kind = flags & 7;
    change.stopped = (flags & ChangeFlag.stopped) !== 0;
    change.partialSeed = (flags & ChangeFlag.partialSeed) !== 0;
    change.completed = (flags & ChangeFlag.completed) !== 0;
    change.download = (flags & ChangeFlag.download) !== 0;
    change.refresh = (flags & ChangeFlag.refresh) !== 0;
    const wireAt = 2 * (at + WIRE);
    // What an IPv4 peer leaves over holds the rest of an older record.
    const halves = wordsOf(change.kind);
    for (let i = 0; i < halves; i++) change.wire[i] = this.#halves[wireAt + i];
    change.wire.fill(0, halves);
  }
}

function ringOf(memory: ReplicationMemory, thread: number): Int32Array {
  const words = ringWords(memory.ringRecords);
  return new Int32Array(memory.rings, thread * words * 4, words);
}
