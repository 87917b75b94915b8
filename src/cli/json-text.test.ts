import { expect, it } from 'vitest';
import { jsonLine, jsonText } from './json-text.js';

it('says the same in characters that no terminal obeys', () => {
  // ESC, DEL, CSI in one character, right-to-left override, zero width space, line separator, a tag.
  const value = { '\u009b': '\u001b[31m\u007f\u009b31m\u202e\u200b\u2028\u{e0041}', plain: 'é 😀' };
  for (const text of [jsonText(value), jsonLine(value)]) {
    expect(JSON.parse(text)).toEqual(value);
    expect(text).toContain('é 😀');
    expect(text).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]|(?!\n)\p{Cc}/u);
  }
});
