/** Announce and scrape over UDP (BEP 15, BEP 41), for checks: one socket a call. */
import { lookup } from 'node:dns/promises';
import { Endpoint } from '../lib/endpoint.js';
import { AnnounceEvent } from '../protocol/announce.js';
import { encodeAnnounceRequest, encodeScrapeRequest } from '../protocol/udp/client-request.js';
import { UDP_SCRAPE_HASHES_MAX } from '../protocol/udp/request.js';
import { clientErrorOf, TrackerClientError } from './client-error.js';
import { hostOf } from './host.js';
import {
  type AnnounceAnswer,
  type AnnounceOptions,
  type ReachOptions,
  type ScrapeAnswer,
  type ScrapeAnswerEntry,
  TIMEOUT_MS_DEFAULT,
} from './tracker-answer.js';
import { UdpExchange } from './udp-exchange.js';

/** BEP 15: 15 s before a request is sent again. */
const RETRY_MS_DEFAULT = 15_000;

/** Throws a `TrackerClientError`. */
export async function announceOverUdp(url: URL, options: AnnounceOptions): Promise<AnnounceAnswer> {
  const fields = {
    infoHash: options.infoHash,
    peerId: options.peerId,
    downloaded: options.downloaded ?? 0,
    left: options.left ?? 0,
    uploaded: options.uploaded ?? 0,
    event: AnnounceEvent[options.event ?? 'none'],
    ip: claimedAddress(options.ip),
    key: options.key ?? 0,
    numwant: options.numwant ?? -1,
    port: options.port,
    urlData: urlDataOf(url),
  };
  return withExchange(url, options, async (exchange) => {
    const reply = await exchange.request('announce', (id, transactionId) =>
      encodeAnnounceRequest(id, transactionId, fields),
    );
    const { intervalSeconds, seeders, leechers, peers } = reply;
    return { intervalSeconds, seeders, leechers, peers };
  });
}

/** Asks in as many requests as the hashes need. Throws a `TrackerClientError`. */
export async function scrapeOverUdp(
  url: URL,
  hashes: readonly Uint8Array[],
  options: ReachOptions,
): Promise<ScrapeAnswer> {
  return withExchange(url, options, async (exchange) => {
    const entries: ScrapeAnswerEntry[] = [];
    for (let at = 0; at < hashes.length; at += UDP_SCRAPE_HASHES_MAX) {
      const part = hashes.slice(at, at + UDP_SCRAPE_HASHES_MAX);
      const reply = await exchange.request('scrape', (id, transactionId) =>
        encodeScrapeRequest(id, transactionId, part),
      );
      if (reply.entries.length > part.length) {
        throw new TrackerClientError('answerInvalid', 'more swarms came than were asked for');
      }
      part.forEach((infoHash, i) => {
        entries.push({ infoHash, ...reply.entries[i] });
      });
    }
    return { entries };
  });
}

/**
 * Talks to the first of the host's addresses that does not refuse: a name may stand for both
 * families where the tracker serves one. Silence is not tried elsewhere; it uses up the time.
 */
async function withExchange<T>(
  url: URL,
  options: ReachOptions,
  talk: (exchange: UdpExchange) => Promise<T>,
): Promise<T> {
  const deadlineMs = performance.now() + (options.timeoutMs ?? TIMEOUT_MS_DEFAULT);
  const port = Number(url.port);
  if (port === 0) throw new TrackerClientError('urlInvalid', 'a udp: URL needs a port');
  const addresses = await resolve(url, options.family, deadlineMs);
  let refusal: TrackerClientError | undefined;
  for (const { address, family } of addresses) {
    try {
      const retryMs = options.retryMs ?? RETRY_MS_DEFAULT;
      const exchange = await UdpExchange.open({ address, family, port, retryMs, deadlineMs });
      try {
        return await talk(exchange);
      } finally {
        exchange.close();
      }
    } catch (error) {
      refusal = clientErrorOf(error);
      if (refusal.code !== 'refused' && refusal.code !== 'unreachable') throw refusal;
    }
  }
  throw refusal ?? new TrackerClientError('unresolved', `${url.hostname} has no address`);
}

async function resolve(
  url: URL,
  family: 4 | 6 | undefined,
  deadlineMs: number,
): Promise<{ address: string; family: 4 | 6 }[]> {
  const host = hostOf(url, family);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const error = new TrackerClientError('timedOut', `looking up ${host} took too long`);
    timer = setTimeout(reject, Math.max(0, deadlineMs - performance.now()), error);
  });
  try {
    const found = await Promise.race([lookup(host, { all: true, family: family ?? 0 }), timeout]);
    return found.map((entry) => ({
      address: entry.address,
      family: entry.family === 6 ? 6 : 4,
    }));
  } catch (error) {
    throw clientErrorOf(error);
  } finally {
    clearTimeout(timer);
  }
}

/** BEP 41: path and query, unless they say nothing. */
function urlDataOf(url: URL): string {
  const data = url.pathname + url.search;
  return data === '/' ? '' : data;
}

function claimedAddress(text: string | undefined): Uint8Array {
  if (text === undefined) return new Uint8Array(4);
  const endpoint = new Endpoint();
  if (!endpoint.setAddressText(text) || endpoint.family !== 4) {
    throw new TrackerClientError('urlInvalid', 'over UDP only an IPv4 address can be claimed');
  }
  return endpoint.bytes.slice(0, 4);
}
