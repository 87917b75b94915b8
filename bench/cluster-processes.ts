/** The processes of `npm run bench -- cluster`: a minder with its bus, members, trackers. */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MemberOptions, MemberOrder, MemberReport } from './cluster-member.js';
import { cpuOf } from './contender.js';

const here = dirname(fileURLToPath(import.meta.url));
const MAIN = join(here, '..', 'src', 'main.js');
const MEMBER = join(here, 'cluster-member.js');
const READY_MS_MAX = 60_000;
/** Clock ticks a second in /proc: fixed in the kernel's interface. */
const TICKS = 100;

const alive = new Set<ChildProcess>();
const folders = new Set<string>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

type Line = Readonly<Record<string, unknown>> & { readonly msg?: string };

export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `trackerbt-bench-${name}-`));
  folders.add(folder);
  return folder;
}

/** Processor seconds of a process, all threads, user and system. */
export function cpuSeconds(pid: number): number {
  const { user, system } = cpuOf(pid);
  return user + system;
}

/** Processor seconds of the main thread alone. */
export function mainThreadSeconds(pid: number): number {
  return threadSeconds(pid, pid);
}

/** Processor seconds of each thread by its number. */
export function threadsSeconds(pid: number): Map<number, number> {
  const threads = readdirSync(`/proc/${pid}/task`).map(Number);
  return new Map(threads.map((thread) => [thread, threadSeconds(pid, thread)]));
}

function threadSeconds(pid: number, thread: number): number {
  const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Bytes that a process has written, sockets included. */
export function writtenBytes(pid: number): number {
  return Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);
}

/** `trackerbt ARGS` as a process that logs JSON lines. */
export class Running {
  readonly #child: ChildProcess;
  readonly #lines: Line[] = [];
  #wake: () => void = () => {};

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    watch(this.#child);
    createInterface({ input: this.#child.stdout! }).on('line', (text) => {
      try {
        this.#lines.push(JSON.parse(text) as Line);
      } catch {
        process.stderr.write(`${text}\n`);
      }
      this.#wake();
    });
    this.#child.once('exit', () => this.#wake());
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async line(msg: string): Promise<Line> {
    const endMs = performance.now() + READY_MS_MAX;
    for (;;) {
      const found = this.#lines.find((line) => line.msg === msg);
      if (found !== undefined) return found;
      if (this.#child.exitCode !== null || performance.now() > endMs) {
        throw new Error(`no '${msg}': ${JSON.stringify(this.#lines.at(-1))}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async stop(): Promise<void> {
    await end(this.#child, 'SIGTERM');
  }
}

export class Minder {
  readonly #running: Running;
  readonly #data: string;
  readonly enrol: string;
  readonly busPid: number;

  private constructor(running: Running, data: string, enrol: string, busPid: number) {
    this.#running = running;
    this.#data = data;
    this.enrol = enrol;
    this.busPid = busPid;
  }

  static async start(): Promise<Minder> {
    const data = temporaryFolder('minder');
    const args = ['minder', '--data', data, '--admin', 'off'];
    for (const flag of ['--listen', '--bus', '--bus-cluster']) args.push(flag, '127.0.0.1:0');
    const running = new Running(args);
    const bus = await running.line('bus server runs');
    const { enrol } = await running.line('ready');
    return new Minder(running, data, String(enrol), Number(bus.pid));
  }

  get pid(): number {
    return this.#running.pid;
  }

  token(): string {
    const args = [MAIN, 'token', 'create', '--data', this.#data];
    const { stdout, status } = spawnSync(process.execPath, args);
    if (status !== 0) throw new Error('no token');
    return stdout.toString().trimEnd().split('\n').at(-1) ?? '';
  }

  /** What makes a tracker join. */
  joining(): string[] {
    return ['--join', `https://${this.enrol}`, '--token', this.token()];
  }

  async stop(): Promise<void> {
    await this.#running.stop();
  }
}

export class Member {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(
    minder: Minder,
    options: Omit<MemberOptions, 'data' | 'join' | 'token'>,
  ): Promise<Member> {
    const data = temporaryFolder('member');
    const all = { ...options, data, join: `https://${minder.enrol}`, token: minder.token() };
    const child = fork(MEMBER, [JSON.stringify(all)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    watch(child);
    const failed = once(child, 'exit').then(() => {
      throw new Error('a member ended');
    });
    failed.catch(() => {});
    await Promise.race([once(child, 'message'), failed]);
    return new Member(child);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  order(order: MemberOrder): void {
    this.#child.send(order);
  }

  async report(): Promise<MemberReport> {
    this.order({ type: 'report' });
    const [report] = (await once(this.#child, 'message')) as [MemberReport];
    return report;
  }

  async stop(): Promise<void> {
    this.order({ type: 'stop' });
    await end(this.#child, undefined);
  }
}

function watch(child: ChildProcess): void {
  alive.add(child);
  child.once('exit', () => alive.delete(child));
}

async function end(child: ChildProcess, signal: NodeJS.Signals | undefined): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  if (signal !== undefined) child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}
