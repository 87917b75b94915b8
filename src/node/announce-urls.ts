/** URLs at which clients reach a tracker: what operators hand out, and what minders probe. */
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Config, parseListen } from '../config/index.js';
import { formatHostPort } from '../lib/host-port.js';
import { scrapePathOf } from '../protocol/http/route.js';
import type { BoundSockets } from './bound-sockets.js';

/** Says nothing to a tracker, but people and clients know announce URLs by it. */
const UDP_PATH = '/announce';

/** What of a configuration counts here. */
type UrlConfig = Pick<Config, 'advertise'> & {
  readonly http: Pick<Config['http'], 'announcePaths'>;
};

/**
 * Of each socket that was bound, under each host that is to be told. One that is bound to all
 * addresses is told under those of `ownAddresses` that are of its family.
 */
export function announceUrls(
  { http, https, udp }: BoundSockets,
  { http: { announcePaths }, advertise }: UrlConfig,
  ownAddresses: readonly string[],
): string[] {
  const path = announcePath(announcePaths);
  const urls = (scheme: string, sockets: readonly string[], path: string) =>
    sockets.flatMap((socket) => {
      const bound = parseListen(socket);
      if (bound === undefined) return [];
      return hosts(bound.host, advertise, ownAddresses).map(
        (host) => `${scheme}://${formatHostPort(host, bound.port)}${path}`,
      );
    });
  return [
    ...new Set([
      ...urls('http', http, path),
      ...urls('https', https, path),
      ...urls('udp', udp, UDP_PATH),
    ]),
  ];
}

/**
 * An address of each family that others on the network may know this machine by, for a tracker that
 * nobody told one: the first that is not of this machine or this link alone, else loopback's.
 */
export function likelyAddresses(interfaces = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap((each) => each ?? []);
  const seen = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const first = (family: string, loopback: string) =>
    seen.find((each) => each.family === family)?.address ?? loopback;
  return [first('IPv4', '127.0.0.1'), first('IPv6', '::1')];
}

/** Under which hosts a socket is told to others that is bound to `address`. */
function hosts(
  address: string,
  advertise: readonly string[],
  ownAddresses: readonly string[],
): readonly string[] {
  const isFour = isIPv4(address);
  if (advertise.length > 0) {
    // A name may stand for both families, an address for one.
    return advertise.filter((host) => (isFour ? !isIPv6(host) : !isIPv4(host)));
  }
  if (address !== '0.0.0.0' && address !== '::') return [address];
  return ownAddresses.filter((own) => isIPv4(own) === isFour);
}

/** The path that others are told: one that can be probed, so one with a scrape path and no key. */
export function announcePath(paths: readonly string[]): string {
  const isPlain = (path: string) => !path.includes('{key}') && scrapePathOf(path) !== undefined;
  return paths.find(isPlain) ?? paths[0];
}
