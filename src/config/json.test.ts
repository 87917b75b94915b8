import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from './json.js';
import { SyntaxProblem } from './syntax.js';
import type { Tree } from './tree.js';

const seed = process.env.SEED === undefined ? Date.now() : Number(process.env.SEED);

function toPlain(tree: Tree): unknown {
  if (tree instanceof Map) {
    return Object.fromEntries([...tree].map(([key, value]) => [key, toPlain(value)]));
  }
  return Array.isArray(tree) ? tree.map(toPlain) : tree;
}

function attempt(parse: () => unknown): { value: unknown } | undefined {
  try {
    return { value: parse() };
  } catch (error) {
    if (error instanceof SyntaxProblem || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const hasOurRules = (text: string) => /"\/\/|\$schema|repeated/.test(text);

describe('parseJson', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.nat(3), (text, indent) => {
        fc.pre(!hasOurRules(text));
        const spaced = JSON.stringify(JSON.parse(text), null, indent);
        // The prototype's key is an ordinary one in a map, and Object.fromEntries defines it.
        expect(toPlain(parseJson(spaced))).toEqual(JSON.parse(spaced));
      }),
      { seed },
    );
  });

  it('refuses what JSON.parse refuses', () => {
    const edit = fc.record({
      at: fc.nat(200),
      cut: fc.nat(2),
      put: fc.constantFrom(
        '',
        ',',
        '"',
        '{',
        '}',
        '[',
        ']',
        ':',
        '0',
        '-',
        '.',
        'e',
        '\\',
        '\n',
        '\u0001',
        't',
        '/',
      ),
    });
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.array(edit, { maxLength: 3 }), (json, edits) => {
        let text = json;
        for (const { at, cut, put } of edits) {
          const index = at % (text.length + 1);
          text = text.slice(0, index) + put + text.slice(index + cut);
        }
        if (attempt(() => parseJson(text)) !== undefined) JSON.parse(text);
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it('drops comments and the schema, also repeated comments', () => {
    const text =
      '{"$schema": "x", "//": 1, "//": [{}], "http": {"//listen": "?", "proxyProtocol": true}}';
    expect(toPlain(parseJson(text))).toEqual({ http: { proxyProtocol: true } });
  });

  it.each([
    ['{"a": 1,\n "a": 2}', 'line 2, column 2: "a" is repeated'],
    ['{"a": 1,\n}', `line 2, column 1: expected a name in double quotes; got "}"`],
    ['{"a" 1}', `line 1, column 6: expected ':'; got "1"`],
    ['{"a": 1', `line 1, column 8: expected ',' or '}'; got the end of the file`],
    ['[1 2]', `line 1, column 4: expected ',' or ']'; got "2"`],
    ['{} x', 'line 1, column 4: expected the end of the file; got "x"'],
    ['{"a": "b', 'line 1, column 7: this text has no closing quote'],
    ['{"a": "\\x"}', 'line 1, column 7: bad escape or control character in this text'],
    ['', 'line 1, column 1: expected a value; got the end of the file'],
    [`${'['.repeat(500_000)}`, 'line 1, column 18: nested too deeply'],
  ])('says where case %# is wrong', (text, message) => {
    expect(() => parseJson(text)).toThrow(message);
  });
});
