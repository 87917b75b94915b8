import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ClusterSettings,
  CONTROL_BYTES_MAX,
  decodeControlRequest,
  decodeSettings,
  encodeControl,
  MINDERS_MAX,
  REVOKED_MAX,
} from './control.js';

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const nodeIds = hex(16).map((digits) => `n${digits}`);
const settings: fc.Arbitrary<ClusterSettings> = fc.record({
  version: fc.constant(1 as const),
  type: fc.constant('settings' as const),
  revision: fc.maxSafeNat(),
  minder: nodeIds,
  keyRing: fc.record({
    generation: fc.integer({ min: 1 }),
    previous: hex(32),
    current: hex(32),
    next: hex(32),
  }),
  revoked: fc.array(nodeIds, { maxLength: 5 }),
  minders: fc.array(
    fc.record({ id: nodeIds, urls: fc.array(fc.webUrl()), bus: fc.array(fc.webUrl()) }),
    { maxLength: 3 },
  ),
});

describe('settings', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(settings, (message) => {
        expect(decodeSettings(encodeControl(message))).toEqual(message);
      }),
    );
  });

  it('fit their bound with the longest list of revoked nodes', () => {
    const [message] = fc.sample(settings, 1);
    const revoked = Array.from({ length: REVOKED_MAX }, () => `n${'f'.repeat(16)}`);
    expect(encodeControl({ ...message, revoked, minders: [] }).length).toBeLessThan(
      CONTROL_BYTES_MAX,
    );
  });

  it('are dropped when anything in them is out of bounds', () => {
    const [message] = fc.sample(settings, 1);
    const bad: unknown[] = [
      { ...message, version: 2 },
      { ...message, type: 'settings_wanted' },
      { ...message, revision: -1 },
      { ...message, minder: 'n1' },
      { ...message, keyRing: { ...message.keyRing, next: 'zz' } },
      { ...message, revoked: Array.from({ length: REVOKED_MAX + 1 }, () => message.minder) },
      { ...message, minders: Array.from({ length: MINDERS_MAX + 1 }, () => message.minders[0]) },
      null,
      [],
      7,
    ];
    for (const value of bad) {
      expect(decodeSettings(Buffer.from(JSON.stringify(value)))).toBeUndefined();
    }
  });

  it('are dropped when they are rubbish, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeSettings(bytes)).toBeUndefined();
        expect(decodeControlRequest(bytes)).toBeUndefined();
      }),
    );
    expect(decodeSettings(new Uint8Array(CONTROL_BYTES_MAX + 1).fill(0x20))).toBeUndefined();
  });
});
