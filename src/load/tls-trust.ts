/** How a load speaks TLS: whom it believes, and as whom it addresses the tracker. */
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { LoadError, type LoadOptions } from './load-options.js';
import type { LoadTarget } from './target.js';

/**
 * Options for node's TLS. On loopback nobody sits in between, and trackers have certificates for the
 * name that others call them by: there they are checked only when an authority is named.
 */
export function tlsTrust(
  { url, tlsCa }: Pick<LoadOptions, 'url' | 'tlsCa'>,
  { isLoopback }: Pick<LoadTarget, 'isLoopback'>,
): ConnectionOptions {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    rejectUnauthorized: tlsCa !== '' || !isLoopback,
    // An address is no name to ask for (RFC 6066, 3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(tlsCa === '' ? {} : { ca: tlsCa }),
  };
}

/** The error to end with when the first connection failed with `reason`, a code of node's TLS. */
export function untrusted(reason: string): LoadError | undefined {
  if (!/CERT|ISSUER|SIGNATURE|ALTNAME/.test(reason)) return undefined;
  return new LoadError(
    `the certificate is not to be trusted (${reason}): name its authority with --tls-ca FILE`,
  );
}
