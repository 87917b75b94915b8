import { describe, expect, it } from 'vitest';
import { BatchEncoder } from '../protocol/cluster/batch-encoder.js';
import { EntriesEncoder, type EntriesHeader } from '../protocol/cluster/entries-encoder.js';
import { MessageKind } from '../protocol/cluster/envelope.js';
import { RecordFlag } from '../protocol/cluster/fields.js';
import { decodeRepair, encodeCancel, encodeWalk } from '../protocol/cluster/repair.js';
import { infoHashOf, nodeId, TestCluster } from './replicators.testing.js';

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
    const rubbish = [
      new Uint8Array(0),
      new Uint8Array(100_000).fill(0x7b),
      Buffer.from('{"version":2}'),
    ];
    for (const bytes of rubbish) {
      for (const subject of [`peers.${stranger}`, `hb.${stranger}`, `rep.${a.id}.${stranger}`]) {
        bad.publish(subject, bytes);
      }
      cluster.run(100);
    }
    const { refusedForeign, refusedDamaged, refusedVersion } = a.replicator.counters;
    expect(refusedForeign + refusedDamaged + refusedVersion).toBe(9);
    a.announce();
    cluster.run(50);
    expect(a.counts().leechers).toBe(1);
  });

  it('has few of its heartbeats read, whatever is in them', () => {
    const cluster = new TestCluster();
    const [a] = cluster.startAll(1);
    const bad = cluster.bus.join(stranger);
    for (let i = 0; i < 1_000; i++) bad.publish(`hb.${stranger}`, Buffer.from('{"version":1}'));
    cluster.run(10);
    expect(a.replicator.counters).toMatchObject({ refusedBody: 20, heartbeatsRefused: 980 });
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
      const head = { kind, walkId: 5, number: 0, isLast: true };
      bad.publish(`rep.${a.id}.${stranger}`, entriesOf(stranger, a.store.stamp, head));
    }
    cluster.run(10);
    expect(a.replicator.counters.refusedUnasked).toBe(2);
    expect(a.counts().seeders).toBe(0);
  });

  it('cannot answer in the place of a donor', () => {
    // The donor's own answer is lost.
    const isLost = (from: string, subject: string) =>
      from === nodeId(1) && subject.startsWith('rep.');
    const cluster = new TestCluster({
      delivery: (from, _to, subject) => (isLost(from, subject) ? [] : [1]),
    });
    const [a] = cluster.startAll(1);
    const bad = cluster.bus.join(stranger);
    let told = 0;
    const b = cluster.start(2);
    // The bus of a cluster would not let it listen.
    bad.subscribe(`rep.${a.id}.${b.id}`, (_subject, payload) => {
      const message = decodeRepair(payload);
      if (typeof message === 'number' || message.kind !== 'walk') return;
      const chunk = { kind: MessageKind.chunk, walkId: message.walkId, number: 0, isLast: true };
      bad.publish(`rep.${b.id}.${stranger}`, entriesOf(stranger, a.store.stamp, chunk));
      told++;
    });
    cluster.run(5_000);
    expect(told).toBeGreaterThan(0);
    expect(b.replicator.counters.refusedUnasked).toBe(told);
    expect(b.replicator.caughtUp).toBe(false);
    expect(b.counts().seeders).toBe(0);
  });

  it('gets one walk at a time', () => {
    const cluster = new TestCluster();
    const [a] = cluster.startAll(1);
    const bad = cluster.bus.join(stranger);
    const cells = new Uint8Array(512).fill(0xff);
    for (let walkId = 1; walkId <= 5; walkId++) {
      const request = {
        walkId,
        credits: 0,
        since: undefined,
        ownOnly: false,
        webOnly: false,
        cells,
      };
      bad.publish(`rep.${a.id}.${stranger}`, encodeWalk(request));
    }
    cluster.run(10);
    expect(a.replicator.counters).toMatchObject({ walksServed: 1, walksRefused: 4 });
    // It gives no credit: its walk ends.
    cluster.run(12_000);
    expect(a.replicator.counters.walksAbandoned).toBe(1);
  });

  it('begins few walks, also when it gives them up at once', () => {
    const cluster = new TestCluster();
    const [a] = cluster.startAll(1);
    const bad = cluster.bus.join(stranger);
    const cells = new Uint8Array(512).fill(0xff);
    for (let walkId = 1; walkId <= 100; walkId++) {
      const request = {
        walkId,
        credits: 0,
        since: undefined,
        ownOnly: false,
        webOnly: false,
        cells,
      };
      bad.publish(`rep.${a.id}.${stranger}`, encodeWalk(request));
      bad.publish(`rep.${a.id}.${stranger}`, encodeCancel(walkId));
    }
    cluster.run(10);
    const { walksServed, walksRefused } = a.replicator.counters;
    // The second may change in between.
    expect(walksServed).toBeLessThanOrEqual(16);
    expect(walksServed + walksRefused).toBe(100);
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

function batchOf(origin: string, epoch: number, sequence: number): Uint8Array {
  const encoder = new BatchEncoder({ seed: 1 });
  encoder.add(infoHashOf(0), 0, 0, 1, Uint16Array.of(1, 2, 3), 0);
  return encoder.finish({ origin, epoch, sequence, mapRevision: 0, builtMs: epoch });
}

/** A message that tells of one seeder. */
function entriesOf(origin: string, stamp: number, head: EntriesHeader): Uint8Array {
  const entries = new EntriesEncoder({}, { idOf: () => origin });
  entries.beginGroup(infoHashOf(0), 0);
  entries.addRecord(RecordFlag.seeder, 0, stamp, 0, Uint16Array.of(1, 2, 3), 0);
  return entries.finish(head);
}
