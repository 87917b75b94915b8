import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatJoinToken, parseJoinToken, TOKEN_LENGTH } from './token.js';

const tokens = fc.record({
  caFingerprint: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  id: fc.uint8Array({ minLength: 6, maxLength: 6 }).map((id) => Buffer.from(id).toString('hex')),
  secret: fc.uint8Array({ minLength: 24, maxLength: 24 }),
});

describe('join tokens', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(tokens, (token) => {
        const text = formatJoinToken(token);
        expect(text).toHaveLength(TOKEN_LENGTH);
        expect(text).toMatch(/^tbt1\.[\w-]+$/);
        expect(parseJoinToken(text)).toEqual(token);
      }),
    );
  });

  it('have one text each: any other character is refused or another token', () => {
    fc.assert(
      fc.property(
        tokens,
        fc.nat(TOKEN_LENGTH - 1),
        fc.string({ minLength: 1, maxLength: 1 }),
        (token, at, other) => {
          const text = formatJoinToken(token);
          fc.pre(text[at] !== other);
          const altered = parseJoinToken(text.slice(0, at) + other + text.slice(at + 1));
          expect(altered).not.toEqual(token);
        },
      ),
    );
  });

  it('are refused at every other length and in every other shape', () => {
    const [token] = fc.sample(tokens, 1);
    const text = formatJoinToken(token);
    for (let length = 0; length < text.length; length++) {
      expect(parseJoinToken(text.slice(0, length))).toBeUndefined();
    }
    expect(parseJoinToken(`${text}A`)).toBeUndefined();
    expect(parseJoinToken(`tbt2.${text.slice(5)}`)).toBeUndefined();
    expect(parseJoinToken(`${text.slice(0, -1)}=`)).toBeUndefined();
    expect(parseJoinToken(`${text.slice(0, -1)}\n`)).toBeUndefined();
  });
});
