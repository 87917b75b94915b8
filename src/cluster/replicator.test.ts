import { describe, expect, it } from 'vitest';
import { BatchEncoder } from '../protocol/cluster/batch-encoder.js';
import { EntriesEncoder } from '../protocol/cluster/entries-encoder.js';
import { MessageKind } from '../protocol/cluster/envelope.js';
import { RecordFlag } from '../protocol/cluster/fields.js';
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
  }, 120_000);

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

describe('bounds', () => {
  it('a slow bus stops publishing, not announcing, and what waited goes out later', () => {
    const cluster = new TestCluster({ confirmMs: 500 });
    const [a, b] = cluster.startAll(2, { limits: { unconfirmedBytesMax: 2_000 } });
    for (let peer = 1; peer <= 1_000; peer++) {
      a.announce({ peer });
      if (peer % 20 === 0) cluster.run(25);
    }
    const { batchesBuilt, batchesPublished } = a.replicator.counters;
    expect(batchesPublished).toBeLessThan(batchesBuilt);
    expect(a.transport.unconfirmedBytes).toBeLessThan(2_000 + 2 * 1_000);
    expect(cluster.runUntil(() => b.counts().leechers === 1_000, 300_000)).toBe(true);
    expect(b.replicator.counters.gaps).toBe(0);
  });

  it('batches are built while there is no bus, and go out when it is back', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    cluster.bus.setConnected(a.id, false);
    for (let peer = 1; peer <= 40; peer++) {
      a.announce({ peer });
      cluster.run(30);
    }
    cluster.bus.setConnected(a.id, true);
    cluster.run(100);
    expect(b.counts().leechers).toBe(40);
    expect(b.replicator.counters.gaps).toBe(0);
  });

  it('an inbox that is too small loses the oldest, and gets them again', () => {
    const cluster = new TestCluster();
    const limits = { inboxBytesMax: 3_000, wordsPerTick: 1 };
    const [a] = cluster.startAll(1, { ringRecords: 4_096, limits: { batchBytesMax: 1_000 } });
    const b = cluster.start(2, { limits });
    cluster.run(5_000);
    for (let peer = 1; peer <= 1_000; peer++) a.announce({ peer });
    cluster.run(100);
    expect(b.replicator.counters.inboxDropped).toBeGreaterThan(0);
    expect(cluster.runUntil(() => b.counts().leechers === 1_000, 120_000)).toBe(true);
  });

  it('words from the far future are taken as of now', () => {
    const cluster = new TestCluster();
    const [a] = cluster.startAll(1);
    const ahead = cluster.start(2, { skewMs: 3_600_000 });
    cluster.run(5_000);
    ahead.announce({ peer: 5 });
    cluster.run(100);
    expect(a.replicator.counters.wordsClamped).toBe(1);
    cluster.run(11_000);
    // Ten seconds later our own word is newer.
    a.announce({ peer: 5, event: 'stopped' });
    expect(a.counts().leechers).toBe(0);
  });

  it('the one of three whose clock is wrong corrects its stamps', () => {
    const cluster = new TestCluster();
    cluster.start(1);
    cluster.start(2);
    const wrong = cluster.start(3, { skewMs: -60_000 });
    cluster.run(10_000);
    expect(Math.abs(wrong.replicator.clockOffsetMs - 60_000)).toBeLessThan(100);
    expect(Math.abs(cluster.nodes[0].replicator.clockOffsetMs)).toBeLessThan(100);
    wrong.announce({ peer: 1, seeder: true });
    cluster.run(100);
    cluster.nodes[0].announce({ peer: 1 });
    cluster.run(100);
    for (const node of cluster.nodes) expect(node.counts().leechers).toBe(1);
  });

  it('of two whose clocks differ none is corrected', () => {
    const cluster = new TestCluster();
    const a = cluster.start(1);
    const b = cluster.start(2, { skewMs: 60_000 });
    cluster.run(10_000);
    expect(a.replicator.clockOffsetMs).toBe(0);
    expect(b.replicator.clockOffsetMs).toBe(0);
  });
});

describe('a node that is not to be trusted', () => {
  const stranger = nodeId(0xbad);

  it('is counted and ignored when it sends rubbish', () => {
    const cluster = new TestCluster();
    const [a] = cluster.startAll(1);
    const bad = cluster.bus.join(stranger);
    for (const subject of [`peers.${stranger}`, `hb.${stranger}`, `rep.${a.id}.${stranger}`]) {
      bad.publish(subject, new Uint8Array(0));
      bad.publish(subject, new Uint8Array(100_000).fill(0x7b));
      bad.publish(subject, Buffer.from('{"version":2}'));
    }
    cluster.run(10);
    const { refusedForeign, refusedDamaged, refusedVersion } = a.replicator.counters;
    expect(refusedForeign + refusedDamaged + refusedVersion).toBe(9);
    a.announce();
    cluster.run(50);
    expect(a.counts().leechers).toBe(1);
  });

  it('cannot speak as another', () => {
    const cluster = new TestCluster();
    const [a, b] = cluster.startAll(2);
    const bad = cluster.bus.join(stranger);
    bad.publish(`peers.${stranger}`, batchOf(a.id, a.clock.wallMs(), 1_000));
    cluster.run(10);
    expect(b.replicator.counters.refusedSender).toBe(1);
    expect(b.counts().leechers).toBe(0);
  });

  it('cannot tell of peers in a walk that nobody asked for', () => {
    const cluster = new TestCluster();
    const [a] = cluster.startAll(1);
    const bad = cluster.bus.join(stranger);
    for (const kind of [MessageKind.chunk, MessageKind.words] as const) {
      const entries = new EntriesEncoder({}, { idOf: () => stranger });
      entries.beginGroup(infoHashOf(0), 0);
      entries.addRecord(RecordFlag.seeder, 0, a.store.stamp, 0, Uint16Array.of(1, 2, 3), 0);
      const message = entries.finish({ kind, walkId: 5, number: 0, isLast: true });
      bad.publish(`rep.${a.id}.${stranger}`, message);
    }
    cluster.run(10);
    expect(a.replicator.counters.refusedUnasked).toBe(2);
    expect(a.counts().seeders).toBe(0);
  });

  it('is forgotten with what it alone said, once it is revoked', () => {
    const cluster = new TestCluster();
    const [a, b, c] = cluster.startAll(3);
    c.announce({ peer: 1 });
    c.announce({ peer: 2 });
    cluster.run(100);
    b.announce({ peer: 2 });
    cluster.run(100);
    a.replicator.revoke(c.id);
    b.replicator.revoke(c.id);
    c.announce({ peer: 3 });
    cluster.run(10_000);
    for (const node of [a, b]) {
      expect([...node.origins4]).toEqual([[2, b.id]]);
      const view = node.replicator.view('1.0.0').nodes.find(({ id }) => id === c.id);
      expect(view?.state).toBe('revoked');
      expect(node.replicator.counters.refusedRevoked).toBeGreaterThan(0);
    }
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

it('tells everything before it falls silent', () => {
  const cluster = new TestCluster();
  const [a, b] = cluster.startAll(2);
  a.announce({ event: 'completed' });
  a.replicator.stop();
  cluster.run(100);
  expect(b.counts()).toMatchObject({ seeders: 1, downloads: 1 });
});

function batchOf(origin: string, epoch: number, sequence: number): Uint8Array {
  const encoder = new BatchEncoder({ seed: 1 });
  encoder.add(infoHashOf(0), 0, 0, 1, Uint16Array.of(1, 2, 3), 0);
  return encoder.finish({ origin, epoch, sequence, mapRevision: 0, builtMs: epoch });
}
