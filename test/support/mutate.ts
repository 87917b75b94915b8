/** Inputs for fuzzing: noise, and valid samples with a few things wrong. */
import type { Prng } from './prng.js';

/** Values that sit on edges of integer fields. */
const EDGES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/** Noise of up to `lengthMax` bytes, or a mutated sample, cut to that length. */
export function fuzzInput(prng: Prng, samples: readonly Uint8Array[], lengthMax: number): Buffer {
  if (prng.below(8) === 0) return prng.bytes(prng.below(lengthMax + 1));
  let bytes = Buffer.from(prng.pick(samples));
  const rounds = prng.below(5);
  for (let i = 0; i < rounds; i++) bytes = mutate(prng, bytes, samples);
  return bytes.subarray(0, lengthMax);
}

function mutate(prng: Prng, bytes: Buffer, samples: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const copy = Buffer.from(bytes);
  const at = prng.below(copy.length + 1);
  switch (prng.below(6)) {
    case 0:
      if (at < copy.length) copy[at] ^= 1 << prng.below(8);
      return copy;
    case 1:
      copy.fill(prng.pick(EDGES), at, Math.min(copy.length, at + 1 + prng.below(8)));
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy.subarray(0, at), prng.bytes(prng.below(20)), copy.subarray(at)]);
    case 4:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + prng.below(12))]);
    default: {
      const other = Buffer.from(prng.pick(samples));
      return Buffer.concat([copy.subarray(0, at), other.subarray(prng.below(other.length + 1))]);
    }
  }
}
