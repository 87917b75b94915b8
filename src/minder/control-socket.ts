/**
 * How the commands on a minder's machine reach the minder: a Unix socket in its data directory,
 * which only its owner can open (directory 0700, socket 0600).
 *
 * ```
 * -> {"version":1,"method":"token.create","params":{...}}\n
 * <- {"ok":true,"result":...}\n   or   {"ok":false,"error":{"code":"...","message":"..."}}\n
 * ```
 *
 * A connection carries one request after the other, each at most 1 MiB; their answers come in the order
 * of the requests. Four of a connection are worked on at a time, and no more is read meanwhile.
 */
import { chmodSync, closeSync, constants, openSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join, relative } from 'node:path';
import type { Logger } from '../lib/log.js';
import { reasonOf } from '../lib/reason.js';

export const CONTROL_SOCKET = 'control.sock';
const VERSION = 1;
/** In UTF-16 units, which is bytes but for reasons in other scripts. */
const REQUEST_BYTES_MAX = 1024 * 1024;
const REQUESTS_AT_ONCE = 4;
/** Thousands of nodes, each a kilobyte. */
const REPLY_BYTES_MAX = 64 * 1024 * 1024;
const CONNECTIONS_MAX = 16;
const TIMEOUT_MS = 30_000;
/** `sun_path` is 104 bytes on macOS and BSD, with a zero at the end, and four more on Linux. */
const PATH_BYTES_MAX = 103;

/** What a command can be told; the CLI prints the message. `docs/errors.md` lists the same codes. */
export const CONTROL_ERROR_CODES = [
  'minder_not_running',
  'minder_denied',
  'minder_too_old',
  'control_unknown',
  'control_invalid',
  'control_not_found',
  'control_ambiguous',
  'control_failed',
] as const;
export type ControlErrorCode = (typeof CONTROL_ERROR_CODES)[number];

/** A command cannot be done. `message` is for the operator. */
export class ControlError extends Error {
  override name = 'ControlError';
  constructor(
    readonly code: ControlErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Does what a command asks. Throws `ControlError` for what can be explained. */
export type ControlHandler = (method: string, params: unknown) => Promise<unknown> | unknown;

/** A name for a socket in a directory, short enough for the system. */
interface SocketPath {
  readonly path: string;
  release(): void;
}

function socketPath(directory: string): SocketPath {
  const fits = (path: string) => Buffer.byteLength(path) <= PATH_BYTES_MAX;
  for (const path of [directory, relative(process.cwd(), directory) || '.']) {
    const whole = join(path, CONTROL_SOCKET);
    if (fits(whole)) return { path: whole, release: () => {} };
  }
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const byFd = `/proc/self/fd/${fd}`;
  if (statSync(byFd, { throwIfNoEntry: false })?.isDirectory()) {
    return { path: `${byFd}/${CONTROL_SOCKET}`, release: () => closeSync(fd) };
  }
  closeSync(fd);
  throw new ControlError(
    'control_failed',
    `the path ${directory} is too long for a socket: choose a shorter one with --data`,
  );
}

export class ControlServer {
  readonly #handler: ControlHandler;
  readonly #logger: Logger;
  readonly #server: Server;
  /** Connections whose request has not come yet. */
  readonly #waiting = new Set<Socket>();
  #path: SocketPath | undefined;
  #stopped: Promise<void> | undefined;

  constructor({ handler, logger }: { handler: ControlHandler; logger: Logger }) {
    this.#handler = handler;
    this.#logger = logger;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Listens in a directory that this process holds, so that an older socket there is dead. */
  async start(directory: string): Promise<void> {
    rmSync(join(directory, CONTROL_SOCKET), { force: true });
    const path = socketPath(directory);
    this.#path = path;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ path: path.path }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', () => {});
        resolve();
      });
    });
    chmodSync(path.path, 0o600);
  }

  /** Ends when the commands that came are done. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      if (this.#path === undefined) {
        resolve();
        return;
      }
      this.#server.close(() => {
        this.#path?.release();
        resolve();
      });
      for (const socket of this.#waiting) socket.destroy();
    });
    return this.#stopped;
  }

  #serve(socket: Socket): void {
    // Nobody waits for a command when we stop.
    socket.unref();
    socket.on('error', () => socket.destroy());
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
    this.#waiting.add(socket);
    socket.on('close', () => this.#waiting.delete(socket));
    const requests = new RequestLines();
    let working = 0;
    let hasEnded = false;
    let replied = Promise.resolve();
    const next = () => {
      while (working < REQUESTS_AT_ONCE) {
        const line = requests.next();
        if (line === undefined) break;
        working++;
        this.#waiting.delete(socket);
        const reply = this.#answer(line);
        replied = replied.then(async () => {
          socket.write(await reply);
          working--;
          next();
        });
      }
      if (requests.isFull) socket.pause();
      else socket.resume();
      if (working > 0) return;
      // What was asked is answered, and nothing more can come.
      if (hasEnded || requests.isBroken || this.#stopped !== undefined) socket.end();
      else this.#waiting.add(socket);
    };
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      requests.add(part);
      next();
    });
    socket.on('end', () => {
      hasEnded = true;
      next();
    });
  }

  async #answer(line: string): Promise<string> {
    try {
      const { method, params } = parseRequest(line);
      const result = await this.#handler(method, params);
      return `${JSON.stringify({ ok: true, result: result ?? null })}\n`;
    } catch (error) {
      const code = error instanceof ControlError ? error.code : 'control_failed';
      const message = reasonOf(error);
      if (!(error instanceof ControlError))
        this.#logger.error({ reason: message }, 'command failed');
      return `${JSON.stringify({ ok: false, error: { code, message } })}\n`;
    }
  }
}

/** Takes text apart into lines. One that is too long is given as an empty one, and is the last. */
class RequestLines {
  isBroken = false;
  #text = '';
  /** Before this is no end of a line. */
  #seen = 0;

  /** As much as one request may have waits. */
  get isFull(): boolean {
    return this.#text.length > REQUEST_BYTES_MAX;
  }

  add(part: string): void {
    if (!this.isBroken) this.#text += part;
  }

  next(): string | undefined {
    const end = this.isBroken ? -1 : this.#text.indexOf('\n', this.#seen);
    if (end >= 0 && end <= REQUEST_BYTES_MAX) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      this.#seen = 0;
      return line;
    }
    this.#seen = this.#text.length;
    if (this.isBroken || this.#text.length <= REQUEST_BYTES_MAX) return undefined;
    this.isBroken = true;
    this.#text = '';
    return '';
  }
}

function parseRequest(line: string): { method: string; params: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = undefined;
  }
  const { version, method, params } = (value ?? {}) as Record<string, unknown>;
  if (version !== VERSION || typeof method !== 'string') {
    throw new ControlError(
      'minder_too_old',
      'the minder that runs here does not understand this command: it has another version',
    );
  }
  return { method, params };
}

/**
 * Asks the minder that runs over `dataDirectory`, and makes nothing there. Throws `ControlError`.
 */
export async function askControl(
  dataDirectory: string,
  method: string,
  params: unknown = {},
): Promise<unknown> {
  const session = await ControlSession.open(dataDirectory);
  try {
    return await session.ask(method, params);
  } finally {
    session.close();
  }
}

interface Asked {
  readonly answer: (result: unknown) => void;
  readonly fail: (error: ControlError) => void;
}

/** A connection to a minder, for many requests. */
export class ControlSession {
  readonly #socket: Socket;
  /** What was asked, in the order in which answers come. */
  readonly #asked: Asked[] = [];
  #parts: string[] = [];
  #length = 0;
  #failure: ControlError | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => this.#hear(part));
    socket.on('close', () => this.#fail('the minder ended before it had answered'));
    socket.on('error', (error) => this.#fail(`the minder failed: ${error.message}`));
    socket.setTimeout(TIMEOUT_MS, () => {
      if (this.#asked.length > 0) this.#fail('the minder failed: it does not answer');
    });
  }

  /** Connects to the minder that runs over `dataDirectory`. Throws `ControlError`. */
  static async open(dataDirectory: string): Promise<ControlSession> {
    const directory = join(dataDirectory, 'minder');
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw notRunning(dataDirectory);
    }
    let path: SocketPath;
    try {
      path = socketPath(directory);
    } catch (error) {
      throw error instanceof ControlError ? error : denied(dataDirectory);
    }
    try {
      const socket = connect({ path: path.path });
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
      return new ControlSession(socket);
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      if (code === 'ENOENT' || code === 'ECONNREFUSED') throw notRunning(dataDirectory);
      if (code === 'EACCES' || code === 'EPERM') throw denied(dataDirectory);
      throw new ControlError('control_failed', `the minder failed: ${message}`);
    } finally {
      path.release();
    }
  }

  /** Asks, and does not wait for what was asked before. Throws `ControlError`. */
  ask(method: string, params: unknown): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((answer, fail) => {
      this.#asked.push({ answer, fail });
      this.#socket.write(`${JSON.stringify({ version: VERSION, method, params })}\n`);
    });
  }

  /** What was asked and not answered yet fails. Idempotent. */
  close(): void {
    this.#socket.destroy();
  }

  #hear(part: string): void {
    let rest = part;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const line = this.#parts.join('') + rest.slice(0, end);
      rest = rest.slice(end + 1);
      this.#parts = [];
      this.#length = 0;
      this.#take(line);
    }
    this.#parts.push(rest);
    this.#length += rest.length;
    if (this.#length > REPLY_BYTES_MAX) this.#fail('the minder failed: its answer is too long');
  }

  #take(line: string): void {
    const asked = this.#asked.shift();
    if (asked === undefined) return;
    let reply: { ok?: unknown; result?: unknown; error?: { code?: unknown; message?: unknown } };
    try {
      reply = JSON.parse(line) ?? {};
    } catch {
      reply = {};
    }
    if (reply.ok === true) {
      asked.answer(reply.result);
      return;
    }
    const known = CONTROL_ERROR_CODES.find((code) => code === reply.error?.code);
    const message = String(reply.error?.message ?? 'it failed');
    asked.fail(new ControlError(known ?? 'control_failed', message));
  }

  #fail(message: string): void {
    this.#failure ??= new ControlError('control_failed', message);
    for (const { fail } of this.#asked.splice(0)) fail(this.#failure);
    this.#socket.destroy();
  }
}

function notRunning(dataDirectory: string): ControlError {
  return new ControlError(
    'minder_not_running',
    `no minder runs over ${dataDirectory}: start one with trackerbt minder --data ` +
      `${dataDirectory}, or name its directory with --data`,
  );
}

function denied(dataDirectory: string): ControlError {
  return new ControlError(
    'minder_denied',
    `the minder over ${dataDirectory} belongs to another user: run this command as that user`,
  );
}
