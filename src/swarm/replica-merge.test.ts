/** That what replicas hold is a matter of what was said, not of when and how often they heard it. */
import { describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { CellWalk } from './cell-walk.js';
import { PeerFlag, WORDS4 } from './leaf.js';
import { originRemoval } from './peer-removal.js';
import type { PeerWord } from './peer-word.js';
import { Applied } from './replica.js';
import { expectSame, Node, roleOf, type Told, TTL } from './replica-node.testing.js';
import { replicationTotals } from './replication-memory.js';

const NODES = [0, 1, 2];
/** Next to each other, and where signed stamps turn around. */
const STAMPS = [0x7fffffff, -0x80000000];
/** What can be said of a peer, by rank: of two things under one stamp of one node the later one counts. */
const CONTENTS = [
  { kind: 0, partialSeed: false, stopped: false },
  { kind: 1, partialSeed: false, stopped: false },
  { kind: 1, partialSeed: true, stopped: false },
  { kind: 1, partialSeed: false, stopped: true },
];

interface Said {
  stamp: number;
  node: number;
  content: number;
}

const SAID: Said[] = STAMPS.flatMap((stamp) =>
  NODES.flatMap((node) => CONTENTS.map((_, content) => ({ stamp, node, content }))),
);

function told({ stamp, node, content }: Said, host: number): Told {
  return {
    node,
    infoHash: [1, 1, 1, 1, host >>> 10],
    wire: Uint8Array.of(10, host >>> 16, host >>> 8, host, 0x1a, 0xe1),
    word: { ...CONTENTS[content], completed: false, stamp, ageSeconds: 0 },
    download: false,
    refresh: false,
  };
}

function compare(a: Said, b: Said): number {
  return (a.stamp - b.stamp) | 0 || a.node - b.node || a.content - b.content;
}

/** What the node has stored of the peer of `told`: role, stamp and who heard it. */
function storedAt(node: Node, { infoHash, wire }: Told): string {
  const { store } = node;
  const words = Int32Array.from(infoHash);
  const hash = store.index.hash(words, 0);
  const shard = store.lockShard(store.index.shardOf(hash));
  try {
    const record = store.index.find(hash, words, 0);
    const kind =
      record < 0 ? -1 : store.table.locate(record, 0, WORDS4, new Uint16Array(wire.buffer));
    if (kind < 0) return 'nothing';
    const { foundStamp, foundSeenAndFlags } = store.table;
    const flags = foundSeenAndFlags >>> 16;
    const slot = flags & PeerFlag.origin;
    const role = roleOf({ kind, partialSeed: (flags & PeerFlag.partialSeed) !== 0 });
    return `${role} ${foundStamp} of ${slot === 0 ? node.number : slot - 1}`;
  } finally {
    store.unlockShard(shard);
  }
}

/** Every order of every three words, repetitions included, each about a peer of its own. */
function* sequences(): Generator<Said[]> {
  for (const a of SAID) for (const b of SAID) for (const c of SAID) yield [a, b, c];
}

describe('words about a peer', () => {
  it('have one outcome on every node, in every order, however often each comes', () => {
    const nodes = [0, 2].map((number) => new Node(number));
    let host = 0;
    for (const sequence of sequences()) {
      host++;
      const last = sequence.reduce((most, said) => (compare(said, most) > 0 ? said : most));
      const { stopped, kind, partialSeed } = CONTENTS[last.content];
      const role = roleOf({ kind, partialSeed });
      const expected = stopped ? 'nothing' : `${role} ${last.stamp} of ${last.node}`;
      for (const node of nodes) {
        for (const said of sequence) node.apply(told(said, host));
        const stored = storedAt(node, told(last, host));
        if (stored !== expected)
          expect(stored, JSON.stringify({ sequence, node: node.number })).toBe(expected);
      }
    }
    expect(host).toBe(SAID.length ** 3);
    expect(replicationTotals(nodes[0].memory.replication).tombstonesEvicted).toBe(0);
    expectSame(nodes);
  });
});

const plainOf = ({ kind, stopped, partialSeed, completed, stamp, ageSeconds }: PeerWord) => ({
  kind,
  stopped,
  partialSeed,
  completed,
  stamp,
  ageSeconds,
});

/** Tells `to` everything that `from` holds, as a walk does; what left is answered with its stop. */
function tellAll(from: Node, to: Node): number {
  const nodeOf = (at: Node, slot: number) => (slot === 0 ? at.number : slot - 1);
  const entries: Told[] = [];
  const infoHash = new Int32Array(5);
  const walk = new CellWalk(from.store, {
    swarm: (words, at) => infoHash.set(words.subarray(at, at + 5)),
    peer: (word) => {
      entries.push({
        node: nodeOf(from, word.origin),
        infoHash: [...infoHash],
        wire: word.wireBytes.slice(),
        word: plainOf(word),
        download: false,
        refresh: false,
      });
    },
  });
  while (walk.step(100));
  let changes = 0;
  for (const each of entries) {
    const applied = to.apply(each);
    if (applied === Applied.newer) changes++;
    let stop: Told | undefined;
    const { buriedStamp, buriedOrigin } = to.replica;
    if (applied === Applied.buried) {
      const word = { ...each.word, stopped: true, stamp: buriedStamp, ageSeconds: 0 };
      stop = { ...each, node: nodeOf(to, buriedOrigin), word };
    } else if (applied === Applied.expired && each.node === to.number) {
      stop = { ...each, word: { ...each.word, stopped: true, ageSeconds: 0 } };
    }
    if (stop !== undefined && from.apply(stop) === Applied.newer) changes++;
  }
  return changes;
}

/** Everyone tells everyone until nobody learns anything; returns the rounds that took. */
function exchange(nodes: readonly Node[], label: string): number {
  for (let round = 1; round <= 5; round++) {
    let changes = 0;
    for (const from of nodes) for (const to of nodes) if (from !== to) changes += tellAll(from, to);
    if (changes > 0) continue;
    expectSame(nodes, label);
    return round;
  }
  throw new Error(`${label}: no end`);
}

/** Nodes whose words get lost or come late, whose peers time out, and whose tombstones overflow. */
function mend(seed: number): number {
  const random = new Prng(seed);
  const label = `seed ${seed}`;
  const tombstonesMax = random.chance(0.5) ? 64 : 1 << 12;
  const nodes = NODES.map((number) => new Node(number, { alignsExpiry: true, tombstonesMax }));
  const skews = nodes.map(() => random.below(4_000) - 2_000);
  const late: { told: Told; to: Node; said: number }[] = [];
  const [swarms, hosts] = [1 + random.below(5), 1 + random.below(60)];
  let second = 0;
  const deliver = () => {
    const [{ told: each, to, said }] = late.splice(random.below(late.length), 1);
    to.apply({ ...each, word: { ...each.word, ageSeconds: second - said } });
  };
  for (let step = 0; step < 500; step++) {
    if (random.chance(0.02)) second += random.below(TTL / 2);
    for (const node of nodes) node.setTime(second, skews[node.number]);
    const node = nodes[random.below(3)];
    const seeder = random.chance(0.5);
    node.announce({
      swarm: random.below(swarms),
      host: random.below(hosts),
      stopped: random.chance(0.3),
      seeder,
      partialSeed: random.chance(0.2),
    });
    for (const each of node.drain()) {
      for (const to of nodes) {
        if (to !== node && random.chance(0.8)) late.push({ told: each, to, said: second });
      }
    }
    while (late.length > 0 && random.chance(0.6)) deliver();
    if (random.chance(0.02)) node.expire();
    if (random.chance(0.01)) tellAll(node, nodes[random.below(3)]);
    if (random.chance(0.002)) {
      const removal = originRemoval(node.store, 1 + random.below(3));
      while (removal.step(100));
    }
  }
  while (late.length > 0) deliver();
  for (const node of nodes) node.expire();
  const rounds = exchange(nodes, label);
  // What they agree on stays: expiry afterwards takes the same from all of them.
  for (const node of nodes) node.expire();
  expectSame(nodes, `${label}, expired`);
  return rounds;
}

describe('replicas that missed words, forgot stops and let peers go', () => {
  const seed = testSeed();
  it(`are the same once they told each other what they hold (seed ${seed})`, () => {
    for (let i = 0; i < 10; i++) mend(seed + i);
  });
});
