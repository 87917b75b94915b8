/**
 * One process per data directory.
 *
 * ```
 * DIR/lock.7                  the claim of generation 7: a listening Unix socket
 * DIR/lock.new.<pid>.<random> a socket that is about to become a claim
 * ```
 *
 * Whoever listens behind the highest generation holds the directory. The kernel closes the socket
 * when its process ends, however it ends, and a connection to a closed one is refused: nothing
 * has to be cleaned up after `kill -9`, and equal process ids in two containers mean nothing.
 *
 * A claim is made with link(2), which fails when the name exists, and of a socket that listens
 * already, so a claim is never seen half made. The next process to start after a crash claims the
 * next generation. Nobody renames or removes the highest generation, and that is the point: a
 * single name that is taken away when it looks dead can be taken away from a process that has just
 * replaced it.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { relative, resolve } from 'node:path';

/** Keeps a data directory until released or until the process ends. */
export interface DataLock {
  /** Lets another process have the directory. Idempotent. */
  release(): Promise<void>;
}

/** What can go wrong; `docs/errors.md` lists the same codes. */
export const DATA_LOCK_ERROR_CODES = [
  /** Another process holds the directory. */
  'data_locked',
  /** The directory cannot be made, entered or written to, or knows no sockets. */
  'data_unusable',
  /** No name for the socket is short enough for the system. */
  'data_path_too_long',
] as const;
export type DataLockErrorCode = (typeof DATA_LOCK_ERROR_CODES)[number];

/** The data directory cannot be had. `message` is for the operator: what, where, what to do. */
export class DataLockError extends Error {
  override name = 'DataLockError';
  constructor(
    readonly code: DataLockErrorCode,
    readonly directory: string,
    message: string,
    /** The holder's process id as it sees itself; undefined when it did not answer. */
    readonly holderPid?: number,
  ) {
    super(message);
  }
}

/** How long a holder may take to say who it is. It holds the lock even when it says nothing. */
const ANSWER_TIMEOUT_MS = 1_000;
const ANSWER_BYTES_MAX = 512;
/** Each lost race means that somebody else won it and lives, so a few are plenty. */
const ATTEMPTS_MAX = 16;
/** `sun_path` is 108 bytes on Linux and 104 on macOS and BSD, with a zero at the end. */
const SOCKET_PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103;
/** `lock.new.4194304.0123456789abcdef` and the slash before it. */
const SOCKET_NAME_BYTES_MAX = 35;
/** A socket of a process that died before it could claim; older ones are swept. */
const LEFTOVER_AGE_MS = 600_000;

type Probe = { state: 'dead' | 'gone' } | { state: 'alive'; pid?: number; host?: string };

/**
 * Makes the directory (mode 0700) when it is absent and holds it. Throws `DataLockError`. The lock
 * does not keep the process alive.
 *
 * @param fdRoot where the system shows open files by number, so that a directory with a long path
 *   has a short one too; only tests give another.
 */
export async function lockDataDirectory(
  directory: string,
  { fdRoot = '/proc/self/fd' }: { fdRoot?: string } = {},
): Promise<DataLock> {
  const path = resolve(directory);
  const fd = openDirectory(path);
  let held: Server | undefined;
  try {
    const base = shortPath(path, fd, fdRoot);
    const pending = `${base}/lock.new.${process.pid}.${randomBytes(8).toString('hex')}`;
    const server = await listen(pending);
    try {
      await claim(path, base, pending);
      held = server;
    } finally {
      unlinkIfThere(pending);
      if (held === undefined) await close(server);
    }
  } catch (error) {
    closeSync(fd);
    throw asLockError(error, path);
  }
  const server = held;
  let released: Promise<void> | undefined;
  return {
    release() {
      released ??= close(server).then(() => closeSync(fd));
      return released;
    },
  };
}

/** Claims the generation after the highest, once the highest is known to be dead. */
async function claim(path: string, base: string, pending: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const highest = highestGeneration(base);
    if (highest > 0) {
      const probe = await probeSocket(`${base}/lock.${highest}`);
      if (probe.state === 'alive') throw lockedError(path, probe.pid, probe.host);
      if (probe.state === 'gone') continue;
    }
    const mine = highest + 1;
    try {
      linkSync(pending, `${base}/lock.${mine}`);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') continue;
      throw error;
    }
    // While we were held up between looking and linking, others may have claimed later ones and
    // swept ours. A directory this small is listed in one system call, so a later one shows.
    if (highestGeneration(base) === mine) {
      sweep(base, mine);
      return;
    }
    unlinkIfThere(`${base}/lock.${mine}`);
  }
  throw new DataLockError(
    'data_locked',
    path,
    `${path} is wanted by many processes at once: start one trackerbt for each data directory`,
  );
}

/** The highest generation claimed so far, 0 for none. */
function highestGeneration(base: string): number {
  let highest = 0;
  for (const name of readdirSync(base)) {
    const match = /^lock\.(\d{1,15})$/.exec(name);
    if (match !== null) highest = Math.max(highest, Number(match[1]));
  }
  return highest;
}

/** Removes what earlier processes left. Never the highest generation. */
function sweep(base: string, mine: number): void {
  for (const name of readdirSync(base)) {
    const match = /^lock\.(\d{1,15})$/.exec(name);
    if (match !== null && Number(match[1]) < mine) unlinkIfThere(`${base}/${name}`);
    if (!name.startsWith('lock.new.')) continue;
    const info = statSync(`${base}/${name}`, { throwIfNoEntry: false });
    if (info !== undefined && Date.now() - info.ctimeMs > LEFTOVER_AGE_MS) {
      unlinkIfThere(`${base}/${name}`);
    }
  }
}

/** Asks a claim whether its process lives. Anything but a refusal counts as life. */
function probeSocket(path: string): Promise<Probe> {
  return new Promise((done, fail) => {
    const socket = connect({ path });
    let answer = '';
    let connected = false;
    // Called again by the events that destroying causes; a promise keeps its first value.
    const finish = () => {
      if (connected) done({ state: 'alive', ...parseAnswer(answer) });
      socket.destroy();
    };
    socket.setEncoding('latin1');
    socket.setTimeout(ANSWER_TIMEOUT_MS, finish);
    socket.on('connect', () => {
      connected = true;
    });
    socket.on('data', (text: string) => {
      answer += text;
      if (answer.includes('\n') || answer.length > ANSWER_BYTES_MAX) finish();
    });
    socket.on('close', finish);
    socket.on('error', (error) => {
      const code = codeOf(error);
      if (connected) finish();
      else if (code === 'ECONNREFUSED') done({ state: 'dead' });
      else if (code === 'ENOENT') done({ state: 'gone' });
      // Its queue of connections is full: somebody listens, however slowly.
      else if (code === 'EAGAIN') done({ state: 'alive' });
      else fail(error);
    });
  });
}

function parseAnswer(text: string): { pid?: number; host?: string } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return {};
    const { pid, host } = value as { pid?: unknown; host?: unknown };
    return {
      ...(Number.isSafeInteger(pid) ? { pid: pid as number } : {}),
      ...(typeof host === 'string' && /^[\w.-]{1,64}$/.test(host) ? { host } : {}),
    };
  } catch {
    return {};
  }
}

/** Listens, and tells whoever connects who holds the directory. */
function listen(path: string): Promise<Server> {
  return new Promise((done, fail) => {
    const line = `${JSON.stringify({ pid: process.pid, host: hostname() })}\n`;
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
      socket.unref();
      socket.resume();
      socket.end(line);
    });
    // A connection above the bound is closed without an answer, which still says `alive`.
    server.maxConnections = 64;
    server.unref();
    server.once('error', fail);
    server.listen({ path }, () => {
      server.off('error', fail);
      // An accept that fails (no descriptors left) is no reason to lose the lock.
      server.on('error', () => undefined);
      try {
        chmodSync(path, 0o600);
        done(server);
      } catch (error) {
        server.close();
        fail(error);
      }
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
  });
}

function openDirectory(path: string): number {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw asLockError(error, path);
  }
}

/** A name for the directory that leaves room for the socket's in `sun_path`. */
function shortPath(path: string, fd: number, fdRoot: string): string {
  const byFd = `${fdRoot}/${fd}`;
  if (statSync(`${byFd}/.`, { throwIfNoEntry: false })?.isDirectory()) return byFd;
  const fits = (text: string) =>
    Buffer.byteLength(text) + SOCKET_NAME_BYTES_MAX <= SOCKET_PATH_BYTES_MAX;
  if (fits(path)) return path;
  const short = relative(process.cwd(), path) || '.';
  if (fits(short)) return short;
  throw new DataLockError(
    'data_path_too_long',
    path,
    `the path of the data directory ${path} is too long for the socket that locks it: ` +
      `at most ${SOCKET_PATH_BYTES_MAX - SOCKET_NAME_BYTES_MAX} bytes where ${fdRoot} is missing`,
  );
}

function lockedError(path: string, pid?: number, host?: string): DataLockError {
  const who = pid === undefined ? 'another process' : `process ${pid}`;
  const where = host === undefined ? '' : ` on ${host}`;
  return new DataLockError(
    'data_locked',
    path,
    `the data directory ${path} is in use by ${who}${where}: stop it, or choose another ` +
      'directory with --data',
    pid,
  );
}

function asLockError(error: unknown, path: string): DataLockError {
  if (error instanceof DataLockError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new DataLockError(
    'data_unusable',
    path,
    `cannot use the data directory ${path}: ${reason}; it must be a directory that this user ` +
      'may write to, on a file system that knows Unix sockets',
  );
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
