import { describe, expect, it } from 'vitest';
import { SyntaxProblem } from './syntax.js';
import { parseYaml } from './yaml.js';

describe('parseYaml', () => {
  it('reads sections, lists and scalars, and gives each its type', () => {
    const tree = parseYaml(
      'http:\n  listen: [\'*:1\', "[::]:2"]\n  proxyProtocol: true\nworkers: 2\n',
    );
    expect(tree).toEqual(
      new Map<string, unknown>([
        [
          'http',
          new Map<string, unknown>([
            ['listen', ['*:1', '[::]:2']],
            ['proxyProtocol', true],
          ]),
        ],
        ['workers', 2],
      ]),
    );
  });

  it('takes an empty file for an empty section', () => {
    expect(parseYaml('')).toEqual(new Map());
    expect(parseYaml('# only a comment\n')).toEqual(new Map());
  });

  it('takes marks of tags and directives inside of texts for what they are', () => {
    const text = '%YAML 1.2\n---\na: x!y\nb: "!x"\nc: |\n  %x\n  !y\n';
    expect(parseYaml(text)).toEqual(
      new Map([
        ['a', 'x!y'],
        ['b', '!x'],
        ['c', '%x\n!y\n'],
      ]),
    );
  });

  it('follows aliases', () => {
    const tree = parseYaml("a: &x ['1']\nb: *x\n");
    expect(tree).toEqual(
      new Map([
        ['a', ['1']],
        ['b', ['1']],
      ]),
    );
  });

  it.each([
    ['a: 1\na: 2\n', 'line 2, column 1: "a" is repeated'],
    ['a: [1\nb: 2\n', 'line '],
    ['a: 1\n b: 2\n', 'line '],
    ['a: *nothing\n', 'nothing'],
    ['a: !!binary aGk=\n', 'line 1, column 4: tags are not accepted'],
    ['a: !secret x\n', 'tags are not accepted'],
    ['a: !!str 5\n', 'tags are not accepted'],
    ['a: [! x]\n', 'line 1, column 5: tags are not accepted'],
    ['a: !<tag:yaml.org,2002:str> x\n', 'tags are not accepted'],
    // In YAML 1.1, `no` is false, `0777` is 511 and `1_000` is a number.
    ['%YAML 1.1\n---\na: no\n', 'line 1, column 1: no directive is accepted but %YAML 1.2'],
    ['# a\n%TAG ! x\n---\na: 1\n', 'line 2, column 1: no directive'],
    ['1: x\n', 'line 1, column 1: a key must be a name'],
    ['? [a]\n: x\n', 'a key must be a name'],
    ['a: 1\n---\nb: 2\n', 'line 2, column 1: a second document is not accepted'],
    ['a: &a [*a]\n', 'nested too deeply'],
    [`a: ${'['.repeat(20)}${']'.repeat(20)}\n`, 'nested too deeply'],
    ['['.repeat(200_000), 'line 1, column 17: nested too deeply'],
    ['- '.repeat(200_000), 'nested too deeply'],
    ['? '.repeat(200_000), 'nested too deeply'],
    ['a: '.repeat(200_000), 'nested too deeply'],
    [`[${'a: '.repeat(200_000)}`, 'nested too deeply'],
    [Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'nested too deeply'],
    ['- 1\n'.repeat(100_000), 'too many values or lines'],
    ['\n'.repeat(100_000), 'too many values or lines'],
  ])('refuses case %# and says where', (text, message) => {
    expect(() => parseYaml(text)).toThrow(SyntaxProblem);
    expect(() => parseYaml(text)).toThrow(message);
  });

  it('bounds what aliases can grow to (billion laughs)', () => {
    const lines = ['a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]'];
    for (let i = 1; i < 10; i++) {
      lines.push(
        `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    }
    expect(() => parseYaml(lines.join('\n'))).toThrow('too many values, or too many aliases');
  });
});
