/** Sums over all shards, for people and metrics. Reads without locks: each number is exact at rest. */
import { Global, PEER_KINDS, PeerKind, REGION_BYTES, Shard, shardBase } from './layout.js';
import type { SwarmStore } from './swarm-store.js';

export interface StoreTotals {
  peers: number;
  peers4: number;
  peers6: number;
  webPeers: number;
  seeders: number;
  leechers: number;
  partialSeeds: number;
  swarms: number;
  /** New peers, announced here or told of by other nodes, that found the store full. */
  droppedFull: number;
  /** Peers that were not heard of in time. */
  expired: number;
  /** Bytes of the arena handed to shards. */
  arenaBytes: number;
}

export function storeTotals(store: SwarmStore): StoreTotals {
  const { control, limits } = store;
  const { counts } = store.table;
  const kinds = new Array<number>(PEER_KINDS).fill(0);
  const sum = { partialSeeds: 0, swarms: 0, droppedFull: 0, expired: 0 };
  for (let shard = 0; shard < limits.shards; shard++) {
    const base = shardBase(shard);
    for (let kind = 0; kind < PEER_KINDS; kind++) kinds[kind] += control[base + Shard.peers + kind];
    sum.partialSeeds += control[base + Shard.partialSeeds];
    sum.swarms += control[base + Shard.swarms];
    sum.droppedFull += counts[(base + Shard.droppedFull) >>> 1];
    sum.expired += counts[(base + Shard.expired) >>> 1];
  }
  const seeders = kinds[PeerKind.seeders4] + kinds[PeerKind.seeders6] + kinds[PeerKind.seedersWeb];
  const leechers =
    kinds[PeerKind.leechers4] + kinds[PeerKind.leechers6] + kinds[PeerKind.leechersWeb];
  return {
    ...sum,
    peers: seeders + leechers,
    peers4: kinds[PeerKind.seeders4] + kinds[PeerKind.leechers4],
    peers6: kinds[PeerKind.seeders6] + kinds[PeerKind.leechers6],
    webPeers: kinds[PeerKind.seedersWeb] + kinds[PeerKind.leechersWeb],
    seeders,
    leechers,
    arenaBytes: control[Global.regionsUsed] * REGION_BYTES,
  };
}
