/** Starts ACME where it is wanted, and only then loads what it needs. */
import type { Config } from '../config/index.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import type { AcmeKeeper } from './acme-keeper.js';
import { acmePaths } from './acme-paths.js';
import type { MainMessage } from './message.js';

export interface StartAcmeDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells all workers that serve HTTP or HTTPS. */
  readonly tellHttp: (message: MainMessage) => void;
}

/** Undefined when it is off. Throws PrivateFileError when what is kept cannot be read. */
export async function startAcme(
  { https, data }: Config,
  { clock, logger, tellHttp }: StartAcmeDependencies,
): Promise<AcmeKeeper | undefined> {
  if (https.acme.directoryUrl === '') return undefined;
  const { AcmeKeeper } = await import('./acme-keeper.js');
  const keeper = new AcmeKeeper(
    { ...https.acme, paths: acmePaths(data) },
    {
      clock,
      logger,
      answer: (answers) => tellHttp({ type: 'challenges', answers }),
      renewed: () => tellHttp({ type: 'reload' }),
    },
  );
  await keeper.start();
  return keeper;
}
