/** Failures of the operating system, named. */
import { constants } from 'node:os';

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** `EADDRINUSE` for 98; a number without a name becomes `E98`. */
export function errorName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/**
 * A system call that failed where that is not expected. Loops do not throw these: they read the
 * negative number that every call of `Sys` returns.
 */
export class SysError extends Error {
  override name = 'SysError';
  /** The system's name for it, as node's own errors have it: `EADDRINUSE`. */
  readonly code: string;

  constructor(
    readonly syscall: string,
    readonly errno: number,
  ) {
    const code = errorName(errno);
    super(`${syscall} failed: ${code}`);
    this.code = code;
  }
}

/** Passes on the result of a call of `Sys`; throws a `SysError` when it is a negative errno. */
export function check(result: number, syscall: string): number {
  if (result < 0) throw new SysError(syscall, -result);
  return result;
}
