import { describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { replicationTotals, reserveReplication } from './replication-memory.js';
import { Tombstones } from './tombstones.js';

function table(tombstonesMax = 64) {
  const memory = reserveReplication({
    limits: { shards: 2 },
    threads: 1,
    digestKey: new Uint8Array(16),
    tombstonesMax,
    ringRecords: 16,
    peerTtlSeconds: 100,
    remoteExtraSeconds: 50,
  });
  return { memory, tombstones: new Tombstones(memory, 1) };
}

describe('tombstones', () => {
  it('remember a stop for as long as peers of other nodes live', () => {
    const { tombstones } = table();
    tombstones.put(1, 7, -7, 1234, 4095, 70_000, 70_000);
    expect(tombstones.find(1, 7, -7, 70_150)).toBe(true);
    expect([tombstones.stamp, tombstones.origin]).toEqual([1234, 4095]);
    expect(tombstones.find(0, 7, -7, 70_000), 'of another shard').toBe(false);
    expect(tombstones.find(1, 7, 7, 70_000), 'of another peer').toBe(false);
    expect(tombstones.find(1, 7, -7, 70_151), 'later').toBe(false);
  });

  it('hold one word a peer, the last one', () => {
    const { tombstones, memory } = table();
    for (let stamp = 0; stamp < 20; stamp++) tombstones.put(0, 1, 2, stamp, 3, 10, 10);
    expect(tombstones.find(0, 1, 2, 10)).toBe(true);
    expect(tombstones.stamp).toBe(19);
    tombstones.removeFound();
    expect(tombstones.find(0, 1, 2, 10)).toBe(false);
    expect(replicationTotals(memory).tombstonesEvicted).toBe(0);
  });

  it('forget the oldest of a full set, and count it while it still means something', () => {
    const { tombstones, memory } = table();
    // The low bits are the same, so it is one set.
    for (let i = 0; i < 8; i++) tombstones.put(0, 1024 * i, i, i, 0, 100 + ((i * 3) % 8), 110);
    tombstones.put(0, 1024 * 8, 8, 8, 0, 110, 110);
    expect(tombstones.find(0, 0, 0, 110), 'the oldest').toBe(false);
    for (let i = 1; i <= 8; i++) expect(tombstones.find(0, 1024 * i, i, 110)).toBe(true);
    expect(replicationTotals(memory).tombstonesEvicted).toBe(1);
    // Much later nobody is missed.
    tombstones.put(0, 1024 * 9, 9, 9, 0, 400, 400);
    expect(tombstones.find(0, 1024 * 9, 9, 400)).toBe(true);
    expect(replicationTotals(memory).tombstonesEvicted).toBe(1);
  });

  it('forget the oldest of those that came in one second, too', () => {
    const { tombstones } = table();
    const stamps = Array.from({ length: 20 }, (_, i) => (0x7ffffff8 + i) | 0);
    for (const [i, stamp] of stamps.entries()) tombstones.put(0, 1024 * i, i, stamp, 0, 100, 100);
    const found = stamps.filter((_, i) => tombstones.find(0, 1024 * i, i, 100));
    expect(found).toEqual(stamps.slice(-8));
  });

  it('find as many as they were reserved for, but few', () => {
    const seed = testSeed();
    const random = new Prng(seed);
    const max = 1 << 14;
    const { tombstones, memory } = table(max);
    const keys = Array.from({ length: max / 2 }, () => [random.next() | 0, random.next() | 0]);
    for (const [low, high] of keys) tombstones.put(high & 1, low, high, 1, 0, 10, 10);
    let missing = 0;
    for (const [low, high] of keys) if (!tombstones.find(high & 1, low, high, 10)) missing++;
    // Half full, a set of eight overflows now and then.
    expect(missing, `seed ${seed}`).toBeLessThan(max / 40);
    expect(replicationTotals(memory).tombstonesEvicted).toBe(missing);
  });
});
