import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { announceTarget, httpGet } from '../support/http-wire.js';
import { childEnvironment, REPOSITORY, watchChild } from '../support/node-process.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

const PROGRAM = join(REPOSITORY, 'bin/trackerbt.js');
const SCRIPT = '/usr/bin/script';
const ESCAPE = '\x1b';
const ENTERED = `${ESCAPE}[?1049h`;
const LEFT = `${ESCAPE}[?25h${ESCAPE}[?1049l`;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve() {
  const tracker = await TrackerProcess.start();
  cleanups.push(() => tracker.remove());
  await httpGet(tracker.http4, announceTarget(newHash()));
  return { tracker, admin: `http://${(await tracker.ready()).admin}` };
}

/** A process and everything that it prints. */
class Printer {
  text = '';
  readonly child: ChildProcess;
  /** Resolves to the exit code when it has printed everything. */
  readonly ended: Promise<number | null>;
  #wake = () => {};

  constructor(program: string, args: readonly string[]) {
    const env = childEnvironment({ TERM: 'xterm', NO_COLOR: '' });
    this.child = spawn(program, args, { env });
    watchChild(this.child);
    cleanups.push(() => this.child.kill('SIGKILL'));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.text += data;
        this.#wake();
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        resolve(code);
        this.#wake();
      });
    });
  }

  async until(isThere: (text: string) => boolean): Promise<string> {
    while (!isThere(this.text)) {
      if (this.child.exitCode !== null) throw new Error(`ended after ${this.text}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.text;
  }
}

const top = (...args: readonly string[]) =>
  new Printer(process.execPath, [PROGRAM, 'top', ...args]);

describe('trackerbt top', () => {
  it('prints how things are once, as text and as JSON', async () => {
    const { admin } = await serve();
    const plain = top('--admin', admin, '--once');
    expect(await plain.ended).toBe(0);
    expect(plain.text).toMatch(/^trackerbt top .*tracker/);
    // No terminal, so nothing but text.
    expect(plain.text).not.toContain(ESCAPE);
    const json = top('--admin', admin, '--once', '--json');
    expect(await json.ended).toBe(0);
    expect(json.text.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(json.text)).toMatchObject({ stats: { role: 'tracker' } });
  });

  it('prints a tick a line, says that nobody answers, tries on, and goes on', async () => {
    const { tracker, admin } = await serve();
    const ticks = top('--admin', admin, '--json');
    await ticks.until((text) => text.split('\n').length > 2);
    await tracker.stop();
    await ticks.until((text) => text.includes('trying on'));
    const again = await TrackerProcess.start({ admin: new URL(admin).host });
    cleanups.push(() => again.remove());
    const before = ticks.text.length;
    await ticks.until((text) => text.slice(before).includes('"stats"'));
    ticks.child.kill('SIGTERM');
    expect(await ticks.ended).toBe(0);
  });

  it('refuses a file that holds no token, and does not show what is in it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'trackerbt-top-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'token');
    writeFileSync(file, 'something else\n');
    const refused = top('--once', '--token-file', file);
    expect(await refused.ended).toBe(2);
    expect(refused.text).toContain('holds no token');
    expect(refused.text).not.toContain('something');
  });
});

describe.skipIf(!existsSync(SCRIPT))('trackerbt top on a terminal', () => {
  it.each([
    ['q', (child: ChildProcess) => child.stdin?.write('q')],
    ['Ctrl-C', (child: ChildProcess) => child.stdin?.write('\x03')],
    ['SIGTERM', (_: ChildProcess, pid: number) => process.kill(pid, 'SIGTERM')],
  ])('draws over and over, and gives it back as it was on %s', async (_, end) => {
    const { admin } = await serve();
    const command = `exec "${process.execPath}" "${PROGRAM}" top --admin ${admin}`;
    const steps = [
      'stty cols 100 rows 30',
      `sh -c 'echo "pid $$."; ${command}'`,
      'echo "ended $?"',
      'stty -a',
    ];
    // util-linux's, which gives the command a real terminal.
    const shell = new Printer(SCRIPT, ['-qc', steps.join('; '), '/dev/null']);
    // Two frames with something in them: it goes on.
    const text = await shell.until((text) => text.split('announces/s').length > 2);
    end(shell.child, Number(/pid (\d+)\./.exec(text)?.[1]));
    await shell.ended;
    expect(shell.text.split(ENTERED)).toHaveLength(2);
    const behind = shell.text.slice(shell.text.indexOf(LEFT) + LEFT.length);
    expect(behind).not.toContain(ESCAPE);
    expect(behind).toContain('ended 0');
    // Line by line and with echo again.
    expect(behind).toMatch(/ icanon /);
    expect(behind).toMatch(/ echo /);
  });
});
