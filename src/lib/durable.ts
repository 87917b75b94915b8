/** What it takes until a file outlives the power. */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

/**
 * Writes all of `bytes` at `at`, or where the file stands: the system may take less at a time. Throws
 * its error.
 */
export function writeAll(fd: number, bytes: Uint8Array, at?: number): void {
  for (let done = 0; done < bytes.length; ) {
    const place = at === undefined ? null : at + done;
    done += writeSync(fd, bytes, done, bytes.length - done, place);
  }
}

/** Makes durable which names a directory holds, as after a rename. Throws the system's error. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
