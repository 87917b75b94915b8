import { describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { Global } from './layout.js';
import { lookUpSwarm } from './lookup.js';
import type { PeerWord } from './peer-word.js';
import { PeerFamily } from './query.js';
import { Applied } from './replica.js';
import {
  type Announce,
  EXTRA,
  expectSame,
  keyOf,
  Node,
  roleOf,
  type Told,
  TTL,
} from './replica-node.testing.js';
import { replicationTotals } from './replication-memory.js';
import { storeTotals } from './totals.js';

/** Of all that was told, what counts in the end: the last word on each peer. */
function lastWords(told: readonly Told[]): Map<string, string> {
  const last = new Map<string, Told>();
  for (const each of told) {
    const known = last.get(keyOf(each));
    if (known !== undefined) {
      const ahead = (each.word.stamp - known.word.stamp) | 0;
      if (ahead < 0 || (ahead === 0 && each.node <= known.node)) continue;
    }
    last.set(keyOf(each), each);
  }
  const present = [...last].filter(([, { word }]) => !word.stopped);
  return new Map(present.map(([key, { word }]) => [key, roleOf(word)]));
}

/** Three nodes, told of everything in any order and more than once. */
function converge(seed: number): void {
  const random = new Prng(seed);
  const nodes = [0, 1, 2].map((number) => new Node(number));
  const skews = nodes.map(() => random.below(4_000) - 2_000);
  const all: Told[] = [];
  const pending: { told: Told; to: Node }[] = [];
  const deliver = () => {
    const at = random.below(pending.length);
    const { told, to } = pending[at];
    to.apply(told);
    // Now and then it comes again.
    if (random.chance(0.9)) pending[at] = pending[pending.length - 1];
    if (random.chance(0.9)) pending.pop();
  };
  const [swarms, hosts] = [1 + random.below(20), 1 + random.below(60)];
  const stops = random.next() / 2 ** 33;
  for (let step = 0; step < 1_500; step++) {
    const node = nodes[random.below(3)];
    node.setTime(Math.floor(step / 100), skews[node.number]);
    const seeder = random.chance(0.5);
    node.announce({
      swarm: random.below(swarms),
      host: random.below(hosts),
      family: ([4, 4, 6, PeerFamily.web] as const)[random.below(4)],
      stopped: random.chance(stops),
      seeder,
      completed: seeder && random.chance(0.3),
      partialSeed: random.chance(0.2),
    });
    for (const told of node.drain()) {
      all.push(told);
      for (const to of nodes) if (to !== node) pending.push({ told, to });
    }
    while (pending.length > 0 && random.chance(0.6)) deliver();
  }
  while (pending.length > 0) deliver();
  // Once more each, so that what was swapped away above arrived as well.
  for (const told of all) for (const to of nodes) if (to.number !== told.node) to.apply(told);
  expectSame(nodes, `seed ${seed}`);
  expect(replicationTotals(nodes[0].memory.replication).tombstonesEvicted).toBe(0);
  for (const node of nodes) expect(node.contents(), `seed ${seed}`).toEqual(lastWords(all));
}

describe('three replicas', () => {
  const seed = testSeed();
  it(`hold the last word on every peer, in whatever order they hear (seed ${seed})`, () => {
    for (let i = 0; i < 25; i++) converge(seed + i);
  });
});

describe('what a node tells', () => {
  it('is each new state once, every second refresh, and each stop', () => {
    const node = new Node(0);
    const told = (peer: Partial<Announce>) => {
      node.announce(peer);
      return node.drain().map(({ word, download, refresh }) => {
        const events = [download ? 'download' : '', refresh ? 'refresh' : ''].filter(Boolean);
        return [word.stopped ? 'stopped' : roleOf(word), ...events].join(' ');
      });
    };
    expect(told({})).toEqual(['leecher']);
    expect(told({})).toEqual([]);
    expect(told({})).toEqual(['leecher refresh']);
    expect(told({})).toEqual([]);
    expect(told({ partialSeed: true })).toEqual(['partial seed']);
    expect(told({ seeder: true, completed: true })).toEqual(['seeder download']);
    expect(told({ seeder: true, completed: true })).toEqual([]);
    expect(told({ seeder: true, completed: true })).toEqual(['seeder refresh']);
    expect(told({ stopped: true })).toEqual(['stopped']);
    expect(told({ seeder: true, completed: true })).toEqual(['seeder download']);
    expect(replicationTotals(node.memory.replication)).toMatchObject({ refreshesSkipped: 3 });
  });

  it('is a peer that begins again, whose stop elsewhere has not come yet', () => {
    const [a, b] = [new Node(0), new Node(1)];
    a.announce({ started: true });
    for (const told of a.drain()) b.apply(told);
    b.setTime(1);
    b.announce({ stopped: true });
    a.setTime(2);
    a.announce({ started: true });
    const [stop] = b.drain();
    const [start] = a.drain();
    a.apply(stop);
    b.apply(start);
    expect(a.contents().size).toBe(1);
    expectSame([a, b]);
  });

  it('takes over a peer of another origin with its first refresh, and its completion', () => {
    const [a, b] = [new Node(0), new Node(1)];
    a.announce({ seeder: true, completed: true });
    b.apply(a.drain()[0]);
    const origins = () =>
      lookUpSwarm(b.store, new Int32Array(5).fill(1), 9)?.peers.map(({ originSlot }) => originSlot);
    expect(origins()).toEqual([1]);
    b.announce({ seeder: true, completed: true });
    expect(origins()).toEqual([0]);
    const [told] = b.drain();
    expect(told).toMatchObject({ refresh: false, download: false, word: { completed: true } });
    expect(b.scrape(1).downloads).toBe(0);
    expect(a.apply(told)).toBe(Applied.newer);
    a.announce({ seeder: true, completed: true });
    expect(a.scrape(1).downloads).toBe(1);
  });

  it('is newer than the stop before, also when the clock went back', () => {
    const [a, b] = [new Node(0), new Node(1)];
    a.announce({});
    a.announce({ stopped: true });
    a.setTime(-500);
    a.announce({});
    const told = a.drain();
    expect(told).toHaveLength(3);
    for (const each of told.reverse()) b.apply(each);
    expectSame([a, b]);
    expect(b.scrape(1).leechers).toBe(1);
  });

  it('includes stops of peers that it does not know, within the budget of their source', () => {
    const [a, b] = [new Node(0), new Node(1)];
    a.announce({ swarm: 5 });
    const [started] = a.drain();
    b.setTime(1);
    b.announce({ swarm: 5, stopped: true });
    const [stopped] = b.drain();
    expect(b.apply(started)).toBe(Applied.buried);
    expect([b.replica.buriedStamp, b.replica.buriedOrigin]).toEqual([stopped.word.stamp, 0]);
    expect(a.apply(stopped)).toBe(Applied.newer);
    expectSame([a, b]);
    for (let swarm = 0; swarm < 100; swarm++) b.announce({ swarm, host: 9, stopped: true });
    expect(b.drain()).toHaveLength(64);
    expect(replicationTotals(b.memory.replication).stopsRefused).toBe(36);
  });

  it('is what it stored, when a peer finds no room in its new role', () => {
    const [a, b] = [new Node(0), new Node(1)];
    for (let host = 0; host < 300; host++) a.announce({ host, seeder: true });
    const { heap } = a.store;
    const allocate = heap.allocate.bind(heap);
    heap.allocate = () => 0;
    for (let host = 0; host < 300; host += 7) a.announce({ host, partialSeed: true });
    heap.allocate = allocate;
    for (const each of a.drain()) b.apply(each);
    expectSame([a, b]);
  });

  it('is counted and not kept when the ring is full; the store is right all the same', () => {
    const node = new Node(0, { ringRecords: 16 });
    for (let host = 0; host < 100; host++) node.announce({ host });
    expect(node.changes.dropped).toBe(84);
    expect(node.drain()).toHaveLength(16);
    expectSame([node]);
  });

  it('carries stamps of the corrected clock', () => {
    const node = new Node(0);
    const before = node.store.stamp;
    node.store.control[Global.clockCorrectionMs] = -2_000;
    node.setTime(0);
    expect((node.store.stamp - before) | 0).toBe(-2 * 64);
  });
});

describe('a replica', () => {
  function told(word: Partial<PeerWord>, host = 1): Told {
    const base = { kind: 1, stopped: false, partialSeed: false, completed: false, stamp: 0 };
    return {
      node: 1,
      infoHash: [1, 1, 1, 1, 1],
      wire: Uint8Array.of(10, 0, 0, host, 0x1a, 0xe1),
      word: { ...base, ageSeconds: 0, ...word },
      download: false,
      refresh: false,
    };
  }

  it('says what became of a word', () => {
    const node = new Node(0);
    expect(node.apply(told({ stamp: 10 }))).toBe(Applied.newer);
    expect(node.apply(told({ stamp: 10 }))).toBe(Applied.same);
    expect(node.apply(told({ stamp: 9, kind: 0 }))).toBe(Applied.stale);
    expect(node.apply({ ...told({ stamp: 10, kind: 0 }), node: 2 })).toBe(Applied.newer);
    expect(node.apply(told({ stamp: 10 }))).toBe(Applied.stale);
    expect(node.apply(told({ stamp: 9, stopped: true }))).toBe(Applied.stale);
    expect(node.apply(told({ stamp: 11, stopped: true }))).toBe(Applied.newer);
    expect(node.apply(told({ stamp: 11, stopped: true }))).toBe(Applied.same);
    expect(node.apply(told({ stamp: 10, stopped: true }))).toBe(Applied.stale);
    expect(node.apply(told({ stamp: 11 }))).toBe(Applied.buried);
    expect([node.replica.buriedStamp, node.replica.buriedOrigin]).toEqual([11, 2]);
    expect(node.apply(told({ stamp: 12 }))).toBe(Applied.newer);
    expect(node.apply(told({ stamp: 12, ageSeconds: TTL + EXTRA + 1 }, 2))).toBe(Applied.expired);
    const own = { ...told({ stamp: 12, ageSeconds: TTL + 1 }, 3), node: 0 };
    expect(node.apply(own), 'of this node itself').toBe(Applied.expired);
    expect(node.apply({ ...own, node: 1 })).toBe(Applied.newer);
    expect(node.changes.length, 'told to nobody').toBe(0);
  });

  it('compares stamps across the end of their range', () => {
    const node = new Node(0);
    expect(node.apply(told({ stamp: 0x7fffffff }))).toBe(Applied.newer);
    expect(node.apply(told({ stamp: -0x80000000, kind: 0 }))).toBe(Applied.newer);
    expect(node.apply(told({ stamp: 0x7fffffff }))).toBe(Applied.stale);
  });

  it('ends up the same whatever comes first, of two things said under one stamp', () => {
    const says = [
      told({ stamp: 5 }),
      told({ stamp: 5, partialSeed: true }),
      told({ stamp: 5, kind: 0 }),
    ];
    const [a, b] = [new Node(0), new Node(2)];
    for (const each of says) a.apply(each);
    for (const each of says.reverse()) b.apply(each);
    expectSame([a, b]);
    a.apply(told({ stamp: 5, stopped: true }));
    for (const each of [told({ stamp: 5, stopped: true }), ...says]) b.apply(each);
    expectSame([a, b]);
    expect(a.contents().size).toBe(0);
  });

  it('takes ages as they are, and the younger of two', () => {
    const node = new Node(0);
    node.setTime(500);
    const age = () => lookUpSwarm(node.store, new Int32Array(5).fill(1), 9)?.peers[0].ageSeconds;
    node.apply(told({ stamp: 1, ageSeconds: 70 }));
    expect(age()).toBe(70);
    node.apply(told({ stamp: 1, ageSeconds: 50 }));
    expect(age()).toBe(50);
    node.apply(told({ stamp: 1, ageSeconds: 60 }));
    expect(age()).toBe(50);
    node.apply(told({ stamp: 2, ageSeconds: 10 }));
    expect(age()).toBe(10);
  });

  it('stays within peersMax, keeps nothing of a swarm without peers, and counts what it refused', () => {
    const node = new Node(0, { peersMax: 3 });
    for (let host = 0; host < 3; host++) node.apply(told({ stamp: 1 }, host));
    expect(node.apply(told({ stamp: 1 }, 9))).toBe(Applied.full);
    expect(node.apply({ ...told({ stamp: 1 }, 9), infoHash: [2, 2, 2, 2, 2] })).toBe(Applied.full);
    expect(storeTotals(node.store)).toMatchObject({ peers: 3, swarms: 1, droppedFull: 2 });
    for (let host = 0; host < 3; host++) node.apply(told({ stamp: 2, stopped: true }, host));
    expect(storeTotals(node.store)).toMatchObject({ peers: 0, swarms: 0 });
    expectSame([node]);
  });

  it('leaves a peer as it was when its new role has no room, so that the word can come again', () => {
    const node = new Node(0);
    for (let host = 0; host < 200; host++) node.apply(told({ stamp: 1 }, host));
    const { heap } = node.store;
    const allocate = heap.allocate.bind(heap);
    heap.allocate = () => 0;
    expect(node.apply(told({ stamp: 2, kind: 0 }, 7))).toBe(Applied.full);
    expectSame([node]);
    heap.allocate = allocate;
    expect(node.apply(told({ stamp: 2, kind: 0 }, 7))).toBe(Applied.newer);
    expect(node.scrape(1)).toMatchObject({ seeders: 1, leechers: 199 });
    expectSame([node]);
  });

  it('adds downloads of others, also to a swarm that has no peers', () => {
    const node = new Node(0);
    const add = (delta: number) => {
      node.replica.begin(new Int32Array(5).fill(3));
      const added = node.replica.addDownloads(delta);
      const { downloads } = node.replica;
      node.replica.end();
      return [added, downloads];
    };
    expect(add(-5)).toEqual([true, 0]);
    expect(storeTotals(node.store).swarms).toBe(0);
    expect(add(7)).toEqual([true, 7]);
    expect(add(-2)).toEqual([true, 5]);
    expect(node.scrape(3).downloads).toBe(5);
    expect(add(-9)).toEqual([true, 0]);
    expect(storeTotals(node.store).swarms, 'nothing left to remember').toBe(0);
  });

  it('refuses a second group before the first one ended', () => {
    const node = new Node(0);
    node.replica.begin(new Int32Array(5));
    expect(() => node.replica.begin(new Int32Array(5))).toThrow('one group at a time');
    node.replica.end();
  });
});
