/**
 * What a node writes again and again while it runs, and so must belong to its user (`--user`):
 *
 * ```
 * DATA                      may be a link: that is the operator's choice
 * DATA/tracker              must not be one
 * DATA/tracker/NAME         given to the user; of a link, the link itself
 * DATA/tracker/acme         must not be one
 * DATA/tracker/acme/NAME
 * DATA/minder               must not be a link
 * DATA/minder/...           all of it; of a link, the link itself
 * ```
 *
 * Root gives files away here, in directories that may belong to that user since the last start. So
 * what leads out of them is refused: the user would be given whatever it points to.
 */
import { lstatSync, readdirSync } from 'node:fs';
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
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
    throw new PrivateFileError(
      'file_unusable',
      `${path} is a link, which --user does not follow: move what it leads to here, or have --data lead there`,
    );
  }
}

/** Gives the state of a tracker to the user. Throws PrivateFileError (`file_unusable`) when some of it may be another's. */
export function giveTrackerState(user: UserIds, data: string): void {
  refuseLinks(data);
  const files = STATE_FILES.map((name) => join(data, 'tracker', name));
  giveTo(user, [data, ...folders(data), ...files]);
}

/** The same of a minder, whose directory is no link. */
export function giveMinderState(user: UserIds, data: string): void {
  giveTo(user, [data, ...treeOf(join(data, 'minder'))]);
}

/** A directory and everything in it; links are not followed. */
function treeOf(directory: string): string[] {
  const found = [directory];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...treeOf(path));
    else found.push(path);
  }
  return found;
}

function folders(data: string): string[] {
  return STATE_FOLDERS.map((name) => join(data, 'tracker', name));
}
