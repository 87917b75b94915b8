import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readBinaryText } from '../webtorrent/binary-text.js';
import { SESSION_BYTES_MAX } from '../webtorrent/session-text.js';
import { Decoded, MessageKind, sealEnvelope } from './envelope.js';
import {
  checkSignal,
  decodeSignal,
  encodeSignal,
  SIGNAL_BYTES_MAX,
  SIGNAL_FROM,
  type Signal,
  signalSender,
  signalSubject,
} from './signal.js';

const bytesOf = (length: number) =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((bytes) => readBinaryText(bytes, 0, length));
const wire = bytesOf(16).map((text) => `${text}\0\0`);
const signal: fc.Arbitrary<Signal> = fc.record({
  what: fc.constantFrom('offer' as const, 'answer' as const),
  infoHash: bytesOf(20),
  from: wire,
  to: wire,
  peerId: bytesOf(20),
  offerId: bytesOf(20),
  text: fc.string({ minLength: 1, unit: 'grapheme' }).map((text) => JSON.stringify(text)),
});

it('is read as it was written', () => {
  fc.assert(
    fc.property(signal, (written) => {
      const bytes = encodeSignal(written);
      expect(checkSignal(bytes)).toBe(Decoded.ok);
      expect(decodeSignal(bytes)).toEqual(written);
    }),
  );
});

const SAMPLE: Signal = {
  what: 'answer',
  infoHash: 'h'.repeat(20),
  from: `${'f'.repeat(16)}\0\0`,
  to: `${'t'.repeat(16)}\0\0`,
  peerId: 'p'.repeat(20),
  offerId: 'o'.repeat(20),
  text: '{}',
};

it('lies as the picture says', () => {
  const bytes = encodeSignal(SAMPLE);
  expect(bytes.length).toBe(118);
  expect(bytes[16]).toBe(2);
  expect(Buffer.from(bytes.subarray(20)).toString('latin1')).toBe(
    `${'h'.repeat(20)}${'f'.repeat(16)}\0\0${'t'.repeat(16)}\0\0${'p'.repeat(20)}${'o'.repeat(20)}{}`,
  );
});

it('is refused at every shorter length, and when it is too long', () => {
  const bytes = encodeSignal(SAMPLE);
  for (let length = 0; length < bytes.length; length++) {
    const cut = bytes.slice(0, length);
    expect(checkSignal(cut)).not.toBe(Decoded.ok);
    if (length < 16) continue;
    // As a bug of ours would send it: whole by its own account.
    sealEnvelope(cut, MessageKind.signal);
    expect(checkSignal(cut)).toBe(length <= 116 ? Decoded.length : Decoded.ok);
  }
  const long = encodeSignal({ ...SAMPLE, text: 'x'.repeat(SESSION_BYTES_MAX) });
  expect(long.length).toBe(SIGNAL_BYTES_MAX);
  expect(checkSignal(long)).toBe(Decoded.ok);
  const longer = encodeSignal({ ...SAMPLE, text: 'x'.repeat(SESSION_BYTES_MAX + 1) });
  expect(checkSignal(longer)).toBe(Decoded.length);
});

it.each([
  ['of another kind', MessageKind.batch, 16, 1, Decoded.kind],
  ['that is neither offer nor answer', MessageKind.signal, 16, 3, Decoded.body],
  ['with spare bytes set', MessageKind.signal, 18, 1, Decoded.body],
  ['from no web peer', MessageKind.signal, SIGNAL_FROM + 17, 1, Decoded.body],
])('is refused %s', (_, kind, at, value, expected) => {
  const bytes = encodeSignal(SAMPLE);
  bytes[at] = value;
  sealEnvelope(bytes, kind);
  expect(checkSignal(bytes)).toBe(expected);
});

it('travels on a subject that names both nodes', () => {
  const [to, from] = ['n0000000000000001', 'n0000000000000002'];
  expect(signalSubject(to, from)).toBe(`sig.${to}.${from}`);
  expect(signalSender(signalSubject(to, from))).toBe(from);
  for (const subject of [`rep.${to}.${from}`, `sig.${to}`, `sig.${to}.x`, `sig.${to}.${from}.x`]) {
    expect(signalSender(subject)).toBeUndefined();
  }
});
