/** Which announce URLs the public page shows, and to whom. */
import { isIPv6 } from 'node:net';
import type { PageRequest } from '../frontend/http/page-taker.js';
import { announcePath, announceUrls } from './announce-urls.js';
import type { BoundSockets } from './bound-sockets.js';

/** What is known of a tracker's own addresses. */
export interface PageUrlOptions {
  /** Hosts that the operator named; none: the one that the client came by. */
  readonly advertise: readonly string[];
  readonly announcePaths: readonly string[];
  readonly webSockets: boolean;
}

/** A tracker on many addresses is known by few names. */
const URLS_MAX = 24;
/** Of names in DNS. */
const HOST_CHARACTERS_MAX = 253;
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\.?$/;

/** A `Host` header that can be one: a name or an address, and perhaps a port. */
export interface RequestHost {
  /** In lower case, IPv6 without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

/** Undefined for anything but a plain host: whatever else it holds is not shown to anybody. */
export function parseHost(header: string | undefined): RequestHost | undefined {
  if (header === undefined || header.length > HOST_CHARACTERS_MAX + 6) return undefined;
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^[\]:]+))(?::(\d{1,5}))?$/.exec(header);
  if (parts === null) return undefined;
  const [, six, name, digits] = parts;
  const host = (six ?? name).toLowerCase();
  const isGood =
    six === undefined ? host.length <= HOST_CHARACTERS_MAX && NAME.test(host) : isIPv6(host);
  const port = digits === undefined ? undefined : Number(digits);
  if (!isGood || port === 0 || (port ?? 0) > 65_535) return undefined;
  return { host, port };
}

/**
 * Under the names that the operator gave, else under the one that the client came by, which it then
 * sees with the port that it used. `bound` is undefined while it is not known.
 */
export function pageUrls(
  options: PageUrlOptions,
  bound: BoundSockets | undefined,
  request: PageRequest,
): string[] {
  const { advertise, announcePaths, webSockets } = options;
  const own = advertise.length > 0 ? undefined : parseHost(request.host);
  const hosts = own === undefined ? advertise : [own.host];
  if (hosts.length === 0) return [];
  const sockets = bound ?? { http: [], https: [], udp: [] };
  const all = announceUrls(sockets, { http: { announcePaths }, advertise: [...hosts] }, []);
  const of = (scheme: string) => all.filter((url) => url.startsWith(`${scheme}://`));
  let http = of('http');
  let https = of('https');
  if (own !== undefined) {
    const host = isIPv6(own.host) ? `[${own.host}]` : own.host;
    const port = own.port === undefined ? '' : `:${own.port}`;
    const came = `${request.secure ? 'https' : 'http'}://${host}${port}${announcePath(announcePaths)}`;
    if (request.secure) https = [came];
    else http = [came];
    // Behind a proxy our own ports are nobody's business: what clients see is the proxy's.
    if (request.proxied) {
      if (request.secure) http = [];
      else https = [];
    }
  }
  const web = webSockets ? [...https, ...http].map((url) => url.replace(/^http/, 'ws')) : [];
  return [...new Set([...https, ...http, ...of('udp'), ...web].map(tidy))].slice(0, URLS_MAX);
}

/** Without the port that the scheme means anyhow. */
function tidy(url: string): string {
  return url
    .replace(/^((?:http|ws):\/\/[^/]*):80\//, '$1/')
    .replace(/^((?:https|wss):\/\/[^/]*):443\//, '$1/');
}
