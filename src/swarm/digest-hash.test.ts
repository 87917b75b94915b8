import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DigestHash } from './digest-hash.js';

/** HalfSipHash-c-d with 64 bits out, as the paper's reference code has it, byte by byte. */
function reference(
  [k0, k1]: readonly [number, number],
  bytes: Uint8Array,
  [c, d]: readonly [number, number],
): [low: number, high: number] {
  const rotate = (x: number, n: number) => (x << n) | (x >>> (32 - n));
  let [v0, v1, v2, v3] = [k0, k1 ^ 0xee, 0x6c796765 ^ k0, 0x74656462 ^ k1];
  const rounds = (count: number) => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) | 0;
      v1 = rotate(v1, 5) ^ v0;
      v0 = rotate(v0, 16);
      v2 = (v2 + v3) | 0;
      v3 = rotate(v3, 8) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = rotate(v3, 7) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = rotate(v1, 13) ^ v2;
      v2 = rotate(v2, 16);
    }
  };
  const whole = bytes.length & ~3;
  let last = bytes.length << 24;
  for (let i = whole; i < bytes.length; i++) last |= bytes[i] << (8 * (i - whole));
  for (let at = 0; at <= whole; at += 4) {
    const m =
      at === whole
        ? last
        : bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    v3 ^= m;
    rounds(c);
    v0 ^= m;
  }
  v2 ^= 0xee;
  rounds(d);
  const low = v1 ^ v3;
  v1 ^= 0xdd;
  rounds(d);
  return [low, v1 ^ v3];
}

const KEY = Int32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c);
const words = (bytes: Uint8Array) => new Int32Array(bytes.slice().buffer);

describe('digest hashes', () => {
  it('are checked against a reference that agrees with the published vectors', () => {
    // vectors.h of the authors, HalfSipHash-2-4, 64 bits, messages of 0 and 3 bytes.
    const hex = (bytes: Uint8Array) =>
      Buffer.from(Int32Array.from(reference([KEY[0], KEY[1]], bytes, [2, 4])).buffer).toString(
        'hex',
      );
    expect(hex(new Uint8Array(0))).toBe('218d1f59b9b83cc8');
  });

  it('are HalfSipHash-1-3 of the info hash, then of swarm, wire and tag', () => {
    const hash = new DigestHash(KEY);
    const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(
        bytesOf(20),
        bytesOf(18),
        fc.boolean(),
        fc.nat(255),
        (infoHash, wire, v4, tag) => {
          const [swarmLow, swarmHigh] = reference([KEY[0], KEY[1]], infoHash, [1, 3]);
          hash.swarm(words(infoHash), 0);
          expect([hash.swarmLow, hash.swarmHigh]).toEqual([swarmLow, swarmHigh]);
          const length = v4 ? 6 : 18;
          const message = new Uint8Array(8 + length + 1);
          new Int32Array(message.buffer, 0, 2).set([swarmLow, swarmHigh]);
          message.set(wire.subarray(0, length), 8);
          message[8 + length] = tag;
          hash.peer(new Uint16Array(wire.slice().buffer), 0, length / 2, tag);
          const expected = reference([KEY[2], KEY[3]], message, [1, 3]);
          expect([hash.low, hash.high]).toEqual(expected);
        },
      ),
    );
  });

  it('take the swarm that was asked for, also after the same and after another one', () => {
    const hash = new DigestHash(KEY);
    const swarms = Int32Array.of(1, 2, 3, 4, 5, 1, 2, 3, 4, 6);
    hash.swarm(swarms, 0);
    const first = [hash.swarmLow, hash.swarmHigh, hash.cell];
    hash.swarm(swarms, 5);
    expect([hash.swarmLow, hash.swarmHigh, hash.cell]).not.toEqual(first);
    hash.swarm(swarms, 0);
    hash.swarm(swarms, 0);
    expect([hash.swarmLow, hash.swarmHigh, hash.cell]).toEqual(first);
  });
});
