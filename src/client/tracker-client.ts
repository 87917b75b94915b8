/** The client side of announce and scrape, for any tracker URL: http:, https: or udp:. */
import { TrackerClientError } from './client-error.js';
import { announceOverHttp, scrapeOverHttp } from './http-client.js';
import type {
  AnnounceAnswer,
  AnnounceOptions,
  ReachOptions,
  ScrapeAnswer,
} from './tracker-answer.js';
import { announceOverUdp, scrapeOverUdp } from './udp-client.js';

/** Throws a `TrackerClientError` with code 'urlInvalid'. */
export function parseTrackerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:', 'udp:'].includes(url.protocol)) {
    throw new TrackerClientError('urlInvalid', `'${text}' is no http:, https: or udp: URL`);
  }
  if (url.hostname === '') throw new TrackerClientError('urlInvalid', `'${text}' names no host`);
  return url;
}

/** Announces once. Throws a `TrackerClientError`. */
export function announce(url: URL, options: AnnounceOptions): Promise<AnnounceAnswer> {
  return url.protocol === 'udp:' ? announceOverUdp(url, options) : announceOverHttp(url, options);
}

/** Scrapes the swarms of `hashes` (20 bytes each). Throws a `TrackerClientError`. */
export function scrape(
  url: URL,
  hashes: readonly Uint8Array[],
  options: ReachOptions = {},
): Promise<ScrapeAnswer> {
  return url.protocol === 'udp:'
    ? scrapeOverUdp(url, hashes, options)
    : scrapeOverHttp(url, hashes, options);
}
