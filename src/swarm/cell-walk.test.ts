import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Prng } from '../lib/prng.js';
import { CellWalk } from './cell-walk.js';
import { DigestHash } from './digest-hash.js';
import { lookUpSwarm } from './lookup.js';
import { originRemoval } from './peer-removal.js';
import { PeerWord } from './peer-word.js';
import { PeerFamily } from './query.js';
import { Applied } from './replica.js';
import { EXTRA, expectSame, Node, TTL } from './replica-node.testing.js';
import { loadSnapshot } from './snapshot-reader.js';
import { saveSnapshot } from './snapshot-writer.js';
import { storeTotals } from './totals.js';

describe('expiry in a cluster', () => {
  it('lets peers of other nodes live longer, and takes them out of the digest', () => {
    const [a, b] = [new Node(0), new Node(1)];
    a.announce({ host: 1, seeder: true });
    a.announce({ host: 2, partialSeed: true, family: 6 });
    for (const each of a.drain()) b.apply(each);
    b.announce({ host: 3 });
    const second = (seconds: number) => {
      b.setTime(seconds);
      b.expire();
      expectSame([b]);
      return storeTotals(b.store).peers;
    };
    expect(second(TTL)).toBe(3);
    expect(second(TTL + 1)).toBe(2);
    expect(second(TTL + EXTRA)).toBe(2);
    expect(second(TTL + EXTRA + 1)).toBe(0);
    expect(b.digest.root()).toBe('0000000000000000');
  });

  it('can keep own peers until their copies on other nodes run out, told or not', () => {
    const options = { alignsExpiry: true };
    const [a, b] = [new Node(0, options), new Node(1, options)];
    const at = (second: number, announce: () => void = () => {}) => {
      for (const node of [a, b]) {
        node.setTime(second);
        node.expire();
      }
      announce();
      for (const each of a.drain()) b.apply(each);
      expectSame([a, b], `second ${second}`);
      return storeTotals(a.store).peers;
    };
    // Host 1 is never heard again, host 2 once, host 3 twice.
    expect(at(0, () => [1, 2, 3].map((host) => a.announce({ host })))).toBe(3);
    at(50, () => [2, 3].map((host) => a.announce({ host })));
    at(100, () => a.announce({ host: 3 }));
    const peersAt = [160, 161, 260, 261].map((second) => at(second));
    expect(peersAt).toEqual([3, 1, 1, 0]);
    // One that came later than the interval lives its time here, whatever the others do.
    at(300, () => a.announce({ host: 4 }));
    a.setTime(380);
    a.announce({ host: 4 });
    a.setTime(380 + TTL);
    a.expire();
    expect(storeTotals(a.store).peers).toBe(1);
    a.setTime(381 + TTL);
    a.expire();
    expect(storeTotals(a.store).peers).toBe(0);
  });

  it('is not undone by a node that learned of a refresh which was told to nobody', () => {
    const options = { alignsExpiry: true };
    const [a, b] = [new Node(0, options), new Node(1, options)];
    a.announce({});
    const [told] = a.drain();
    b.apply(told);
    a.setTime(50);
    a.announce({});
    expect(a.drain()).toEqual([]);
    b.setTime(50);
    // As a walk tells it: the stamp of the first announce, the age of the second.
    expect(b.apply(told)).toBe(Applied.same);
    a.setTime(TTL + EXTRA + 1);
    expect(a.contents().size, 'nor told').toBe(0);
    a.expire();
    expect(storeTotals(a.store).peers).toBe(0);
    const again = { ...told, word: { ...told.word, ageSeconds: TTL + EXTRA + 1 - 50 } };
    expect(a.apply(again)).toBe(Applied.expired);
    expect(storeTotals(a.store).peers).toBe(0);
  });

  it('knows after a restart who heard which peer, and how long it lives', () => {
    const directory = mkdtempSync(join(tmpdir(), 'trackerbt-replica-'));
    try {
      const path = join(directory, 'store');
      const [a, b] = [new Node(0), new Node(1)];
      for (let host = 0; host < 50; host++) a.announce({ host, family: host % 2 === 0 ? 4 : 6 });
      for (const each of a.drain()) b.apply(each);
      for (let host = 50; host < 80; host++) b.announce({ host });
      saveSnapshot(b.store, path, { wallMs: 0, lockTimeoutMs: 1_000 });
      const root = b.digest.root();
      const load = (downSeconds: number) => {
        const again = new Node(1);
        const options = { peerTtlSeconds: TTL, wallMs: 1_000 * downSeconds };
        return { again, ...loadSnapshot(again.store, path, options) };
      };
      const { again, peers } = load(TTL);
      expect(peers).toBe(80);
      expect(again.digest.root()).toBe(root);
      expect(again.contents({ origin: 1 }).size).toBe(50);
      expect(again.contents({ origin: 0 }).size).toBe(30);
      expect(load(TTL + 1)).toMatchObject({ peers: 50, expired: 30 });
      expect(load(TTL + EXTRA + 1)).toMatchObject({ peers: 0, expired: 80 });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('a walk over cells', () => {
  function filled(): Node {
    const random = new Prng(5);
    const node = new Node(0);
    const other = new Node(1);
    for (let i = 0; i < 6_000; i++) {
      const from = i % 3 === 0 ? other : node;
      from.setTime(Math.floor(i / 100));
      const swarm = random.chance(0.5) ? 1 : random.below(600);
      const family = ([6, 4, PeerFamily.web, 4] as const)[i % 4];
      from.announce({ swarm, host: i, family, seeder: i % 2 === 0 });
    }
    for (const each of other.drain()) node.apply(each);
    return node;
  }

  it('tells all that is there, and of some cells just that', () => {
    const node = filled();
    const everything = node.contents();
    expect(everything.size).toBe(6_000);
    const hash = new DigestHash(node.memory.replication.digestKey);
    const cells = new Uint8Array(512).fill(0b00010011);
    const some = node.contents({ cells });
    const wanted = [...everything].filter(([key]) => {
      hash.swarm(Int32Array.from(key.split('/')[0].split(','), Number), 0);
      return ((cells[hash.cell >>> 3] >>> (hash.cell & 7)) & 1) === 1;
    });
    expect(wanted.length).toBeGreaterThan(500);
    expect(some).toEqual(new Map(wanted));
    expect(node.contents({ cells: new Uint8Array(512) }).size).toBe(0);
  });

  it('tells own peers since a stamp, and those of one origin', () => {
    const node = filled();
    expect(node.contents({ origin: 0 }).size).toBe(4_000);
    expect(node.contents({ origin: 2 }).size).toBe(2_000);
    node.setTime(30);
    const since = node.store.stamp;
    expect(node.contents({ sinceStamp: since }).size).toBe(3_000);
    expect(node.contents({ origin: 0, sinceStamp: since }).size).toBe(2_000);
  });

  it('tells swarms that have nothing but downloads, unless peers of some kind are wanted', () => {
    const node = new Node(0);
    node.announce({ swarm: 4, seeder: true, completed: true });
    node.announce({ swarm: 4, stopped: true });
    const swarms = (options = {}) => {
      const found: number[][] = [];
      const walk = new CellWalk(
        node.store,
        {
          swarm: (words, at, downloads) => found.push([words[at], downloads]),
          peer: () => {},
        },
        options,
      );
      while (walk.step(10));
      return found;
    };
    expect(swarms()).toEqual([[4, 1]]);
    expect(swarms({ origin: 0 })).toEqual([]);
  });

  it('gives another node all it needs to be the same, ages included', () => {
    const node = filled();
    const joiner = new Node(2);
    joiner.setTime(59);
    node.setTime(59);
    const infoHash = new Int32Array(5);
    const walk = new CellWalk(node.store, {
      swarm: (words, at) => infoHash.set(words.subarray(at, at + 5)),
      peer: (word) => {
        joiner.replica.begin(infoHash);
        // Slot 0 is the donor there, slot 2 node 1 on both.
        const origin = word.origin === 0 ? 1 : word.origin;
        expect(
          joiner.replica.apply(Object.assign(new PeerWord(), { ...word, origin, wire: word.wire })),
        ).toBe(Applied.newer);
        joiner.replica.end();
      },
    });
    while (walk.step(100));
    expect(walk.peers).toBe(6_000);
    expectSame([node, joiner]);
    const ages = (of: Node) =>
      lookUpSwarm(of.store, new Int32Array(5).fill(1), 10_000)
        ?.peers.map(({ ip, ageSeconds }) => `${ip} ${ageSeconds}`)
        .sort();
    expect(ages(joiner)).toEqual(ages(node));
  });

  it('leaves out who is only waiting to be expired', () => {
    const node = filled();
    node.setTime(59 + TTL);
    // Of this node's own, those live on that came in the last second.
    expect(node.contents({ origin: 0 }).size).toBe(67);
    expect(node.contents({ origin: 2 }).size).toBe(2_000);
  });
});

describe('removal of an origin', () => {
  it('forgets what that node alone reported, and nothing else', () => {
    const [a, b] = [new Node(0), new Node(1)];
    for (let host = 0; host < 2_000; host++) b.announce({ swarm: host % 3 === 0 ? 1 : host, host });
    for (const each of b.drain()) a.apply(each);
    for (let host = 0; host < 500; host++) a.announce({ swarm: host % 3 === 0 ? 1 : host, host });
    const removal = originRemoval(a.store, 2);
    while (removal.step(100));
    expect(removal.removed).toBe(1_500);
    expect(storeTotals(a.store).peers).toBe(500);
    expect(a.contents({ origin: 0 }).size).toBe(500);
    expectSame([a]);
    // Heard again, and told with the second refresh.
    b.setTime(1);
    b.announce({ swarm: 1, host: 999 });
    b.announce({ swarm: 1, host: 999 });
    const [again] = b.drain();
    expect(a.apply(again)).toBe(Applied.newer);
  });

  it('forgets all of a large swarm, whose leaves it merges on its way', () => {
    const [a, b] = [new Node(0), new Node(1)];
    for (let host = 0; host < 8_000; host++) b.announce({ host });
    for (const each of b.drain()) a.apply(each);
    const removal = originRemoval(a.store, 2);
    while (removal.step(100));
    expect(storeTotals(a.store)).toMatchObject({ peers: 0, swarms: 0 });
  });
});
