import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { Endpoint } from '../lib/endpoint.js';
import { ConnectionIds, SLICE_SECONDS, SLICES_VALID } from './connection-id.js';
import { createKeyRing, KEY_GENERATIONS, KeyRingReader, KeyRingWriter } from './key-ring.js';

const START_MS = 1_700_000_010_000;

function endpoint(text: string, port = 6881): Endpoint {
  const result = new Endpoint();
  result.setAddressText(text);
  result.setPort(port);
  return result;
}

function fixture() {
  const memory = createKeyRing();
  const ids = new ConnectionIds(new KeyRingReader(memory));
  ids.setTime(START_MS);
  return { ids, memory, ring: new KeyRingWriter(memory) };
}

describe('connection ids', () => {
  for (const address of ['192.0.2.7', '2001:db8::7']) {
    it(`of ${address} are good for at least two minutes and for at most four`, () => {
      const { ids } = fixture();
      const source = endpoint(address);
      // Issued at every second of a slice, so that no phase is missed.
      for (let phase = 0; phase < SLICE_SECONDS; phase++) {
        const issuedMs = START_MS + phase * 1000;
        ids.setTime(issuedMs);
        ids.issue(source);
        const { hi, lo } = ids;
        for (const [ageSeconds, good] of [
          [0, true],
          [60, true],
          [120, true],
          [240, false],
          [3_600, false],
          [SLICE_SECONDS * 4_096, false],
        ] as const) {
          ids.setTime(issuedMs + ageSeconds * 1000);
          expect(ids.verify(source, hi, lo), `phase ${phase}, age ${ageSeconds}`).toBe(good);
        }
      }
    });
  }

  it('are good until the last second of their last slice', () => {
    const { ids } = fixture();
    const source = endpoint('192.0.2.7');
    const sliceStartMs = Math.floor(START_MS / 30_000) * 30_000;
    ids.setTime(sliceStartMs);
    ids.issue(source);
    const { hi, lo } = ids;
    ids.setTime(sliceStartMs + (SLICES_VALID + 1) * 30_000 - 1);
    expect(ids.verify(source, hi, lo)).toBe(true);
    ids.setTime(sliceStartMs + (SLICES_VALID + 1) * 30_000);
    expect(ids.verify(source, hi, lo)).toBe(false);
  });

  it('from the future are refused, except by a clock that is a little ahead', () => {
    const { ids } = fixture();
    const source = endpoint('192.0.2.7');
    for (const [slicesAhead, good] of [
      [1, true],
      [2, false],
      [4_095, false],
    ] as const) {
      ids.setTime(START_MS + slicesAhead * SLICE_SECONDS * 1000);
      ids.issue(source);
      const { hi, lo } = ids;
      ids.setTime(START_MS);
      expect(ids.verify(source, hi, lo), `${slicesAhead} slices ahead`).toBe(good);
    }
  });

  it('hold for the address, whatever the port', () => {
    const { ids } = fixture();
    ids.issue(endpoint('192.0.2.7', 1_000));
    const { hi, lo } = ids;
    expect(ids.verify(endpoint('192.0.2.7', 2_000), hi, lo)).toBe(true);
    expect(ids.verify(endpoint('192.0.2.8', 1_000), hi, lo)).toBe(false);
    expect(ids.verify(endpoint('2001:db8::7', 1_000), hi, lo)).toBe(false);
  });

  it('tell IPv6 addresses apart that differ in one bit anywhere', () => {
    const { ids } = fixture();
    const source = endpoint('2001:db8::7');
    ids.issue(source);
    const { hi, lo } = ids;
    for (let bit = 0; bit < 128; bit++) {
      source.bytes[bit >>> 3] ^= 1 << (bit & 7);
      expect(ids.verify(source, hi, lo), `bit ${bit}`).toBe(false);
      source.bytes[bit >>> 3] ^= 1 << (bit & 7);
    }
    expect(ids.verify(source, hi, lo)).toBe(true);
  });

  it('with any bit changed are refused', () => {
    const { ids } = fixture();
    const source = endpoint('192.0.2.7');
    ids.issue(source);
    const { hi, lo } = ids;
    for (let bit = 0; bit < 32; bit++) {
      expect(ids.verify(source, hi ^ (1 << bit), lo), `upper bit ${bit}`).toBe(false);
      expect(ids.verify(source, hi, lo ^ (1 << bit)), `lower bit ${bit}`).toBe(false);
    }
  });

  it('survive one rotation of the key, not two', () => {
    const { ids, ring } = fixture();
    const source = endpoint('192.0.2.7');
    ids.issue(source);
    const { hi, lo } = ids;
    ring.rotate();
    ids.setTime(START_MS);
    expect(ids.verify(source, hi, lo)).toBe(true);
    ids.issue(source);
    expect([ids.hi, ids.lo]).not.toEqual([hi, lo]);
    ring.rotate();
    ids.setTime(START_MS);
    expect(ids.verify(source, hi, lo)).toBe(false);
  });

  it('of another tracker are refused, unless both share the ring', () => {
    const source = endpoint('192.0.2.7');
    const [one, two] = [fixture(), fixture()];
    one.ids.issue(source);
    const { hi, lo } = one.ids;
    expect(two.ids.verify(source, hi, lo)).toBe(false);
    const sharing = new ConnectionIds(new KeyRingReader(one.memory));
    sharing.setTime(START_MS);
    expect(sharing.verify(source, hi, lo)).toBe(true);
  });
});

describe('key ring', () => {
  it('goes round without ever accepting a key that is two generations old', () => {
    const { ids, ring } = fixture();
    const source = endpoint('192.0.2.7');
    const issued: [number, number][] = [];
    for (let turn = 0; turn < 3 * KEY_GENERATIONS; turn++) {
      ids.issue(source);
      issued.push([ids.hi, ids.lo]);
      ring.rotate();
      ids.setTime(START_MS);
      const good = issued.map(([hi, lo]) => ids.verify(source, hi, lo));
      expect(good.filter(Boolean)).toHaveLength(1);
      expect(good.at(-1)).toBe(true);
    }
  });

  it('takes the keys of a cluster, the next one ahead of its time', () => {
    const key = (fill: number) => new Uint8Array(16).fill(fill);
    const keys = (generation: number) => ({
      generation,
      previous: key(generation - 1),
      current: key(generation),
      next: key(generation + 1),
    });
    const source = endpoint('192.0.2.7');
    const [early, late] = [fixture(), fixture()];
    early.ids.issue(source);
    const own = [early.ids.hi, early.ids.lo] as const;
    // Past a multiple of 16, where the numbers in ids begin anew.
    for (let generation = 14; generation < 20; generation++) {
      late.ring.install(keys(generation));
      early.ring.install(keys(generation + 1));
      for (const { ids } of [early, late]) ids.setTime(START_MS);
      early.ids.issue(source);
      expect(late.ids.verify(source, early.ids.hi, early.ids.lo)).toBe(true);
      late.ids.issue(source);
      expect(early.ids.verify(source, late.ids.hi, late.ids.lo)).toBe(true);
      // Two rotations behind is too far.
      late.ring.install(keys(generation - 1));
      late.ids.setTime(START_MS);
      expect(late.ids.verify(source, early.ids.hi, early.ids.lo)).toBe(false);
      expect(early.ids.verify(source, ...own)).toBe(false);
    }
  });

  it('waits for the first keys while they are being written', async () => {
    const { memory } = fixture();
    const words = new Int32Array(memory);
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const writer = new Worker(
      `const { words, gate } = require('node:worker_threads').workerData;
      Atomics.wait(gate, 0, 0);
      Atomics.add(words, 0, 1);`,
      { eval: true, workerData: { words, gate } },
    );
    await once(writer, 'online');
    words[0]++;
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    expect(new KeyRingReader(memory).generation).toBe(words[1]);
    await once(writer, 'exit');
  });

  it('keeps the old keys while a new one is being written', () => {
    const { memory, ring } = fixture();
    const reader = new KeyRingReader(memory);
    const { current } = reader;
    const words = new Int32Array(memory);
    words[0]++;
    reader.refresh();
    expect(reader.current).toBe(current);
    words[0]++;
    ring.rotate();
    reader.refresh();
    expect(reader.current).not.toBe(current);
  });
});
