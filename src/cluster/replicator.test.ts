import { describe, expect, it } from 'vitest';
import { STOPPED } from '../protocol/cluster/heartbeat.js';
import { infoHashOf, nodeId, TestCluster, type TestPeer } from './replicators.testing.js';

describe('changes travel', () => {
  const kinds: readonly (readonly [string, TestPeer, object])[] = [
    ['a leecher', {}, { leechers: 1, seeders: 0 }],
    ['a seeder', { seeder: true }, { leechers: 0, seeders: 1 }],
    ['a partial seed', { partialSeed: true }, { leechers: 1, partialSeeds: 1 }],
    ['an IPv6 peer', { family: 6 }, { leechers: 1 }],
    ['a download', { event: 'completed' }, { seeders: 1, downloads: 1 }],
  ];
  it.each(kinds)('%s', (_what, peer, expected) => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    a.announce(peer);
    cluster.run(100);
    expect(b.counts()).toMatchObject(expected);
    expect(c.counts()).toMatchObject(expected);
    expect(cluster.agree()).toBe(true);
  });

  it('a peer that leaves is removed everywhere, wherever it says so', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    a.announce();
    cluster.run(100);
    expect(c.counts().leechers).toBe(1);
    b.announce({ event: 'stopped' });
    cluster.run(100);
    for (const node of [a, b, c]) expect(node.counts().leechers).toBe(0);
  });

  it('a leecher that completes changes its role everywhere', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    a.announce();
    cluster.run(100);
    a.announce({ event: 'completed' });
    cluster.run(100);
    expect(b.counts()).toMatchObject({ seeders: 1, leechers: 0, downloads: 1 });
  });

  it('whoever hears a peer becomes its origin everywhere', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    a.announce({ peer: 9 });
    cluster.run(100);
    expect(c.origins4.get(9)).toBe(a.id);
    b.announce({ peer: 9 });
    cluster.run(100);
    for (const node of [a, b, c]) expect(node.origins4.get(9)).toBe(b.id);
  });

  it('downloads of all nodes add up', () => {
    const cluster = new TestCluster();
    const nodes = cluster.startAll(3);
    nodes.forEach((node, i) => {
      for (let peer = 0; peer <= i; peer++) {
        node.announce({ peer: 100 * i + peer, event: 'completed' });
      }
    });
    cluster.run(100);
    for (const node of nodes) expect(node.counts().downloads).toBe(6);
  });

  it('the newest word counts, whatever order words come in', () => {
    let late = false;
    const cluster = new TestCluster({
      delivery: (from) => [late && from === nodeId(1) ? 2_000 : 1],
    });
    const [a, b, c] = cluster.startAll(3);
    late = true;
    a.announce();
    cluster.run(1_000);
    b.announce({ event: 'stopped' });
    cluster.run(500);
    late = false;
    cluster.run(3_000);
    for (const node of [a, b, c]) expect(node.counts().leechers).toBe(0);
  });
});

describe('joining', () => {
  it('is over after a moment when nobody is there', () => {
    const cluster = new TestCluster();
    const node = cluster.start(1);
    cluster.run(2_000);
    expect(node.replicator.caughtUp).toBe(false);
    cluster.run(1_500);
    expect(node.replicator.caughtUp).toBe(true);
  });

  it('does not end while the bus is away', () => {
    const cluster = new TestCluster();
    const node = cluster.start(1);
    cluster.bus.setConnected(node.id, false);
    cluster.run(20_000);
    expect(node.replicator.caughtUp).toBe(false);
  });

  it('brings 50,000 peers and their downloads while others announce', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2, { ringRecords: 65_536 });
    for (let i = 0; i < 50_000; i++) {
      a.announce({ swarm: i % 500, peer: i % 50_000, event: i % 10 === 0 ? 'completed' : 'none' });
    }
    expect(cluster.runUntil(() => b.replicator.counters.wordsNewer === 50_000)).toBe(true);
    const c = cluster.start(3);
    let isEarly = false;
    const isDone = () => {
      b.announce({ swarm: 1, peer: 60_000 + (cluster.nowMs % 1_000) });
      isEarly ||= c.replicator.caughtUp && c.origins4.size < 50_000;
      return c.replicator.caughtUp;
    };
    expect(cluster.runUntil(isDone, 20_000)).toBe(true);
    expect(isEarly).toBe(false);
    expect(cluster.runUntil(() => cluster.agree(), 5_000)).toBe(true);
    expect(c.counts(10)).toEqual(a.counts(10));
    expect(c.counts(10).downloads).toBe(100);
    expect(b.replicator.counters.walksServed + a.replicator.counters.walksServed).toBe(3);
  });

  it('asks another node when the first has no walk to spare', () => {
    const cluster = new TestCluster();
    const [a] = cluster.startAll(1, { limits: { walksMax: 0 } });
    cluster.start(2);
    cluster.run(5_000);
    const c = cluster.start(3);
    a.announce();
    expect(cluster.runUntil(() => c.replicator.caughtUp, 20_000)).toBe(true);
    expect(c.counts().leechers).toBe(1);
  });

  it('has a restarted node adopt the downloads that it once told of', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    for (let peer = 1; peer <= 3; peer++) a.announce({ peer, event: 'completed' });
    cluster.run(100);
    const again = cluster.start(1);
    expect(cluster.runUntil(() => again.replicator.caughtUp, 5_000)).toBe(true);
    expect(again.counters.own(infoHashOf(0))).toBe(3);
    again.announce({ peer: 4, event: 'completed' });
    cluster.run(100);
    expect(b.counts().downloads).toBe(4);
    expect(again.counts().downloads).toBe(4);
  });
});

it('shows the cluster as it is', () => {
  const cluster = new TestCluster({ delivery: () => [30] });
  const [a, b] = cluster.startAll(2);
  for (let i = 1; i <= 20; i++) {
    b.announce({ peer: i });
    cluster.run(50);
  }
  cluster.run(2_000);
  const { self, nodes, links, busConnected } = a.replicator.view('1.2.3');
  expect([self, busConnected]).toEqual([a.id, true]);
  expect(nodes.map(({ id, state }) => [id, state])).toEqual([
    [a.id, 'healthy'],
    [b.id, 'healthy'],
  ]);
  expect(nodes[0]).toMatchObject({ version: '1.2.3', peers: 20, recordsIn: 20, recordsOut: 0 });
  expect(nodes[1]).toMatchObject({ peers: 20, recordsIn: 20, recordsOut: 20, lagMs: 30, gaps: 0 });
  expect(nodes[0].digest).toBe(nodes[1].digest);
  expect(links.map(({ from, to }) => `${from} ${to}`).sort()).toEqual(
    [`${a.id} ${b.id}`, `${b.id} ${a.id}`].sort(),
  );
  cluster.bus.setConnected(b.id, false);
  cluster.run(7_000);
  const silent = a.replicator.view('').nodes[1];
  expect(silent).toMatchObject({ state: 'unreachable', reason: 'silent' });
});

it('forgets a node that was silent for long, and keeps its peers', () => {
  const cluster = new TestCluster();
  const [a, b] = cluster.startAll(2, { limits: { forgetMs: 8_000 } });
  b.announce();
  cluster.run(100);
  cluster.bus.setConnected(b.id, false);
  cluster.run(7_000);
  expect(a.replicator.view('').nodes).toHaveLength(2);
  cluster.run(2_000);
  expect(a.replicator.view('').nodes).toHaveLength(1);
  expect(a.counts().leechers).toBe(1);
});

it('says that it is about to end, and is known to have ended when it is silent', () => {
  const cluster = new TestCluster();
  const [a, b] = cluster.startAll(2);
  const seen = () => a.replicator.view('').nodes[1];
  b.replicator.announceState({ state: 'draining', reason: 'operator' });
  cluster.run(b.replicator.leave() + 10);
  expect(seen()).toMatchObject(STOPPED);
  expect(b.replicator.leave()).toBe(0);
  expect(a.replicator.counters.heartbeatsRefused, 'right behind another').toBe(0);
  // It replicates until it is stopped, and nothing that it is told changes its mind.
  b.replicator.announceState(undefined);
  b.announce();
  cluster.run(2_000);
  expect([a.counts().leechers, seen().reason]).toEqual([1, STOPPED.reason]);
  b.replicator.stop();
  cluster.run(7_000);
  expect(seen()).toMatchObject(STOPPED);
  cluster.start(2);
  expect(cluster.runUntil(() => seen().state === 'healthy')).toBe(true);
});

it('tells everything before it falls silent', () => {
  const cluster = new TestCluster();
  const [a, b] = cluster.startAll(2);
  a.announce({ event: 'completed' });
  a.replicator.stop();
  cluster.run(100);
  expect(b.counts()).toMatchObject({ seeders: 1, downloads: 1 });
});
