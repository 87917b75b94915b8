import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decoded, MessageKind, sealEnvelope } from './envelope.js';
import {
  LIST_BLOCK_BYTES_MIN,
  LIST_STAMP_MAX,
  ListBlockEncoder,
  type ListRecord,
  openListBlock,
} from './list-block.js';
import {
  decodeListMessage,
  encodeListEntries,
  encodeListWanted,
  isListMessage,
  LIST_BUCKETS,
  LIST_END,
  LIST_MESSAGE_BLOCK_BYTES,
  LIST_MESSAGE_BYTES_MAX,
  type ListEntriesHead,
  type ListMessage,
  listSender,
} from './list-message.js';

const nodeId = fc
  .tuple(fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 0xffff_ffff }))
  .map((halves) => `n${halves.map((half) => half.toString(16).padStart(8, '0')).join('')}`);
const u32 = fc.nat(0xffff_ffff);
const list = fc.constantFrom('deny' as const, 'allow' as const);
const record: fc.Arbitrary<ListRecord> = fc.record({
  hash: fc.uint8Array({ minLength: 20, maxLength: 20 }),
  // Few of them, so that some entries share what was said.
  stamp: fc.oneof(fc.constantFrom(0, 1, LIST_STAMP_MAX), fc.nat(LIST_STAMP_MAX)),
  by: fc.oneof(fc.constantFrom('', 'n0123456789abcdef'), nodeId),
  present: fc.boolean(),
  expiresSeconds: fc.oneof(fc.constant(0), u32),
  reason: fc.string({ unit: 'grapheme', maxLength: 100 }).map((text) => text.slice(0, 200)),
});
const head: fc.Arbitrary<ListEntriesHead> = fc.record({
  from: nodeId,
  list,
  request: u32,
  isLast: fc.boolean(),
  next: fc.nat(LIST_END),
});
const wanted = fc.record({
  from: nodeId,
  to: nodeId,
  list,
  request: fc.integer({ min: 1, max: 0xffff_ffff }),
  first: fc.nat(LIST_BUCKETS - 1),
  digests: fc
    .integer()
    .map((seed) => Uint32Array.from({ length: 8_192 }, (_, i) => Math.imul(seed + i, 0x9e3779b1))),
});

function encoderOf(records: readonly ListRecord[], bytesMax = LIST_MESSAGE_BLOCK_BYTES) {
  const encoder = new ListBlockEncoder({ bytesMax });
  for (const one of records) expect(encoder.add(one)).toBe(true);
  return encoder;
}

function recordsOf(message: ListMessage | number): ListRecord[] {
  if (typeof message === 'number' || message.kind !== 'entries') throw new Error(`${message}`);
  const found: ListRecord[] = [];
  for (let next = message.entries.next(); next !== undefined; next = message.entries.next()) {
    found.push({ ...next, hash: Uint8Array.from(next.hash) });
  }
  return found;
}

const plain = (text: string) => Buffer.from(text).toString();

describe('a message of entries', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(head, fc.array(record, { maxLength: 50 }), (one, records) => {
        const bytes = encodeListEntries(one, encoderOf(records));
        const message = decodeListMessage(bytes);
        expect(message).toMatchObject({ kind: 'entries', ...one });
        expect(isListMessage(bytes)).toBe(true);
        expect(listSender(bytes)).toBe(one.from);
        // A lone half of a surrogate pair does not survive UTF-8.
        expect(recordsOf(message)).toEqual(
          records.map((each) => ({ ...each, reason: plain(each.reason) })),
        );
      }),
    );
  });

  it('says what is said of many hashes once', () => {
    const { reason, ...said } = fc.sample(record, { numRuns: 1, seed: 3 })[0];
    const records = Array.from({ length: 1_000 }, (_, i) => ({
      ...said,
      reason: 'an order of the court',
      hash: Uint8Array.from({ length: 20 }, (_, j) => i >>> j),
    }));
    const bytes = encodeListEntries(fc.sample(head, 1)[0], encoderOf(records));
    expect(bytes.length).toBeLessThan(1_000 * 22 + 200);
    expect(recordsOf(decodeListMessage(bytes))).toEqual(records);
  });

  it('takes what fits, and goes on in the next', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 100 }), (records) => {
        const encoder = new ListBlockEncoder({ bytesMax: LIST_BLOCK_BYTES_MIN });
        const found: number[] = [];
        for (const one of records) {
          if (encoder.add(one)) continue;
          expect(encoder.count).toBeGreaterThan(0);
          const block = encoder.finish(0);
          expect(block.length).toBeLessThanOrEqual(LIST_BLOCK_BYTES_MIN);
          found.push(openListBlock(block, 0)?.left ?? Number.NaN);
          expect(encoder.add(one)).toBe(true);
        }
        found.push(openListBlock(encoder.finish(0), 0)?.left ?? Number.NaN);
        expect(found.reduce((sum, left) => sum + left)).toBe(records.length);
      }),
    );
  });
});

describe('a question for entries', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(wanted, (one) => {
        const bytes = encodeListWanted(one);
        expect(decodeListMessage(bytes)).toEqual({ kind: 'wanted', ...one });
        expect(isListMessage(bytes)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

describe('what comes from others', () => {
  const entries = encodeListEntries(
    fc.sample(head, { numRuns: 1, seed: 1 })[0],
    encoderOf(fc.sample(record, { numRuns: 5, seed: 1 })),
  );
  const question = encodeListWanted(fc.sample(wanted, { numRuns: 1, seed: 1 })[0]);

  it.each([
    ['entries', entries],
    ['wanted', question],
  ])('%s: is refused when it was cut off anywhere or goes on', (_name, bytes) => {
    const step = bytes === question ? 97 : 1;
    for (let length = 0; length < bytes.length; length += step) {
      expect(typeof decodeListMessage(bytes.subarray(0, length))).toBe('number');
    }
    expect(decodeListMessage(Uint8Array.of(...bytes, 0))).toBe(Decoded.length);
  });

  it.each([
    ['entries', entries],
    ['wanted', question],
  ])('%s: is refused with any byte changed', (_name, bytes) => {
    const step = bytes === question ? 97 : 1;
    for (let at = 0; at < bytes.length; at += step) {
      const changed = Uint8Array.from(bytes);
      changed[at] ^= 0x10;
      expect(typeof decodeListMessage(changed), `byte ${at}`).toBe('number');
    }
  });

  it('never throws, whatever stands under a good checksum', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(MessageKind.listEntries, MessageKind.listWanted, MessageKind.batch),
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.tuple(fc.nat(entries.length - 17), fc.nat(255)), { maxLength: 4 }),
        (kind, rubbish, changes) => {
          const bytes = Uint8Array.of(...new Uint8Array(16), ...rubbish);
          sealEnvelope(bytes, kind);
          decodeListMessage(bytes);
          const changed = Uint8Array.from(entries);
          for (const [at, value] of changes) changed[16 + at] = value;
          sealEnvelope(changed, MessageKind.listEntries);
          const message = decodeListMessage(changed);
          if (typeof message !== 'number') recordsOf(message);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('is refused above the largest size, and JSON is none of ours', () => {
    const bytes = new Uint8Array(LIST_MESSAGE_BYTES_MAX + 1);
    sealEnvelope(bytes, MessageKind.listEntries);
    expect(decodeListMessage(bytes)).toBe(Decoded.length);
    expect(isListMessage(Buffer.from('{"version":1,"type":"settings"}'))).toBe(false);
    expect(isListMessage(new Uint8Array())).toBe(false);
    expect(listSender(new Uint8Array(20))).toBe('');
  });
});
