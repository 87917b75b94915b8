/** Announce and scrape over HTTP and HTTPS (BEP 3, BEP 48), for checks: a connection a call. */
import { scrapePathOf } from '../protocol/http/route.js';
import { TrackerClientError } from './client-error.js';
import { announceAnswerOf, scrapeAnswerOf } from './http-answer.js';
import { httpGet } from './http-fetch.js';
import {
  type AnnounceAnswer,
  type AnnounceOptions,
  type ReachOptions,
  type ScrapeAnswer,
  TIMEOUT_MS_DEFAULT,
} from './tracker-answer.js';

/** Throws a `TrackerClientError`. */
export async function announceOverHttp(
  url: URL,
  options: AnnounceOptions,
): Promise<AnnounceAnswer> {
  const query = [
    `info_hash=${percentEncode(options.infoHash)}`,
    `peer_id=${percentEncode(options.peerId)}`,
    `port=${options.port}`,
    `uploaded=${options.uploaded ?? 0}`,
    `downloaded=${options.downloaded ?? 0}`,
    `left=${options.left ?? 0}`,
    'compact=1',
  ];
  if (options.numwant !== undefined) query.push(`numwant=${options.numwant}`);
  if (options.event !== undefined && options.event !== 'none') query.push(`event=${options.event}`);
  if (options.ip !== undefined) query.push(`ip=${encodeURIComponent(options.ip)}`);
  if (options.key !== undefined) query.push(`key=${(options.key >>> 0).toString(16)}`);
  if (options.trackerId !== undefined) {
    query.push(`trackerid=${encodeURIComponent(options.trackerId)}`);
  }
  return announceAnswerOf(await httpGet(withQuery(url, query), fetchOptions(options)));
}

/** Throws a `TrackerClientError`. */
export async function scrapeOverHttp(
  url: URL,
  hashes: readonly Uint8Array[],
  options: ReachOptions,
): Promise<ScrapeAnswer> {
  const query = hashes.map((hash) => `info_hash=${percentEncode(hash)}`);
  const target = withQuery(scrapeUrlOf(url), query);
  return scrapeAnswerOf(await httpGet(target, fetchOptions(options)), hashes);
}

/** BEP 48: `announce` in the last segment becomes `scrape`; a scrape URL is taken as it is. */
function scrapeUrlOf(url: URL): URL {
  const path = url.pathname;
  if (path.startsWith('scrape', path.lastIndexOf('/') + 1)) return url;
  const scrapePath = scrapePathOf(path);
  if (scrapePath === undefined) {
    const problem = "its last segment begins with neither 'announce' nor 'scrape'";
    throw new TrackerClientError('urlInvalid', `${url.href} names no scrape URL: ${problem}`);
  }
  const scrape = new URL(url);
  scrape.pathname = scrapePath;
  return scrape;
}

/** The URL with more parameters behind those that it has; they are encoded already. */
function withQuery(url: URL, query: readonly string[]): URL {
  const full = new URL(url);
  full.hash = '';
  full.search = [...(url.search.length > 1 ? [url.search.slice(1)] : []), ...query].join('&');
  return full;
}

function fetchOptions({ timeoutMs = TIMEOUT_MS_DEFAULT, family }: ReachOptions) {
  return { timeoutMs, family };
}

/** Every byte escaped but the unreserved ones (RFC 3986). */
function percentEncode(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const c = String.fromCharCode(byte);
    text += /[A-Za-z0-9._~-]/.test(c) ? c : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
