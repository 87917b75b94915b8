/**
 * What a tracker of a cluster shares between its threads besides the store: changes on their way to
 * the other trackers, digests to compare with theirs, and stops that must not be undone.
 *
 * ```
 * counters     Float64Array [ thread 0: 8 doubles ][ thread 1 ] ...         see ReplicationCounter
 * cells        Int32Array   [ thread 0: 2 x 4096 x (low, high) ][ thread 1 ] ... digest.ts
 * rings        Int32Array   [ thread 0: 48 words + records ][ thread 1 ] ... change-ring.ts
 * tombstones   Int32Array   [ shard 0: sets of 8 x 4 words ][ shard 1 ] ...  tombstones.ts
 * ```
 *
 * Each thread writes its own part of the first three, so none of them needs a lock; thread numbers
 * are those of the store's locks, and the part of number 0 is never touched. The tombstones of a shard
 * are guarded by the shard's lock. The system commits a page when it is first touched.
 */
import { assert } from '../lib/assert.js';
import { nextPowerOfTwo } from '../lib/next-power-of-two.js';
import { PEER_LIFE_SECONDS_MAX } from './peer-age.js';

/** What threads pass to each other to replicate: buffers and numbers, nothing else. */
export interface ReplicationMemory {
  /** The highest number of a thread that may change the store. */
  readonly threads: number;
  /** Records in one thread's change ring, a power of two. */
  readonly ringRecords: number;
  /** Sets of eight tombstones in one shard, a power of two. */
  readonly tombstoneSetsPerShard: number;
  /** Seconds that a peer lives which this node heard itself, and one that another node told of. */
  readonly peerTtlSeconds: number;
  readonly remoteTtlSeconds: number;
  /** Own peers are kept as long as their copies on other nodes. */
  readonly alignsExpiry: boolean;
  /** The cluster's digest key: four words, the same on every node. */
  readonly digestKey: Int32Array;
  readonly counters: SharedArrayBuffer;
  readonly cells: SharedArrayBuffer;
  readonly rings: SharedArrayBuffer;
  readonly tombstones: SharedArrayBuffer;
}

export interface ReplicationOptions {
  /** The limits of the store; of these, shards count. */
  readonly limits: { readonly shards: number };
  /** The highest number of a thread that may change the store: announce, expire, load or apply. */
  readonly threads: number;
  /** The cluster's digest key, 16 bytes. */
  readonly digestKey: Uint8Array;
  /** Places for stops, all shards together, 16 bytes each; half full they hold nearly all. */
  readonly tombstonesMax: number;
  /** Changes that one thread can have on their way; 48 bytes each. */
  readonly ringRecords: number;
  /** Seconds that a peer lives which this node heard itself. */
  readonly peerTtlSeconds: number;
  /**
   * Seconds that others' peers live longer, since only every second refresh of theirs is told: one
   * announce interval. The sum is cut to `PEER_LIFE_SECONDS_MAX`.
   */
  readonly remoteExtraSeconds: number;
  /**
   * Keeps an own peer that is gone without a stop until its copies on other nodes run out as well,
   * so that digests agree meanwhile. Off: it is forgotten here after `peerTtlSeconds`, and until then
   * plus `remoteExtraSeconds` the digests differ by it.
   */
  readonly alignsExpiry?: boolean;
}

/**
 * One thread's counters, doubles: 2^32 changes come within days. A cache line, so that threads do not
 * disturb each other.
 */
const COUNTERS = 8;

/** Offsets in a thread's counters. Each grows only. */
export const ReplicationCounter = {
  /** Changes put into the ring. */
  changes: 0,
  /** Changes that found the ring full: the reader has to walk the store for them. */
  changesDropped: 1,
  /** Refreshes that were not told because the one before was. */
  refreshesSkipped: 2,
  /** Tombstones that still counted when they had to make room for newer ones. */
  tombstonesEvicted: 3,
  /** Stops of unknown peers that were not told, since their source had used up its budget. */
  stopsRefused: 4,
} as const;
export type ReplicationCounterName = keyof typeof ReplicationCounter;

export const CELLS = 4_096;
export const CELL_WORDS = 2;
export const RING_HEAD_WORDS = 48;
export const CHANGE_WORDS = 12;
export const TOMBSTONE_WORDS = 4;
export const TOMBSTONE_WAYS = 8;
/** Thread numbers are small: each has memory here. */
const THREADS_MAX = 1_024;

/** Reserves the memory. Throws RangeError when the system refuses the address space. */
export function reserveReplication(options: ReplicationOptions): ReplicationMemory {
  const { limits, threads, digestKey, peerTtlSeconds } = options;
  assert(threads >= 1 && threads <= THREADS_MAX, 'threads: from 1 to 1024');
  assert(digestKey.length === 16, 'a digest key has 16 bytes');
  assert(peerTtlSeconds <= PEER_LIFE_SECONDS_MAX, 'peers live within what their age can tell');
  const ringRecords = nextPowerOfTwo(Math.max(16, options.ringRecords));
  const perShard = options.tombstonesMax / limits.shards / TOMBSTONE_WAYS;
  const tombstoneSetsPerShard = nextPowerOfTwo(Math.max(1, perShard));
  const key = new DataView(digestKey.buffer, digestKey.byteOffset, 16);
  const tombstoneWords = limits.shards * tombstoneSetsPerShard * TOMBSTONE_WAYS * TOMBSTONE_WORDS;
  return {
    threads,
    ringRecords,
    tombstoneSetsPerShard,
    peerTtlSeconds,
    remoteTtlSeconds: Math.min(PEER_LIFE_SECONDS_MAX, peerTtlSeconds + options.remoteExtraSeconds),
    alignsExpiry: options.alignsExpiry ?? false,
    digestKey: Int32Array.from({ length: 4 }, (_, i) => key.getInt32(4 * i, true)),
    counters: new SharedArrayBuffer((1 + threads) * COUNTERS * 8),
    cells: new SharedArrayBuffer((1 + threads) * 2 * CELLS * CELL_WORDS * 4),
    rings: new SharedArrayBuffer((1 + threads) * ringWords(ringRecords) * 4),
    tombstones: new SharedArrayBuffer(tombstoneWords * 4),
  };
}

/** Words of one thread's ring. */
export function ringWords(ringRecords: number): number {
  return RING_HEAD_WORDS + ringRecords * CHANGE_WORDS;
}

/** The counters of a thread (`ReplicationCounter`), which alone writes them. */
export function countersOf(memory: ReplicationMemory, thread: number): Float64Array {
  return new Float64Array(memory.counters, thread * COUNTERS * 8, COUNTERS);
}

/** The counters of all threads added up, for people and metrics. */
export function replicationTotals(
  memory: ReplicationMemory,
): Record<ReplicationCounterName, number> {
  const counters = new Float64Array(memory.counters);
  const names = Object.keys(ReplicationCounter) as ReplicationCounterName[];
  const total = (name: ReplicationCounterName): number => {
    let sum = 0;
    for (let thread = 1; thread <= memory.threads; thread++) {
      sum += counters[thread * COUNTERS + ReplicationCounter[name]];
    }
    return sum;
  };
  return Object.fromEntries(names.map((name) => [name, total(name)])) as Record<
    ReplicationCounterName,
    number
  >;
}
