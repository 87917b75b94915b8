import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../lib/endpoint.js';
import { testSeed } from '../../lib/prng.js';
import { parseAddressText } from './address-text.js';

function parse(text: string): string | undefined {
  const bytes = Buffer.from(`<${text}>`, 'latin1');
  const endpoint = new Endpoint();
  return parseAddressText(bytes, 1, bytes.length - 1, endpoint) ? `${endpoint}` : undefined;
}

/** What the string parser of `Endpoint` makes of the same text. */
function reference(text: string): string | undefined {
  const endpoint = new Endpoint();
  if (!endpoint.setAddressText(text)) return undefined;
  endpoint.setPort(0);
  return `${endpoint}`;
}

describe('parseAddressText', () => {
  it('takes addresses with and without brackets, zone and port', () => {
    expect(parse('1.2.3.4')).toBe('1.2.3.4:0');
    expect(parse('1.2.3.4:65535')).toBe('1.2.3.4:0');
    expect(parse('[::1]')).toBe('[::1]:0');
    expect(parse('[::1]:80')).toBe('[::1]:0');
    expect(parse('fe80::1%eth0')).toBe('[fe80::1]:0');
    expect(parse('[fe80::1%eth0]:1')).toBe('[fe80::1]:0');
    expect(parse('::ffff:1.2.3.4')).toBe('1.2.3.4:0');
  });

  it('refuses what only looks like one', () => {
    const wrong = ['', '[', '[]', '[::1', '[::1]x', '[::1]:', '1.2.3.4:', '1.2.3.4:123456'];
    wrong.push('1.2.3.4:x', '256.1.1.1', '01.1.1.1', '1.1.1', '1.1.1.1.1', ':::', '1::2::3');
    wrong.push('1:2:3:4:5:6:7:8::', '::1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9');
    for (const text of wrong) expect(parse(text), text).toBeUndefined();
  });

  it('agrees with the string parser on addresses', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(parse(text)).toBe(reference(text));
        expect(parse(text)).toBeDefined();
      }),
      { seed: testSeed() },
    );
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(parse(text)).toBe(reference(text));
        expect(parse(text)).toBeDefined();
      }),
      { seed: testSeed() },
    );
  });

  it('agrees with the string parser on near misses', () => {
    const piece = fc.constantFrom('0', '1', 'ff', 'abcd', '12345', ':', '::', 'g', '1.2.3.4');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = `:${pieces.join('')}`;
        if (text.length <= 60) expect(parse(text), text).toBe(reference(text));
      }),
      { numRuns: 2000, seed: testSeed() },
    );
  });
});
