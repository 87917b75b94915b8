import { describe, expect, it } from 'vitest';
import { ADMIN_ERRORS } from '../../src/admin/admin-error.js';
import { ENROLMENT_REFUSALS } from '../../src/protocol/cluster/enrolment.js';
import { FAILURES, Failure } from '../../src/protocol/failure.js';
import type { Sources } from './rules.js';
import { readTree } from './tree.js';

const tree = readTree();

/** The cells of all table rows below a heading of level two, without the head and its rule. */
function rows(document: string, heading: string): string[][] {
  const section = document.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`the document has no section '${heading}'`);
  return section
    .split('\n')
    .filter((line) => /^\| *[`\d]/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map((cells) => cells.slice(1, -1));
}

const unquote = (cell: string) => cell.replaceAll('`', '');

/**
 * The codes of errors that operators meet, wherever they are declared: as `NAMES_CODES = [...]`, as
 * `type NameErrorCode = 'a' | 'b'`, or as a class's `readonly code = '...'`.
 * Those of codecs are for their callers, who put them in words of their own.
 */
function declaredCodes(sources: Sources): string[] {
  const codes: string[] = [];
  for (const [path, source] of sources) {
    if (!/^src\/(?!protocol\/).*\.ts$/.test(path) || /\.(?:test|testing)\.ts$/.test(path)) continue;
    const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    for (const [, list] of code.matchAll(/\b[A-Z_]+_CODES = \[([^\]]*)\] as const/g)) {
      for (const [, name] of list.matchAll(/'([^']+)'/g)) codes.push(name);
    }
    for (const [, union] of code.matchAll(/\btype \w+ErrorCode =((?:\s*\|?\s*'[^']+')+);/g)) {
      for (const [, name] of union.matchAll(/'([^']+)'/g)) codes.push(name);
    }
    for (const [, name] of code.matchAll(/\breadonly code = '([^']+)'/g)) codes.push(name);
  }
  return codes.sort();
}

describe('docs/errors.md', () => {
  const document = tree.get('docs/errors.md') ?? '';

  it('lists every failure of the protocol, with its number, text and retry time', () => {
    const listed = rows(document, 'What clients are told').map((cells) => {
      expect(cells).toHaveLength(6);
      for (const cell of cells) expect(cell).not.toBe('');
      return cells.slice(0, 4).map(unquote);
    });
    const known = Object.entries(Failure)
      .filter(([name]) => name !== 'none')
      .map(([name, number]) => {
        const { reason, retryIn } = FAILURES[number];
        return [String(number), name, reason, String(retryIn)];
      });
    expect(listed).toEqual(known);
  });

  it('lists every refusal of the admin interface, with its status and message', () => {
    const listed = rows(document, 'What users of the admin interface are told');
    const known = Object.entries(ADMIN_ERRORS).map(([code, { status, message }]) => {
      return [code, String(status), message];
    });
    expect(listed.map((cells) => cells.slice(0, 3).map(unquote))).toEqual(known);
  });

  it('lists every code of an error that operators meet', () => {
    const listed = rows(document, 'What operators are told').map((cells) => {
      expect(cells).toHaveLength(3);
      return unquote(cells[0]);
    });
    expect([...listed].sort()).toEqual(declaredCodes(tree));
  });
});

describe('docs/operations.md', () => {
  it('says what to do about every refusal of a minder', () => {
    const table = rows(tree.get('docs/operations.md') ?? '', 'When a node is refused');
    const listed = table.filter((cells) => cells.length === 3).map(([code]) => unquote(code));
    expect([...listed].sort()).toEqual([...ENROLMENT_REFUSALS].sort());
  });
});

describe('the search for declared codes', () => {
  it('finds lists, unions and classes, and overlooks comments and tests', () => {
    const list =
      "export const LOCK_ERROR_CODES = [\n  /** 'no' */\n  'held',\n  'gone',\n] as const;";
    const sources = new Map([
      ['src/lib/a.ts', `${list}\n// readonly code = 'commented';`],
      ['src/lib/c.ts', "export type CallErrorCode =\n  /** x */\n  | 'busy'\n  | 'dead';"],
      ['src/lib/b.ts', "class E extends Error {\n  readonly code = 'broken';\n}"],
      ['src/protocol/x.ts', "type XErrorCode = 'short';"],
      ['src/lib/b.test.ts', "class E extends Error {\n  readonly code = 'tested';\n}"],
    ]);
    expect(declaredCodes(sources)).toEqual(['broken', 'busy', 'dead', 'gone', 'held']);
  });
});

describe('the catalogue of failures', () => {
  it('has short ASCII texts, as error packets need', () => {
    for (const { reason } of Object.values(FAILURES)) {
      expect(reason.length).toBeLessThanOrEqual(60);
      expect(reason).toMatch(/^[\x20-\x7e]*$/);
    }
  });
});
