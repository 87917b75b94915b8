import { expect, it } from 'vitest';
import { infoHashOf, TestCluster, type TestNode } from './replicators.testing.js';

/** How often `count` other nodes' downloads were told of: as if it had been merged. */
function merge(node: TestNode, slot: number, downloads: number): void {
  node.counters.merge(infoHashOf(0), 0, slot, downloads);
}

/** A tracker that had downloads before its replicator began: three that it counted itself. */
function withRecord(counts?: (node: TestNode) => void): TestNode {
  const cluster = new TestCluster();
  return cluster.start(1, {
    prepare: (node) => {
      for (let peer = 1; peer <= 3; peer++) node.announceInSecret({ peer, event: 'completed' });
      counts?.(node);
    },
  });
}

it('takes the downloads of a tracker that stood alone as its own', () => {
  const node = withRecord();
  expect(node.counters.own(infoHashOf(0))).toBe(3);
  expect(node.counts().downloads).toBe(3);
});

it('believes saved counts rather than the record', () => {
  const more = withRecord((node) => merge(node, 5, 8));
  expect([more.counters.own(infoHashOf(0)), more.counts().downloads]).toEqual([0, 8]);
  const less = withRecord((node) => merge(node, 0, 1));
  expect([less.counters.own(infoHashOf(0)), less.counts().downloads]).toEqual([1, 1]);
});

it('enters downloads whose change was lost with the next one, and by its pass', () => {
  const cluster = new TestCluster();
  const [a, b] = cluster.startAll(2, { limits: { countPassMs: 5_000 } });
  for (let peer = 1; peer <= 4; peer++) a.announceInSecret({ peer, event: 'completed' });
  a.announce({ peer: 5, event: 'completed' });
  cluster.run(100);
  expect(b.counts().downloads).toBe(5);
  a.announceInSecret({ peer: 6, event: 'completed' });
  expect(cluster.runUntil(() => b.counts().downloads === 6, 20_000)).toBe(true);
  expect(a.counters.own(infoHashOf(0))).toBe(6);
});

it('has counts of swarms that the store forgot forgotten', () => {
  const cluster = new TestCluster();
  const [a] = cluster.startAll(1, { limits: { countPassMs: 1_000 } });
  merge(a, 7, 3);
  expect(a.counters.size).toBe(1);
  cluster.run(3_000);
  expect(a.counters.size).toBe(0);
});

it('reminds a node of what it counted before it lost its counts', () => {
  const cluster = new TestCluster();
  const [a, b] = cluster.startAll(2);
  a.announce({ peer: 1, event: 'completed' });
  cluster.run(100);
  // As if it had told of five before it restarted.
  merge(b, b.origins.slotOf(a.id), 5);
  a.announce({ peer: 2, event: 'completed' });
  cluster.run(100);
  expect(b.replicator.counters.countReminders).toBe(1);
  expect(a.counters.own(infoHashOf(0))).toBe(5);
  expect(a.counts().downloads).toBe(5);
});

it('hears of downloads that only one other tracker remembers', () => {
  const cluster = new TestCluster();
  const [a, b, c] = cluster.startAll(3, { limits: { countPassMs: 5_000 } });
  b.announceInSecret({ event: 'completed' });
  b.announceInSecret({ event: 'stopped' });
  expect(cluster.runUntil(() => b.counters.own(infoHashOf(0)) === 1, 20_000)).toBe(true);
  // As if the other had told of five, and then lost them with the swarm: nobody has a peer of it.
  merge(b, b.origins.slotOf(a.id), 5);
  expect(cluster.runUntil(() => c.counts().downloads === 6, 120_000)).toBe(true);
  expect(cluster.runUntil(() => a.counts().downloads === 6, 120_000)).toBe(true);
  expect(a.counters.own(infoHashOf(0))).toBe(5);
});
