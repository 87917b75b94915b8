import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sources } from './rules.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Larger files are data, not text that somebody wrote. */
const TEXT_BYTES_MAX = 4 * 1024 * 1024;

/** Every text file that is or is about to be committed. */
export function readTree(): Sources {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const sources = new Map<string, string>();
  for (const path of listed.split('\0').sort()) {
    if (path === '') continue;
    // A file that was removed or moved is still listed until that is committed.
    const info = lstatSync(join(ROOT, path), { throwIfNoEntry: false });
    if (!info?.isFile() || info.size > TEXT_BYTES_MAX) continue;
    const bytes = readFileSync(join(ROOT, path));
    if (!bytes.includes(0)) sources.set(path, bytes.toString('utf8'));
  }
  return sources;
}
