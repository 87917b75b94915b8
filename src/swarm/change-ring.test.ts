import { describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { ChangeFlag, ChangeRingReader, ChangeRingWriter } from './change-ring.js';
import {
  countersOf,
  ReplicationCounter,
  replicationTotals,
  reserveReplication,
} from './replication-memory.js';

function ring(ringRecords = 16) {
  const memory = reserveReplication({
    limits: { shards: 1 },
    threads: 3,
    digestKey: new Uint8Array(16),
    tombstonesMax: 8,
    ringRecords,
    peerTtlSeconds: 100,
    remoteExtraSeconds: 50,
  });
  return {
    memory,
    writer: new ChangeRingWriter(memory, 2),
    reader: new ChangeRingReader(memory, 2),
  };
}

describe('change ring', () => {
  it('gives back what was put in, field by field', () => {
    const { writer, reader } = ring();
    const infoHash = Int32Array.of(-1, 2, -3, 4, 0x7fffffff);
    const wire = Uint16Array.from({ length: 9 }, (_, i) => 0xff00 + i);
    const { stopped, partialSeed, completed, download, refresh } = ChangeFlag;
    writer.write(infoHash, -77, 3 | partialSeed | refresh, wire, 9);
    writer.write(infoHash, 78, 0 | completed | download, wire, 3);
    writer.write(infoHash, 79, 1 | stopped, wire, 3);
    const seen: unknown[] = [];
    const drained = reader.drain(10, (change) => {
      const { infoHash: hash, wire: peer, wireBytes: _, ...rest } = change;
      seen.push({ ...rest, infoHash: [...hash], wire: [...peer] });
    });
    expect(drained).toBe(3);
    const common = { infoHash: [...infoHash], origin: 0, ageSeconds: 0 };
    const no = {
      stopped: false,
      partialSeed: false,
      completed: false,
      download: false,
      refresh: false,
    };
    const four = [...wire.subarray(0, 3), 0, 0, 0, 0, 0, 0];
    expect(seen).toEqual([
      { ...common, ...no, stamp: -77, kind: 3, partialSeed: true, refresh: true, wire: [...wire] },
      { ...common, ...no, stamp: 78, kind: 0, completed: true, download: true, wire: four },
      { ...common, ...no, stamp: 79, kind: 1, stopped: true, wire: four },
    ]);
  });

  it('loses nothing, and no order, however the two ends take turns', () => {
    const seed = testSeed();
    const random = new Prng(seed);
    const { writer, reader, memory } = ring();
    const wire = new Uint16Array(9);
    const infoHash = new Int32Array(5);
    let written = 0;
    let dropped = 0;
    let next = 0;
    const expected: number[] = [];
    for (let turn = 0; turn < 5_000; turn++) {
      for (let i = random.below(12); i > 0; i--) {
        if (writer.write(infoHash, written, 0, wire, 3)) expected.push(written);
        else dropped++;
        written++;
      }
      reader.drain(random.below(12), ({ stamp }) => {
        expect(stamp, `seed ${seed}`).toBe(expected[next++]);
      });
    }
    next += reader.drain(100, () => {});
    expect(next).toBe(expected.length);
    expect(dropped).toBeGreaterThan(0);
    expect(reader.dropped).toBe(dropped);
    expect(reader.length).toBe(0);
    expect(replicationTotals(memory)).toMatchObject({ changes: next, changesDropped: dropped });
  });

  it('counts on past 32 bits, which a busy thread needs within days', () => {
    const { memory, writer } = ring();
    countersOf(memory, 2)[ReplicationCounter.changes] = 0xffff_ffff;
    writer.write(new Int32Array(5), 1, 0, new Uint16Array(3), 3);
    expect(replicationTotals(memory).changes).toBe(2 ** 32);
  });

  it('holds as many changes as it was given room for', () => {
    const { writer, reader } = ring(20);
    const write = () => writer.write(new Int32Array(5), 0, 0, new Uint16Array(9), 9);
    for (let i = 0; i < 32; i++) expect(write()).toBe(true);
    expect(write()).toBe(false);
    expect(reader.length).toBe(32);
  });

  it('goes on behind a change at which the visitor throws', () => {
    const { writer, reader } = ring();
    for (let i = 0; i < 4; i++) writer.write(new Int32Array(5), i, 0, new Uint16Array(9), 3);
    const fail = () => {
      throw new Error('visitor');
    };
    expect(() => reader.drain(2, fail)).toThrow('visitor');
    const stamps: number[] = [];
    reader.drain(9, ({ stamp }) => stamps.push(stamp));
    expect(stamps).toEqual([2, 3]);
  });
});
