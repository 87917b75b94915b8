/** The host of a tracker's URL, and whether it can be of the family that the caller wants. */
import { isIP } from 'node:net';
import { TrackerClientError } from './client-error.js';

/** The host without the brackets of IPv6. Throws 'unresolved' for an address of the other family. */
export function hostOf(url: URL, family: 4 | 6 | undefined): string {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const literal = isIP(host);
  // Look-ups give back an address as it is, whatever family they were asked for.
  if (family === undefined || literal === 0 || literal === family) return host;
  throw new TrackerClientError('unresolved', `${host} is no IPv${family} address`);
}
