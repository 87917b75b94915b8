/** Where a tracker keeps what ACME gives it: files of mode 0600, which hold keys, in a folder of mode 0700. */
import { chmodSync, lstatSync, mkdirSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { PrivateFileError } from '../lib/private-file.js';
import { reasonOf } from '../lib/reason.js';

export interface AcmePaths {
  /** The key that is our account with the authority. */
  readonly accountFile: string;
  /** Key and certificate in one file, so that both are replaced in one step. */
  readonly certFile: string;
  readonly keyFile: string;
}

export function acmePaths(data: string): AcmePaths {
  const folder = join(data, 'tracker', 'acme');
  const certFile = join(folder, 'certificate.pem');
  return { accountFile: join(folder, 'account.key'), certFile, keyFile: certFile };
}

/**
 * Makes the folder, for its owner alone. Throws PrivateFileError when it leads elsewhere, or when
 * others could have put something into it.
 */
export function prepareAcmeFolder({ accountFile }: AcmePaths): void {
  const folder = dirname(accountFile);
  let stats: Stats;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    stats = lstatSync(folder);
  } catch (error) {
    const reason = reasonOf(error);
    throw new PrivateFileError('file_unusable', `cannot make the directory ${folder}: ${reason}`);
  }
  if (!stats.isDirectory()) {
    throw new PrivateFileError(
      'file_unusable',
      `${folder} is a link: keys are kept in a directory of the tracker's own, so move what it leads to here`,
    );
  }
  if (process.platform === 'win32') return;
  if ((stats.mode & 0o022) !== 0) {
    throw new PrivateFileError(
      'file_exposed',
      `other users may write to ${folder}: look at what is in it, then run chmod 700 ${folder}`,
    );
  }
  // Who may only look at names has seen no key.
  if ((stats.mode & 0o077) !== 0) chmodSync(folder, 0o700);
}
