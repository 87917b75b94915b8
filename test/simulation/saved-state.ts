/**
 * What a simulated node finds on its disk after a crash: the store as it was saved last, the counters
 * and the slots of nodes with it. It goes the way of the real files, without them.
 */
import { DownloadCounters } from '../../src/cluster/download-counters.js';
import { type CellVisitor, CellWalk } from '../../src/swarm/cell-walk.js';
import { Swarm } from '../../src/swarm/layout.js';
import type { PeerWord } from '../../src/swarm/peer-word.js';
import type { SwarmStore } from '../../src/swarm/swarm-store.js';

interface SavedSwarm {
  readonly infoHash: Int32Array;
  readonly downloads: number;
  readonly peers: SavedPeer[];
}

interface SavedPeer {
  readonly kind: number;
  readonly wire: Uint16Array;
  readonly stamp: number;
  readonly ageSeconds: number;
  readonly flags: number;
}

export interface SavedState {
  readonly second: number;
  readonly swarms: readonly SavedSwarm[];
  readonly origins: readonly string[];
  readonly counters: readonly (readonly [number, number, number, number])[];
}

export interface StateParts {
  readonly store: SwarmStore;
  readonly counters: DownloadCounters;
  readonly origins: readonly string[];
  readonly second: number;
}

export function saveState({ store, counters, origins, second }: StateParts): SavedState {
  const swarms: SavedSwarm[] = [];
  const visitor: CellVisitor = {
    swarm: (words, at, downloads) => {
      swarms.push({ infoHash: words.slice(at, at + 5), downloads, peers: [] });
    },
    peer: (word: PeerWord) => {
      const flags = word.origin | (word.partialSeed ? 0x2000 : 0) | (word.completed ? 0x4000 : 0);
      swarms.at(-1)?.peers.push({
        kind: word.kind,
        wire: word.wire.slice(),
        stamp: word.stamp,
        ageSeconds: word.ageSeconds,
        flags,
      });
    },
  };
  // Web peers are not saved.
  const walk = new CellWalk(store, visitor, { families: 'addresses' });
  while (walk.step(1_000_000));
  const entries: [number, number, number, number][] = [];
  counters.forEachEntry((low, high, slot, downloads) => entries.push([low, high, slot, downloads]));
  return { second, swarms, origins: [...origins], counters: entries };
}

/** Puts peers and downloads back as the reader of snapshots does; the store's time must be set. */
export function loadStore({ swarms, second }: SavedState, store: SwarmStore): void {
  const downSeconds = store.seconds - second;
  for (const { infoHash, downloads, peers } of swarms) {
    const hash = store.index.hash(infoHash, 0);
    const shard = store.lockShard(store.index.shardOf(hash));
    const record = store.findOrCreate(shard, hash, infoHash);
    store.records[record + Swarm.downloads] = downloads;
    for (const { kind, wire, stamp, ageSeconds, flags } of peers) {
      const seen = (store.seconds - ageSeconds - downSeconds) & 0xffff;
      store.restore(shard, record, kind, wire, stamp, seen | (flags << 16));
    }
    if (store.peersOf(record) === 0) store.becomeEmpty(shard, record);
    store.unlockShard(shard);
  }
}

export function loadCounters(
  { counters: entries }: SavedState,
  options: ConstructorParameters<typeof DownloadCounters>[0],
): DownloadCounters {
  const counters = new DownloadCounters(options);
  for (const [low, high, slot, downloads] of entries) counters.restore(low, high, slot, downloads);
  return counters;
}
