/**
 * Who may ask the admin listener what.
 *
 * | listener     | health, page | reading   | changing, tokens |
 * |--------------|--------------|-----------|------------------|
 * | loopback     | free         | free      | token            |
 * | any other    | free         | token     | token            |
 *
 * The page holds no data: it reads, and asks its user for the token.
 *
 * A browser on this machine reaches loopback too, on behalf of any page it shows: `Host` must be a
 * name of loopback (a page whose name was rebound to 127.0.0.1 sends its own) or one that the operator
 * has given, and requests that another site caused are refused.
 *
 * What comes to loopback by a name that the operator has given, or with a header that says a proxy
 * passed it on, may be anybody's from anywhere: it is treated as on any other listener.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { parseAddress } from '../lib/endpoint.js';
import type { AdminErrorCode } from './admin-error.js';

export interface AccessOptions {
  readonly token: string;
  /** Names besides those of loopback that a loopback listener may be called by, without port. */
  readonly hosts: readonly string[];
}

/** What a route wants before it answers: nothing, what reading needs here, or always the token. */
export type Needs = 'nothing' | 'reading' | 'token';

/** The part of a request that decides. */
export interface AccessRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly needs: Needs;
}

/** What proxies add, each of its own kind. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

const READING_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What a method needs where a route says nothing. */
export function needsOf(method: string): Needs {
  return READING_METHODS.has(method) ? 'reading' : 'token';
}

export class Access {
  readonly #tokenDigest: Buffer;
  readonly #hosts: ReadonlySet<string>;
  /** Whether the bound address is loopback. False, the strict side, until that is known. */
  isLoopback = false;

  constructor(options: AccessOptions) {
    this.#tokenDigest = sha256(options.token);
    this.#hosts = new Set(options.hosts.map((host) => host.toLowerCase()));
  }

  /** Why the request is refused, or undefined when it may go on. */
  refusal(request: AccessRequest): AdminErrorCode | undefined {
    const site = this.siteRefusal(request);
    if (site !== undefined) return site;
    return this.isFree(request.needs, request.headers) || this.hasToken(request.headers)
      ? undefined
      : 'unauthorized';
  }

  /** Why a request is refused for the page that caused it, whatever it asks for. */
  siteRefusal({ method, headers }: Omit<AccessRequest, 'needs'>): AdminErrorCode | undefined {
    if (this.isLoopback && !this.#isHostAllowed(headers.host)) return 'host_not_allowed';
    return isCrossSite(method, headers) ? 'cross_site' : undefined;
  }

  /** Whether what needs so much is to be had without the token. */
  isFree(needs: Needs, headers: IncomingHttpHeaders): boolean {
    if (needs !== 'reading') return needs === 'nothing';
    return this.isLoopback && isOfThisMachine(headers);
  }

  /** Digests are compared, in constant time, so that neither length nor content leaks. */
  hasToken(headers: IncomingHttpHeaders): boolean {
    const match = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '');
    return match !== null && timingSafeEqual(sha256(match[1]), this.#tokenDigest);
  }

  /** No browser omits `Host`; HTTP/1.0 health probes do. */
  #isHostAllowed(header: string | undefined): boolean {
    if (header === undefined || header === '') return true;
    const host = hostName(header);
    return host !== undefined && (isLoopbackName(host) || this.#hosts.has(host));
  }
}

/** True for what nobody seems to have passed on, to an address that is the same everywhere. */
function isOfThisMachine(headers: IncomingHttpHeaders): boolean {
  if (PROXY_HEADERS.some((name) => headers[name] !== undefined)) return false;
  const { host } = headers;
  return host === undefined || host === '' || isLoopbackName(hostName(host) ?? '');
}

function isLoopbackName(host: string): boolean {
  return host === 'localhost' || isLoopbackAddress(host);
}

/** True for requests that a page of another origin causes, other than following a link to us. */
function isCrossSite(method: string, headers: IncomingHttpHeaders): boolean {
  const { origin, host } = headers;
  if (origin !== undefined) {
    const match = /^https?:\/\/([^/]+)$/i.exec(origin);
    return match === null || match[1].toLowerCase() !== (host ?? '').toLowerCase();
  }
  if (headers['sec-fetch-site'] !== 'cross-site') return false;
  const followsLink =
    method === 'GET' &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document';
  return !followsLink;
}

/** `name`, `name:port`, `1.2.3.4:port`, `[::1]:port` without port, brackets or final dot. */
function hostName(header: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(header);
  if (match === null) return undefined;
  return (match[1] ?? match[2]).toLowerCase().replace(/\.$/, '');
}

/** True for 127.0.0.0/8 (also mapped into IPv6) and ::1, in text form. */
export function isLoopbackAddress(text: string): boolean {
  const raw = new Uint8Array(16);
  const length = parseAddress(text, raw);
  if (length === 4) return raw[0] === 127;
  if (length !== 16) return false;
  const isZeroTo = (end: number) => raw.subarray(0, end).every((byte) => byte === 0);
  if (isZeroTo(15)) return raw[15] === 1;
  return isZeroTo(10) && raw[10] === 0xff && raw[11] === 0xff && raw[12] === 127;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
