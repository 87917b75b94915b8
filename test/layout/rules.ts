/**
 * The rules of the house, each a function from sources to violations in words. They know no file
 * system, so that the tests can show them bad examples.
 */
import { posix } from 'node:path';
import { blank, importsOf } from './scan.js';

/** Text by path from the root of the repository, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

/**
 * What lies in `src/`, `main.ts` and then folder by folder. Imports point down this list, or stay
 * within a room.
 */
export const ROOMS = [
  'main',
  'cli',
  'node',
  'config',
  'demo',
  'load',
  'minder',
  'dns',
  'cluster',
  'client',
  'tracker',
  'swarm',
  'protocol',
  'frontend',
  'sys',
  'admin',
  'lib',
] as const;

/** What decides and encodes, without touching the world. */
const PURE_ROOMS: readonly string[] = ['protocol', 'tracker'];
const WORLD_MODULES =
  /^(?:node:)?(?:child_process|cluster|dgram|dns|fs|http|http2|https|inspector|net|readline|repl|tls|worker_threads)(?:\/|$)/;

const FILE_LINES_MAX = 500;
const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** `src/main.ts` is its own room; undefined for what has none. */
export function roomOf(path: string): string | undefined {
  const [top, first, second] = path.split('/');
  if (top !== 'src' || first === undefined) return undefined;
  return second === undefined ? first.replace(/(?:\.test)?\.ts$/, '') : first;
}

/** Tests, and what only tests use and no build holds. */
const isTest = (path: string) => /\.(?:test|testing)\.ts$/.test(path);
const isSource = (path: string) => path.startsWith('src/') && path.endsWith('.ts');

/** What browsers are given, tests beside it included. */
const isWeb = (path: string) => /^web\/.*\.(?:ts|tsx|css|html|svg)$/.test(path);

/** Where a relative specifier leads: the `.ts` behind `.js`, from the root of the repository. */
function target(path: string, specifier: string): string {
  const joined = posix.join(posix.dirname(path), specifier);
  return joined.replace(/\.js$/, '.ts');
}

export function checkRooms(sources: Sources): string[] {
  const violations: string[] = [];
  const order: readonly string[] = ROOMS;
  for (const path of sources.keys()) {
    if (!path.startsWith('src/')) continue;
    const isKnown = order.includes(roomOf(path) ?? '');
    const isInRoom = path.split('/').length > 2;
    if (!isKnown || isInRoom !== (roomOf(path) !== 'main')) {
      violations.push(`${path}: src/ holds main.ts and the known rooms, nothing else`);
    }
  }
  for (const [path, source] of sources) {
    if (!isSource(path)) continue;
    for (const { specifier, line } of importsOf(source)) {
      if (!specifier.startsWith('.')) continue;
      const to = target(path, specifier);
      const where = `${path}:${line}: ${specifier}`;
      if (!to.startsWith('src/')) {
        if (!isTest(path)) violations.push(`${where} leads out of src/`);
        continue;
      }
      if (to.endsWith('.ts') && !sources.has(to)) {
        violations.push(`${where} leads to no file`);
        continue;
      }
      const from = roomOf(path) ?? '';
      const room = roomOf(to) ?? '';
      if (order.indexOf(room) < order.indexOf(from)) {
        violations.push(`${where}: ${from} may not import ${room}, which is above it`);
      }
    }
  }
  return violations;
}

/** Each cycle once, as the path around it. */
export function checkCycles(sources: Sources): string[] {
  const violations: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string) => {
    if (done.has(path)) return;
    const start = trail.indexOf(path);
    if (start >= 0) {
      violations.push(`cycle: ${[...trail.slice(start), path].join(' -> ')}`);
      return;
    }
    trail.push(path);
    for (const { specifier } of importsOf(sources.get(path) ?? '')) {
      if (!specifier.startsWith('.')) continue;
      const to = target(path, specifier);
      if (isSource(to) && sources.has(to)) visit(to);
    }
    trail.pop();
    done.add(path);
  };
  for (const path of sources.keys()) if (isSource(path)) visit(path);
  return violations;
}

export function checkPureRooms(sources: Sources): string[] {
  const violations: string[] = [];
  for (const [path, source] of sources) {
    if (!isSource(path) || isTest(path) || !PURE_ROOMS.includes(roomOf(path) ?? '')) continue;
    for (const { specifier, line } of importsOf(source)) {
      if (!WORLD_MODULES.test(specifier)) continue;
      violations.push(
        `${path}:${line}: ${roomOf(path)} does no I/O, so it imports no ${specifier}`,
      );
    }
  }
  return violations;
}

export function checkNames(sources: Sources): string[] {
  const violations: string[] = [];
  for (const path of sources.keys()) {
    if (!/^(?:src|test|bench|scripts|web)\//.test(path)) continue;
    const folders = path.split('/');
    const file = folders.pop()!;
    const stem = file.replace(/(?:(?:\.fuzz)?\.test|\.testing|\.config|\.d)?\.[a-z0-9]+$/, '');
    for (const name of [...folders, stem]) {
      // The one name that a folder's own page has everywhere.
      if (name === 'README') continue;
      if (!KEBAB_CASE.test(name)) violations.push(`${path}: ${name} is not kebab-case`);
      if (/^(?:utils?|helpers?|misc|common)$/.test(name)) {
        violations.push(`${path}: a piece without a noun has no home yet (${name})`);
      }
    }
  }
  return violations;
}

export function checkSize(sources: Sources): string[] {
  const violations: string[] = [];
  for (const [path, source] of sources) {
    if (!isSource(path) && !isWeb(path)) continue;
    const lines = source.replace(/\n$/, '').split('\n').length;
    if (lines > FILE_LINES_MAX) {
      violations.push(`${path}: ${lines} lines, at most ${FILE_LINES_MAX}`);
    }
  }
  return violations;
}

/** Only main ends the process: whoever else wants to must say so to it. */
export function checkProcessExit(sources: Sources): string[] {
  return matches(sources, {
    applies: (path) => isSource(path) && path !== 'src/main.ts',
    pattern: /\bprocess\s*\??\.\s*exit\b|\{[^}]*\bexit\b[^}]*\}\s*=\s*process\b/g,
    says: () => 'only src/main.ts ends the process',
  });
}

export function checkTests(sources: Sources): string[] {
  return matches(sources, {
    applies: (path) => /^(?:src|test|bench)\/.*\.ts$/.test(path),
    pattern: /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:skip|only|todo)\b/g,
    says: (text) => `${text}: a test runs or does not exist`,
  });
}

export function checkSuppressions(sources: Sources): string[] {
  const words = ['biome-' + 'ignore', '@ts-' + '(?:ignore|nocheck|expect-error)', 'TO' + 'DO\\b'];
  return matches(sources, {
    applies: (path) => /^(?:src|test|bench|scripts|bin)\/.*\.[jt]s$/.test(path),
    pattern: new RegExp(words.join('|'), 'g'),
    says: (text) => `${text}: solve it, or say why not in a sentence`,
    raw: true,
  });
}

/** Paths of one machine and hosts of package registries mean nothing elsewhere. */
export function checkMachineTraces(sources: Sources): string[] {
  const traces = [
    String.raw`(?<![\w.@~-])/(?:wor[k]|roo[t]|Users|home/[a-z][\w-]*)/[\w.]`,
    String.raw`(?<![\w.-])/tm[p]/briefs`,
    String.raw`\bregistr[y]\.[\w-]+\.\w+`,
    String.raw`(?:https?:)?//[\w.:@-]*(?:artifactor[y]|nexu[s]|verdacci[o]|pypi|npmj[s]|yarnpk[g])[\w.-]*`,
  ];
  return matches(sources, {
    applies: () => true,
    pattern: new RegExp(traces.join('|'), 'g'),
    says: (text) => `${text}: a machine's path or a registry's host`,
    raw: true,
  });
}

/** The lock file pins versions and hashes; where packages come from is the machine's business. */
export function checkLockFile(sources: Sources): string[] {
  return matches(sources, {
    applies: (path) => /(?:^|\/)(?:package-lock\.json|\.npmrc)$/.test(path),
    pattern: /"resolved":\s*"(?:https?|git|ssh)[^"]*"|^\s*(?:@[\w-]+:)?registry\s*=.*$/gm,
    says: (text) => `${text}: no registry's address`,
    raw: true,
  });
}

/** Names that others chose are shown on the page: nothing there takes text for markup or for code. */
export function checkMarkup(sources: Sources): string[] {
  const ways = [
    String.raw`\b(?:inner|outer)HTML\b`,
    String.raw`\bdangerouslySetInnerHTML\b`,
    String.raw`\binsertAdjacentHTML\b`,
    String.raw`\bsetHTMLUnsafe\b`,
    String.raw`\bparseFromString\b`,
    String.raw`\bcreateContextualFragment\b`,
    String.raw`\bdocument\s*\.\s*write`,
    String.raw`\bsrcdoc\b`,
    String.raw`\beval\s*\(`,
    String.raw`\bnew\s+Function\b`,
    String.raw`\bset(?:Timeout|Interval)\s*\(\s*['"\x60]`,
    String.raw`\bjavascript:`,
  ];
  return matches(sources, {
    applies: isWeb,
    pattern: new RegExp(ways.join('|'), 'gi'),
    says: (text) => `${text}: the page shows text and runs its own code only`,
    raw: true,
  });
}

/** No request of the page leaves to another host, and it links to none. */
export function checkHosts(sources: Sources): string[] {
  return matches(sources, {
    applies: (path) => isWeb(path) && !/\.test\.tsx?$/.test(path) && path !== 'web/vite.config.ts',
    pattern:
      /(?:\b(?:https?|wss?|ftp):)\/\/(?!www\.w3\.org\/)[^\s'"`)>]*|(?<=['"`(]|url\()\/\/[\w.-]+\.\w+/g,
    says: (text) => `${text}: the page knows no host but its own`,
    raw: true,
  });
}

interface Search {
  readonly applies: (path: string) => boolean;
  /** With the g flag. */
  readonly pattern: RegExp;
  readonly says: (text: string) => string;
  /** Looks at comments and strings too. */
  readonly raw?: boolean;
}

function matches(sources: Sources, { applies, pattern, says, raw = false }: Search): string[] {
  const violations: string[] = [];
  for (const [path, source] of sources) {
    if (!applies(path)) continue;
    const text = raw ? source : blank(source, { strings: true });
    for (const match of text.matchAll(pattern)) {
      const line = text.slice(0, match.index).split('\n').length;
      violations.push(`${path}:${line}: ${says(match[0])}`);
    }
  }
  return violations;
}
