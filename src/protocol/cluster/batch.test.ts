import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BATCH_BYTES_MAX, BATCH_HEAD_BYTES, BatchDecoder, type BatchHeader } from './batch.js';
import { BatchEncoder } from './batch-encoder.js';
import { CLUSTER_VERSION, Decoded, MessageKind, sealEnvelope } from './envelope.js';
import {
  FAMILY_FLAGS,
  RecordFlag,
  recordFlags,
  recordKind,
  wireBytesOf,
  writeU16,
  writeU32,
} from './fields.js';

const HEADER: BatchHeader = {
  origin: 'n0123456789abcdef',
  epoch: 1_700_000_000_123,
  sequence: 7,
  mapRevision: 0,
  builtMs: 1_700_000_400_456,
};

interface Change {
  swarm: number;
  flags: number;
  stamp: number;
  peer: number;
}

/** A swarm by number: five words that share most of their bits with those of other swarms. */
const infoHash = (swarm: number) => Int32Array.of(0x01020304, swarm, -1, 0x7fffffff, swarm);

/** A peer by number, in wire form. */
function wire(peer: number): Uint16Array {
  const bytes = new Uint8Array(18);
  for (let i = 0; i < 18; i++) bytes[i] = (peer >>> (i % 3)) + i;
  return new Uint16Array(bytes.buffer);
}

const flags = fc.integer({ min: 0, max: 63 }).filter((value) => wireBytesOf(value) > 0);

const change = (stamp: fc.Arbitrary<number>) =>
  fc.record({ swarm: fc.nat(5), flags, stamp, peer: fc.nat(6) });

/** Identifies a peer of a swarm: families apart. */
const keyOf = ({ swarm, flags, peer }: Change) =>
  `${swarm}/${flags & FAMILY_FLAGS}/${wire(peer).slice(0, wireBytesOf(flags) >>> 1)}`;

/** Adds changes and returns all batches that it took. */
function encode(changes: readonly Change[], bytesMax = BATCH_BYTES_MAX): Uint8Array[] {
  const encoder = new BatchEncoder({ bytesMax, seed: 1 });
  const batches: Uint8Array[] = [];
  for (const { swarm, flags, stamp, peer } of changes) {
    if (encoder.add(infoHash(swarm), 0, flags, stamp, wire(peer), 0)) continue;
    batches.push(encoder.finish({ ...HEADER, sequence: batches.length + 1 }));
    expect(encoder.add(infoHash(swarm), 0, flags, stamp, wire(peer), 0)).toBe(true);
  }
  if (!encoder.isEmpty) batches.push(encoder.finish({ ...HEADER, sequence: batches.length + 1 }));
  return batches;
}

interface Read {
  changes: Map<string, { flags: number; stamp: number }>;
  downloads: Map<number, number>;
}

function decode(bytes: Uint8Array): Read {
  const decoder = new BatchDecoder();
  expect(decoder.open(bytes)).toBe(Decoded.ok);
  const read: Read = { changes: new Map(), downloads: new Map() };
  let records = 0;
  while (decoder.nextGroup()) {
    const swarm = decoder.infoHash[1];
    expect(decoder.infoHash).toEqual(infoHash(swarm));
    if (decoder.downloads >= 0) read.downloads.set(swarm, decoder.downloads);
    while (decoder.nextRecord()) {
      records++;
      const { flags, stamp } = decoder;
      const key = `${swarm}/${flags & FAMILY_FLAGS}/${decoder.wire.slice(0, wireBytesOf(flags) >>> 1)}`;
      expect(read.changes.has(key)).toBe(false);
      read.changes.set(key, { flags, stamp });
    }
  }
  expect(records).toBe(decoder.records);
  return read;
}

/** What a batch of these changes must say: of each peer the newest, of equal stamps the later. */
function newest(changes: readonly Change[]): Read['changes'] {
  const map: Read['changes'] = new Map();
  for (const change of changes) {
    const key = keyOf(change);
    const known = map.get(key);
    if (known !== undefined && ((change.stamp - known.stamp) | 0) < 0) continue;
    map.set(key, { flags: change.flags, stamp: change.stamp });
  }
  return map;
}

/** A batch with a bit of everything. */
function sample(): Uint8Array {
  const encoder = new BatchEncoder({ seed: 2 });
  encoder.setDownloads(infoHash(3), 0, 1);
  encoder.add(infoHash(1), 0, RecordFlag.seeder, 1_000, wire(1), 0);
  encoder.add(infoHash(2), 0, RecordFlag.ipv6 | RecordFlag.stopped, 1_001, wire(2), 0);
  encoder.add(infoHash(1), 0, RecordFlag.partialSeed | RecordFlag.completed, 999, wire(3), 0);
  encoder.setDownloads(infoHash(1), 0, 17);
  return encoder.finish(HEADER);
}

/** The same bytes with some changed and the checksum made right again. */
function forge(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = sample();
  change(bytes);
  sealEnvelope(bytes, MessageKind.batch);
  return bytes;
}

it('has the layout that it documents', () => {
  const encoder = new BatchEncoder({ seed: 3 });
  const peer = new Uint16Array(Uint8Array.of(10, 0, 0, 1, 0x1a, 0xe1).buffer);
  encoder.add(
    Int32Array.of(0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f, 0x10111213),
    0,
    1,
    -5,
    peer,
    0,
  );
  encoder.setDownloads(
    Int32Array.of(0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f, 0x10111213),
    0,
    258,
  );
  const hex = Buffer.from(encoder.finish(HEADER)).toString('hex');
  expect(hex.slice(0, 24)).toBe('54425452' + '01' + '00' + '0100' + '5a000000');
  expect(hex.slice(32)).toBe(
    '0123456789abcdef' +
      '7b68e5cf8b010000' +
      '07000000' +
      '01000000' +
      'fbffffff' +
      '00000000' +
      '4884ebcf8b010000' +
      '000102030405060708090a0b0c0d0e0f10111213' +
      '81' +
      '02010000' +
      '01' +
      '0000' +
      '0a0000011ae1',
  );
});

it('says what it was told, of each peer the newest', () => {
  const nearby = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer({ min: -2_000, max: 2_000 }));
  const base = fc.integer();
  fc.assert(
    fc.property(base, fc.array(change(nearby), { minLength: 1, maxLength: 200 }), (at, told) => {
      const changes = told.map((one) => ({ ...one, stamp: (at + one.stamp) | 0 }));
      const batches = encode(changes);
      expect(batches).toHaveLength(1);
      expect(decode(batches[0]).changes).toEqual(newest(changes));
    }),
  );
});

it('stays within its size and stamp range over any sequence of changes', () => {
  fc.assert(
    fc.property(
      fc.array(change(fc.integer()), { minLength: 1, maxLength: 100 }),
      fc.integer({ min: 256, max: 700 }),
      (changes, bytesMax) => {
        const all: Read['changes'] = new Map();
        for (const bytes of encode(changes, bytesMax)) {
          expect(bytes.length).toBeLessThanOrEqual(bytesMax);
          for (const [key, one] of decode(bytes).changes) {
            const known = all.get(key);
            if (known === undefined || ((one.stamp - known.stamp) | 0) >= 0) all.set(key, one);
          }
        }
        // Stamps half a circle apart have no order, so which is newest depends on the sequence.
        expect(new Set(all.keys())).toEqual(new Set(changes.map(keyOf)));
      },
    ),
  );
});

it('carries the header and the highest count of downloads of each swarm', () => {
  const encoder = new BatchEncoder({ seed: 4 });
  encoder.setDownloads(infoHash(1), 0, 5);
  encoder.setDownloads(infoHash(1), 0, 4);
  encoder.add(infoHash(2), 0, 0, 9, wire(1), 0);
  encoder.setDownloads(infoHash(2), 0, 0x7fffffff);
  const bytes = encoder.finish({ ...HEADER, sequence: 0xffff_ffff, mapRevision: 3 });
  const decoder = new BatchDecoder();
  expect(decoder.open(bytes)).toBe(Decoded.ok);
  const { origin, epoch, sequence, mapRevision, builtMs, records } = decoder;
  expect({ origin, epoch, sequence, mapRevision, builtMs, records }).toEqual({
    ...HEADER,
    sequence: 0xffff_ffff,
    mapRevision: 3,
    records: 1,
  });
  expect(decode(bytes).downloads).toEqual(
    new Map([
      [1, 5],
      [2, 0x7fffffff],
    ]),
  );
});

it('takes thousands of changes of one swarm, and of thousands of swarms', () => {
  const one = new BatchEncoder({ seed: 5 });
  const many = new BatchEncoder({ seed: 5 });
  let inOne = 0;
  let inMany = 0;
  const peer = new Uint16Array(3);
  for (let i = 0; i < 10_000; i++) {
    peer[1] = i;
    if (one.add(infoHash(1), 0, RecordFlag.seeder, i >> 4, peer, 0)) inOne++;
    if (many.add(infoHash(i), 0, RecordFlag.seeder, i >> 4, peer, 0)) inMany++;
  }
  const sizes = [one.bytes, many.bytes];
  const batches = [one.finish(HEADER), many.finish(HEADER)];
  expect(batches.map((bytes) => bytes.length)).toEqual(sizes);
  // A record of a swarm with others is 9 bytes and a little of their head, one by itself 30.
  expect(inOne).toBe(7_140);
  expect(inMany).toBe(2_182);
  const decoder = new BatchDecoder();
  expect([decoder.open(batches[0]), decoder.records]).toEqual([Decoded.ok, inOne]);
  expect([decoder.open(batches[1]), decoder.records]).toEqual([Decoded.ok, inMany]);
});

it('skips records that nobody asks for', () => {
  const decoder = new BatchDecoder();
  decoder.open(sample());
  const downloads: number[] = [];
  while (decoder.nextGroup()) downloads.push(decoder.downloads);
  expect(downloads).toEqual([1, 17, -1]);
});

it('refuses a batch with any one byte flipped', () => {
  const decoder = new BatchDecoder();
  const bytes = sample();
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      bytes[at] ^= mask;
      expect(decoder.open(bytes), `byte ${at}`).not.toBe(Decoded.ok);
      expect(decoder.nextGroup() || decoder.nextRecord()).toBe(false);
      bytes[at] ^= mask;
    }
  }
  expect(decoder.open(bytes)).toBe(Decoded.ok);
});

it('refuses a batch cut off anywhere, also with a length and checksum that fit', () => {
  const decoder = new BatchDecoder();
  const bytes = sample();
  for (let length = 0; length < bytes.length; length++) {
    expect(decoder.open(bytes.subarray(0, length)), `${length} bytes`).not.toBe(Decoded.ok);
    if (length < BATCH_HEAD_BYTES) continue;
    const cut = bytes.slice(0, length);
    sealEnvelope(cut, MessageKind.batch);
    expect(decoder.open(cut), `${length} sealed bytes`).toBe(Decoded.body);
  }
});

it('refuses whole messages that cannot be', () => {
  const decoder = new BatchDecoder();
  const codes = (change: (bytes: Uint8Array) => void) => decoder.open(forge(change));
  expect(codes(() => {})).toBe(Decoded.ok);
  expect(codes((bytes) => writeU32(bytes, 36, 1_000_000_000))).toBe(Decoded.body);
  expect(codes((bytes) => writeU32(bytes, 32, 0))).toBe(Decoded.body);
  expect(codes((bytes) => bytes.fill(0, 16, 24))).toBe(Decoded.body);
  expect(codes((bytes) => bytes.fill(0xff, 24, 32))).toBe(Decoded.body);
  expect(codes((bytes) => bytes.fill(0xff, 48, 56))).toBe(Decoded.body);
  // The second group's head: what the first says is 25 bytes.
  const head = BATCH_HEAD_BYTES + 25 + 20;
  expect(codes((bytes) => bytes.fill(0xff, head, head + 1))).toBe(Decoded.body);
  expect(codes((bytes) => bytes.fill(0x00, head, head + 1))).toBe(Decoded.body);
  expect(codes((bytes) => writeU32(bytes, head + 1, 0x8000_0000))).toBe(Decoded.body);
  for (const bad of [0x03, 0x05, 0x06, 0x0c, 0x20, 0xff]) {
    expect(
      codes((bytes) => bytes.fill(bad, head + 5, head + 6)),
      `flags ${bad}`,
    ).toBe(Decoded.body);
  }
  const other = sample();
  sealEnvelope(other, MessageKind.resent);
  expect(decoder.open(other)).toBe(Decoded.kind);
});

it('refuses another version with a code of its own, whatever follows', () => {
  const decoder = new BatchDecoder();
  const bytes = sample();
  writeU16(bytes, 6, CLUSTER_VERSION + 1);
  expect(decoder.open(bytes)).toBe(Decoded.version);
  bytes.fill(0xaa, 8);
  expect(decoder.open(bytes)).toBe(Decoded.version);
});

it('refuses a message over the largest size', () => {
  const bytes = new Uint8Array(BATCH_BYTES_MAX + 1);
  sealEnvelope(bytes, MessageKind.batch);
  expect(new BatchDecoder().open(bytes)).toBe(Decoded.length);
});

it('never throws, and never reads past its message, for bytes of any kind', () => {
  const decoder = new BatchDecoder();
  const seen = new Set<number>();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (noise, isSealed) => {
      const bytes = new Uint8Array(isSealed ? BATCH_HEAD_BYTES + noise.length : noise.length);
      bytes.set(noise, bytes.length - noise.length);
      if (isSealed) {
        bytes[16] = 1;
        bytes[32] = 1;
        sealEnvelope(bytes, MessageKind.batch);
      }
      const outcome = decoder.open(bytes);
      seen.add(outcome);
      if (outcome !== Decoded.ok) expect(decoder.nextGroup()).toBe(false);
    }),
    { numRuns: 3_000 },
  );
  expect(seen.has(Decoded.foreign) && seen.has(Decoded.body)).toBe(true);
});

it('turns what the store knows of a peer into flags and back', () => {
  for (let kind = 0; kind < 6; kind++) {
    expect(recordKind(recordFlags(kind, false, true, true))).toBe(kind);
    expect(wireBytesOf(recordFlags(kind, false, true, true))).toBe(kind < 2 ? 6 : 18);
    expect(wireBytesOf(recordFlags(kind, true, true, true))).toBe(kind < 2 ? 6 : 18);
  }
  expect(recordFlags(0, false, true, false)).toBe(RecordFlag.seeder);
  expect(recordFlags(3, true, true, true)).toBe(RecordFlag.stopped | RecordFlag.ipv6);
  expect(recordFlags(5, false, true, false)).toBe(RecordFlag.partialSeed | RecordFlag.web);
  expect(recordFlags(4, true, false, true)).toBe(RecordFlag.stopped | RecordFlag.web);
  expect(wireBytesOf(RecordFlag.ipv6 | RecordFlag.web), 'two families').toBe(0);
});
