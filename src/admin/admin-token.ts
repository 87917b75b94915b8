/** The secret that changes on the admin listener need: a file of one line, for its owner alone. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { reasonOf } from '../lib/reason.js';

/** What can go wrong; `docs/errors.md` lists the same codes. */
export const ADMIN_TOKEN_ERROR_CODES = [
  /** Group or others may read or write the file. */
  'token_file_exposed',
  'token_file_empty',
  /** Not one line of 16 to 1,024 characters that a header may carry. */
  'token_file_invalid',
  /** The file can neither be read nor made. */
  'token_file_unusable',
] as const;
export type AdminTokenErrorCode = (typeof ADMIN_TOKEN_ERROR_CODES)[number];

/** The token file cannot be used. `message` is for the operator and never holds the token. */
export class AdminTokenError extends Error {
  override name = 'AdminTokenError';
  constructor(
    readonly code: AdminTokenErrorCode,
    message: string,
  ) {
    super(message);
  }
}

const TOKEN_BYTES = 32;
const FILE_BYTES_MAX = 1_100;
/** `b64token` of RFC 6750. */
const TOKEN_PATTERN = /^[A-Za-z0-9._~+/-]{16,1024}=*$/;

/**
 * Reads the token from `file`, or makes one there (32 random bytes as base64url, mode 0600, its
 * directory 0700) when the file does not exist. Throws `AdminTokenError`.
 */
export function loadAdminToken(file: string): string {
  const path = resolve(file);
  try {
    return readToken(path) ?? makeToken(path);
  } catch (error) {
    if (error instanceof AdminTokenError) throw error;
    const reason = reasonOf(error);
    throw new AdminTokenError(
      'token_file_unusable',
      `cannot read or make the admin token file ${path}: ${reason}`,
    );
  }
}

function readToken(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const info = fstatSync(fd);
    if (!info.isFile()) throw invalid(path);
    if ((info.mode & 0o077) !== 0) {
      const mode = (info.mode & 0o777).toString(8).padStart(4, '0');
      throw new AdminTokenError(
        'token_file_exposed',
        `the admin token file ${path} is open to other users (mode ${mode}): ` +
          `run chmod 600 ${path}, and replace the token if others may have read it`,
      );
    }
    const buffer = Buffer.alloc(FILE_BYTES_MAX + 1);
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    const token = buffer.toString('latin1', 0, length).trim();
    if (token === '') {
      throw new AdminTokenError(
        'token_file_empty',
        `the admin token file ${path} is empty: remove it, and the next start makes a new one`,
      );
    }
    if (length > FILE_BYTES_MAX || !TOKEN_PATTERN.test(token)) throw invalid(path);
    return token;
  } finally {
    closeSync(fd);
  }
}

/** Complete before it has its name, so that a crash leaves no empty or half-written token. */
function makeToken(path: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const pending = `${path}.new.${process.pid}.${randomBytes(8).toString('hex')}`;
  const fd = openSync(pending, 'wx', 0o600);
  try {
    fchmodSync(fd, 0o600);
    writeSync(fd, `${token}\n`);
    fsyncSync(fd);
    linkSync(pending, path);
    return token;
  } catch (error) {
    // Somebody else made one meanwhile: theirs counts.
    const theirs = codeOf(error) === 'EEXIST' ? readToken(path) : undefined;
    if (theirs === undefined) throw error;
    return theirs;
  } finally {
    closeSync(fd);
    unlinkSync(pending);
  }
}

function invalid(path: string): AdminTokenError {
  return new AdminTokenError(
    'token_file_invalid',
    `the admin token file ${path} must be a file with one line of 16 to 1024 letters, digits ` +
      'and - . _ ~ + /: remove it, and the next start makes a new one',
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
