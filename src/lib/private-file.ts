/** Files for their owner alone (mode 0600), replaced in one step. */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory, writeAll } from './durable.js';
import { reasonOf } from './reason.js';

export const PRIVATE_FILE_ERROR_CODES = [
  /** Group or others may read or write the file. */
  'file_exposed',
  /** The file cannot be read or written, or is larger than it can be. */
  'file_unusable',
] as const;
export type PrivateFileErrorCode = (typeof PRIVATE_FILE_ERROR_CODES)[number];

/** The file cannot be used. `message` is for the operator. */
export class PrivateFileError extends Error {
  override name = 'PrivateFileError';
  constructor(
    readonly code: PrivateFileErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Longest file that is read: far above what is kept in one. */
export const PRIVATE_FILE_BYTES_MAX = 64 * 1024 * 1024;

/** The steps of a write, for tests that stop in between. */
export type WriteStep = 'written' | 'renamed';

/** The text of a file; undefined when there is none. Throws `PrivateFileError`. */
export function readPrivateFile(path: string): string | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      const { mode, size } = fstatSync(fd);
      if ((mode & 0o077) !== 0) {
        throw new PrivateFileError(
          'file_exposed',
          `${path} is open to other users: run chmod 600 ${path}, and find out who has read it`,
        );
      }
      if (size > PRIVATE_FILE_BYTES_MAX) throw new Error('it is too large');
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof PrivateFileError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw unusable('read', path, error);
  }
}

/**
 * Replaces a file: a crash at any moment leaves the old text or the new one, and after the call it
 * is the new one even when the power goes. Throws `PrivateFileError`.
 */
export function writePrivateFile(
  path: string,
  text: string,
  { onStep }: { onStep?: (step: WriteStep) => void } = {},
): void {
  const pending = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // One process holds the data directory, so whatever has this name is a crash's.
    rmSync(pending, { force: true });
    const fd = openSync(pending, 'wx', 0o600);
    try {
      writeAll(fd, Buffer.from(text));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    onStep?.('written');
    renameSync(pending, path);
    onStep?.('renamed');
    syncDirectory(dirname(path));
  } catch (error) {
    throw unusable('write', path, error);
  }
}

function unusable(what: string, path: string, error: unknown): PrivateFileError {
  const reason = reasonOf(error);
  return new PrivateFileError('file_unusable', `cannot ${what} ${path}: ${reason}`);
}
