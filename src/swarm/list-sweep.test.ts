import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { NO_NODE } from '../protocol/cluster/node-id.js';
import { ChangeRingReader } from './change-ring.js';
import { DigestReader } from './digest.js';
import { HashList, ListMode, reserveHashList } from './hash-list.js';
import { Global, reserveStore } from './layout.js';
import { ListSweep } from './list-sweep.js';
import { PeerWord } from './peer-word.js';
import { Outcome, PeerFamily, PeerQuery } from './query.js';
import { Applied, Replica } from './replica.js';
import { reserveReplication } from './replication-memory.js';
import { loadSnapshot } from './snapshot-reader.js';
import { saveSnapshot } from './snapshot-writer.js';
import { SwarmStore } from './swarm-store.js';
import { storeTotals } from './totals.js';
import { ShardStuckError } from './walk.js';

const WALL_MS = 1_800_000_000_000;

/** A store with lists, and what a test does to it. */
class Rig {
  readonly memory;
  readonly store: SwarmStore;
  readonly deny: HashList;
  readonly allow: HashList;
  readonly sweep: ListSweep;
  readonly query = new PeerQuery();
  readonly reply = new AnnounceReply();
  #stamp = 1;

  constructor({ peersMax = 100_000, replicates = false } = {}) {
    const limits = { peersMax, swarmsMax: 5_000, shards: 4 };
    const lists = {
      deny: reserveHashList({ entriesMax: 5_000 }),
      allow: reserveHashList({ entriesMax: 5_000 }),
    };
    const replication = reserveReplication({
      limits,
      threads: 1,
      digestKey: new Uint8Array(16),
      tombstonesMax: 4_096,
      ringRecords: 1 << 16,
      peerTtlSeconds: 1_000,
      remoteExtraSeconds: 100,
      alignsExpiry: false,
    });
    const memory = { ...reserveStore(limits), lists };
    this.memory = replicates ? { ...memory, replication } : memory;
    this.store = new SwarmStore(this.memory, { thread: 1, seed: 1 });
    this.store.setTime(50_000, WALL_MS);
    this.deny = new HashList(lists.deny);
    this.allow = new HashList(lists.allow);
    this.sweep = new ListSweep(this.store, { lockTimeoutMs: 10 });
    this.sweep.setMode(ListMode.deny);
    this.pass();
  }

  put(list: HashList, swarm: number, present = true, expiresSeconds = 0): void {
    const entry = { hash: hashOf(swarm), stamp: this.#stamp++, by: NO_NODE, reason: '' };
    list.put({ ...entry, present, expiresSeconds });
  }

  announce(swarm: number, host = 1, more: Partial<PeerQuery> = {}): Outcome {
    const { query } = this;
    query.setInfoHash(hashOf(swarm), 0);
    query.family = ([6, 4, PeerFamily.web] as const)[host % 3];
    query.wireBytes.fill(0);
    query.wireBytes.set([10, host >>> 16, host >>> 8, host], 0);
    query.wireBytes.set([0x1a, 0xe1], query.family === 4 ? 4 : query.family === 6 ? 16 : 12);
    query.stopped = false;
    query.seeder = host % 2 === 0;
    query.completed = query.seeder;
    query.partialSeed = host % 5 === 0;
    Object.assign(query, more);
    return this.store.announce(query, this.reply);
  }

  scrape(swarm: number): number[] {
    const entry = new ScrapeEntry();
    this.query.setInfoHash(hashOf(swarm), 0);
    this.store.scrape(this.query.infoHash, entry);
    return [entry.seeders + entry.leechers, entry.downloads];
  }

  pass(): number {
    let steps = 1;
    while (this.sweep.step()) steps++;
    return steps;
  }
}

function hashOf(swarm: number): Uint8Array {
  const hash = Buffer.alloc(20);
  new Prng(swarm + 1).fill(hash);
  return new Uint8Array(hash);
}

describe('a denied info hash', () => {
  it('gets no swarm, and a client that leaves it hears the same', () => {
    const rig = new Rig();
    rig.put(rig.deny, 1);
    expect(rig.announce(1)).toBe(Outcome.denied);
    expect([rig.reply.seeders, rig.reply.leechers, rig.reply.count4]).toEqual([0, 0, 0]);
    expect(rig.announce(1, 1, { stopped: true })).toBe(Outcome.denied);
    expect(rig.announce(2)).toBe(Outcome.done);
    expect(storeTotals(rig.store)).toMatchObject({ swarms: 1, droppedFull: 0 });
  });

  it('is denied also where the store is full, and elsewhere it is full', () => {
    const rig = new Rig({ peersMax: 1 });
    rig.put(rig.deny, 1);
    rig.announce(2);
    expect(rig.announce(1)).toBe(Outcome.denied);
    expect(rig.announce(3)).toBe(Outcome.full);
  });

  it('is allowed again when the entry is removed, or expires', () => {
    const rig = new Rig();
    rig.put(rig.deny, 1);
    rig.put(rig.deny, 2, true, WALL_MS / 1000 + 10);
    expect([rig.announce(1), rig.announce(2)]).toEqual([Outcome.denied, Outcome.denied]);
    rig.put(rig.deny, 1, false);
    expect([rig.announce(1), rig.announce(2)]).toEqual([Outcome.done, Outcome.denied]);
    rig.store.setTime(50_010, WALL_MS + 10_000);
    expect(rig.announce(2)).toBe(Outcome.done);
  });

  it('counts only where the mode says so', () => {
    const rig = new Rig();
    rig.put(rig.deny, 1);
    rig.put(rig.allow, 2);
    const outcomes = () => [1, 2, 3].map((swarm) => rig.announce(swarm, 1, { stopped: true }));
    const { done, denied } = Outcome;
    expect(outcomes()).toEqual([denied, done, done]);
    rig.sweep.setMode(ListMode.open);
    expect(outcomes()).toEqual([done, done, done]);
    rig.sweep.setMode(ListMode.allow);
    expect(outcomes()).toEqual([denied, done, denied]);
  });

  it('loses its swarm at once, downloads and all, however large it is', () => {
    const rig = new Rig();
    for (let host = 1; host <= 20_000; host++) rig.announce(1, host);
    for (let host = 1; host <= 50; host++) rig.announce(2, host);
    const arena = storeTotals(rig.store).arenaBytes;
    rig.put(rig.deny, 1);
    expect(rig.announce(1, 30_000), 'a swarm that exists is allowed').toBe(Outcome.done);
    expect(rig.sweep.drop(hashOf(2)), 'not denied').toBe(false);
    expect(rig.sweep.drop(hashOf(1))).toBe(true);
    expect(rig.sweep.drop(hashOf(1)), 'once').toBe(false);
    expect(rig.scrape(1)).toEqual([0, 0]);
    expect(rig.announce(1, 1)).toBe(Outcome.denied);
    const totals = storeTotals(rig.store);
    expect(totals).toMatchObject({ peers: 50, swarms: 1, partialSeeds: 5, expired: 0 });
    expect(totals.arenaBytes).toBeLessThan(arena);
    expect(rig.store.control[Global.peers]).toBe(50);
    expect([rig.sweep.swarmsDropped, rig.sweep.peersDropped]).toEqual([1, 20_001]);
    // And it begins with nothing when it comes back.
    rig.put(rig.deny, 1, false);
    expect(rig.announce(1, 1)).toBe(Outcome.done);
    expect(rig.scrape(1)).toEqual([1, 0]);
  });

  it('does not come back from a saved store', () => {
    const directory = mkdtempSync(join(tmpdir(), 'trackerbt-lists-'));
    try {
      const path = join(directory, 'store');
      const rig = new Rig();
      for (let host = 1; host <= 30; host++) for (const swarm of [1, 2]) rig.announce(swarm, host);
      saveSnapshot(rig.store, path, { wallMs: WALL_MS, lockTimeoutMs: Number.POSITIVE_INFINITY });
      const other = new Rig();
      other.put(other.deny, 1);
      const options = { peerTtlSeconds: 1_000, wallMs: WALL_MS };
      // Of 30, every third is a web peer, which is not saved.
      expect(loadSnapshot(other.store, path, options)).toMatchObject({ peers: 20, denied: 20 });
      expect([other.scrape(1), other.scrape(2)]).toEqual([
        [0, 0],
        [20, 15],
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('in a cluster', () => {
  it('a denied swarm takes no word of others, and its drop tells and buries nothing', () => {
    const rig = new Rig({ replicates: true });
    const { replication } = rig.memory as typeof rig.memory & {
      replication: ReturnType<typeof reserveReplication>;
    };
    const digest = new DigestReader(replication);
    const changes = new ChangeRingReader(replication, 1);
    const empty = digest.root();
    for (let host = 1; host <= 10; host++) rig.announce(1, host);
    const drain = () => changes.drain(1_000, () => {});
    expect(drain()).toBe(10);
    rig.put(rig.deny, 1);
    rig.sweep.drop(hashOf(1));
    expect(drain()).toBe(0);
    expect(digest.root()).toBe(empty);
    expect(rig.announce(1, 1, { stopped: true })).toBe(Outcome.denied);
    expect(drain()).toBe(0);

    const replica = new Replica(rig.store, { compareOrigins: (a, b) => a - b });
    const word = new PeerWord();
    word.origin = 1;
    word.stamp = rig.store.stamp;
    word.wire.set(rig.query.wire.subarray(0, 3));
    const apply = () => {
      replica.begin(rig.query.infoHash);
      const applied = replica.apply(word);
      const counted = replica.addDownloads(3);
      replica.end();
      return [applied, counted];
    };
    expect(apply()).toEqual([Applied.denied, false]);
    expect(rig.scrape(1)).toEqual([0, 0]);
    expect(storeTotals(rig.store).droppedFull).toBe(0);
    rig.put(rig.deny, 1, false);
    expect(apply()).toEqual([Applied.newer, true]);
    expect(rig.scrape(1)).toEqual([1, 3]);
  });
});

describe('a pass over the whole store', () => {
  it('drops every swarm that may not be, and no other', () => {
    const seed = testSeed();
    const random = new Prng(seed);
    const rig = new Rig();
    const peers = Array.from({ length: 2_000 }, () => (random.chance(0.01) ? 3_000 : 1));
    peers.forEach((count, swarm) => {
      for (let host = 1; host <= count; host++) rig.announce(swarm, host);
    });
    const allowed = peers.map(() => random.chance(0.3));
    allowed.forEach((is, swarm) => {
      if (is) rig.put(rig.allow, swarm);
    });
    expect(rig.sweep.step(), 'nothing to do').toBe(false);
    rig.sweep.setMode(ListMode.allow);
    rig.pass();
    const left = peers.map((_, swarm) => rig.scrape(swarm)[0]);
    expect(left, `seed ${seed}`).toEqual(peers.map((count, i) => (allowed[i] ? count : 0)));
    expect(storeTotals(rig.store).swarms).toBe(allowed.filter((is) => is).length);
    expect(storeTotals(rig.store).peers).toBe(left.reduce((sum, count) => sum + count, 0));
  });

  it('lets others into the store between two steps', () => {
    const rig = new Rig();
    for (let host = 1; host <= 20_000; host++) rig.announce(1, host);
    rig.sweep.setMode(ListMode.allow);
    // Some thousand peers a step.
    expect(rig.pass()).toBeGreaterThan(8);
    expect(rig.scrape(1)).toEqual([0, 0]);
  });

  it('gives up on a shard that nobody lets go', () => {
    const rig = new Rig();
    rig.announce(1);
    const base = rig.store.lockShard(0);
    rig.sweep.setMode(ListMode.allow);
    expect(() => rig.pass()).toThrow(ShardStuckError);
    rig.store.unlockShard(base);
    rig.pass();
    expect(rig.scrape(1)).toEqual([0, 0]);
  });
});
