/**
 * How the commands on a minder's machine reach the minder: a Unix socket in its data directory,
 * which only its owner can open (directory 0700, socket 0600).
 *
 * ```
 * -> {"version":1,"method":"token.create","params":{...}}\n
 * <- {"ok":true,"result":...}\n   or   {"ok":false,"error":{"code":"...","message":"..."}}\n
 * ```
 *
 * One request a connection.
 */
import { chmodSync, closeSync, constants, openSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join, relative } from 'node:path';
import type { Logger } from '../lib/log.js';

export const CONTROL_SOCKET = 'control.sock';
const VERSION = 1;
const REQUEST_BYTES_MAX = 64 * 1024;
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
    let text = '';
    let taken = false;
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      if (taken) return;
      text += part;
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= REQUEST_BYTES_MAX) return;
      taken = true;
      this.#waiting.delete(socket);
      void this.#answer(end < 0 ? '' : text.slice(0, end)).then((reply) => socket.end(reply));
    });
    socket.on('end', () => {
      if (!taken) socket.end();
    });
  }

  async #answer(line: string): Promise<string> {
    try {
      const { method, params } = parseRequest(line);
      const result = await this.#handler(method, params);
      return `${JSON.stringify({ ok: true, result: result ?? null })}\n`;
    } catch (error) {
      const code = error instanceof ControlError ? error.code : 'control_failed';
      const message = error instanceof Error ? error.message : String(error);
      if (!(error instanceof ControlError))
        this.#logger.error({ reason: message }, 'command failed');
      return `${JSON.stringify({ ok: false, error: { code, message } })}\n`;
    }
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
  const line = await exchange(
    dataDirectory,
    `${JSON.stringify({ version: VERSION, method, params })}\n`,
  );
  let reply: { ok?: unknown; result?: unknown; error?: { code?: unknown; message?: unknown } };
  try {
    reply = JSON.parse(line);
  } catch {
    throw new ControlError('control_failed', 'the minder ended before it had answered');
  }
  if (reply.ok === true) return reply.result;
  const known = CONTROL_ERROR_CODES.find((code) => code === reply.error?.code);
  throw new ControlError(known ?? 'control_failed', String(reply.error?.message ?? 'it failed'));
}

function exchange(dataDirectory: string, request: string): Promise<string> {
  const directory = join(dataDirectory, 'minder');
  return new Promise((resolve, reject) => {
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
      reject(notRunning(dataDirectory));
      return;
    }
    let path: SocketPath;
    try {
      path = socketPath(directory);
    } catch (error) {
      reject(error instanceof ControlError ? error : denied(dataDirectory));
      return;
    }
    const socket = connect({ path: path.path });
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('it does not answer')));
    socket.on('connect', () => socket.end(request));
    socket.on('data', (part: string) => {
      text += part;
      if (text.length > REPLY_BYTES_MAX) socket.destroy(new Error('its answer is too long'));
    });
    socket.on('error', (error: Error & { code?: string }) => {
      const { code } = error;
      if (code === 'ENOENT' || code === 'ECONNREFUSED') reject(notRunning(dataDirectory));
      else if (code === 'EACCES' || code === 'EPERM') reject(denied(dataDirectory));
      else reject(new ControlError('control_failed', `the minder failed: ${error.message}`));
    });
    socket.on('close', () => {
      path.release();
      resolve(text);
    });
  });
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
