/**
 * Reads TypeScript closely enough to know what it imports: comments, templates and regular
 * expressions are blanked first, so that code inside them does not count.
 */

export interface Import {
  readonly specifier: string;
  /** `import type` and `export type`: gone after compiling. */
  readonly isType: boolean;
  readonly line: number;
}

/** A slash after one of these begins a regular expression, after anything else it divides. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else))\s*$/;

/**
 * Replaces comments, regular expressions and the text of templates (not what stands in their
 * `${}`) by blanks; with `strings` those of quoted strings too. Lines stay where they are.
 */
export function blank(source: string, { strings = false } = {}): string {
  let out = '';
  let at = 0;
  // For each open `${`: how many braces are open within it.
  const braces: number[] = [];
  const hide = (end: number) => {
    out += source.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  const hideTemplate = (from: number) => {
    let end = from;
    while (end < source.length && source[end] !== '`') {
      if (source.startsWith('${', end)) break;
      end += source[end] === '\\' ? 2 : 1;
    }
    if (source[end] === '$') braces.push(0);
    hide(Math.min(source.length, end + (source[end] === '$' ? 2 : 1)));
  };
  while (at < source.length) {
    const c = source[at];
    if (source.startsWith('//', at)) hide(endOf(source, '\n', at));
    else if (source.startsWith('/*', at)) hide(endOf(source, '*/', at + 2) + 2);
    else if (c === '`') hideTemplate(at + 1);
    else if (c === '}' && braces.at(-1) === 0) {
      braces.pop();
      hideTemplate(at + 1);
    } else if (c === "'" || c === '"') {
      const end = endOfQuoted(source, c, at + 1);
      if (strings) hide(end);
      else {
        out += source.slice(at, end);
        at = end;
      }
    } else if (c === '/' && BEFORE_REGEX.test(out.slice(-80))) hide(endOfRegex(source, at + 1));
    else {
      if (braces.length > 0 && c === '{') braces[braces.length - 1]++;
      if (braces.length > 0 && c === '}') braces[braces.length - 1]--;
      out += c;
      at++;
    }
  }
  return out;
}

function endOf(source: string, what: string, from: number): number {
  const end = source.indexOf(what, from);
  return end < 0 ? source.length : end;
}

function endOfQuoted(source: string, quote: string, from: number): number {
  let end = from;
  while (end < source.length && source[end] !== quote && source[end] !== '\n') {
    end += source[end] === '\\' ? 2 : 1;
  }
  return Math.min(source.length, end + 1);
}

function endOfRegex(source: string, from: number): number {
  let isInClass = false;
  let end = from;
  while (end < source.length && source[end] !== '\n') {
    const c = source[end];
    if (c === '/' && !isInClass) return end + 1;
    if (c === '[') isInClass = true;
    if (c === ']') isInClass = false;
    end += c === '\\' ? 2 : 1;
  }
  return Math.min(source.length, end);
}

const PATTERNS: readonly RegExp[] = [
  // import x, { y } from '...'; export { x } from '...'; over as many lines as it takes.
  /^[ \t]*(?:import|export)(?<clause>\b[\w\s{},*$]*?)\bfrom\s*(['"])(?<specifier>[^'"\n]+)\2/gm,
  /^[ \t]*import\s*(['"])(?<specifier>[^'"\n]+)\1/gm,
  /\bimport\s*\(\s*(['"])(?<specifier>[^'"\n]+)\1/g,
  /\bnew\s+URL\s*\(\s*(['"])(?<specifier>\.[^'"\n]*)\1\s*,\s*import\.meta\.url/g,
];

/** Everything that a module names to be loaded, in no particular order. */
export function importsOf(source: string): Import[] {
  const code = blank(source);
  const bare = blank(source, { strings: true });
  const found: Import[] = [];
  for (const pattern of PATTERNS) {
    for (const { groups, index } of code.matchAll(pattern)) {
      const start = index + (/^\s*/.exec(code.slice(index))?.[0].length ?? 0);
      // The keyword itself stands in a string.
      if (bare[start] === ' ') continue;
      found.push({
        specifier: groups!.specifier,
        isType: /^\s*type\s+(?!from\b)/.test(groups!.clause ?? ''),
        line: code.slice(0, start).split('\n').length,
      });
    }
  }
  return found;
}
