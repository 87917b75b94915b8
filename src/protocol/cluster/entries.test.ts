import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  ENTRIES_HEAD_BYTES,
  ENTRY_ORIGINS_MAX,
  EntriesDecoder,
  type EntriesKind,
  isEntriesKind,
} from './entries.js';
import { EntriesEncoder } from './entries-encoder.js';
import {
  CLUSTER_VERSION,
  Decoded,
  MESSAGE_BYTES_MAX,
  MessageKind,
  sealEnvelope,
} from './envelope.js';
import { RecordFlag, wireBytesOf, writeU16, writeU32 } from './fields.js';
import { NO_NODE } from './node-id.js';

const OTHER_SLOT = 4_095;
const idOf = (slot: number) =>
  slot === OTHER_SLOT ? NO_NODE : `n${(slot + 1).toString(16).padStart(16, '0')}`;
const HEADER = { kind: MessageKind.chunk, walkId: 77, number: 3, isLast: false } as const;

interface Entry {
  swarm: number;
  /** Absent in a count of downloads. */
  flags?: number;
  slot: number;
  stamp: number;
  age: number;
  peer: number;
}

const infoHash = (swarm: number) => Int32Array.of(1, 2, -3, 0x7fffffff, swarm);

function wire(peer: number): Uint16Array {
  const words = new Uint16Array(9);
  for (let i = 0; i < 9; i++) words[i] = peer * (i + 1);
  return words;
}

const flags = fc
  .integer({ min: 0, max: 63 })
  .filter((value) => wireBytesOf(value) > 0 && (value & RecordFlag.stopped) === 0);

const entry: fc.Arbitrary<Entry> = fc.record(
  {
    swarm: fc.nat(3),
    flags,
    slot: fc.oneof(fc.nat(3), fc.constantFrom(4_094, OTHER_SLOT)),
    stamp: fc.integer(),
    age: fc.nat(0xffff),
    peer: fc.nat(0xffff),
  },
  { requiredKeys: ['swarm', 'slot', 'stamp', 'age', 'peer'] },
);

function add(encoder: EntriesEncoder, { flags, slot, stamp, age, peer }: Entry): boolean {
  if (flags === undefined) return encoder.addDownloads(slot, age);
  return encoder.addRecord(flags, slot, stamp, age, wire(peer), 0);
}

/** Encodes entries in as many messages as it takes. */
function encode(entries: readonly Entry[], bytesMax?: number): Uint8Array[] {
  const encoder = new EntriesEncoder(bytesMax === undefined ? {} : { bytesMax }, { idOf });
  const messages: Uint8Array[] = [];
  const finish = (isLast: boolean) => {
    const size = encoder.bytes;
    messages.push(encoder.finish({ ...HEADER, number: messages.length, isLast }));
    expect(messages.at(-1)).toHaveLength(size);
    expect(encoder.isEmpty).toBe(true);
  };
  for (const one of entries) {
    encoder.beginGroup(infoHash(one.swarm), 0);
    if (add(encoder, one)) continue;
    finish(false);
    expect(add(encoder, one)).toBe(true);
  }
  finish(true);
  return messages;
}

/** All that messages say, one line an entry. */
function decode(messages: readonly Uint8Array[]): string[] {
  const decoder = new EntriesDecoder();
  const lines: string[] = [];
  messages.forEach((bytes, number) => {
    expect(decoder.open(bytes)).toBe(Decoded.ok);
    expect([decoder.kind, decoder.walkId, decoder.number, decoder.isLast]).toEqual([
      MessageKind.chunk,
      77,
      number,
      number === messages.length - 1,
    ]);
    let records = 0;
    while (decoder.nextGroup()) {
      const swarm = decoder.infoHash[4];
      expect(decoder.infoHash).toEqual(infoHash(swarm));
      while (decoder.nextDownloads()) {
        lines.push(`${swarm} ${decoder.origins[decoder.origin]} ${decoder.downloads}`);
      }
      while (decoder.nextRecord()) {
        records++;
        const { flags, stamp, ageSeconds } = decoder;
        const peer = decoder.wire.slice(0, wireBytesOf(flags) >>> 1);
        const id = decoder.origins[decoder.origin];
        lines.push(`${swarm} ${id} ${flags} ${stamp} ${ageSeconds} ${peer}`);
      }
    }
    expect(decoder.records).toBe(records);
  });
  return lines;
}

function lineOf({ swarm, flags, slot, stamp, age, peer }: Entry): string {
  if (flags === undefined) return `${swarm} ${idOf(slot)} ${age}`;
  const words = wire(peer).slice(0, wireBytesOf(flags) >>> 1);
  return `${swarm} ${idOf(slot)} ${flags} ${stamp} ${age} ${words}`;
}

function sample(kind: EntriesKind = MessageKind.chunk): Uint8Array {
  const encoder = new EntriesEncoder({}, { idOf });
  const stop = kind === MessageKind.stops ? RecordFlag.stopped : 0;
  encoder.beginGroup(infoHash(1), 0);
  encoder.addDownloads(0, 17);
  encoder.addDownloads(4, 1);
  encoder.addRecord(stop || RecordFlag.seeder, 4, 1_000, 60, wire(1), 0);
  encoder.addRecord(stop | RecordFlag.ipv6, 0, -1, 1_800, wire(2), 0);
  encoder.beginGroup(infoHash(2), 0);
  encoder.addRecord(stop, OTHER_SLOT, 5, 0, wire(3), 0);
  return encoder.finish({ ...HEADER, kind });
}

/** The same bytes with some changed and the checksum made right again. */
function forge(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = sample();
  change(bytes);
  sealEnvelope(bytes, MessageKind.chunk);
  return bytes;
}

it('says in one message or in many what it was told, in that order', () => {
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 200 }),
      fc.option(fc.integer({ min: 256, max: 600 }), { nil: undefined }),
      (entries, bytesMax) => {
        const messages = encode(entries, bytesMax);
        for (const { length } of messages) {
          expect(length).toBeLessThanOrEqual(bytesMax ?? MESSAGE_BYTES_MAX);
        }
        expect(decode(messages)).toEqual(entries.map(lineOf));
      },
    ),
  );
});

it('goes on in the same swarm after a message was finished', () => {
  const encoder = new EntriesEncoder({}, { idOf });
  encoder.beginGroup(infoHash(9), 0);
  encoder.addRecord(0, 1, 0, 0, wire(1), 0);
  encoder.finish(HEADER);
  encoder.addRecord(0, 1, 0, 0, wire(2), 0);
  const decoder = new EntriesDecoder();
  decoder.open(encoder.finish(HEADER));
  expect([decoder.nextGroup(), decoder.infoHash[4], decoder.nextRecord()]).toEqual([true, 9, true]);
});

it('names up to 255 origins in a message, and asks for another one then', () => {
  const encoder = new EntriesEncoder({}, { idOf });
  encoder.beginGroup(infoHash(1), 0);
  for (let slot = 0; slot < ENTRY_ORIGINS_MAX; slot++) {
    expect(encoder.addRecord(0, slot, 0, 0, wire(slot), 0)).toBe(true);
  }
  expect(encoder.addRecord(0, 300, 0, 0, wire(300), 0)).toBe(false);
  expect(encoder.addDownloads(300, 1)).toBe(false);
  expect(encoder.addRecord(0, 7, 0, 0, wire(301), 0)).toBe(true);
  const decoder = new EntriesDecoder();
  expect(decoder.open(encoder.finish(HEADER))).toBe(Decoded.ok);
  expect(decoder.origins).toEqual(Array.from({ length: 255 }, (_, slot) => idOf(slot)));
});

it('tells an age that is too large as the largest', () => {
  const encoder = new EntriesEncoder({}, { idOf });
  encoder.addRecord(0, 0, 0, 1e6, wire(1), 0);
  const decoder = new EntriesDecoder();
  decoder.open(encoder.finish(HEADER));
  decoder.nextGroup();
  decoder.nextRecord();
  expect(decoder.ageSeconds).toBe(0xffff);
});

it('holds stops in messages of stops alone, and nothing else in those', () => {
  const decoder = new EntriesDecoder();
  expect(decoder.open(sample(MessageKind.stops))).toBe(Decoded.ok);
  expect(decoder.kind).toBe(MessageKind.stops);
  const chunk = sample(MessageKind.chunk);
  const stops = sample(MessageKind.stops);
  sealEnvelope(chunk, MessageKind.stops);
  sealEnvelope(stops, MessageKind.words);
  expect([decoder.open(chunk), decoder.open(stops)]).toEqual([Decoded.body, Decoded.body]);
});

it('skips what nobody asks for', () => {
  const decoder = new EntriesDecoder();
  decoder.open(sample());
  const swarms: number[] = [];
  while (decoder.nextGroup()) swarms.push(decoder.infoHash[4]);
  expect(swarms).toEqual([1, 2]);
  decoder.open(sample());
  decoder.nextGroup();
  expect([decoder.nextRecord(), decoder.stamp, decoder.nextDownloads()]).toEqual([
    true,
    1_000,
    false,
  ]);
});

it('refuses a message with any one byte flipped', () => {
  const decoder = new EntriesDecoder();
  const bytes = sample();
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      bytes[at] ^= mask;
      expect(decoder.open(bytes), `byte ${at}`).not.toBe(Decoded.ok);
      expect(decoder.nextGroup() || decoder.nextDownloads() || decoder.nextRecord()).toBe(false);
      bytes[at] ^= mask;
    }
  }
  expect(decoder.open(bytes)).toBe(Decoded.ok);
});

it('refuses a message cut off anywhere, also with a length and checksum that fit', () => {
  const decoder = new EntriesDecoder();
  const bytes = sample();
  for (let length = 0; length < bytes.length; length++) {
    expect(decoder.open(bytes.subarray(0, length)), `${length} bytes`).not.toBe(Decoded.ok);
    if (length < 16) continue;
    const cut = bytes.slice(0, length);
    sealEnvelope(cut, MessageKind.chunk);
    expect(decoder.open(cut), `${length} sealed bytes`).not.toBe(Decoded.ok);
  }
});

it('refuses whole messages that cannot be', () => {
  const decoder = new EntriesDecoder();
  const code = (at: number, value: number) =>
    decoder.open(forge((bytes) => bytes.fill(value, at, at + 1)));
  const groups = ENTRIES_HEAD_BYTES + 3 * 8;
  const counts = groups + 20 + 3;
  const records = counts + 2 * 5;
  expect(decoder.open(forge(() => {}))).toBe(Decoded.ok);
  expect(decoder.open(forge((bytes) => writeU32(bytes, 24, 1_000_000_000)))).toBe(Decoded.body);
  expect([code(28, 2), code(29, 2), code(29, 255), code(30, 1)]).toEqual(
    Array(4).fill(Decoded.body),
  );
  expect([code(groups + 20, 3), code(groups + 21, 1)]).toEqual(Array(2).fill(Decoded.body));
  expect([code(groups + 22, 3), code(groups + 22, 255)]).toEqual(Array(2).fill(Decoded.body));
  // An origin that is not in the table, and a count that no store could hold.
  expect([code(counts, 3), code(counts + 4, 0x80)]).toEqual(Array(2).fill(Decoded.body));
  expect([code(records, 0x03), code(records, RecordFlag.stopped), code(records + 1, 3)]).toEqual(
    Array(3).fill(Decoded.body),
  );
  const batch = sample();
  sealEnvelope(batch, MessageKind.batch);
  expect(decoder.open(batch)).toBe(Decoded.kind);
});

it('refuses another version with a code of its own', () => {
  const bytes = sample();
  writeU16(bytes, 6, CLUSTER_VERSION + 1);
  expect(new EntriesDecoder().open(bytes)).toBe(Decoded.version);
});

it('never throws for bytes of any kind', () => {
  const decoder = new EntriesDecoder();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(255), (noise, kind) => {
      const bytes = new Uint8Array(16 + noise.length);
      bytes.set(noise, 16);
      sealEnvelope(bytes, kind as EntriesKind);
      const outcome = decoder.open(bytes);
      if (!isEntriesKind(kind)) expect(outcome).toBe(Decoded.kind);
      if (outcome !== Decoded.ok) expect(decoder.nextGroup()).toBe(false);
    }),
    { numRuns: 3_000 },
  );
});
