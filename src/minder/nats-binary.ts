/** Where the `nats-server` program is, and whether it will do. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { reasonOf } from '../lib/reason.js';
import { NatsServerError } from './nats-error.js';

/** The first version with everything that we use: what Debian 12 has. */
const VERSION_MIN = [2, 9] as const;
const VERSION_LIMIT_MS = 20_000;

/** Where systems put it without putting it on everybody's path. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

const HOW_TO_INSTALL =
  'install it (Debian, Ubuntu: apt-get install nats-server; FreeBSD: pkg install nats-server; ' +
  'macOS: brew install nats-server; containers: copy the program from the image nats:2), or use ' +
  'one that runs already with --nats URL';

export interface NatsBinary {
  readonly path: string;
  /** `2.9.10` */
  readonly version: string;
}

/**
 * Finds the program: `given`, which may be a name or a path, or `nats-server` on the path. Throws
 * `NatsServerError` when there is none, or one that is too old.
 */
export async function findNatsServer(given = 'nats-server'): Promise<NatsBinary> {
  const path = locate(given);
  if (path === undefined) {
    throw new NatsServerError(
      'bus_server_missing',
      `the minder runs a NATS server, and ${given} is not on the PATH: ${HOW_TO_INSTALL}`,
    );
  }
  let output: string;
  try {
    output = (await promisify(execFile)(path, ['--version'], { timeout: VERSION_LIMIT_MS })).stdout;
  } catch (error) {
    const reason = reasonOf(error);
    throw new NatsServerError('bus_server_failed', `${path} does not run: ${reason}`);
  }
  const match = /\bv?(\d+)\.(\d+)\.(\d+)/.exec(output);
  if (match === null) {
    throw new NatsServerError(
      'bus_server_old',
      `${path} does not say its version, so it is no NATS server that will do: ${HOW_TO_INSTALL}`,
    );
  }
  const [, major, minor, patch] = match.map(Number);
  const version = `${major}.${minor}.${patch}`;
  if (major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1])) {
    throw new NatsServerError(
      'bus_server_old',
      `${path} is NATS ${version}, and ${VERSION_MIN.join('.')} is the least: ${HOW_TO_INSTALL}`,
    );
  }
  return { path, version };
}

function locate(given: string): string | undefined {
  if (given.includes('/') || isAbsolute(given)) {
    const path = resolve(given);
    return isProgram(path) ? path : undefined;
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  return [...folders, ...MORE_FOLDERS].map((folder) => join(folder, given)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
