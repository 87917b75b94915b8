/** Processes whose wall clock is wrong, by libfaketime; the monotonic one stays as it is. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARY = join('faketime', 'libfaketimeMT.so.1');

function findLibrary(): string {
  const folders = ['/usr/lib', '/usr/local/lib'].filter((folder) => existsSync(folder));
  const all = folders.flatMap((folder) => [
    folder,
    // One for each kind of processor: x86_64-linux-gnu, aarch64-linux-gnu.
    ...readdirSync(folder).map((name) => join(folder, name)),
  ]);
  const found = all.map((folder) => join(folder, LIBRARY)).find((path) => existsSync(path));
  if (found === undefined) throw new Error('no libfaketime: install the package faketime');
  return found;
}

/** What a child's environment needs so that its clock is so many seconds ahead, or behind. */
export function wrongClock(seconds: number): Record<string, string> {
  return {
    LD_PRELOAD: findLibrary(),
    FAKETIME: `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}s`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}
