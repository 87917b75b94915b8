import { describe, expect, it } from 'vitest';
import { TestCluster } from './replicators.testing.js';

describe('what is lost is mended', () => {
  /** A cluster whose bus loses messages of a subject while `lose` says so. */
  function lossy() {
    const loss = { subject: '', count: 0 };
    const cluster = new TestCluster({
      delivery: (_from, _to, subject) => {
        if (loss.subject === '' || !subject.startsWith(loss.subject)) return [1];
        loss.count++;
        return [];
      },
    });
    return { cluster, loss };
  }

  it('a batch in the middle is sent again', () => {
    const { cluster, loss } = lossy();
    const [a, b] = cluster.startAll(2);
    loss.subject = 'peers.';
    a.announce({ peer: 1 });
    cluster.run(50);
    loss.subject = '';
    a.announce({ peer: 2 });
    expect(cluster.runUntil(() => cluster.agree(), 2_000)).toBe(true);
    expect(loss.count).toBe(1);
    expect(b.counts().leechers).toBe(2);
    expect(b.replicator.counters).toMatchObject({ gaps: 1, resendsAsked: 1, walksAsked: 1 });
    expect(a.replicator.counters.resendsServed).toBe(1);
  });

  it('the last batch is missed because heartbeats tell of it', () => {
    const { cluster, loss } = lossy();
    const [a, b] = cluster.startAll(2);
    loss.subject = 'peers.';
    a.announce({ event: 'completed' });
    cluster.run(50);
    loss.subject = '';
    expect(cluster.runUntil(() => b.counts().seeders === 1, 3_000)).toBe(true);
    expect(b.counts().downloads).toBe(1);
    expect(a.replicator.counters.resendsServed).toBe(1);
  });

  it('what the origin holds no more comes by a walk, and a lost stop by a comparison', () => {
    const { cluster, loss } = lossy();
    const [a, b] = cluster.startAll(2, { limits: { batchRingBytesMax: 1 } });
    a.announce({ peer: 1 });
    cluster.run(100);
    expect(b.counts().leechers).toBe(1);
    loss.subject = 'peers.';
    a.announce({ peer: 1, event: 'stopped' });
    a.announce({ peer: 2 });
    cluster.run(50);
    a.announce({ peer: 3 });
    cluster.run(50);
    loss.subject = '';
    a.announce({ peer: 4 });
    expect(cluster.runUntil(() => b.counts().leechers >= 4, 3_000)).toBe(true);
    expect(b.replicator.counters.goneHeard).toBeGreaterThan(0);
    expect(cluster.runUntil(() => cluster.agree(), 30_000)).toBe(true);
    expect(b.counts().leechers).toBe(3);
    // And it is over: nothing is missing any more.
    const { walksAsked } = b.replicator.counters;
    cluster.run(10_000);
    expect(b.replicator.counters.walksAsked).toBe(walksAsked);
    // The next gap is noticed as the first one was.
    const { gaps } = b.replicator.counters;
    loss.subject = 'peers.';
    a.announce({ peer: 5 });
    cluster.run(50);
    loss.subject = '';
    expect(cluster.runUntil(() => b.replicator.counters.gaps > gaps, 5_000)).toBe(true);
    expect(cluster.runUntil(() => cluster.agree(), 5_000)).toBe(true);
  });

  it('a lost stop is found soon although others go on announcing', () => {
    const { cluster, loss } = lossy();
    const [a, b] = cluster.startAll(2, { limits: { batchRingBytesMax: 1 } });
    a.announce({ peer: 1 });
    cluster.run(100);
    loss.subject = 'peers.';
    a.announce({ peer: 1, event: 'stopped' });
    cluster.run(50);
    loss.subject = '';
    let peer = 1;
    const isHealed = () => {
      if (cluster.nowMs % 50 === 0) a.announce({ swarm: 1 + (peer % 100), peer: ++peer });
      return b.counts(0).leechers === 0;
    };
    expect(cluster.runUntil(isHealed, 30_000)).toBe(true);
  });

  it('a node that never compares is told what it lacks by one that does', () => {
    const cluster = new TestCluster();
    const a = cluster.start(1);
    const b = cluster.start(2, { limits: { settleMs: 1e9, compareMs: 1e9 } });
    cluster.run(6_000);
    a.announceInSecret({ peer: 1, seeder: true });
    a.announceInSecret({ peer: 2, event: 'stopped' });
    expect(cluster.runUntil(() => cluster.agree(), 30_000)).toBe(true);
    expect(b.counts().seeders).toBe(1);
    cluster.run(1_000);
    expect(a.replicator.counters).toMatchObject({ repairs: 1, repairsFailed: 0, wordsPushed: 1 });
  });

  it('what a change ring had no room for is read from the store', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2, { ringRecords: 16 });
    for (let peer = 1; peer <= 100; peer++) a.announce({ peer, event: 'completed' });
    expect(cluster.runUntil(() => cluster.agree(), 2_000)).toBe(true);
    expect(b.counts()).toMatchObject({ seeders: 100 });
    expect(a.replicator.counters).toMatchObject({ changesLost: 84, replays: 1 });
    expect(a.lines).toHaveLength(1);
    // The count of the swarm is told whole: the first download that got through told of all.
    expect(b.counts().downloads).toBe(100);
  });

  it('a restarted origin is followed from its first batch, and its old stream is closed', () => {
    const { cluster, loss } = lossy();
    const [a, b] = cluster.startAll(2);
    a.announce({ peer: 1 });
    cluster.run(100);
    loss.subject = 'peers.';
    a.announce({ peer: 2 });
    cluster.run(50);
    loss.subject = '';
    const again = cluster.start(1);
    expect(cluster.runUntil(() => again.replicator.caughtUp, 5_000)).toBe(true);
    // What nobody heard is gone; what one other heard came back.
    expect(again.counts().leechers).toBe(1);
    again.announce({ peer: 3 });
    cluster.run(100);
    expect(b.counts().leechers).toBe(2);
    expect(cluster.agree()).toBe(true);
  });

  it('what differs for no known reason is found by its digest', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    for (let peer = 1; peer <= 20; peer++) a.announce({ swarm: peer, peer });
    cluster.run(100);
    expect(cluster.agree()).toBe(true);
    b.announceInSecret({ swarm: 5, peer: 5, event: 'stopped' });
    c.announceInSecret({ swarm: 6, peer: 77, seeder: true });
    expect(cluster.agree()).toBe(false);
    expect(cluster.runUntil(() => cluster.agree(), 60_000)).toBe(true);
    expect(a.counts(5).leechers).toBe(0);
    expect(a.counts(6).seeders).toBe(1);
  });

  it('after a partition all hold what either side heard', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    cluster.bus.partition([[a.id], [b.id, c.id]]);
    for (let peer = 1; peer <= 50; peer++) a.announce({ swarm: peer % 7, peer });
    for (let peer = 51; peer <= 99; peer++) b.announce({ swarm: peer % 7, peer });
    cluster.run(10_000);
    expect(a.replicator.view('').nodes.map(({ state }) => state)).toContain('unreachable');
    cluster.bus.heal();
    expect(cluster.runUntil(() => cluster.agree(), 10_000)).toBe(true);
    expect(c.origins4.size).toBe(99);
  });
});
