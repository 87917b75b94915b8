/**
 * Where a demo keeps its state: a folder for its owner alone, named after the process, which goes with
 * it. What a killed demo left is removed by the next one.
 *
 * ```
 * TMP/trackerbt-demo-<pid>-<random>/
 * ```
 */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'trackerbt-demo-';
const NAME = /^trackerbt-demo-(\d{1,10})-\w+$/;

/** Makes a folder (mode 0700) for this process. */
export function makeDemoFolder(): string {
  removeLeftOvers();
  return mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
}

export function removeDemoFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

function removeLeftOvers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(NAME.exec(name)?.[1]);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    const path = join(tmpdir(), name);
    // Anybody may make a folder of this name there: only what is ours goes.
    const info = lstatSync(path, { throwIfNoEntry: false });
    if (info?.isDirectory() && info.uid === process.getuid?.()) removeDemoFolder(path);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
