import { expect, it } from 'vitest';
import { BencodeError, decodeBencode } from '../../src/protocol/bencode/decode.js';
import { encodeBencode } from '../../src/protocol/bencode/encode.js';
import { fuzzInput } from '../support/mutate.js';
import { seededPrng } from '../support/prng.js';

const ROUNDS = 100_000;

const SAMPLES = [
  'd8:completei1e10:incompletei0e8:intervali1800e5:peers12:abcdefghijkl6:peers60:e',
  'd14:failure reason7:go away8:retry in5:nevere',
  'd5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:downloadedi3e10:incompletei2eeee',
  'd5:peersld2:ip9:192.0.2.17:peer id20:bbbbbbbbbbbbbbbbbbbb4:porti6881eeee',
  `${'l'.repeat(32)}i-9007199254740991e${'e'.repeat(32)}`,
].map((text) => Buffer.from(text, 'latin1'));

it(`reads ${ROUNDS} random and mutated inputs, and spells those that it takes the same way`, () => {
  const prng = seededPrng();
  let valid = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = fuzzInput(prng, SAMPLES, 500);
    try {
      const value = decodeBencode(bytes);
      valid++;
      if (!bytes.equals(encodeBencode(value))) expect.fail(`respelt: ${bytes.toString('hex')}`);
    } catch (error) {
      if (!(error instanceof BencodeError)) throw error;
    }
  }
  expect(valid).toBeGreaterThan(0);
  expect(valid).toBeLessThan(ROUNDS);
});
