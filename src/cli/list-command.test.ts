import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlError } from '../minder/control-socket.js';
import { allowCommand } from './allow.js';
import { AskedMinder } from './asked-minder.testing.js';
import { denyCommand } from './deny.js';
import { parseMoment } from './moment.js';

const HASH = 'a'.repeat(40);
type Params = Record<string, unknown>;
let minder: AskedMinder;
/** What the minder was asked. */
let asked: [method: string, params: Params][];
let answer: (method: string, params: Params) => unknown;

beforeEach(async () => {
  minder = await AskedMinder.start((method, params) => answer(method, params as Params));
  asked = minder.asked as typeof asked;
});
afterEach(async () => {
  await minder.remove();
});

async function run(
  args: string[],
  { make = denyCommand, input = [] as string[], isTTY = false } = {},
) {
  const result = { stdout: '', stderr: '', code: -1 };
  const io = {
    stdout: { write: (text: string) => (result.stdout += text) },
    stderr: { write: (text: string) => (result.stderr += text), isTTY },
    stdin: (async function* () {
      for (const part of input) yield Buffer.from(part);
    })(),
    exit: (code: number) => {
      result.code = code;
    },
  };
  try {
    await make(io).parseAsync([...args, '--data', minder.data], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
  }
  return result;
}

const counts = (_method: string, { hashes }: Record<string, unknown>) => ({
  added: (hashes as unknown[]).length,
  changed: 0,
  unchanged: 0,
});

describe('deny add', () => {
  it('says what, why and until when', async () => {
    answer = counts;
    const { stdout, code } = await run([
      'add',
      HASH.toUpperCase(),
      '--reason',
      'spam',
      '--expires',
      '30d',
    ]);
    expect([stdout, code]).toEqual([
      expect.stringMatching(`^${HASH} is on the deny list until 2`),
      0,
    ]);
    const expiresMs = expect.any(Number);
    const hashes = [{ hash: HASH, reason: 'spam', expiresMs }];
    expect(asked).toEqual([['list.add', { list: 'deny', hashes }]]);
  });

  it('takes base32, and asks the other list of allow', async () => {
    answer = counts;
    await run(['add', 'A'.repeat(32)], { make: allowCommand });
    const hashes = [{ hash: '0'.repeat(40), reason: '' }];
    expect(asked).toEqual([['list.add', { list: 'allow', hashes }]]);
  });

  it.each([
    ['add', 'b'.repeat(39)],
    ['add', HASH, '--expires', 'tomorrow'],
    ['add', HASH, '--expires', '2020-01-01'],
    ['add', HASH, HASH],
    ['add'],
    ['remove'],
    ['list', '--limit', '0'],
    ['list', '--prefix', 'xyz'],
    ['import'],
  ])('refuses %s %s %s %s as a mistake of usage', async (...args) => {
    expect(await run(args.filter((arg) => arg !== undefined))).toMatchObject({
      stdout: '',
      code: 2,
    });
    expect(asked).toEqual([]);
  });
});

describe('deny remove', () => {
  it('says which were not there', async () => {
    answer = () => ({ removed: 1, absent: [HASH] });
    const { stdout, code } = await run(['remove', HASH, 'b'.repeat(40)]);
    expect([stdout, code]).toEqual([`${HASH} was not on the deny list\n1 removed\n`, 0]);
    expect(asked[0][1]).toEqual({ list: 'deny', hashes: [HASH, 'b'.repeat(40)] });
  });
});

describe('deny list', () => {
  const entry = { hash: HASH, reason: '\u001b[31mred', sinceMs: 0, by: 'n1', expiresMs: null };

  it('shows the latest, and cannot be made to draw', async () => {
    answer = () => ({ total: 7, entries: [entry], more: true });
    const { stdout } = await run(['list', '--limit', '1']);
    expect(stdout).toMatch(/^HASH +SINCE +EXPIRES +BY +REASON\n/);
    expect(stdout).toContain('6 more: see --limit');
    expect(stdout).not.toContain('\u001b');
    expect(asked[0]).toEqual(['list.list', { list: 'deny', limit: 1, order: 'newest' }]);
    await run(['list', '--prefix', 'AB']);
    expect(asked[1]).toEqual([
      'list.list',
      { list: 'deny', limit: 100, order: 'hash', prefix: 'ab' },
    ]);
  });

  it('prints all pages, as import reads them or as JSON', async () => {
    const hashes = ['1', '2', '3'].map((digit) => digit.repeat(40));
    answer = (_method, { after }) => {
      const at = after === undefined ? 0 : hashes.indexOf(after as string) + 1;
      const entries = hashes.slice(at, at + 1).map((hash) => ({ ...entry, reason: 'x', hash }));
      return { total: 3, entries, more: at < 2 };
    };
    expect((await run(['list', '--all'])).stdout).toBe(
      hashes.map((hash) => `${hash} x\n`).join(''),
    );
    const { stdout } = await run(['list', '--all', '--json']);
    expect(JSON.parse(stdout).map(({ hash }: { hash: string }) => hash)).toEqual(hashes);
    answer = () => ({ total: 0, entries: [], more: false });
    expect(JSON.parse((await run(['list', '--all', '--json'])).stdout)).toEqual([]);
    expect((await run(['list'])).stdout).toBe('no such info hashes on the deny list (0 in all)\n');
  });
});

describe('deny import', () => {
  const line = (i: number) => `${i.toString(16).padStart(40, '0')}`;

  it('says a whole file in pieces, and its totals', async () => {
    answer = counts;
    const path = join(minder.data, 'list');
    const lines = Array.from({ length: 2_500 }, (_, i) =>
      i === 7 ? `${line(i)} own reason` : line(i),
    );
    writeFileSync(path, `# comment\r\n\r\n${lines.join('\r\n')}`);
    const { stdout, stderr, code } = await run(['import', path, '--reason', 'batch']);
    expect([stdout, stderr, code]).toEqual(['2500 added, 0 changed, 0 unchanged\n', '', 0]);
    const all = asked.flatMap(([, { hashes }]) => hashes as { hash: string; reason: string }[]);
    expect(all.map(({ hash }) => hash)).toEqual(Array.from({ length: 2_500 }, (_, i) => line(i)));
    expect(all[7].reason).toBe('own reason');
    expect(all[8].reason).toBe('batch');
    expect(asked.every(([, params]) => params.keep === true)).toBe(true);
  });

  it('reads standard input, in whatever parts it comes', async () => {
    answer = counts;
    const text = `${line(1)}\n${line(2)} why`;
    const input = text.split(/(?<=^.{17})|(?<=^.{50})/s);
    expect(input.length).toBeGreaterThan(1);
    const { stdout } = await run(['import', '-', '--json'], { input });
    expect(JSON.parse(stdout)).toEqual({ added: 2, changed: 0, unchanged: 0 });
  });

  it('names the lines that are wrong, and says nothing to the minder', async () => {
    const input = [`${line(1)}\nrubbish\n`, `${'z'.repeat(40)}\n`];
    const { stdout, stderr, code } = await run(['import', '-'], { input });
    expect([stdout, code]).toEqual(['', 1]);
    expect(stderr).toMatch(/^standard input: nothing was imported\nline 2: .*\nline 3: /);
    expect(asked).toEqual([]);
    const missing = await run(['import', join(minder.data, 'none')]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOENT') });
  });

  it('says how far it came when the minder gives up', async () => {
    answer = (method, params) => {
      if (asked.length > 2) throw new ControlError('control_failed', 'the list is full');
      return counts(method, params);
    };
    const input = Array.from({ length: 9_000 }, (_, i) => `${line(i)}\n`);
    const { stdout, stderr, code } = await run(['import', '-'], { input, isTTY: true });
    expect([stdout, code]).toEqual(['', 1]);
    expect(stderr).toContain('the list is full\n');
    expect(stderr).toContain('only a part was imported (2000 added');
    expect(asked.length).toBeLessThan(9);
  });

  it('says so where no minder runs', async () => {
    await minder.stop();
    const { stderr, code } = await run(['import', '-'], { input: [`${line(1)}\n`] });
    expect([code, stderr]).toEqual([1, expect.stringContaining('no minder runs over')]);
  });
});

describe('a moment', () => {
  const now = Date.parse('2026-06-01T00:00Z');

  it.each([
    ['30d', '2026-07-01T00:00:00.000Z'],
    ['90s', '2026-06-01T00:01:30.000Z'],
    ['2027-01-31', '2027-01-31T00:00:00.000Z'],
    ['2027-01-31T12:30', '2027-01-31T12:30:00.000Z'],
    ['2027-01-31 12:30:15Z', '2027-01-31T12:30:15.000Z'],
    ['2027-01-31T12:30+02:00', '2027-01-31T10:30:00.000Z'],
  ])('is %s as %s', (text, iso) => {
    expect(new Date(parseMoment(text, now)).toISOString()).toBe(iso);
  });

  it.each([
    '',
    '0d',
    '30',
    '30w',
    '2027-02-30',
    '2027-13-01',
    '2027-01-01T25:00',
    '2026-06-01',
    '2107-01-01',
    '999999999d',
  ])('is not %s', (text) => {
    expect(() => parseMoment(text, now)).toThrow();
  });
});
