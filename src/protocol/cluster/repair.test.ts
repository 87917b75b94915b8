import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CLUSTER_VERSION,
  Decoded,
  MESSAGE_BYTES_MAX,
  MessageKind,
  sealEnvelope,
} from './envelope.js';
import { writeU16 } from './fields.js';
import {
  CELL_MAP_BYTES,
  CELLS,
  CREDITS_MAX,
  decodeRepair,
  encodeBusy,
  encodeCancel,
  encodeCells,
  encodeCellsWanted,
  encodeCredit,
  encodeGone,
  encodeResend,
  encodeResent,
  encodeWalk,
  RETRY_MS_MAX,
  type RepairMessage,
} from './repair.js';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const range = fc
  .tuple(fc.maxSafeNat(), fc.integer({ min: 1, max: 0xffff_ffff }), u32)
  .map(([epoch, first, more]) => ({ epoch, first, last: Math.min(0xffff_ffff, first + more) }));
const words = (length: number) =>
  fc
    .integer()
    .map((seed) => Int32Array.from({ length }, (_, i) => Math.imul(seed + i, 0x9e3779b1)));

const MESSAGES: Record<string, fc.Arbitrary<[RepairMessage, Uint8Array]>> = {
  resend: range.map((one) => [{ kind: 'resend', ...one }, encodeResend(one)]),
  gone: range.map((one) => [{ kind: 'gone', ...one }, encodeGone(one)]),
  resent: fc
    .uint8Array({ maxLength: 500 })
    .map((batch) => [{ kind: 'resent', batch }, encodeResent(batch)]),
  walk: fc
    .record({
      walkId: u32,
      credits: fc.nat(CREDITS_MAX),
      since: fc.option(fc.integer(), { nil: undefined }),
      ownOnly: fc.boolean(),
      webOnly: fc.boolean(),
      cells: words(CELL_MAP_BYTES).map((cells) => Uint8Array.from(cells)),
    })
    .map((one) => [{ kind: 'walk', ...one }, encodeWalk(one)]),
  credit: fc
    .tuple(u32, fc.nat(CREDITS_MAX))
    .map(([walkId, credits]) => [
      { kind: 'credit', walkId, credits },
      encodeCredit(walkId, credits),
    ]),
  busy: fc
    .tuple(u32, fc.nat(RETRY_MS_MAX))
    .map(([walkId, retryMs]) => [{ kind: 'busy', walkId, retryMs }, encodeBusy(walkId, retryMs)]),
  cancel: u32.map((walkId) => [{ kind: 'cancel', walkId }, encodeCancel(walkId)]),
  cellsWanted: u32.map((requestId) => [
    { kind: 'cellsWanted', requestId },
    encodeCellsWanted(requestId),
  ]),
  cells: fc
    .tuple(u32, words(2 * CELLS))
    .map(([requestId, cells]) => [
      { kind: 'cells', requestId, cells },
      encodeCells(requestId, cells),
    ]),
};

describe.each(Object.entries(MESSAGES))('%s', (name, message) => {
  const [, bytes] = fc.sample(message, { numRuns: 1, seed: 5 })[0];

  it('is read as it was written, and fits a message', () => {
    const numRuns = name === 'cells' ? 10 : 100;
    fc.assert(
      fc.property(message, ([said, bytes]) => {
        expect(bytes.length).toBeLessThanOrEqual(MESSAGE_BYTES_MAX);
        expect(decodeRepair(bytes)).toEqual(said);
      }),
      { numRuns },
    );
  });

  it('is refused with any one byte flipped', () => {
    // A message of cells is long; any prime step meets all its kinds of bytes.
    const step = bytes.length > 2_000 ? 97 : 1;
    for (let at = 0; at < bytes.length; at += at < 64 ? 1 : step) {
      bytes[at] ^= 0x10;
      expect(typeof decodeRepair(bytes), `byte ${at}`).toBe('number');
      bytes[at] ^= 0x10;
    }
    expect(typeof decodeRepair(bytes)).toBe('object');
  });

  it('is refused when cut off, also with a length and checksum that fit', () => {
    const step = bytes.length > 2_000 ? 97 : 1;
    for (let length = 0; length < bytes.length; length += length < 64 ? 1 : step) {
      expect(typeof decodeRepair(bytes.subarray(0, length)), `${length} bytes`).toBe('number');
      // How long what is sent again was, only itself can tell.
      if (length < 16 || name === 'resent') continue;
      const cut = bytes.slice(0, length);
      sealEnvelope(cut, bytes[4] as MessageKind);
      expect(decodeRepair(cut), `${length} sealed bytes`).toBe(Decoded.length);
    }
  });

  it('is refused in another version', () => {
    const other = bytes.slice();
    writeU16(other, 6, CLUSTER_VERSION + 1);
    expect(decodeRepair(other)).toBe(Decoded.version);
  });
});

function forge(bytes: Uint8Array, change: (bytes: Uint8Array) => void) {
  change(bytes);
  sealEnvelope(bytes, bytes[4] as MessageKind);
  return decodeRepair(bytes);
}

it('refuses numbers that cannot be', () => {
  const walk = { walkId: 1, credits: 1, since: undefined, ownOnly: false, webOnly: false };
  const cells = new Uint8Array(CELL_MAP_BYTES);
  const resend = () => encodeResend({ epoch: 1, first: 5, last: 5 });
  expect(forge(resend(), (bytes) => bytes.fill(0, 24, 28))).toBe(Decoded.body);
  expect(forge(resend(), (bytes) => bytes.fill(4, 28, 29))).toBe(Decoded.body);
  expect(forge(resend(), (bytes) => bytes.fill(0xff, 16, 24))).toBe(Decoded.body);
  expect(forge(encodeWalk({ ...walk, cells }), (bytes) => bytes.fill(0xff, 20, 22))).toBe(
    Decoded.body,
  );
  expect(forge(encodeWalk({ ...walk, cells }), (bytes) => bytes.fill(8, 22, 23))).toBe(
    Decoded.body,
  );
  expect(forge(encodeWalk({ ...walk, cells }), (bytes) => bytes.fill(1, 24, 25))).toBe(
    Decoded.body,
  );
  expect(forge(encodeCredit(1, 1), (bytes) => bytes.fill(0xff, 20, 22))).toBe(Decoded.body);
  expect(forge(encodeBusy(1, 1), (bytes) => bytes.fill(0xff, 20, 24))).toBe(Decoded.body);
});

it('leaves entries to their decoder and refuses kinds that it does not know', () => {
  const bytes = new Uint8Array(20);
  const kinds = Array.from({ length: 256 }, (_, kind) => {
    sealEnvelope(bytes, kind as MessageKind);
    return decodeRepair(bytes);
  });
  for (const kind of [MessageKind.chunk, MessageKind.words, MessageKind.stops]) {
    expect(kinds[kind]).toEqual({ kind: 'entries' });
  }
  expect(kinds[0]).toBe(Decoded.kind);
  expect(kinds[MessageKind.batch]).toBe(Decoded.kind);
  expect(new Set(kinds.slice(14))).toEqual(new Set([Decoded.kind]));
});

it('never throws for bytes of any kind', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(255), (noise, kind) => {
      decodeRepair(noise);
      const bytes = new Uint8Array(16 + noise.length);
      bytes.set(noise, 16);
      sealEnvelope(bytes, kind as MessageKind);
      decodeRepair(bytes);
    }),
    { numRuns: 2_000 },
  );
});
