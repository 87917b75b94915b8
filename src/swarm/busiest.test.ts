import { describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { AnnounceReply } from '../protocol/announce.js';
import { BusiestSwarms, INFO_HASH_BYTES } from './busiest.js';
import { Expiry } from './expiry.js';
import { RECORD_WORDS, reserveStore } from './layout.js';
import { PeerFamily, PeerQuery } from './query.js';
import { SwarmStore } from './swarm-store.js';

/** Records of swarms 0, 1, 2, ...: the number is each one's first word. */
function records(count: number): Int32Array {
  const words = new Int32Array(count * RECORD_WORDS);
  for (let i = 0; i < count; i++) words[i * RECORD_WORDS] = i;
  return words;
}

/** The numbers of the swarms that were found. */
function taken(busiest: BusiestSwarms): number[] {
  const bytes = Buffer.from(busiest.take());
  return Array.from({ length: bytes.length / INFO_HASH_BYTES }, (_, i) =>
    bytes.readInt32BE(i * INFO_HASH_BYTES),
  );
}

describe('BusiestSwarms', () => {
  it('finds what sorting finds, in any order', () => {
    const random = new Prng(testSeed());
    const busiest = new BusiestSwarms(20);
    for (let round = 0; round < 50; round++) {
      const count = random.below(300);
      const words = records(count);
      // No two are equal, so that there is one right answer.
      const peers = Array.from({ length: count }, (_, i) => random.below(1_000) * 1_000 + i + 1);
      peers.forEach((each, i) => {
        busiest.offer(words, i * RECORD_WORDS, each);
      });
      const sorted = peers.map((_, i) => i).sort((a, b) => peers[b] - peers[a]);
      expect(taken(busiest), `seed ${testSeed()}`).toEqual(sorted.slice(0, 20));
    }
  });

  it('names a swarm once that was met twice', () => {
    const busiest = new BusiestSwarms(3);
    const words = records(4);
    for (const [swarm, peers] of [
      [1, 50],
      [2, 40],
      [1, 51],
      [3, 30],
      [0, 20],
    ] as const) {
      busiest.offer(words, swarm * RECORD_WORDS, peers);
    }
    expect(taken(busiest)).toEqual([1, 2, 3]);
  });

  it('names none where none are asked for, and none without peers', () => {
    const none = new BusiestSwarms(0);
    none.offer(records(1), 0, 9);
    expect(taken(none)).toEqual([]);
    none.offer(records(1), 0, 9);
    expect(taken(none)).toEqual([]);
    const some = new BusiestSwarms(3);
    some.offer(records(1), 0, 0);
    expect(taken(some)).toEqual([]);
  });

  it('is offered every swarm with peers by a pass of expiry, web peers among them', () => {
    const limits = { peersMax: 10_000, swarmsMax: 1_000, shards: 4 };
    const store = new SwarmStore(reserveStore(limits), { thread: 1, seed: 1 });
    store.setTime(1_000, 1_000_000);
    const query = new PeerQuery();
    const hash = (swarm: number) => new Uint8Array(20).fill(swarm);
    for (let swarm = 1; swarm <= 50; swarm++) {
      query.setInfoHash(hash(swarm), 0);
      // The last ones have web peers only.
      query.family = swarm > 45 ? PeerFamily.web : 4;
      for (let peer = 0; peer < swarm; peer++) {
        query.wireBytes.fill(0).set([peer, swarm, 1], 0);
        store.announce(query, new AnnounceReply());
      }
    }
    const busiest = new BusiestSwarms(10);
    const expiry = new Expiry(store, { peerTtlSeconds: 100, emptySwarmSeconds: 100 }, busiest);
    while (expiry.step(7));
    const found = Buffer.from(busiest.take());
    const expected = Array.from({ length: 10 }, (_, i) => Buffer.from(hash(50 - i)));
    expect(found.equals(Buffer.concat(expected))).toBe(true);
    // All time out: the next pass finds none, and the one after that no swarm at all.
    store.setTime(2_000, 2_000_000);
    while (expiry.step(7));
    expect(busiest.take().length).toBe(0);
  });
});
