/**
 * Who may ask the admin listener what.
 *
 * | listener     | reading            | changing  |
 * |--------------|--------------------|-----------|
 * | loopback     | free               | token     |
 * | any other    | token, but health  | token     |
 *
 * A browser on this machine reaches loopback too, on behalf of any page it shows: `Host` must be a
 * name of loopback (a page whose name was rebound to 127.0.0.1 sends its own), and requests that
 * another site caused are refused.
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

/** The part of a request that decides. */
export interface AccessRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** True for what load balancers ask (`/healthz`, `/readyz`): free to all. */
  readonly isHealth: boolean;
  /** True when a route will handle it; what has no route changes nothing. */
  readonly isRouted: boolean;
}

const READING_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

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
    const { headers, method } = request;
    if (this.isLoopback && !this.#isHostAllowed(headers.host)) return 'host_not_allowed';
    if (isCrossSite(method, headers)) return 'cross_site';
    const changes = !READING_METHODS.has(method) && request.isRouted;
    const isFree = this.isLoopback ? !changes : request.isHealth && !changes;
    return isFree || this.hasToken(headers) ? undefined : 'unauthorized';
  }

  /** True when operators' words may be shown: reading is free here, or the token was given. */
  mayReadAll(headers: IncomingHttpHeaders): boolean {
    return this.isLoopback || this.hasToken(headers);
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
    if (host === undefined) return false;
    return host === 'localhost' || isLoopbackAddress(host) || this.#hosts.has(host);
  }
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
