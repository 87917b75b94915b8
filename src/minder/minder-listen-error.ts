/** What can go wrong when the minder binds a port. `docs/errors.md` lists the same codes. */
import { reasonOf } from '../lib/reason.js';

export const MINDER_LISTEN_ERROR_CODES = [
  'minder_address_in_use',
  'minder_address_denied',
  'minder_address_unavailable',
] as const;
export type MinderListenErrorCode = (typeof MINDER_LISTEN_ERROR_CODES)[number];

/** A port of the minder cannot be bound. `message` is for the operator. */
export class MinderListenError extends Error {
  override name = 'MinderListenError';
  constructor(
    readonly code: MinderListenErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Explains a failed bind of what `--<flag>` sets. */
export function minderListenError(
  error: unknown,
  flag: 'listen' | 'bus' | 'bus-cluster',
  host: string,
  port: number,
): MinderListenError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const shownHost = host.includes(':') ? `[${host}]` : host || '*';
  const where = `the address ${shownHost}:${port}`;
  const other = `choose another with --${flag} ADDR:PORT`;
  if (code === 'EADDRINUSE') {
    return new MinderListenError(
      'minder_address_in_use',
      `${where} is held by another process: stop it, or ${other}`,
    );
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new MinderListenError(
      'minder_address_denied',
      `${where} may not be bound by this user: ${other}, above 1023`,
    );
  }
  const reason = reasonOf(error);
  return new MinderListenError(
    'minder_address_unavailable',
    `${where} cannot be bound (${reason}): ${other}`,
  );
}
