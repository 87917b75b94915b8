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
