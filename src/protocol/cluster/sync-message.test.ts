import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeSync,
  encodeEntries,
  encodeSync,
  SYNC_BYTES_MAX,
  type SyncBody,
} from './sync-message.js';

const A = `n${'a'.repeat(16)}`;
const bodies: fc.Arbitrary<SyncBody> = fc.oneof(
  fc.record({ type: fc.constant('entries' as const), entries: fc.array(fc.jsonValue()) }),
  fc.record({
    type: fc.constant('root' as const),
    root: fc.constantFrom('0123456789abcdef', 'f'.repeat(16)),
    wallMs: fc.maxSafeNat(),
  }),
  fc.record({
    type: fc.constant('digests' as const),
    digests: fc
      .uint8Array({ minLength: 2_048, maxLength: 2_048 })
      .map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({
    type: fc.constant('wanted' as const),
    buckets: fc.array(fc.nat(255), { maxLength: 256 }),
  }),
);

describe('what minders tell each other', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const read = decodeSync(encodeSync(A, body));
        expect(JSON.stringify(read)).toBe(JSON.stringify({ version: 1, from: A, ...body }));
      }),
    );
  });

  it('is refused when it is anything else, without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeSync(bytes)).toBeUndefined();
      }),
    );
    const root = { version: 1, from: A, type: 'root', root: '0'.repeat(16), wallMs: 1 };
    expect(decodeSync(Buffer.from(JSON.stringify(root)))).toEqual(root);
    for (const wrong of [
      { version: 2 },
      { from: 'x' },
      { type: 'other' },
      { root: 'x' },
      { wallMs: -1 },
      { type: 'digests', digests: 'AAAA' },
      { type: 'wanted', buckets: [256] },
      { type: 'entries', entries: 7 },
      { padding: 'x'.repeat(SYNC_BYTES_MAX) },
    ]) {
      expect(decodeSync(Buffer.from(JSON.stringify({ ...root, ...wrong })))).toBeUndefined();
    }
    // What a later version may add.
    expect(decodeSync(Buffer.from(JSON.stringify({ ...root, more: 1 })))).toEqual(root);
  });

  it('cut short anywhere is refused', () => {
    const whole = encodeSync(A, { type: 'wanted', buckets: [1, 2, 3] });
    for (let end = 0; end < whole.length; end++) {
      expect(decodeSync(whole.subarray(0, end))).toBeUndefined();
    }
  });

  it('is as many messages as the entries need, each within its bound', () => {
    const edge = SYNC_BYTES_MAX / 2;
    const size = fc.oneof(
      fc.integer({ min: 1, max: 150_000 }),
      fc.integer({ min: edge - 120, max: edge }),
    );
    const sizes = fc.array(size, { maxLength: 12 });
    const fits = (entry: unknown): boolean =>
      encodeSync(A, { type: 'entries', entries: [entry] }).length < SYNC_BYTES_MAX;
    fc.assert(
      fc.property(sizes, (lengths) => {
        const entries = lengths.map((length, i) => ({ i, text: 'é'.repeat(length) }));
        const messages = encodeEntries(A, entries);
        const read = messages.flatMap((message) => {
          expect(message.length).toBeLessThanOrEqual(SYNC_BYTES_MAX);
          const decoded = decodeSync(message);
          return decoded?.type === 'entries' ? decoded.entries : [];
        });
        expect(read).toEqual(entries.filter(fits));
      }),
      { numRuns: 30 },
    );
    expect(
      encodeEntries(
        A,
        Array.from({ length: 10_000 }, () => 1),
      ).length,
    ).toBe(3);
  });
});
