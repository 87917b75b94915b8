import { existsSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { allowCommand } from '../../src/cli/allow.js';
import { announceCommand } from '../../src/cli/announce.js';
import { configCommand } from '../../src/cli/config.js';
import { demoCommand } from '../../src/cli/demo.js';
import { denyCommand } from '../../src/cli/deny.js';
import { drainCommand } from '../../src/cli/drain.js';
import { minderCommand } from '../../src/cli/minder.js';
import { nodesCommand } from '../../src/cli/nodes.js';
import { revokeCommand } from '../../src/cli/revoke.js';
import { scrapeCommand } from '../../src/cli/scrape.js';
import { settingsCommand } from '../../src/cli/settings.js';
import { tokenCommand } from '../../src/cli/token.js';
import { topCommand } from '../../src/cli/top.js';
import { trackerCommand } from '../../src/cli/tracker.js';
import type { Sources } from './rules.js';
import { ROOT, readTree } from './tree.js';

const COMMANDS = [
  trackerCommand,
  minderCommand,
  tokenCommand,
  nodesCommand,
  revokeCommand,
  drainCommand,
  settingsCommand,
  denyCommand,
  allowCommand,
  announceCommand,
  scrapeCommand,
  demoCommand,
  configCommand,
  topCommand,
];

const tree = readTree();
const documents = new Map([...tree].filter(([path]) => path.endsWith('.md')));
const readme = documents.get('README.md') ?? '';

/** A document without fenced blocks and code, in which a bracket is a bracket. */
function prose(document: string): string {
  return document.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
}

/** Where links and pictures of a document lead, without those to the web. */
function relativeLinks(document: string): string[] {
  const links = [...prose(document).matchAll(/\]\(\s*<?([^)>\s]+)>?[^)]*\)/g)];
  const tags = [...prose(document).matchAll(/\b(?:href|src|srcset)="([^"]+)"/g)];
  return [...links, ...tags]
    .map(([, target]) => target)
    .filter((target) => !/^[a-z][a-z+.-]*:/i.test(target));
}

/** The fragments that headings get, as GitHub makes them. */
function anchors(document: string): string[] {
  const withoutBlocks = document.replace(/^```[\s\S]*?^```/gm, '');
  return [...withoutBlocks.matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

/** What is wrong with the links of all documents. `exists` says whether a path is there. */
function brokenLinks(sources: Sources, exists: (path: string) => boolean): string[] {
  const broken: string[] = [];
  for (const [path, document] of sources) {
    for (const link of relativeLinks(document)) {
      const [file, fragment] = link.split('#', 2);
      const to = file === '' ? path : posix.join(posix.dirname(path), decodeURI(file));
      if (to.startsWith('..') || !exists(to)) broken.push(`${path}: ${link} leads nowhere`);
      else if (fragment !== undefined && !anchors(sources.get(to) ?? '').includes(fragment)) {
        broken.push(`${path}: ${link} names no heading`);
      }
    }
  }
  return broken;
}

/** Every flag of a command and of those below it: the long name, or the short where it is all. */
function flags(command: Command): string[] {
  const own = command.options.map((option) => option.long ?? option.short ?? option.flags);
  return [...own, ...command.commands.flatMap(flags)];
}

function missingFlags(command: Command, text: string): string[] {
  return flags(command).filter((flag) => !new RegExp(`(?<![\\w-])${flag}(?![\\w-])`).test(text));
}

describe('the documents', () => {
  it('link to files and headings that exist', () => {
    const exists = (path: string) => tree.has(path) || existsSync(join(ROOT, path));
    expect(brokenLinks(documents, exists)).toEqual([]);
  });

  it('are all named in docs/README.md', () => {
    const named = relativeLinks(documents.get('docs/README.md') ?? '');
    const paths = named.map((link) => posix.join('docs', link.split('#', 1)[0]));
    // Results are dated and come by themselves; bench/README.md says where they are.
    const others = [...documents.keys()].filter(
      (path) => path !== 'docs/README.md' && !path.startsWith('bench/results/'),
    );
    expect(others.filter((path) => !paths.includes(path))).toEqual([]);
  });

  it('have pictures that stand by themselves', () => {
    const pictures = [...tree].filter(([path]) => path.endsWith('.svg'));
    expect(pictures.length).toBeGreaterThan(0);
    for (const [path, svg] of pictures) {
      expect(svg, path).toMatch(/<title/);
      expect(svg, path).not.toMatch(/<script|(?:href|src)="(?!#)|@import|url\((?!#)/);
      expect(statSync(join(ROOT, path)).size, path).toBeLessThan(100_000);
    }
  });
});

describe('the picture of how it fits together', () => {
  const picture = (path: string) => /^```mermaid\n[\s\S]*?^```$/m.exec(documents.get(path) ?? '');

  it('is the same wherever it stands', () => {
    const [text] = picture('README.md') ?? [];
    expect(text).toMatch(/bus: nats-server/);
    expect(picture('docs/architecture.md')?.[0]).toBe(text);
  });
});

describe('README', () => {
  it('gives the two commands, and a picture, before anything else', () => {
    const firstScreen = readme.slice(0, readme.indexOf('\n## '));
    expect(firstScreen).toMatch(/^npm ci && npm start$/m);
    expect(firstScreen).toMatch(/^npm ci && npm test$/m);
    expect(firstScreen).toMatch(/!\[[^\]]+\]\([^)]+\.svg\)/);
  });

  it('tells, with the other documents for operators, every flag that help prints', () => {
    const silent = { write: () => true };
    const others = ['docs/configuration.md', 'docs/operations.md', 'docs/demo.md'];
    const text = readme + others.map((path) => documents.get(path) ?? '').join('');
    const { stdin } = process;
    const none = () => {};
    const events = { on: none, off: none, once: none };
    const io = {
      stdin,
      stdout: { ...silent, ...events },
      stderr: silent,
      env: {},
      process: { ...events, suspend: none },
      command: '',
      onStopSignal: none,
      exit: none,
    };
    for (const make of COMMANDS) {
      const command = make(io);
      expect(missingFlags(command, text), `trackerbt ${command.name()}`).toEqual([]);
    }
    expect(flags(trackerCommand(io)).length).toBeGreaterThan(10);
  });
});

describe('the rules about documents', () => {
  it('see links to nowhere', () => {
    const bad = new Map([
      ['a.md', '[x](b.md) [y](gone.md) ![z](images/gone.svg) <a href="gone.html">w</a>'],
      ['e.md', '<source srcset="gone.png"><img src="b.md">'],
      ['docs/c.md', '[x](../b.md) [up](../../b.md) [y](b.md#heading)'],
      ['docs/b.md', '# Other heading\n```\n# heading\n```\n'],
      ['b.md', ''],
    ]);
    expect(brokenLinks(bad, (path) => bad.has(path))).toEqual([
      'a.md: gone.md leads nowhere',
      'a.md: images/gone.svg leads nowhere',
      'a.md: gone.html leads nowhere',
      'e.md: gone.png leads nowhere',
      'docs/c.md: ../../b.md leads nowhere',
      'docs/c.md: b.md#heading names no heading',
    ]);
  });

  it('take links to the web, to headings, and brackets in code', () => {
    const good = new Map([
      [
        'a.md',
        '# A `b`, c!\n[x](https://example.org/x) [y](#a-b-c) `[z](gone)`\n```\n[w](gone)\n```\n',
      ],
    ]);
    expect(brokenLinks(good, (path) => good.has(path))).toEqual([]);
  });

  it('see a flag that is told only as part of another one', () => {
    const silent = { write: () => true };
    const command = scrapeCommand({ stdout: silent, stderr: silent });
    expect(missingFlags(command, '--timeout-more -46 --json, -4')).toEqual(['--timeout', '-6']);
  });
});
