import { describe, expect, it } from 'vitest';
import { encodeHeartbeat } from '../protocol/cluster/heartbeat.js';
import { PeerFamily } from '../swarm/query.js';
import { TestCluster, type TestNode } from './replicators.testing.js';

const { web } = PeerFamily;

/** Web peers of a tracker: `count` of them, every second one a seeder. */
function connect(node: TestNode, count: number, first = 1): void {
  for (let peer = first; peer < first + count; peer++) {
    node.announce({ family: web, peer, seeder: peer % 2 === 0 });
  }
}

/** Cuts a tracker off from the others, or takes that back. */
function isolate(cluster: TestCluster, node: TestNode): void {
  const others = cluster.nodes.filter((other) => other !== node).map(({ id }) => id);
  cluster.bus.partition([[node.id], others]);
}

describe('web peers of a cluster', () => {
  it('are counted on every tracker, and stop', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    connect(a, 3);
    connect(b, 2);
    b.announce({ peer: 9 });
    cluster.run(100);
    for (const node of [a, b]) {
      expect(node.counts()).toMatchObject({ seeders: 2, leechers: 4 });
      expect(node.webPeers).toBe(5);
    }
    expect(cluster.agree()).toBe(true);
    a.announce({ family: web, peer: 1, event: 'stopped' });
    cluster.run(100);
    expect(b.counts()).toMatchObject({ seeders: 2, leechers: 3 });
    expect(cluster.agree()).toBe(true);
  });

  it('reach a tracker that joins', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    connect(a, 300);
    connect(b, 10);
    cluster.run(100);
    const c = cluster.start(3);
    expect(cluster.runUntil(() => c.webPeers === 310, 15_000)).toBe(true);
    expect(cluster.runUntil(() => cluster.agree(), 15_000)).toBe(true);
  });

  it('go within seconds when their tracker dies, and no others', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    connect(a, 200);
    connect(b, 5);
    a.announce({ peer: 77 });
    cluster.run(100);
    cluster.kill(a);
    cluster.run(4_000);
    expect(b.webPeers, 'it may be slow').toBe(205);
    expect(cluster.runUntil(() => b.webPeers === 5 && c.webPeers === 5, 3_000)).toBe(true);
    expect(b.counts(), 'who has an address announces elsewhere').toMatchObject({ leechers: 4 });
    expect(cluster.agree()).toBe(true);
    expect(b.replicator.counters.webPeersRemoved).toBe(200);
    // Nobody brings them back.
    cluster.run(90_000);
    expect([b.webPeers, c.webPeers]).toEqual([5, 5]);
  });

  it('go at once when their tracker restarts, which has new ones', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    connect(a, 20);
    cluster.run(100);
    cluster.kill(a);
    cluster.run(1_500);
    const again = cluster.start(1);
    connect(again, 3);
    expect(cluster.runUntil(() => b.webPeers === 3 && c.webPeers === 3, 2_500)).toBe(true);
    expect(cluster.runUntil(() => cluster.agree() && again.replicator.caughtUp, 20_000)).toBe(true);
    expect(again.webPeers).toBe(3);
  });

  it('come back with a tracker that was not heard for a while', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    connect(a, 100);
    connect(b, 7);
    cluster.run(100);
    isolate(cluster, a);
    cluster.run(8_000);
    expect([a.webPeers, b.webPeers, c.webPeers]).toEqual([100, 7, 7]);
    // What happens meanwhile is not lost either.
    connect(a, 10, 500);
    a.announce({ family: web, peer: 1, event: 'stopped' });
    cluster.bus.heal();
    const all = () => cluster.nodes.every(({ webPeers }) => webPeers === 116);
    expect(cluster.runUntil(all, 6_000)).toBe(true);
    expect(cluster.runUntil(() => cluster.agree(), 20_000)).toBe(true);
    expect(b.replicator.counters.webWalks).toBeGreaterThan(0);
  });

  it('come back with a tracker that stood still, and it has lost nobody of the others', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    connect(a, 50);
    connect(b, 7);
    cluster.run(100);
    cluster.frozen.add(a);
    cluster.bus.setConnected(a.id, false);
    cluster.run(8_000);
    expect(b.webPeers).toBe(7);
    cluster.frozen.delete(a);
    cluster.bus.setConnected(a.id, true);
    expect(cluster.runUntil(() => b.webPeers === 57, 5_000)).toBe(true);
    expect(a.webPeers).toBe(57);
    expect(a.replicator.counters.webPeersRemoved, 'it was deaf, they were not silent').toBe(0);
  });

  it('stay while the bus is away: everybody is deaf, nobody dead', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    connect(a, 5);
    cluster.run(100);
    for (const { id } of [a, b]) cluster.bus.setConnected(id, false);
    cluster.run(20_000);
    for (const { id } of [a, b]) cluster.bus.setConnected(id, true);
    cluster.run(3_000);
    expect(b.webPeers).toBe(5);
    expect(b.replicator.counters).toMatchObject({ webPeersRemoved: 0, webWalks: 0 });
  });

  it('stay while the bus is there and carries nothing to one tracker, as seen by that one', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    connect(a, 5);
    connect(b, 7);
    cluster.run(100);
    cluster.bus.setMute(a.id, true);
    cluster.run(20_000);
    expect([a.webPeers, b.webPeers, c.webPeers]).toEqual([12, 7, 7]);
    expect(a.replicator.counters.webPeersRemoved).toBe(0);
    cluster.bus.setMute(a.id, false);
    const all = () => cluster.nodes.every(({ webPeers }) => webPeers === 12);
    expect(cluster.runUntil(all, 6_000)).toBe(true);
  });

  it.each([
    [
      'the bus was away',
      (cluster: TestCluster, node: TestNode, isOff: boolean) =>
        cluster.bus.setConnected(node.id, !isOff),
    ],
    [
      'this tracker stood still',
      (cluster: TestCluster, node: TestNode, isOff: boolean) => {
        cluster.bus.setConnected(node.id, !isOff);
        if (isOff) cluster.frozen.add(node);
        else cluster.frozen.delete(node);
      },
    ],
  ])('stay when %s for longer than it takes to forget a tracker', (_what, turn) => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2, { limits: { forgetMs: 10_000 } });
    connect(a, 5);
    cluster.run(100);
    turn(cluster, b, true);
    cluster.run(30_000);
    turn(cluster, b, false);
    cluster.run(3_000);
    expect(b.webPeers).toBe(5);
    expect(b.replicator.counters).toMatchObject({ webPeersRemoved: 0, webWalks: 0 });
  });

  it('come back at once with a tracker that was forgotten meanwhile', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3, { limits: { forgetMs: 10_000 } });
    connect(a, 100);
    cluster.run(100);
    isolate(cluster, a);
    cluster.run(30_000);
    expect([b.webPeers, c.webPeers]).toEqual([0, 0]);
    cluster.bus.heal();
    expect(cluster.runUntil(() => b.webPeers === 100 && c.webPeers === 100, 3_000)).toBe(true);
    expect(b.replicator.counters.webWalks).toBe(1);
  });

  it('of a dead tracker do not count again while this one is deaf', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(3);
    connect(a, 5);
    cluster.run(100);
    cluster.kill(a);
    cluster.run(8_000);
    expect(b.webPeers).toBe(0);
    cluster.bus.setConnected(b.id, false);
    cluster.run(3_000);
    cluster.bus.setConnected(b.id, true);
    cluster.run(10_000);
    // It would ask the dead one for them.
    expect(b.replicator.counters.webWalks).toBe(0);
  });

  it('of a tracker that restarts within a second go, and its new ones stay', () => {
    const cluster = new TestCluster();
    const limits = { heartbeatMs: 50 };
    const [b, c] = [cluster.start(2, { limits }), cluster.start(3, { limits })];
    cluster.run(10_000);
    const a = cluster.start(1, { limits });
    cluster.run(200);
    connect(a, 20);
    expect(cluster.runUntil(() => b.webPeers === 20 && c.webPeers === 20, 300)).toBe(true);
    cluster.kill(a);
    cluster.run(100);
    const again = cluster.start(1, { limits });
    expect(again.webEpoch).toBe(a.webEpoch);
    // One of them has the number of an earlier one, which nothing tells apart.
    connect(again, 3, 20);
    const all = () => cluster.nodes.every(({ webPeers }) => webPeers === 3);
    expect(cluster.runUntil(all, 2_000)).toBe(true);
    cluster.run(5_000);
    expect(all()).toBe(true);
    expect(cluster.agree()).toBe(true);
  });

  it('stay where they announce again when the tracker dies that held them before', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    connect(a, 4);
    cluster.run(100);
    cluster.kill(a);
    // The same browsers, a moment later; even the numbers of their connections are the same.
    connect(b, 4);
    cluster.run(100);
    expect(c.webPeers).toBe(8);
    expect(cluster.runUntil(() => c.webPeers === 4 && b.webPeers === 4, 7_000)).toBe(true);
    cluster.run(30_000);
    expect([b.webPeers, c.webPeers]).toEqual([4, 4]);
  });

  it('go with a tracker that is revoked', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    connect(a, 5);
    cluster.run(100);
    b.replicator.revoke(a.id);
    expect(cluster.runUntil(() => b.webPeers === 0, 500)).toBe(true);
  });

  it('are believed of the tracker that holds them, and of its run', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    a.announce({ family: web, peer: 1, holder: { node: c.id, epoch: c.webEpoch } });
    a.announce({ family: web, peer: 2, holder: { node: b.id, epoch: b.webEpoch } });
    a.announce({ family: web, peer: 3, holder: { epoch: a.webEpoch - 1 } });
    a.announce({ family: web, peer: 4 });
    cluster.run(100);
    expect(b.webPeers).toBe(1);
    expect(b.replicator.counters).toMatchObject({ webWordsForged: 1, webWordsGone: 2 });
  });

  it('one that others have a later word of is as its own tracker has it', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    a.announce({ family: web, peer: 1, seeder: true });
    cluster.run(1_000);
    // As after a restart with a clock that is behind: an earlier run said it, under a later stamp.
    const holder = { node: a.id, epoch: a.webEpoch };
    b.announceInSecret({ family: web, peer: 1, holder });
    expect([a, b, c].map((node) => node.counts().seeders)).toEqual([1, 0, 1]);
    expect(cluster.runUntil(() => cluster.agree(), 30_000)).toBe(true);
    expect([a, b, c].map((node) => node.counts().seeders)).toEqual([1, 1, 1]);
  });

  it('one that its own tracker does not know is told to be gone', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    connect(a, 2);
    cluster.run(100);
    a.announceInSecret({ family: web, peer: 1, event: 'stopped' });
    expect(b.webPeers).toBe(2);
    expect(cluster.runUntil(() => b.webPeers === 1, 30_000)).toBe(true);
    expect(cluster.agree()).toBe(true);
  });
});

it('web peers of a large swarm are removed a few at a time: announces wait for the lock', () => {
  const cluster = new TestCluster();
  const [a, b] = cluster.startAll(2);
  connect(a, 6_000);
  cluster.run(500);
  expect(b.webPeers).toBe(6_000);
  let most = 0;
  let before = 0;
  const { store } = b;
  const [lock, unlock] = [store.lockShard.bind(store), store.unlockShard.bind(store)];
  store.lockShard = (shard) => {
    const locked = lock(shard);
    before = b.webPeers;
    return locked;
  };
  store.unlockShard = (shard) => {
    most = Math.max(most, before - b.webPeers);
    unlock(shard);
  };
  cluster.kill(a);
  expect(cluster.runUntil(() => b.webPeers === 0, 8_000)).toBe(true);
  // A slice, and what is left of the leaf that it ends in.
  expect(most).toBeLessThanOrEqual(256 + 256);
  expect(most).toBeGreaterThan(0);
});

describe('a tracker that does not know web peers', () => {
  /** Heartbeats of the version before this one. */
  function oldTracker(cluster: TestCluster, number: number) {
    const id = `n${number.toString(16).padStart(16, '0')}`;
    const transport = cluster.bus.join(id);
    const asked: string[] = [];
    transport.subscribe(`rep.${id}.*`, (subject) => asked.push(subject));
    const beat = () => {
      const heartbeat = {
        version: 1,
        id,
        name: 'old',
        role: 'tracker',
        state: 'healthy',
        reason: '',
        epoch: 1_700_000_000_000,
        sequence: 0,
        wallMs: 1_700_000_000_000 + cluster.nowMs,
        stamp: 0,
        root: '0000000000000000',
        peers: 0,
        swarms: 0,
        addresses: [],
        counters: {},
        links: [],
      } as const;
      transport.publish(`hb.${id}`, encodeHeartbeat({ ...heartbeat, addresses: [], links: [] }));
    };
    return { beat, asked };
  }

  it('has none told to anybody while it is there; afterwards all are', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    const { beat } = oldTracker(cluster, 9);
    for (let second = 0; second < 4; second++) {
      beat();
      cluster.run(1_000);
    }
    const before = b.replicator.counters.webWordsUntold;
    connect(a, 5);
    a.announce({ peer: 1 });
    beat();
    cluster.run(500);
    expect([b.webPeers, b.counts().leechers]).toEqual([0, 1]);
    expect(a.replicator.counters.webWordsUntold).toBe(before + 5);
    // It is gone, or has the new version.
    expect(cluster.runUntil(() => b.webPeers === 5, 7_000)).toBe(true);
    expect(cluster.agree()).toBe(true);
  });

  it('and stops that were kept back meanwhile arrive at once', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2, { limits: { recheckMs: 60_000 } });
    connect(a, 5);
    cluster.run(100);
    expect(b.webPeers).toBe(5);
    const { beat } = oldTracker(cluster, 9);
    for (let second = 0; second < 3; second++) {
      beat();
      cluster.run(1_000);
    }
    a.announce({ family: web, peer: 1, event: 'stopped' });
    a.announce({ family: web, peer: 2, event: 'stopped' });
    beat();
    cluster.run(500);
    // This one came back before the others could hear that it had left.
    connect(a, 1, 2);
    beat();
    cluster.run(500);
    expect(b.webPeers).toBe(5);
    // A comparison of digests would take a minute here.
    expect(cluster.runUntil(() => b.webPeers === 4, 7_000)).toBe(true);
    expect(cluster.agree()).toBe(true);
  });

  it('agrees with those that do: web peers have a digest of their own', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    const { beat, asked } = oldTracker(cluster, 9);
    connect(a, 5);
    for (let second = 0; second < 150; second++) {
      beat();
      cluster.run(1_000);
      // Who is new is asked once in any case.
      if (second === 20) asked.length = 0;
    }
    expect(asked, 'nobody compares cells with it').toEqual([]);
    expect(b.webPeers, 'those who know them mend it between themselves').toBe(5);
    expect(a.root).toBe(b.root);
  });
});
