import { describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { Expiry } from './expiry.js';
import { Global, reserveStore, Shard, type StoreLimits, Swarm, shardBase } from './layout.js';
import { NaiveStore, peerKey } from './naive-store.testing.js';
import { Outcome, PeerFamily, PeerQuery } from './query.js';
import { SwarmStore } from './swarm-store.js';
import { storeTotals } from './totals.js';

const TTL = 100;
const EMPTY_TTL = 300;

/** Families of random peers: every one is often enough, and a swarm's web peers come and go. */
const FAMILIES = [4, 4, 4, 6, 6, PeerFamily.web] as const;

interface Mix {
  readonly limits: StoreLimits;
  readonly swarms: number;
  readonly hosts: number;
  readonly steps: number;
  /** Chance that a step is a stop rather than an announce, in growing and in shrinking phases. */
  readonly stops: readonly [number, number];
  readonly numwantMax: number;
  /** Chance that a seeder says that it just completed. */
  readonly completes?: number;
}

/** Plays a random sequence to the store and to its oracle, and compares every answer. */
function compareWithOracle(mix: Mix, seed: number): void {
  const random = new Prng(seed);
  const memory = reserveStore(mix.limits);
  const store = new SwarmStore(memory, { thread: 1, seed: random.next() });
  const naive = new NaiveStore(mix.limits);
  const expiry = new Expiry(store, { peerTtlSeconds: TTL, emptySwarmSeconds: EMPTY_TTL });
  const query = new PeerQuery();
  const reply = new AnnounceReply();
  const entry = new ScrapeEntry();
  const hashes = Array.from({ length: mix.swarms }, () => {
    const hash = new Uint8Array(20);
    random.fill(hash);
    return hash;
  });
  let seconds = 50_000;
  for (let step = 0; step < mix.steps; step++) {
    const label = `seed ${seed}, step ${step}`;
    store.setTime(seconds, seconds * 1000);
    naive.seconds = seconds;
    // Zipf-like: low numbers often, so that one swarm grows large and many stay small.
    const swarm = Math.floor(mix.swarms * (random.next() / 2 ** 32) ** 3);
    query.setInfoHash(hashes[swarm], 0);
    query.family = FAMILIES[random.below(FAMILIES.length)];
    const host = random.below(mix.hosts);
    query.wireBytes.fill(0);
    query.wireBytes.set([10, host >>> 16, host >>> 8, host], 0);
    if (query.family === PeerFamily.web) query.wireBytes.set([host >>> 8, host], 10);
    else query.wireBytes.set([0x1a, 0xe1], query.family === 4 ? 4 : 16);
    const phase = Math.floor((step * 6) / mix.steps) % 2;
    query.stopped = random.chance(mix.stops[phase]);
    query.seeder = random.chance(0.5);
    query.completed = query.seeder && random.chance(mix.completes ?? 0.3);
    query.partialSeed = !query.seeder && random.chance(0.2);
    query.numwant = random.below(mix.numwantMax);
    query.families = 1 + random.below(7);
    const expected = naive.announce(query);
    const outcome = store.announce(query, reply);
    expect(
      [
        outcome,
        reply.seeders,
        reply.leechers,
        reply.downloads,
        reply.count4 + reply.count6,
        reply.countWeb,
      ],
      label,
    ).toEqual([
      expected.outcome,
      expected.seeders,
      expected.leechers,
      expected.downloads,
      expected.told,
      expected.toldWeb,
    ]);
    checkPeers(reply.peers4, reply.count4, 4, expected.candidates4, label);
    checkPeers(reply.peers6, reply.count6, 6, expected.candidates6, label);
    checkPeers(reply.webWords, reply.countWeb, PeerFamily.web, expected.candidatesWeb, label);
    if (random.chance(0.05)) {
      store.scrape(query.infoHash, entry);
      expect({ ...entry }, label).toEqual(naive.scrape(query.infoHash));
    }
    if (random.chance(0.002)) {
      seconds += random.below(TTL);
      store.setTime(seconds, seconds * 1000);
      naive.seconds = seconds;
      naive.expire(TTL, EMPTY_TTL);
      expireAll(expiry, store);
      compareAll(store, naive, query, entry, hashes, label);
    }
  }
  compareAll(store, naive, query, entry, hashes, `seed ${seed}, end`);
  // Everybody leaves: the memory must be whole again.
  store.setTime(seconds + TTL + 1, 0);
  expireAll(expiry, store);
  store.setTime(seconds + TTL + EMPTY_TTL + 2, 0);
  expireAll(expiry, store);
  const control = new Int32Array(memory.control);
  expect(control[Global.peers], `seed ${seed}: peers left`).toBe(0);
  expect(control[Global.swarms], `seed ${seed}: swarms left`).toBe(0);
  expect(control[Global.regionsUsed], 'regions left').toBeLessThanOrEqual(mix.limits.shards);
}

/** Passes until one removes nobody: merges may hide a peer from a pass. */
function expireAll(expiry: Expiry, store: SwarmStore): void {
  let before: number;
  do {
    before = storeTotals(store).expired;
    while (expiry.step(50));
  } while (storeTotals(store).expired !== before);
}

function checkPeers(
  words: Uint16Array,
  count: number,
  family: PeerFamily,
  candidates: Set<string>,
  label: string,
): void {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) seen.add(peerKey(bytes, i * (family === 4 ? 6 : 18), family));
  expect(seen.size, `${label}: no peer twice`).toBe(count);
  for (const key of seen) expect(candidates.has(key), `${label}: peer ${key}`).toBe(true);
}

function compareAll(
  store: SwarmStore,
  naive: NaiveStore,
  query: PeerQuery,
  entry: ScrapeEntry,
  hashes: readonly Uint8Array[],
  label: string,
): void {
  const sum = { seeders: 0, leechers: 0, partialSeeds: 0 };
  for (const hash of hashes) {
    query.setInfoHash(hash, 0);
    store.scrape(query.infoHash, entry);
    expect({ ...entry }, label).toEqual(naive.scrape(query.infoHash));
    sum.seeders += entry.seeders;
    sum.leechers += entry.leechers;
    sum.partialSeeds += entry.partialSeeds;
  }
  expect(storeTotals(store), label).toMatchObject({
    ...sum,
    peers: naive.peers,
    swarms: naive.swarms.size,
  });
}

describe('swarm store against plain Maps', () => {
  const seed = testSeed();

  it(`agrees on many small swarms (seed ${seed})`, () => {
    const limits = { peersMax: 10_000, swarmsMax: 2_000, shards: 8 };
    const mix = { limits, swarms: 400, hosts: 200, steps: 20_000, numwantMax: 60 };
    compareWithOracle({ ...mix, stops: [0.2, 0.7] }, seed);
  });

  it(`agrees while swarms grow to thousands of peers and shrink again (seed ${seed})`, () => {
    const limits = { peersMax: 100_000, swarmsMax: 100, shards: 2 };
    const mix = { limits, swarms: 3, hosts: 4_000, steps: 60_000, numwantMax: 30 };
    compareWithOracle({ ...mix, stops: [0.05, 0.9] }, seed + 1);
  });

  it(`agrees while it is full of peers (seed ${seed})`, () => {
    const limits = { peersMax: 150, swarmsMax: 1_000, shards: 4 };
    const mix = { limits, swarms: 60, hosts: 100, steps: 15_000, numwantMax: 200 };
    compareWithOracle({ ...mix, stops: [0.1, 0.4] }, seed + 2);
  });

  it(`agrees while it is full of swarms (seed ${seed})`, () => {
    // Nothing completes: no swarm outlives its peers, so that crowding (tested apart) changes nothing.
    const limits = { peersMax: 10_000, swarmsMax: 40, shards: 2 };
    const mix = { limits, swarms: 80, hosts: 20, steps: 10_000, numwantMax: 40, completes: 0 };
    compareWithOracle({ ...mix, stops: [0.3, 0.6] }, seed + 3);
  });
});

describe('swarm store', () => {
  function small(peersMax = 10_000) {
    const memory = reserveStore({ peersMax, swarmsMax: 1_000, shards: 4 });
    const store = new SwarmStore(memory, { thread: 1, seed: 1 });
    store.setTime(1_000, 1_000_000);
    const query = new PeerQuery();
    query.infoHash.fill(7);
    return { store, query, reply: new AnnounceReply() };
  }

  function setHost(query: PeerQuery, host: number): void {
    query.wireBytes.set([10, host >>> 16, host >>> 8, host, 0x1a, 0xe1], 0);
  }

  it('counts on past 32 bits: a full store under load gets there within a day', () => {
    const { store, query, reply } = small(1);
    setHost(query, 1);
    store.announce(query, reply);
    store.setTime(2_000, 0);
    const expiry = new Expiry(store, { peerTtlSeconds: 100, emptySwarmSeconds: 0 });
    const shard = shardBase(store.index.shardOf(store.index.hash(query.infoHash, 0)));
    store.table.counts[(shard + Shard.droppedFull) / 2] = 0xffff_ffff;
    store.table.countExpired(shard, 0xffff_ffff);
    setHost(query, 2);
    store.announce(query, reply);
    expireAll(expiry, store);
    expect(storeTotals(store)).toMatchObject({ droppedFull: 2 ** 32, expired: 2 ** 32, peers: 0 });
  });

  it('has no more downloads than a signed integer', () => {
    const { store, query, reply } = small();
    query.seeder = true;
    store.announce(query, reply);
    const record = store.index.find(store.index.hash(query.infoHash, 0), query.infoHash, 0);
    store.records[record + Swarm.downloads] = 0x7fff_ffff;
    query.completed = true;
    store.announce(query, reply);
    expect(reply.downloads).toBe(0x7fff_ffff);
  });

  it('tells every peer about as often as any other', () => {
    const { store, query, reply } = small();
    const peers = 500;
    const told = new Map<string, number>();
    query.numwant = 0;
    for (let host = 0; host < peers; host++) {
      setHost(query, host);
      query.seeder = host % 2 === 0;
      store.announce(query, reply);
    }
    query.seeder = false;
    query.numwant = 50;
    const rounds = 5_000;
    const first = new Map<string, number>();
    for (let i = 0; i < rounds; i++) {
      setHost(query, 1_000_000);
      store.announce(query, reply);
      const bytes = new Uint8Array(reply.peers4.buffer);
      for (let p = 0; p < reply.count4; p++) {
        const key = peerKey(bytes, p * 6, 4);
        told.set(key, (told.get(key) ?? 0) + 1);
        if (p === 0) first.set(key, (first.get(key) ?? 0) + 1);
      }
    }
    const mean = (rounds * 50) / peers;
    expect(told.size).toBe(peers);
    for (const count of told.values()) {
      expect(count).toBeGreaterThan(mean * 0.5);
      expect(count).toBeLessThan(mean * 2);
    }
    expect(Math.max(...first.values())).toBeLessThan(rounds / 20);
  });

  it('tells the peer stored behind the one that asks no more often than the others', () => {
    const { store, query, reply } = small();
    query.seeder = false;
    for (let host = 0; host < 5; host++) {
      setHost(query, host);
      store.announce(query, reply);
    }
    query.numwant = 1;
    for (let asking = 0; asking < 5; asking++) {
      const told = new Array<number>(5).fill(0);
      setHost(query, asking);
      for (let i = 0; i < 4_000; i++) {
        store.announce(query, reply);
        told[new Uint8Array(reply.peers4.buffer)[3]]++;
      }
      expect(told[asking]).toBe(0);
      // Chance gives each of the others 1,000 and a deviation of 27.
      for (const count of told.toSpliced(asking, 1)) {
        expect(count).toBeGreaterThan(800);
        expect(count).toBeLessThan(1_200);
      }
    }
  });

  it('keeps what it has when the arena is exhausted, and takes new peers after some left', () => {
    const { store, query, reply } = small(1_000);
    // Swarms of one IPv6 peer each cost the most arena a peer.
    query.family = 6;
    let stored = 0;
    for (let host = 0; host < 2_000; host++) {
      query.infoHash[0] = host;
      query.wireBytes.set([0x20, 1, host >>> 8, host], 0);
      if (store.announce(query, reply) === Outcome.done) stored++;
    }
    expect(stored).toBe(1_000);
    expect(storeTotals(store)).toMatchObject({ peers: 1_000, droppedFull: 1_000 });
    query.infoHash[0] = 0;
    query.wireBytes.set([0x20, 1, 0, 0], 0);
    query.stopped = true;
    store.announce(query, reply);
    query.stopped = false;
    query.infoHash[0] = 5_000;
    expect(store.announce(query, reply)).toBe(Outcome.done);
  });

  it('stays within bounds and keeps its counts when a peer cannot move to its new role', () => {
    const { store, query, reply } = small();
    query.seeder = true;
    query.numwant = 200;
    for (let host = 0; host < 300; host++) {
      setHost(query, host);
      store.announce(query, reply);
    }
    const { heap } = store;
    const allocate = heap.allocate.bind(heap);
    heap.allocate = () => 0;
    query.seeder = false;
    query.partialSeed = true;
    expect(store.announce(query, reply)).toBe(Outcome.full);
    query.partialSeed = false;
    expect(store.announce(query, reply)).toBe(Outcome.full);
    expect(reply.count4).toBeLessThanOrEqual(200);
    heap.allocate = allocate;
    expect(storeTotals(store)).toMatchObject({ seeders: 300, leechers: 0, partialSeeds: 0 });
    expect(store.announce(query, reply)).toBe(Outcome.done);
    expect(storeTotals(store)).toMatchObject({ seeders: 299, leechers: 1, partialSeeds: 0 });
  });

  it('tells both roles even to those who want one peer', () => {
    const { store, query, reply } = small();
    for (let host = 0; host < 110; host++) {
      setHost(query, host);
      query.seeder = host < 10;
      store.announce(query, reply);
    }
    query.numwant = 1;
    let seeders = 0;
    for (let i = 0; i < 2_000; i++) {
      store.announce(query, reply);
      if (new Uint8Array(reply.peers4.buffer)[3] < 10) seeders++;
    }
    expect(seeders).toBeGreaterThan(50);
    expect(seeders).toBeLessThan(1_000);
  });

  it('does not lose a peer whose last word is a second ahead of the one who looks', () => {
    const { store, query, reply } = small();
    store.setTime(1_001, 0);
    store.announce(query, reply);
    store.setTime(1_000, 0);
    const expiry = new Expiry(store, { peerTtlSeconds: 100, emptySwarmSeconds: 100 });
    while (expiry.step(100));
    expect(storeTotals(store).peers).toBe(1);
  });

  it('forgets swarms that are only remembered when it gets crowded', () => {
    const { store, query, reply } = small();
    query.seeder = true;
    for (let i = 0; i < 1_000; i++) {
      query.infoHash[0] = i;
      query.completed = true;
      query.stopped = false;
      store.announce(query, reply);
      query.stopped = true;
      store.announce(query, reply);
    }
    expect(storeTotals(store)).toMatchObject({ swarms: 1_000, peers: 0 });
    const expiry = new Expiry(store, { peerTtlSeconds: 100, emptySwarmSeconds: 10_000 });
    while (expiry.step(100));
    expect(storeTotals(store).swarms).toBeLessThanOrEqual(900);
  });

  it('counts a download once a peer, however often it says so', () => {
    const { store, query, reply } = small();
    setHost(query, 1);
    query.seeder = true;
    query.completed = true;
    for (let i = 0; i < 3; i++) store.announce(query, reply);
    expect(reply.downloads).toBe(1);
    query.seeder = false;
    store.announce(query, reply);
    query.seeder = true;
    store.announce(query, reply);
    expect(reply.downloads).toBe(1);
  });
});
