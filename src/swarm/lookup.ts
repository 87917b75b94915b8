/** Looks into one swarm, for people: allocates, and gives up on a lock that nobody lets go. */
import { formatAddress } from '../lib/endpoint.js';
import { ScrapeEntry } from '../protocol/announce.js';
import { PeerKind, SEGMENT_MASK, SEGMENT_SHIFT, WEB_KINDS } from './layout.js';
import { PeerFlag, wordsOf } from './leaf.js';
import { ageSeconds } from './peer-age.js';
import type { SwarmStore } from './swarm-store.js';

export interface StoredPeer {
  readonly ip: string;
  readonly port: number;
  readonly seeder: boolean;
  readonly partialSeed: boolean;
  readonly ageSeconds: number;
  /** Slot of the node that heard it; 0 is this one. */
  readonly originSlot: number;
}

export interface StoredSwarm {
  readonly counts: ScrapeEntry;
  /** Of the peers counted, those that are reached over WebSocket: they have no address to list. */
  readonly webPeers: number;
  readonly peers: readonly StoredPeer[];
}

const LOCK_TIMEOUT_MS = 1_000;

/**
 * The counts of a swarm and up to `peersMax` of its peers; undefined for one that is not known, or
 * whose shard stays locked. The store's time must have been set.
 */
export function lookUpSwarm(
  store: SwarmStore,
  infoHash: Int32Array,
  peersMax: number,
): StoredSwarm | undefined {
  const hash = store.index.hash(infoHash, 0);
  const shard = store.lockShardWithin(store.index.shardOf(hash), LOCK_TIMEOUT_MS);
  if (shard < 0) return undefined;
  try {
    const record = store.index.find(hash, infoHash, 0);
    if (record < 0) return undefined;
    const counts = new ScrapeEntry();
    store.readCounts(record, counts);
    const peers: StoredPeer[] = [];
    for (let kind = 0; kind < WEB_KINDS; kind++) {
      listPeers(store, record, kind, peersMax, peers);
    }
    return { counts, webPeers: store.webPeersOf(record), peers };
  } finally {
    store.unlockShard(shard);
  }
}

function listPeers(
  store: SwarmStore,
  record: number,
  kind: number,
  peersMax: number,
  peers: StoredPeer[],
): void {
  const { sets, heap, leaves, seconds, table } = store;
  const set = table.setOf(record, kind);
  const words = wordsOf(kind);
  const addressBytes = kind < PeerKind.seeders6 ? 4 : 16;
  for (let index = 0; index < sets.leafCount(set); index++) {
    const leaf = sets.leafAt(set, index);
    const count = sets.peersAt(set, index);
    for (let slot = 0; slot < count && peers.length < peersMax; slot++) {
      const start = (leaf & SEGMENT_MASK) * 4 + slot * words;
      const wire = heap.u16[leaf >>> SEGMENT_SHIFT].slice(start, start + words);
      const bytes = new Uint8Array(wire.buffer);
      const meta = leaves.metaStart(leaf, words) + 2 * slot + 1;
      const seenAndFlags = heap.i32[leaf >>> SEGMENT_SHIFT][meta];
      peers.push({
        ip: formatAddress(bytes, 0, addressBytes),
        port: (bytes[addressBytes] << 8) | bytes[addressBytes + 1],
        seeder: (kind & 1) === 0,
        partialSeed: ((seenAndFlags >>> 16) & PeerFlag.partialSeed) !== 0,
        ageSeconds: ageSeconds(seconds, seenAndFlags),
        originSlot: (seenAndFlags >>> 16) & PeerFlag.origin,
      });
    }
  }
}
