/** Where a tracker keeps what ACME gives it: files of mode 0600, which hold keys. */
import { join } from 'node:path';

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
