/** Gives up root once the ports are bound (`--user`). */
import { existsSync, lchownSync, lstatSync, readFileSync } from 'node:fs';
import { PrivateFileError } from '../lib/private-file.js';

export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** The user cannot be taken on. `message` is for the operator. */
export class UserError extends Error {
  override name = 'UserError';
  readonly code = 'user_unknown';
}

/**
 * Looks a user up. Returns undefined for '' (stay who we are). Throws UserError for a name that does
 * not exist, or when we are not root and so cannot become anybody else.
 */
export function findUser(name: string): UserIds | undefined {
  if (name === '') return undefined;
  if (process.getuid === undefined) {
    throw new UserError('--user: this system knows no users to change to');
  }
  const line = readPasswd().find(([user]) => user === name);
  if (line === undefined) throw new UserError(`--user: no user '${name}' on this machine`);
  const ids = { uid: Number(line[2]), gid: Number(line[3]) };
  const own = process.getuid();
  if (own !== 0 && own !== ids.uid) {
    throw new UserError(`--user: only root can become '${name}'; start as root or drop the option`);
  }
  return ids;
}

function readPasswd(): string[][] {
  if (!existsSync('/etc/passwd')) return [];
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
}

/**
 * Hands paths to the user, so that it can go on saving there: all or none. Links are not followed: the
 * user may have put one there, and would be given what it points to. Throws PrivateFileError
 * (`file_unusable`) for what may be another user's file.
 */
export function giveTo(ids: UserIds, paths: readonly string[]): void {
  for (const path of paths) {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    // A second name may be that of a file of another user, anywhere on the disk.
    if (stats?.isFile() !== true || stats.nlink < 2 || stats.uid === ids.uid) continue;
    throw new PrivateFileError(
      'file_unusable',
      `${path} has a second name (a hard link) and is not given to another user: copy it, and put the copy in its place`,
    );
  }
  if (process.getuid?.() !== 0) return;
  for (const path of paths) if (existsSync(path)) lchownSync(path, ids.uid, ids.gid);
}

/** Becomes the user, in all threads of the process, for good. */
export function becomeUser(ids: UserIds): void {
  if (process.getuid?.() === ids.uid) return;
  process.setgroups?.([ids.gid]);
  process.setgid?.(ids.gid);
  process.setuid?.(ids.uid);
}
