/** How many descriptors this process may hold (RLIMIT_NOFILE). */
import { RLIMIT_BYTES } from './layout.js';
import { RLIMIT_NOFILE } from './linux.js';
import { PinnedMemory } from './pinned-memory.js';
import type { Sys } from './sys.js';
import { check } from './sys-error.js';

export interface OpenFilesLimit {
  readonly soft: number;
  readonly hard: number;
}

/** Throws a `SysError`. 'Unlimited' reads as a number above 2^53. */
export function readOpenFilesLimit(sys: Sys): OpenFilesLimit {
  const memory = new PinnedMemory(sys, RLIMIT_BYTES);
  check(sys.getrlimit(RLIMIT_NOFILE, memory.address), 'getrlimit');
  return { soft: memory.readUnsigned64(0), hard: memory.readUnsigned64(8) };
}

/** Sets the soft limit, for all threads. Throws a `SysError` (EPERM or EINVAL above the hard one). */
export function setOpenFilesLimit(sys: Sys, soft: number): void {
  const memory = new PinnedMemory(sys, RLIMIT_BYTES);
  check(sys.getrlimit(RLIMIT_NOFILE, memory.address), 'getrlimit');
  memory.writeAddress(0, soft);
  check(sys.setrlimit(RLIMIT_NOFILE, memory.address), 'setrlimit');
}

/** Raises the soft limit to the hard one and returns it; what it is already when that fails. */
export function raiseOpenFilesLimit(sys: Sys): number {
  const { soft, hard } = readOpenFilesLimit(sys);
  if (hard <= soft) return soft;
  try {
    setOpenFilesLimit(sys, hard);
    return hard;
  } catch {
    return soft;
  }
}
