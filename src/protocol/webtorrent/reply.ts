/**
 * What a tracker says to WebTorrent clients, as JSON text:
 *
 * ```
 * {action: 'announce', interval, info_hash, complete, incomplete}
 * {action: 'announce', offer, offer_id, peer_id, info_hash}        another peer's offer
 * {action: 'announce', answer, offer_id, peer_id, info_hash}       the answer to an offer of one's own
 * {action: 'scrape', files: {[hash]: {complete, incomplete, downloaded}}, flags}
 * {'failure reason', action, info_hash}
 * ```
 *
 * Descriptions arrive here as JSON already (session-text.ts) and are put in as they are.
 */
import type { AnnounceReply, ScrapeEntry } from '../announce.js';
import { FAILURES } from '../failure.js';
import type { WebRefused } from './request.js';

export function encodeWebAnnounce(infoHash: string, reply: AnnounceReply): string {
  const { intervalSeconds, seeders, leechers } = reply;
  const hash = JSON.stringify(infoHash);
  return `{"action":"announce","interval":${intervalSeconds},"info_hash":${hash},"complete":${seeders},"incomplete":${leechers}}`;
}

/** What one peer has for another. */
export interface WebSession {
  readonly infoHash: string;
  /** Of the one who sends it. */
  readonly peerId: string;
  readonly offerId: string;
  /** JSON of the description. */
  readonly text: string;
}

export function encodeWebSession(kind: 'offer' | 'answer', session: WebSession): string {
  const id = JSON.stringify(session.offerId);
  const peer = JSON.stringify(session.peerId);
  const hash = JSON.stringify(session.infoHash);
  return `{"action":"announce","${kind}":${session.text},"offer_id":${id},"peer_id":${peer},"info_hash":${hash}}`;
}

/** `read` gives the counts of info hash number `i`, good until the next call. */
export function encodeWebScrape(
  infoHashes: readonly string[],
  read: (i: number) => ScrapeEntry,
  intervalSeconds: number,
): string {
  const files = infoHashes.map((infoHash, i) => {
    const { seeders, leechers, downloads } = read(i);
    return `${JSON.stringify(infoHash)}:{"complete":${seeders},"incomplete":${leechers},"downloaded":${downloads}}`;
  });
  return `{"action":"scrape","files":{${files.join(',')}},"flags":{"min_request_interval":${intervalSeconds}}}`;
}

export function encodeWebFailure({ failure, action, infoHash }: WebRefused): string {
  const { reason } = FAILURES[failure];
  return JSON.stringify({ 'failure reason': reason, action, info_hash: infoHash });
}
