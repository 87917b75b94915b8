import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transformWithOxc } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DataLockError, lockDataDirectory } from './data-lock.js';

/**
 * A process that takes the lock when told to (a line on its input), says how that went as a JSON
 * line, and then stays until its input ends. It runs the module under test, compiled here so that
 * no stale build is tested.
 */
const HOLDER = `
import { lockDataDirectory } from './data-lock.mjs';
const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
let lock;
say({ started: true });
for await (const chunk of process.stdin) {
  try {
    lock = await lockDataDirectory(process.argv[2]);
    say({ held: true });
  } catch (error) {
    say({ held: false, code: error.code, holderPid: error.holderPid, message: error.message });
  }
}
`;

interface Verdict {
  held: boolean;
  code?: string;
  holderPid?: number;
  message?: string;
}

let root = '';
let holderFile = '';
const children = new Set<ChildProcess>();

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'trackerbt-lock-'));
  const source = fileURLToPath(new URL('./data-lock.ts', import.meta.url));
  const { code } = await transformWithOxc(readFileSync(source, 'utf8'), source);
  writeFileSync(join(root, 'data-lock.mjs'), code);
  holderFile = join(root, 'holder.mjs');
  writeFileSync(holderFile, HOLDER);
});

afterEach(async () => {
  await Promise.all([...children].map(kill));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function kill(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    children.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.once('exit', () => done());
    child.kill('SIGKILL');
  });
}

class Contender {
  private constructor(
    readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
  ) {}

  static async start(directory: string): Promise<Contender> {
    const child = spawn(process.execPath, [pathToFileURL(holderFile).pathname, directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.add(child);
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const contender = new Contender(child, lines);
    await contender.lines.next();
    return contender;
  }

  async take(): Promise<Verdict> {
    this.child.stdin!.write('take\n');
    const line = await this.lines.next();
    return JSON.parse(line.value) as Verdict;
  }
}

let counter = 0;
const freshDirectory = () => join(root, `data-${counter++}`);

describe('lockDataDirectory', () => {
  it('makes the directory for its owner alone and leaves one private socket', async () => {
    const directory = join(freshDirectory(), 'deeper');
    const lock = await lockDataDirectory(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(directory)).toEqual(['lock.1']);
    const socket = statSync(join(directory, 'lock.1'));
    expect(socket.isSocket()).toBe(true);
    expect(socket.mode & 0o777).toBe(0o600);
    await lock.release();
  });

  it('refuses a second process and names the directory and the holder', async () => {
    const directory = freshDirectory();
    const first = await Contender.start(directory);
    const second = await Contender.start(directory);
    expect(await first.take()).toEqual({ held: true });
    const verdict = await second.take();
    expect(verdict).toMatchObject({ held: false, code: 'data_locked' });
    expect(verdict.holderPid).toBe(first.child.pid);
    expect(verdict.message).toContain(directory);
    expect(verdict.message).toContain(String(first.child.pid));
  });

  it('refuses a second lock within one process', async () => {
    const directory = freshDirectory();
    const lock = await lockDataDirectory(directory);
    await expect(lockDataDirectory(directory)).rejects.toMatchObject({
      code: 'data_locked',
      holderPid: process.pid,
    });
    await lock.release();
  });

  it('is free again after kill -9', async () => {
    const directory = freshDirectory();
    const first = await Contender.start(directory);
    const second = await Contender.start(directory);
    expect((await first.take()).held).toBe(true);
    await kill(first.child);
    expect(await second.take()).toEqual({ held: true });
    expect(readdirSync(directory)).toEqual(['lock.2']);
  });

  it('is free again after release, which may be called twice', async () => {
    const directory = freshDirectory();
    const first = await lockDataDirectory(directory);
    await Promise.all([first.release(), first.release()]);
    const second = await lockDataDirectory(directory);
    await second.release();
  });

  it('is held by a stopped process too, although that says nothing', async () => {
    const directory = freshDirectory();
    const first = await Contender.start(directory);
    expect((await first.take()).held).toBe(true);
    first.child.kill('SIGSTOP');
    await expect(lockDataDirectory(directory)).rejects.toMatchObject({
      code: 'data_locked',
      holderPid: undefined,
    });
    first.child.kill('SIGCONT');
  });

  it('does not keep the process alive', async () => {
    const contender = await Contender.start(freshDirectory());
    expect((await contender.take()).held).toBe(true);
    const exited = new Promise((done) => contender.child.once('exit', done));
    contender.child.stdin!.end();
    expect(await exited).toBe(0);
  });

  it('works where the path is far longer than a socket address', async () => {
    const directory = join(freshDirectory(), 'x'.repeat(120), 'y'.repeat(120));
    expect(directory.length).toBeGreaterThan(240);
    const lock = await lockDataDirectory(directory);
    await expect(lockDataDirectory(directory)).rejects.toMatchObject({ code: 'data_locked' });
    await lock.release();
    expect(readdirSync(directory)).toEqual(['lock.1']);
  });

  it('uses the plain path where open files have no path', async () => {
    const fdRoot = join(root, 'no-such-folder');
    const short = mkdtempSync('/tmp/tl-');
    const lock = await lockDataDirectory(short, { fdRoot });
    await expect(lockDataDirectory(short)).rejects.toMatchObject({ code: 'data_locked' });
    await lock.release();
    rmSync(short, { recursive: true });
    const long = join(freshDirectory(), 'z'.repeat(200));
    await expect(lockDataDirectory(long, { fdRoot })).rejects.toMatchObject({
      code: 'data_path_too_long',
      directory: long,
    });
  });

  it('says what is wrong with a path that is no directory', async () => {
    const file = join(root, 'plain-file');
    writeFileSync(file, '');
    const error = await lockDataDirectory(file).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataLockError);
    expect(error).toMatchObject({ code: 'data_unusable' });
    expect(String(error)).toContain(file);
  });

  it('takes a plain file in place of the lock, as a restored backup leaves it, for dead', async () => {
    const directory = mkdtempSync(join(root, 'restored-'));
    writeFileSync(join(directory, 'lock.41'), '');
    const lock = await lockDataDirectory(directory);
    expect(readdirSync(directory)).toEqual(['lock.42']);
    await lock.release();
  });

  it('lets exactly one of eight processes have a lock whose holder died', async () => {
    const directory = freshDirectory();
    for (let round = 0; round < 6; round++) {
      const contenders = await Promise.all(
        Array.from({ length: 8 }, () => Contender.start(directory)),
      );
      const verdicts = await Promise.all(contenders.map((contender) => contender.take()));
      const winners = contenders.filter((_, i) => verdicts[i].held);
      expect(winners).toHaveLength(1);
      for (const verdict of verdicts) if (!verdict.held) expect(verdict.code).toBe('data_locked');
      expect(readdirSync(directory)).toEqual([`lock.${round + 1}`]);
      await Promise.all(contenders.map((contender) => kill(contender.child)));
    }
  });
});
