/**
 * Everything that changes a store, in random order, in stores that are too small for it in one way or
 * another; every so often all of its memory is looked over.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { AnnounceReply } from '../protocol/announce.js';
import { Expiry } from './expiry.js';
import { HashList, ListMode, reserveHashList } from './hash-list.js';
import { Global, PeerKind, reserveStore, type StoreMemory } from './layout.js';
import { WORDS4 } from './leaf.js';
import { ListSweep } from './list-sweep.js';
import { originRemoval, webRemoval } from './peer-removal.js';
import { PeerWord } from './peer-word.js';
import { PeerFamily, PeerQuery } from './query.js';
import { Replica } from './replica.js';
import { reserveReplication } from './replication-memory.js';
import { loadSnapshot } from './snapshot-reader.js';
import { saveSnapshot } from './snapshot-writer.js';
import { auditStore } from './store-audit.testing.js';
import { SwarmStore } from './swarm-store.js';
import { storeTotals } from './totals.js';

/** How much longer than usual, for whoever looks for trouble. */
const AUDIT_TIMES = Number(process.env.AUDIT_TIMES ?? 1);
const TTL = 100;
/** Enough for a directory that has to grow itself. */
const GROWN_PEERS = 1 << 16;
const FAMILIES = [4, 4, 6, PeerFamily.web] as const;

interface Mix {
  readonly name: string;
  readonly peersMax: number;
  readonly swarmsMax: number;
  readonly shards: number;
  /** Regions of the arena, where it is to run out before peers do. */
  readonly regions?: number;
  readonly swarms: number;
  readonly hosts: number;
  readonly steps: number;
  readonly auditEvery: number;
  /** Chance that a step is about one peer, and no time passes: swarms grow large meanwhile. */
  readonly calm: number;
  /** Chance that a block cannot be had. */
  readonly refused?: number;
}

const MIXES: readonly Mix[] = [
  {
    name: 'many small swarms',
    ...{ peersMax: 20_000, swarmsMax: 900, shards: 16, swarms: 600, hosts: 60 },
    ...{ steps: 30_000, auditEvery: 1_500, calm: 0.5 },
  },
  {
    name: 'a few large swarms in one shard',
    ...{ peersMax: 50_000, swarmsMax: 20, shards: 1, swarms: 3, hosts: 9_000 },
    ...{ steps: 80_000, auditEvery: 5_000, calm: 0.9 },
  },
  {
    name: 'an arena that is exhausted all the time',
    ...{ peersMax: 50_000, swarmsMax: 50, shards: 2, regions: 3, swarms: 6, hosts: 6_000 },
    ...{ steps: 60_000, auditEvery: 3_000, calm: 0.9 },
  },
  {
    name: 'an arena of one region for four shards',
    ...{ peersMax: 5_000, swarmsMax: 50, shards: 4, regions: 1, swarms: 30, hosts: 2_000 },
    ...{ steps: 20_000, auditEvery: 500, calm: 0.5 },
  },
  {
    name: 'an arena that refuses every third block',
    ...{ peersMax: 50_000, swarmsMax: 50, shards: 2, swarms: 6, hosts: 6_000 },
    ...{ steps: 60_000, auditEvery: 3_000, calm: 0.9, refused: 0.33 },
  },
  {
    name: 'hardly a record',
    ...{ peersMax: 1_000, swarmsMax: 5, shards: 2, swarms: 12, hosts: 12 },
    ...{ steps: 20_000, auditEvery: 400, calm: 0 },
  },
];

function reserve({ peersMax, swarmsMax, shards, regions }: Mix) {
  const limits = { peersMax, swarmsMax, shards };
  const replication = reserveReplication({
    limits,
    threads: 1,
    digestKey: new Uint8Array(16).fill(5),
    tombstonesMax: 512,
    ringRecords: 64,
    peerTtlSeconds: TTL,
    remoteExtraSeconds: 50,
    alignsExpiry: true,
  });
  const lists = {
    deny: reserveHashList({ entriesMax: 200 }),
    allow: reserveHashList({ entriesMax: 200 }),
  };
  const memory = reserveStore(limits);
  return { ...memory, regionsTotal: regions ?? memory.regionsTotal, replication, lists };
}

/** Has the arena look exhausted by chance, which finds every place that needs a block. */
function refuseBlocks({ heap }: SwarmStore, random: Prng, chance: number): void {
  const allocate = heap.allocate.bind(heap);
  heap.allocate = (shard, bytes) => (random.chance(chance) ? 0 : allocate(shard, bytes));
}

class Turmoil {
  readonly memory: StoreMemory & ReturnType<typeof reserve>;
  readonly store: SwarmStore;
  readonly #mix: Mix;
  readonly #random: Prng;
  readonly #expiry: Expiry;
  readonly #replica: Replica;
  readonly #deny: HashList;
  readonly #sweep: ListSweep;
  readonly #query = new PeerQuery();
  readonly #reply = new AnnounceReply();
  readonly #word = new PeerWord();
  #seconds = 65_000;
  /** Chance of a stop: it grows and shrinks. */
  #stops = 0.1;

  constructor(mix: Mix, random: Prng) {
    this.#mix = mix;
    this.#random = random;
    this.memory = reserve(mix);
    this.store = new SwarmStore(this.memory, { thread: 1, seed: random.next() });
    refuseBlocks(this.store, random, mix.refused ?? 0);
    this.#expiry = new Expiry(this.store, { peerTtlSeconds: TTL, emptySwarmSeconds: 300 });
    this.#replica = new Replica(this.store, { compareOrigins: (a, b) => a - b });
    this.#deny = new HashList(this.memory.lists.deny);
    this.#sweep = new ListSweep(this.store);
    this.#setTime();
  }

  step(): void {
    const random = this.#random;
    const { calm } = this.#mix;
    const act = random.chance(calm) ? random.below(980) : random.below(1_000);
    this.#aim();
    if (act < 700) this.store.announce(this.#query, this.#reply);
    else if (act < 980) this.#apply();
    else if (act < 990) this.#expiry.step(1 + random.below(3_000));
    else if (act < 996) this.#pass(1 + random.below(10));
    else if (act < 998) this.#stops = random.chance(0.5) ? 0.05 : 0.6;
    else this.#rare();
  }

  /** Everybody is gone in the end, and all memory is back. */
  empty(): void {
    for (let pass = 0; pass < 60; pass++) {
      this.#pass(400);
      while (this.#expiry.step(1_000));
    }
    auditStore(this.store, this.memory);
    expect(storeTotals(this.store)).toMatchObject({ peers: 0, swarms: 0 });
    expect(this.store.control[Global.swarms], 'records').toBe(0);
  }

  /** Saves, and loads into another store, of the same size or a smaller one. */
  restart(path: string): void {
    saveSnapshot(this.store, path, { wallMs: 0, lockTimeoutMs: 1_000 });
    for (const share of [1, 0.3]) {
      const memory = reserve({ ...this.#mix, peersMax: Math.ceil(this.#mix.peersMax * share) });
      const copy = new SwarmStore(memory, { thread: 1, seed: 1 });
      copy.setTime(this.#random.below(200_000), 0);
      loadSnapshot(copy, path, { peerTtlSeconds: TTL, wallMs: 0 });
      auditStore(copy, memory);
    }
  }

  #aim(): void {
    const random = this.#random;
    const { swarms, hosts } = this.#mix;
    const query = this.#query;
    query.infoHash.fill(Math.floor(swarms * (random.next() / 2 ** 32) ** 2));
    query.family = FAMILIES[random.below(FAMILIES.length)];
    const host = random.below(hosts);
    query.wireBytes.fill(0);
    query.wireBytes.set([10, host >>> 16, host >>> 8, host, 0x1a, 0xe1], 0);
    if (query.family === PeerFamily.ipv6) query.wireBytes[17] = 1;
    query.stopped = random.chance(this.#stops);
    query.started = random.chance(0.1);
    query.seeder = random.chance(0.5);
    query.completed = query.seeder && random.chance(0.2);
    query.partialSeed = !query.seeder && random.chance(0.2);
    query.numwant = random.below(80);
    query.families = random.below(8);
  }

  /** What another tracker says of the peer. */
  #apply(): void {
    const random = this.#random;
    const { infoHash, wire, family, stopped, seeder, partialSeed, completed } = this.#query;
    const word = this.#word;
    word.wire.set(wire);
    word.kind = (family === 4 ? 0 : family === 6 ? 2 : 4) + (seeder ? 0 : 1);
    Object.assign(word, { stopped, partialSeed, completed });
    word.stamp = (this.store.stamp + random.below(2_000) - 1_000) | 0;
    word.origin = 1 + random.below(4);
    word.ageSeconds = random.below(160);
    this.#replica.begin(infoHash);
    this.#replica.apply(word);
    if (random.chance(0.05)) this.#replica.outlive(word);
    if (random.chance(0.05)) this.#replica.addDownloads(random.below(3) - 1);
    this.#replica.end();
  }

  #rare(): void {
    const random = this.#random;
    switch (random.below(6)) {
      case 0: {
        const removal = originRemoval(this.store, random.below(5));
        while (removal.step(500));
        break;
      }
      case 1: {
        const kept = random.below(2);
        const removal = webRemoval(this.store, (all, at) => (all[at + 1] & 1) === kept);
        while (removal.step(500));
        break;
      }
      case 2:
        this.#toggleList();
        break;
      case 3:
        // All are too old at once.
        if (random.chance(0.3)) this.#pass(TTL + 60);
        break;
      case 4:
        // Seconds wrap around in 16 bits.
        if (random.chance(0.2)) this.#pass(65_536 - random.below(40));
        break;
      default:
        while (this.#expiry.step(1_000));
    }
  }

  #toggleList(): void {
    const random = this.#random;
    const hash = new Uint8Array(20);
    for (let i = 0; i < 5; i++) {
      hash[4 * i + 2] = this.#query.infoHash[0] >>> 8;
      hash[4 * i + 3] = this.#query.infoHash[0];
    }
    this.#sweep.setMode(random.chance(0.7) ? ListMode.deny : ListMode.open);
    const stamp = this.#seconds * 1000 + random.below(1_000);
    const present = random.chance(0.5);
    this.#deny.put({ hash, stamp, by: '', present, expiresSeconds: 0, reason: '' });
    this.#sweep.drop(hash);
    while (this.#sweep.step());
  }

  #pass(seconds: number): void {
    this.#seconds += seconds;
    this.#setTime();
  }

  #setTime(): void {
    this.store.setTime(this.#seconds, this.#seconds * 1000);
  }
}

describe('all memory of a store', () => {
  const seed = testSeed();

  it.each(MIXES.map((mix) => [mix.name, mix] as const))(
    `is in order: %s (seed ${seed})`,
    (_name, mix) => {
      const directory = mkdtempSync(join(tmpdir(), 'trackerbt-audit-'));
      try {
        for (let time = 0; time < AUDIT_TIMES; time++) {
          const turmoil = new Turmoil(mix, new Prng(seed + time));
          for (let step = 1; step <= mix.steps; step++) {
            turmoil.step();
            if (step % mix.auditEvery !== 0) continue;
            try {
              auditStore(turmoil.store, turmoil.memory);
            } catch (error) {
              throw new Error(`seed ${seed + time}, step ${step}`, { cause: error });
            }
          }
          turmoil.restart(join(directory, 'store'));
          turmoil.empty();
        }
      } finally {
        rmSync(directory, { recursive: true });
      }
    },
  );

  it.each([
    ['with room', { regions: 100, refused: 0 }],
    ['that is exhausted on the way', { regions: 12, refused: 0 }],
    ['that refuses every third block', { regions: 100, refused: 0.33 }],
  ] as const)(
    `is in order while a set grows to many pages and shrinks, in an arena %s (seed ${seed})`,
    (_name, { regions, refused }) => {
      const random = new Prng(seed);
      const limits = { peersMax: GROWN_PEERS, swarmsMax: 10, shards: 1 };
      const memory = { ...reserveStore(limits), regionsTotal: regions };
      const store = new SwarmStore(memory, { thread: 1, seed: 1 });
      refuseBlocks(store, random, refused);
      const query = new PeerQuery();
      const reply = new AnnounceReply();
      /** All once, in an order that is new each time. */
      const announceAll = () => {
        const factor = random.next() | 1;
        for (let i = 0; i < GROWN_PEERS; i++) {
          const host = Math.imul(i, factor) & (GROWN_PEERS - 1);
          query.wireBytes.set([10, host >>> 16, host >>> 8, host, 0x1a, 0xe1], 0);
          store.announce(query, reply);
          if (i % 16_000 === 0) auditStore(store, memory);
        }
        auditStore(store, memory);
      };
      announceAll();
      expect(storeTotals(store).droppedFull > 0).toBe(regions + refused !== 100);
      query.stopped = true;
      announceAll();
      expect(storeTotals(store)).toMatchObject({ peers: 0, swarms: 0 });
      expect(store.control[Global.regionsUsed]).toBeLessThanOrEqual(1);
    },
  );

  it('is in order when a set loses its peers before its leaves could be merged', () => {
    const memory = reserveStore({ peersMax: 4_000, swarmsMax: 10, shards: 1 });
    const store = new SwarmStore(memory, { thread: 1, seed: 1 });
    const query = new PeerQuery();
    const announce = (host: number) => {
      query.wireBytes.set([10, 0, host >>> 8, host, 0x1a, 0xe1], 0);
      store.announce(query, new AnnounceReply());
    };
    for (let host = 0; host < 2_000; host++) announce(host);
    const { sets, heap } = store;
    const set = store.table.setOf(
      store.index.find(store.index.hash(query.infoHash, 0), query.infoHash, 0),
      PeerKind.leechers4,
    );
    // The last leaf, and the one that it would go into, keep their peers longest.
    const last = sets.leafCount(set) - 1;
    const target = last - (1 << (31 - Math.clz32(last)));
    const isLate = (host: number) => {
      query.wireBytes.set([10, 0, host >>> 8, host, 0x1a, 0xe1], 0);
      sets.find(set, WORDS4, query.wire);
      return sets.foundIndex === last || sets.foundIndex === target;
    };
    const hosts = Array.from({ length: 2_000 }, (_, host) => host);
    const late = new Set(hosts.filter(isLate));
    // Blocks for each of the two can be had, none for both together.
    const allocate = heap.allocate.bind(heap);
    heap.allocate = (shard, bytes) => {
      const peers = Math.max(sets.peersAt(set, last), sets.peersAt(set, target));
      return bytes > 16 * peers ? 0 : allocate(shard, bytes);
    };
    query.stopped = true;
    for (const host of hosts) if (!late.has(host)) announce(host);
    expect(sets.leafCount(set)).toBe(last + 1);
    for (const host of late) announce(host);
    auditStore(store, memory);
    expect(storeTotals(store)).toMatchObject({ peers: 0, swarms: 0 });
  });
});
