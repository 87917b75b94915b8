/**
 * The shared memory of the swarm store, reserved once and mapped by every worker.
 *
 * ```
 * control   Int32Array   [ global 256 words ][ shard 0: 256 words ][ shard 1 ] ...
 * index     Int32Array   [ shard 0: slots + tail ][ shard 1 ] ...     one word a slot
 * records   Int32Array   [ record 0: 16 words ][ record 1 ] ...       a swarm, or its web peers
 * segments  arena for peers, in 64 KiB regions; a segment is at most 1 GiB
 * ```
 *
 * The system commits a page when it is first touched, so a reservation at the bound costs address
 * space and no memory. Words are native 32-bit integers; only one machine ever reads them.
 */
import { randomFillSync } from 'node:crypto';
import { assert } from '../lib/assert.js';
import { nextPowerOfTwo } from '../lib/next-power-of-two.js';
import type { HashListMemory } from './hash-list.js';
import type { ReplicationMemory } from './replication-memory.js';

/** Words of the global block, then of each shard's block, in `control`. */
export const CONTROL_WORDS = 256;

/** Offsets in the global block. Pools are guarded by `poolLock`. */
export const Global = {
  poolLock: 0,
  poolOwner: 1,
  /** Regions handed out for the first time so far. */
  regionsFresh: 2,
  /** Region number + 1 at the head of the list of returned regions; 0 when empty. */
  regionsFree: 3,
  /** Regions in use now. */
  regionsUsed: 4,
  recordsFresh: 5,
  /** Record number + 1 at the head of the list of returned records; 0 when empty. */
  recordsFree: 6,
  /** Peers in all shards (atomic): what `peersMax` bounds. */
  peers: 16,
  /** Records in use, those of swarms and side records: what `swarmsMax` bounds. */
  swarms: 32,
  /**
   * Milliseconds that this machine's wall clock is behind the cluster's, by what the other nodes say:
   * added to the stamps of all threads (`SwarmStore.setTime`). Written by the cluster worker.
   */
  clockCorrectionMs: 48,
  /** Which info hashes may have a swarm (`ListMode`). Written by the thread that owns the lists. */
  listMode: 64,
  /**
   * Seconds that a peer lives which this node heard itself, and one that another node told of; 0: what
   * was configured. They follow the longest interval that clients were told.
   */
  peerTtlSeconds: 65,
  remoteTtlSeconds: 66,
} as const;

/** Offsets in a shard's block. Everything here is guarded by the shard's lock. */
export const Shard = {
  lock: 0,
  /** Which thread holds the lock (0: none): names the culprit when one dies inside. */
  owner: 1,
  /** New peers, announced here or told of by other nodes, that found the store full: a double. */
  droppedFull: 2,
  swarms: 4,
  /** Peers by family and role; see `PeerKind`. */
  peers: 5,
  partialSeeds: 11,
  /** Peers that were not heard of in time: a double, since 2^32 of them come within weeks. */
  expired: 12,
  /** Counts directories made and leaves merged, so that a walk sees that leaves moved. */
  moves: 14,
  /** First word of the heap's tables (heap.ts). */
  heap: 16,
} as const;

/** First word of a shard's block in `control`. */
export function shardBase(shard: number): number {
  return (1 + shard) * CONTROL_WORDS;
}

/** The number of the shard whose block begins at `base`. */
export function shardNumber(base: number): number {
  return base / CONTROL_WORDS - 1;
}

/** Words of a swarm's record. */
export const RECORD_WORDS = 16;
/**
 * A swarm's record.
 *
 * ```
 * word  0..4   info hash, five big-endian integers
 *       5      downloads (completed count)
 *       6      partial seeds among the leechers (BEP 21)
 *       7      without peers: the second it became empty; with web peers: their side record, negative
 *       8, 9   IPv4 seeders: root, count        10, 11  IPv4 leechers
 *      12, 13  IPv6 seeders                     14, 15  IPv6 leechers
 * ```
 */
export const Swarm = {
  infoHash: 0,
  downloads: 5,
  partialSeeds: 6,
  emptySince: 7,
  /** The same word: below 0 it names a side record (record-pool.ts). */
  side: 7,
  sets: 8,
} as const;

/**
 * The six peer sets of a swarm: four in the order of their words in its record, those of web peers in
 * the same order in a side record.
 */
export const PeerKind = {
  seeders4: 0,
  leechers4: 1,
  seeders6: 2,
  leechers6: 3,
  seedersWeb: 4,
  leechersWeb: 5,
} as const;
export const PEER_KINDS = 6;
/** Kinds from here on are web peers. */
export const WEB_KINDS = PeerKind.seedersWeb;

/** Which peers are meant: all, web peers only, or all but these. */
export type WalkFamilies = 'all' | 'web' | 'addresses';

/** A granule is the unit of the arena: 8 bytes. A reference is a granule's number; 0 is none. */
export const GRANULE_BYTES = 8;
export const REGION_GRANULES = 8_192;
export const REGION_BYTES = REGION_GRANULES * GRANULE_BYTES;
/** A reference's low 27 bits are the granule in its segment, the 4 above name the segment. */
export const SEGMENT_SHIFT = 27;
export const SEGMENT_MASK = (1 << SEGMENT_SHIFT) - 1;
export const SEGMENT_BYTES_MAX = 2 ** SEGMENT_SHIFT * GRANULE_BYTES;
export const SEGMENTS_MAX = 16;
export const REGIONS_PER_SEGMENT = SEGMENT_BYTES_MAX / REGION_BYTES;

/** An index slot: record number + 1 in the low 26 bits, six bits of the hash above; 0 is empty. */
export const RECORD_BITS = 26;
export const RECORD_MASK = (1 << RECORD_BITS) - 1;
/**
 * Slots past the last home slot of a shard. Probing does not wrap around, so that a walk from high
 * slots to low ones never misses a swarm that a removal moved.
 */
export const INDEX_TAIL = 256;

export interface StoreLimits {
  /** Most peers stored, all families together. */
  readonly peersMax: number;
  /** Most swarms stored; one that has web peers counts twice. */
  readonly swarmsMax: number;
  /** Shards, a power of two. More shards, less waiting for a lock; each costs a few KiB. */
  readonly shards: number;
}

/** What threads pass to each other to share a store: buffers and numbers, nothing else. */
export interface StoreMemory {
  readonly limits: StoreLimits;
  readonly control: SharedArrayBuffer;
  readonly index: SharedArrayBuffer;
  readonly records: SharedArrayBuffer;
  readonly segments: readonly SharedArrayBuffer[];
  /** Home slots of one shard, a power of two; `INDEX_TAIL` more follow. */
  readonly slotsPerShard: number;
  /** Records that can be handed out, at least `swarmsMax`. */
  readonly recordsTotal: number;
  readonly regionsTotal: number;
  /** The secret key of the hashes: clients choose info hashes and ports, and must not choose our slots. */
  readonly hashKeys: Int32Array;
  /** Of a tracker in a cluster; one that stands alone has none, and pays for nothing. */
  readonly replication?: ReplicationMemory;
  /** Info hashes that are denied or allowed. */
  readonly lists?: { readonly deny: HashListMemory; readonly allow: HashListMemory };
  /** What scrapes of a challenge are answered (probe-answers.ts); of a tracker in a cluster. */
  readonly probeAnswers?: SharedArrayBuffer;
}

/**
 * Bytes of arena for each peer that may come: an IPv6 peer is 26 bytes, in a swarm of its own 32,
 * and blocks have slack and gaps.
 */
const ARENA_BYTES_PER_PEER = 36;

/** Reserves the memory of a store. Throws RangeError when the system refuses the address space. */
export function reserveStore(limits: StoreLimits): StoreMemory {
  const { peersMax, swarmsMax, shards } = limits;
  assert(shards >= 1 && shards <= 4096 && (shards & (shards - 1)) === 0, 'shards: a power of two');
  assert(swarmsMax < RECORD_MASK, 'swarmsMax fits an index slot');
  const slotsPerShard = nextPowerOfTwo(Math.max(64, (swarmsMax / shards) * 1.5));
  // Each shard keeps a region or two that are partly free, whatever the load.
  const regionsTotal = Math.ceil((peersMax * ARENA_BYTES_PER_PEER) / REGION_BYTES) + 2 * shards;
  assert(regionsTotal <= SEGMENTS_MAX * REGIONS_PER_SEGMENT, 'peersMax fits the arena');
  const segments: SharedArrayBuffer[] = [];
  for (let left = regionsTotal; left > 0; left -= REGIONS_PER_SEGMENT) {
    segments.push(new SharedArrayBuffer(Math.min(left, REGIONS_PER_SEGMENT) * REGION_BYTES));
  }
  const hashKeys = randomFillSync(new Int32Array(2));
  return {
    limits,
    control: new SharedArrayBuffer((1 + shards) * CONTROL_WORDS * 4),
    index: new SharedArrayBuffer(shards * (slotsPerShard + INDEX_TAIL) * 4),
    // One more, which stays empty: the side record of swarms that have none.
    records: new SharedArrayBuffer((swarmsMax + 1) * RECORD_WORDS * 4),
    segments,
    slotsPerShard,
    recordsTotal: swarmsMax,
    regionsTotal,
    hashKeys,
  };
}
