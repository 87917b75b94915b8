import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { NO_NODE } from '../protocol/cluster/node-id.js';
import { Global, reserveStore } from './layout.js';
import { lookUpSwarm } from './lookup.js';
import { webRemoval } from './peer-removal.js';
import { Outcome, PeerFamily, PeerQuery, WantFamily } from './query.js';
import { ScrapeBatch } from './scrape-batch.js';
import { loadSnapshot } from './snapshot-reader.js';
import { saveSnapshot } from './snapshot-writer.js';
import { SwarmStore } from './swarm-store.js';
import { storeTotals } from './totals.js';
import { webConnection, webEpoch, webEpochOf, webNode, writeWebWire } from './web-wire.js';

const NODES = ['n0000000000000001', 'nffffffffffffffff'] as const;

class Rig {
  readonly store: SwarmStore;
  readonly query = new PeerQuery();
  readonly reply = new AnnounceReply();

  constructor({ peersMax = 20_000, swarmsMax = 100 } = {}) {
    const limits = { peersMax, swarmsMax, shards: 2 };
    this.store = new SwarmStore(reserveStore(limits), { thread: 1, seed: 9 });
    this.store.setTime(5_000, 1_700_000_000_000);
  }

  /** Announces connection `peer` of a node, or an address, and wants `numwant` web peers. */
  announce(peer: number, more: Partial<PeerQuery> & { swarm?: number; node?: string } = {}) {
    const { query } = this;
    const { swarm = 1, node = NODES[0], ...rest } = more;
    query.infoHash.fill(swarm);
    Object.assign(query, {
      family: PeerFamily.web,
      families: WantFamily.web,
      numwant: 50,
      stopped: false,
      seeder: false,
      completed: false,
      partialSeed: false,
      ...rest,
    });
    query.wireBytes.fill(0);
    if (query.family === PeerFamily.web) {
      writeWebWire(query.wireBytes, 0, { node, connection: peer, epoch: 1_700_000_000 });
    } else {
      query.wireBytes.set([10, 0, peer >>> 8, peer, 0x1a, 0xe1]);
    }
    return this.store.announce(query, this.reply);
  }

  /** Connections in the last reply, in order. */
  get told(): number[] {
    const { web, countWeb } = this.reply;
    const all = Array.from({ length: countWeb }, (_, i) => webConnection(web, 18 * i));
    return all.sort((a, b) => a - b);
  }

  counts(swarm = 1): [number, number] {
    const entry = new ScrapeEntry();
    this.store.scrape(new Int32Array(5).fill(swarm), entry);
    return [entry.seeders, entry.leechers];
  }
}

describe('the wire of a web peer', () => {
  it('is read as it was written', () => {
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
    const node = fc.oneof(
      fc.constant(NO_NODE),
      fc
        .bigInt({ min: 1n, max: 2n ** 64n - 1n })
        .map((id) => `n${id.toString(16).padStart(16, '0')}`),
    );
    fc.assert(
      fc.property(node, u32, u32, (id, connection, epoch) => {
        const bytes = new Uint8Array(24).fill(0xee);
        writeWebWire(bytes, 3, { node: id, connection, epoch });
        expect([webNode(bytes, 3), webConnection(bytes, 3), webEpochOf(bytes, 3)]).toEqual([
          id,
          connection,
          epoch,
        ]);
        expect([...bytes.subarray(19)]).toEqual([0, 0, 0xee, 0xee, 0xee]);
        expect(bytes[2]).toBe(0xee);
      }),
    );
  });

  it('has the second of a start', () => {
    expect(webEpoch(1_700_000_000_999)).toBe(1_700_000_000);
  });
});

describe('web peers in the store', () => {
  it('are told to web peers, not to themselves, and to nobody else', () => {
    const rig = new Rig();
    rig.announce(1);
    expect(rig.told).toEqual([]);
    rig.announce(2);
    expect(rig.told).toEqual([1]);
    // The same connection number of another node is another peer.
    rig.announce(2, { node: NODES[1] });
    expect(rig.told).toEqual([1, 2]);
    rig.announce(7, { family: PeerFamily.ipv4, families: WantFamily.both });
    expect([rig.reply.count4, rig.reply.count6, rig.reply.countWeb]).toEqual([0, 0, 0]);
    expect([rig.reply.seeders, rig.reply.leechers], 'but counted').toEqual([0, 4]);
    rig.announce(3);
    expect(rig.told).toEqual([1, 2, 2]);
  });

  it('a seeder is told of leechers', () => {
    const rig = new Rig();
    for (let peer = 1; peer <= 6; peer++) rig.announce(peer, { seeder: peer <= 3 });
    rig.announce(1, { seeder: true });
    expect(rig.told).toEqual([4, 5, 6]);
    expect(rig.counts()).toEqual([3, 3]);
  });

  it('as many as wanted, every one once, and other ones each time', () => {
    const rig = new Rig();
    for (let peer = 1; peer <= 3_000; peer++) rig.announce(peer);
    const met = new Set<number>();
    for (let i = 0; i < 200; i++) {
      rig.announce(1, { numwant: 30 });
      expect(new Set(rig.told).size).toBe(30);
      expect(rig.told.includes(1)).toBe(false);
      for (const peer of rig.told) met.add(peer);
    }
    expect(met.size).toBeGreaterThan(1_500);
    rig.announce(1, { numwant: 5_000 });
    expect(rig.reply.countWeb, 'what a reply can hold').toBe(1_000);
  });

  it('change role, complete once, and leave', () => {
    const rig = new Rig();
    rig.announce(1);
    rig.announce(1, { seeder: true, completed: true });
    rig.announce(1, { seeder: true, completed: true });
    expect([rig.reply.seeders, rig.reply.leechers, rig.reply.downloads]).toEqual([1, 0, 1]);
    rig.announce(1, { stopped: true });
    expect(rig.counts()).toEqual([0, 0]);
    expect(storeTotals(rig.store)).toMatchObject({ peers: 0, webPeers: 0, swarms: 1 });
  });

  it('take a second record while there are any, of which the store has so many', () => {
    const rig = new Rig({ swarmsMax: 4 });
    const records = () => rig.store.control[Global.swarms];
    rig.announce(1, { swarm: 1, family: PeerFamily.ipv4 });
    expect(records()).toBe(1);
    rig.announce(1, { swarm: 1 });
    rig.announce(2, { swarm: 1 });
    expect(records()).toBe(2);
    rig.announce(1, { swarm: 2, family: PeerFamily.ipv4 });
    rig.announce(1, { swarm: 3, family: PeerFamily.ipv4 });
    expect(rig.announce(1, { swarm: 2 }), 'no record left').toBe(Outcome.full);
    expect([records(), storeTotals(rig.store).webPeers]).toEqual([4, 2]);
    rig.announce(1, { swarm: 1, stopped: true });
    expect(records()).toBe(4);
    rig.announce(2, { swarm: 1, stopped: true });
    expect(records()).toBe(3);
    expect(rig.announce(1, { swarm: 2 })).toBe(Outcome.done);
    expect(rig.counts(1)).toEqual([0, 1]);
  });

  it('leave the memory of a swarm without peers as it was when there is no room for one', () => {
    const rig = new Rig({ swarmsMax: 1 });
    rig.announce(1, { family: PeerFamily.ipv4, seeder: true, completed: true });
    rig.announce(1, { family: PeerFamily.ipv4, stopped: true });
    const since = lookUpSince(rig);
    rig.store.setTime(6_000, 1_700_000_000_000);
    expect(rig.announce(1)).toBe(Outcome.full);
    expect(lookUpSince(rig)).toBe(since);
  });

  it('are in scrapes of many swarms at once', () => {
    const rig = new Rig();
    for (let swarm = 1; swarm <= 3; swarm++) {
      for (let peer = 1; peer <= swarm; peer++) rig.announce(peer, { swarm, seeder: true });
      rig.announce(9, { swarm, family: PeerFamily.ipv4 });
    }
    const hashes = new Uint8Array(60);
    for (let i = 0; i < 60; i++) hashes[i] = i % 4 === 3 ? 1 + Math.floor(i / 20) : 0;
    for (let swarm = 1; swarm <= 3; swarm++) {
      const words = new DataView(hashes.buffer);
      for (let w = 0; w < 5; w++) words.setInt32(20 * (swarm - 1) + 4 * w, swarm);
    }
    const batch = new ScrapeBatch(rig.store, 3);
    batch.look(hashes, 0, 3);
    const entry = new ScrapeEntry();
    for (let i = 0; i < 3; i++) {
      batch.read(i, entry);
      expect([entry.seeders, entry.leechers]).toEqual([i + 1, 1]);
    }
    // Gone between the look and the read.
    batch.look(hashes, 0, 3);
    rig.announce(1, { swarm: 1, stopped: true });
    batch.read(0, entry);
    expect([entry.seeders, entry.leechers]).toEqual([0, 1]);
  });

  it('are counted, not listed, for people', () => {
    const rig = new Rig();
    rig.announce(1);
    rig.announce(2, { family: PeerFamily.ipv4 });
    const found = lookUpSwarm(rig.store, new Int32Array(5).fill(1), 10);
    expect(found).toMatchObject({ webPeers: 1, counts: { leechers: 2 } });
    expect(found?.peers.map(({ ip }) => ip)).toEqual(['10.0.0.2']);
  });

  it('are not saved', () => {
    const directory = mkdtempSync(join(tmpdir(), 'trackerbt-web-'));
    try {
      const rig = new Rig();
      for (let peer = 1; peer <= 300; peer++) rig.announce(peer, { swarm: peer % 7 });
      rig.announce(1, { swarm: 1, family: PeerFamily.ipv4 });
      const path = join(directory, 'store');
      saveSnapshot(rig.store, path, { wallMs: 0, lockTimeoutMs: 1_000 });
      const copy = new Rig();
      const loaded = loadSnapshot(copy.store, path, { peerTtlSeconds: 100, wallMs: 0 });
      expect(loaded).toEqual({ peers: 1, expired: 0, dropped: 0, denied: 0 });
      expect(storeTotals(copy.store)).toMatchObject({ peers: 1, webPeers: 0, swarms: 1 });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('of one node go, and nobody else', () => {
    const rig = new Rig();
    for (let peer = 1; peer <= 5_000; peer++) {
      // One large swarm, and many small ones.
      rig.announce(peer, {
        swarm: peer % 2 === 0 ? 0 : peer % 40,
        node: NODES[peer % 3 === 0 ? 1 : 0],
      });
    }
    rig.announce(1, { swarm: 1, family: PeerFamily.ipv4 });
    const bytes = new Uint8Array(18);
    const words = new Uint16Array(bytes.buffer);
    const removal = webRemoval(rig.store, (all, at) => {
      for (let i = 0; i < 9; i++) words[i] = all[at + i];
      return webNode(bytes, 0) === NODES[1];
    });
    while (removal.step(100));
    expect(removal.removed).toBe(3_334);
    expect(storeTotals(rig.store)).toMatchObject({ peers: 1_667, webPeers: 1_666 });
    rig.announce(9, { swarm: 0, numwant: 1_000, stopped: false });
    expect(rig.reply.leechers).toBe(833 + 1);
    const everybody = webRemoval(rig.store, () => false);
    while (everybody.step(100));
    expect(storeTotals(rig.store)).toMatchObject({ peers: 1, webPeers: 0, swarms: 1 });
    expect(rig.store.control[Global.swarms], 'records').toBe(1);
  });
});

/** Since when the only swarm has been empty. */
function lookUpSince({ store }: Rig): number {
  const hash = store.index.hash(new Int32Array(5).fill(1), 0);
  const record = store.index.find(hash, new Int32Array(5).fill(1), 0);
  return store.records[record + 7];
}
