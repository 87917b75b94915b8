/** A server beside others: how it is started, and its process while it runs. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';

export interface Start {
  readonly command: string;
  readonly args: readonly string[];
  /** Beside what this process has. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs once the process has gone. */
  readonly cleanUp?: () => void;
}

export interface StartContext {
  readonly port: number;
  /** Info hashes of the load, in hexadecimal: for allow lists. */
  readonly infoHashes: () => Iterable<string>;
}

export type ContenderProtocol = 'udp' | 'http' | 'https' | 'ws';

export interface Contender {
  readonly name: string;
  readonly protocols: readonly ContenderProtocol[];
  /** Stores peers; false for those that only show a limit. */
  readonly isTracker: boolean;
  /** Most peers that it is asked to hold, where more would take too long. */
  readonly peersMax?: number;
  /** Returns a reason why it cannot take part, if there is one. */
  readonly unavailable?: () => string | undefined;
  readonly start: (context: StartContext) => Start;
  /** How to know that it serves: a line of its output, or that its TCP port answers. */
  readonly ready: { readonly line: RegExp } | 'tcp';
  /** Looks at the line that said ready; returns why it is not what we asked for. */
  readonly checkReady?: (line: string) => string | undefined;
}

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 10_000;
const LOG_CHARS_MAX = 65_536;
/** Clock ticks a second in /proc: fixed in the kernel's interface. */
const TICKS = 100;

export interface CpuSeconds {
  readonly user: number;
  readonly system: number;
}

/** Processor time of all threads of a process, since its start. */
export function cpuOf(pid: number | undefined): CpuSeconds {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in brackets, may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { user: Number(fields[11]) / TICKS, system: Number(fields[12]) / TICKS };
}

export class RunningContender {
  readonly #child: ChildProcess;
  readonly #cleanUp: (() => void) | undefined;

  constructor(
    readonly contender: Contender,
    readonly port: number,
    child: ChildProcess,
    cleanUp: (() => void) | undefined,
  ) {
    this.#child = child;
    this.#cleanUp = cleanUp;
  }

  get name(): string {
    return this.contender.name;
  }

  /** Of all threads, since the start. */
  cpu(): CpuSeconds {
    return cpuOf(this.#child.pid);
  }

  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      await gone;
      clearTimeout(timer);
    }
    this.#cleanUp?.();
  }
}

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export interface StartDependencies {
  readonly infoHashes: () => Iterable<string>;
  /** Calls `spawn` where what it starts gets the right core. */
  readonly onCore: <T>(spawn: () => T) => T;
}

/** Starts one and waits until it serves. Returns the reason when it does not. */
export async function startContender(
  contender: Contender,
  { infoHashes, onCore }: StartDependencies,
): Promise<RunningContender | string> {
  const reason = contender.unavailable?.();
  if (reason !== undefined) return reason;
  const port = await freePort();
  const { command, args, env, cleanUp } = contender.start({ port, infoHashes });
  const options: SpawnOptions = {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  };
  const child = onCore(() => spawn(command, args, options));
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  const running = new RunningContender(contender, port, child, cleanUp);
  let problem = await Promise.race([
    untilReady(contender, child, port),
    new Promise<string>((resolve) => child.once('error', (error) => resolve(error.message))),
    new Promise<string>((resolve) => child.once('exit', () => resolve('it ended at once'))),
  ]);
  if (problem.startsWith('ready')) problem = contender.checkReady?.(problem.slice(5)) ?? '';
  if (problem === '') return running;
  await running.stop();
  return problem;
}

/** Resolves to `ready` and the line that said so, or to a reason. */
async function untilReady(
  contender: Contender,
  child: ChildProcess,
  port: number,
): Promise<string> {
  const untilMs = performance.now() + READY_MS_MAX;
  const { ready } = contender;
  if (ready === 'tcp') {
    child.stdout?.resume();
    child.stderr?.resume();
    while (performance.now() < untilMs) {
      if (await answers(port)) return 'ready';
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return 'its port does not answer';
  }
  return new Promise((resolve) => {
    let log = '';
    const timer = setTimeout(() => resolve('it did not say that it is ready'), READY_MS_MAX);
    const read = (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-LOG_CHARS_MAX);
      const line = log.split('\n').find((each) => ready.line.test(each));
      if (line === undefined) return;
      clearTimeout(timer);
      resolve(`ready${line}`);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
