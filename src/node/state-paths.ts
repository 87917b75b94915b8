/**
 * What a tracker writes again and again while it runs, and so must belong to its user (`--user`):
 *
 * ```
 * DATA                      may be a link: that is the operator's choice
 * DATA/tracker              must not be one
 * DATA/tracker/NAME         given to the user; of a link, the link itself
 * DATA/tracker/acme         must not be one
 * DATA/tracker/acme/NAME
 * ```
 *
 * Root gives files away here, in directories that may belong to that user since the last start. So
 * what leads out of them is refused: the user would be given whatever it points to.
 */
import { lstatSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { TUNING_FILE } from '../cluster/tuning-file.js';
import { PrivateFileError } from '../lib/private-file.js';
import { giveTo, type UserIds } from './privileges.js';

const STATE_FOLDERS = ['', 'acme'];
const STATE_FILES = [
  'store.snapshot',
  'admin-token',
  'identity.json',
  'origins.json',
  'downloads',
  'lists',
  'acme/account.key',
  'acme/certificate.pem',
  TUNING_FILE,
];

/** Throws PrivateFileError (`file_unusable`) when a directory of the state is a link. */
export function refuseLinks(data: string): void {
  for (const path of folders(data)) {
    if (statsOf(path)?.isSymbolicLink() !== true) continue;
    throw new PrivateFileError(
      'file_unusable',
      `${path} is a link, which --user does not follow: move what it leads to here, or have --data lead there`,
    );
  }
}

/** Gives the state to the user. Throws PrivateFileError (`file_unusable`) when some of it may be another's. */
export function giveState(user: UserIds, data: string): void {
  refuseLinks(data);
  const files = STATE_FILES.map((name) => join(data, 'tracker', name));
  for (const path of files) {
    const stats = statsOf(path);
    // A second name may be that of a file of another user, anywhere on the disk.
    if (stats?.isFile() !== true || stats.nlink < 2 || stats.uid === user.uid) continue;
    throw new PrivateFileError(
      'file_unusable',
      `${path} has a second name (a hard link) and is not given to another user: copy it, and put the copy in its place`,
    );
  }
  giveTo(user, [data, ...folders(data), ...files]);
}

function folders(data: string): string[] {
  return STATE_FOLDERS.map((name) => join(data, 'tracker', name));
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
