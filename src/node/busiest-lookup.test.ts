import { describe, expect, it } from 'vitest';
import { AnnounceReply } from '../protocol/announce.js';
import { NO_NODE } from '../protocol/cluster/node-id.js';
import { HashList, ListMode, reserveHashList } from '../swarm/hash-list.js';
import { Global, reserveStore } from '../swarm/layout.js';
import { PeerQuery } from '../swarm/query.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { BusiestLookup } from './busiest-lookup.js';

const WALL_MS = 1_800_000_000_000;
const hash = (swarm: number) => new Uint8Array(20).fill(swarm);
const hex = (swarm: number) => Buffer.from(hash(swarm)).toString('hex');

function rig() {
  const lists = {
    deny: reserveHashList({ entriesMax: 100 }),
    allow: reserveHashList({ entriesMax: 100 }),
  };
  const memory = { ...reserveStore({ peersMax: 1_000, swarmsMax: 100, shards: 4 }), lists };
  const store = new SwarmStore(memory, { thread: 1, seed: 1 });
  store.setTime(1_000, WALL_MS);
  const query = new PeerQuery();
  const join = (swarm: number, peers: number) => {
    query.setInfoHash(hash(swarm), 0);
    query.family = 4;
    for (let peer = 0; peer < peers; peer++) {
      query.seeder = peer === 0;
      query.wireBytes.fill(0).set([10, 0, 0, peer, 1, 1], 0);
      store.announce(query, new AnnounceReply());
    }
  };
  const deny = new HashList(lists.deny);
  const lookup = new BusiestLookup(store, memory);
  const note = (...swarms: number[]) =>
    lookup.note({ atMs: 5, infoHashes: Buffer.concat(swarms.map(hash)) });
  return { store, join, deny, lookup, note };
}

describe('BusiestLookup', () => {
  it('counts when it is asked, and orders by that', () => {
    const { join, lookup, note } = rig();
    join(1, 5);
    join(2, 3);
    note(1, 2, 3);
    join(2, 9);
    expect(lookup.view(WALL_MS)).toEqual({
      atMs: 5,
      swarms: [
        { infoHash: hex(2), seeders: 1, leechers: 8, webPeers: 0, downloads: 0 },
        { infoHash: hex(1), seeders: 1, leechers: 4, webPeers: 0, downloads: 0 },
      ],
    });
  });

  it('never names a swarm that is denied, swept or not', () => {
    const { store, join, deny, lookup, note } = rig();
    join(1, 5);
    join(2, 3);
    note(1, 2);
    const entry = { stamp: 1, by: NO_NODE, present: true, expiresSeconds: 0, reason: '' };
    deny.put({ ...entry, hash: hash(1) });
    Atomics.store(store.control, Global.listMode, ListMode.deny);
    expect(lookup.view(WALL_MS).swarms.map(({ infoHash }) => infoHash)).toEqual([hex(2)]);
    Atomics.store(store.control, Global.listMode, ListMode.allow);
    expect(lookup.view(WALL_MS).swarms).toEqual([]);
  });

  it('has nothing to say before the first pass', () => {
    expect(rig().lookup.view(WALL_MS)).toEqual({ atMs: 0, swarms: [] });
  });
});
