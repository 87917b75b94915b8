/**
 * A node as an operator runs it: `node bin/trackerbt.js ROLE`, in a process of its own, with a data
 * directory that goes away afterwards. Nothing outlives the test process: what is still running
 * when it exits is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Address, parseAddressPort } from './address.js';
import { atExit } from './at-exit.js';
import { within } from './deadline.js';

export const REPOSITORY = findRepository();
export const COMMAND = commandOf(REPOSITORY);
const LOG_LINES_MAX = 50_000;
const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 60_000;

/** One JSON log line. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The nearest folder above that holds package.json: right from sources and from dist/ alike. */
function findRepository(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      readFileSync(join(folder, 'package.json'));
      return folder;
    } catch {
      folder = dirname(folder);
    }
  }
}

/** The command of the build that is in this folder. */
export function commandOf(repository: string): string {
  return join(repository, 'bin', 'trackerbt.js');
}

const running = new Set<ChildProcess>();
const folders = new Set<string>();
atExit(() => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A temporary folder that is removed when the test process exits, if not before. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `trackerbt-${name}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/** Kills `child` when the test process exits. */
export function watchChild(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

/** The environment of children: ours, without settings meant for another tracker. */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!name.startsWith('TRACKERBT_') && name !== 'NODE_OPTIONS') env[name] = value;
  }
  // Which socket path a run of the tests is about; the tracker chooses by itself otherwise.
  const { TEST_IO: io } = process.env;
  return { ...env, ...(io === undefined ? {} : { TRACKERBT_IO: io }), ...extra };
}

/** Runs the command, that of `repository`'s build, in a process that a node's object watches. */
export function spawnNode(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
  prefix: readonly string[] = [],
  repository: string = REPOSITORY,
): ChildProcess {
  const [command, ...rest] = [...prefix, process.execPath, commandOf(repository), ...args];
  return spawn(command, rest, {
    cwd: repository,
    env: childEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export class NodeProcess {
  readonly logs: LogLine[] = [];
  /** What was printed that is no JSON line: crashes, mostly. */
  readonly noise: string[] = [];
  readonly exited: Promise<ExitStatus>;
  admin: Address = { host: '', port: 0 };
  #waiting: (() => void)[] = [];
  #exit: ExitStatus | undefined;

  constructor(
    readonly child: ChildProcess,
    readonly data: string,
  ) {
    watchChild(child);
    createInterface({ input: child.stdout! }).on('line', (line) => this.#take(line));
    createInterface({ input: child.stderr! }).on('line', (line) => this.#take(line));
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#exit = { code, signal };
        this.#wakeAll();
        resolve(this.#exit);
      });
    });
  }

  #take(line: string): void {
    try {
      this.logs.push(JSON.parse(line) as LogLine);
    } catch {
      this.noise.push(line);
    }
    if (this.logs.length > LOG_LINES_MAX) this.logs.shift();
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Waits for the `ready` line and returns it. */
  async ready(): Promise<LogLine> {
    const line = await this.waitForLog((log) => log.msg === 'ready', READY_LIMIT_MS, 'ready');
    if (typeof line.admin === 'string' && line.admin !== 'off') {
      this.admin = addressesOf(line.admin)[0];
    }
    return line;
  }

  /** The first log line, past or future, that `matches`; fails at once when the process ends. */
  async waitForLog(
    matches: (line: LogLine) => boolean,
    limitMs = 20_000,
    what = 'a log line',
  ): Promise<LogLine> {
    const search = async (): Promise<LogLine> => {
      for (;;) {
        const found = this.logs.find(matches);
        if (found !== undefined) return found;
        if (this.#exit !== undefined) {
          throw new Error(`the process ended (${JSON.stringify(this.#exit)}): ${this.output()}`);
        }
        await new Promise<void>((resolve) => {
          this.#waiting.push(resolve);
        });
      }
    };
    try {
      return await within(search(), limitMs, what);
    } catch (error) {
      this.child.kill('SIGKILL');
      throw new Error(`${(error as Error).message}\n${this.output()}`);
    }
  }

  /** The last lines it printed, for failure messages. */
  output(): string {
    const lines = [...this.logs.map((line) => JSON.stringify(line)), ...this.noise];
    return lines.slice(-20).join('\n');
  }

  /** Resident memory in bytes, from the kernel. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
    if (match === null) throw new Error('no VmRSS');
    return Number(match[1]) * 1024;
  }

  /** GET on the admin listener, parsed as JSON. */
  async adminJson(path: string): Promise<unknown> {
    const { host, port } = this.admin;
    const reply = await fetch(`http://${host}:${port}${path}`, { headers: this.#readingHeaders() });
    if (!reply.ok) throw new Error(`${path} gave ${reply.status}: ${await reply.text()}`);
    return await reply.json();
  }

  /** A listener that is not on loopback wants the token. */
  #readingHeaders(): Record<string, string> {
    if (this.admin.host.startsWith('127.') || this.admin.host === '::1') return {};
    const role = existsSync(join(this.data, 'tracker')) ? 'tracker' : 'minder';
    const token = readFileSync(join(this.data, role, 'admin-token'), 'utf8').trim();
    return { authorization: `Bearer ${token}` };
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ExitStatus> {
    if (this.#exit === undefined) this.child.kill(signal);
    try {
      return await within(this.exited, STOP_LIMIT_MS, `the end after ${signal}`);
    } catch (error) {
      this.child.kill('SIGKILL');
      throw error;
    }
  }

  async kill9(): Promise<ExitStatus> {
    return await this.stop('SIGKILL');
  }

  /** Ends the process whatever it does, and removes its data. */
  async remove(): Promise<void> {
    await this.kill9();
    removeFolder(this.data);
  }
}

export function addressesOf(field: unknown): Address[] {
  const list = Array.isArray(field) ? field : [field];
  return list.filter((item) => typeof item === 'string').map(parseAddressPort);
}
