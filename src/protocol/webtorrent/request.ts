/**
 * What WebTorrent clients say to a tracker: JSON in WebSocket frames, text or binary
 * (`bittorrent-tracker` is the reference; there is no BEP).
 *
 * ```
 * {action: 'announce', info_hash, peer_id, left, event?, offers?: [{offer, offer_id}]}
 * {action: 'announce', info_hash, peer_id, answer, offer_id, to_peer_id}
 * {action: 'scrape', info_hash: hash | [hash, ...]}
 * ```
 *
 * Hashes and ids are binary texts of 20 code units (binary-text.ts). Other members are ignored, as
 * `numwant` is: offers say how many peers are wanted.
 */
import { AnnounceEvent } from '../announce.js';
import { Failure } from '../failure.js';
import { isBinaryText } from './binary-text.js';
import { isSession, sessionText } from './session-text.js';

/** Largest message of a client, in bytes. */
export const WEB_MESSAGE_BYTES_MAX = 64 * 1024;
/** Offers of one announce that are passed on; more are ignored. */
export const WEB_OFFERS_MAX = 10;

export interface WebOffer {
  /** Binary text: names the offer among those of its peer. */
  readonly offerId: string;
  /** The description, of bounded shape. It is written only for those that it is passed on to. */
  readonly session: object;
}

export interface WebAnnounce {
  readonly kind: 'announce';
  readonly infoHash: string;
  readonly peerId: string;
  readonly event: AnnounceEvent;
  readonly leftIsZero: boolean;
  /** Each with an id of its own. */
  readonly offers: readonly WebOffer[];
}

export interface WebAnswer {
  readonly kind: 'answer';
  readonly infoHash: string;
  readonly peerId: string;
  /** Whose offer is answered. */
  readonly toPeerId: string;
  readonly offerId: string;
  readonly text: string;
}

export interface WebScrape {
  readonly kind: 'scrape';
  /** At least one; those behind the most that are answered are left out. */
  readonly infoHashes: readonly string[];
}

/** What cannot be served; the other members are what could be read of it. */
export interface WebRefused {
  readonly kind: 'refused';
  readonly failure: Failure;
  readonly action: 'announce' | 'scrape' | undefined;
  readonly infoHash: string | undefined;
}

export type WebRequest = WebAnnounce | WebAnswer | WebScrape | WebRefused;

/** `update` and `empty` are what others call none. */
const EVENTS: ReadonlyMap<unknown, AnnounceEvent> = new Map([
  ['started', AnnounceEvent.started],
  ['stopped', AnnounceEvent.stopped],
  ['completed', AnnounceEvent.completed],
  ['paused', AnnounceEvent.paused],
]);

/** Reads one message of at most `WEB_MESSAGE_BYTES_MAX`. Never throws. */
export function decodeWebRequest(text: string, scrapeHashesMax: number): WebRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refused(Failure.messageMalformed);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refused(Failure.messageMalformed);
  }
  const message = value as Record<string, unknown>;
  if (message.action === 'announce') return decodeAnnounce(message);
  if (message.action === 'scrape') return decodeScrape(message, scrapeHashesMax);
  return refused(Failure.unknownAction);
}

function decodeAnnounce(message: Record<string, unknown>): WebRequest {
  const { info_hash: infoHash, peer_id: peerId, answer } = message;
  if (!isBinaryText(infoHash)) {
    const isMissing = infoHash === undefined || infoHash === null;
    return refused(isMissing ? Failure.infoHashMissing : Failure.infoHashInvalid, 'announce');
  }
  if (!isBinaryText(peerId)) return refused(Failure.peerIdInvalid, 'announce', infoHash);
  if (answer !== undefined && answer !== null) return decodeAnswer(message, infoHash, peerId);
  const event = EVENTS.get(message.event) ?? AnnounceEvent.none;
  const offers = event === AnnounceEvent.stopped ? [] : decodeOffers(message.offers);
  if (offers === undefined) return refused(Failure.messageMalformed, 'announce', infoHash);
  // `left: null` is what JSON makes of Infinity: nothing is known yet, so all is left.
  const { left } = message;
  const leftIsZero = left === 0 || left === '0';
  return { kind: 'announce', infoHash, peerId, event, leftIsZero, offers };
}

function decodeAnswer(
  message: Record<string, unknown>,
  infoHash: string,
  peerId: string,
): WebRequest {
  const { to_peer_id: toPeerId, offer_id: offerId } = message;
  if (!isBinaryText(toPeerId)) return refused(Failure.peerIdInvalid, 'announce', infoHash);
  const text = sessionText(message.answer);
  if (!isBinaryText(offerId) || text === undefined) {
    return refused(Failure.messageMalformed, 'announce', infoHash);
  }
  return { kind: 'answer', infoHash, peerId, toPeerId, offerId, text };
}

/** Undefined when any of those that would be passed on is no offer. */
function decodeOffers(list: unknown): readonly WebOffer[] | undefined {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) return undefined;
  const offers: WebOffer[] = [];
  for (const item of list.slice(0, WEB_OFFERS_MAX) as unknown[]) {
    if (typeof item !== 'object' || item === null) return undefined;
    const { offer, offer_id: offerId } = item as Record<string, unknown>;
    if (!isBinaryText(offerId) || !isSession(offer)) return undefined;
    // Two of one id could not be told apart when one is answered.
    if (!offers.some((other) => other.offerId === offerId)) {
      offers.push({ offerId, session: offer });
    }
  }
  return offers;
}

function decodeScrape(message: Record<string, unknown>, hashesMax: number): WebRequest {
  const { info_hash: wanted } = message;
  const list: unknown[] = Array.isArray(wanted) ? wanted.slice(0, hashesMax) : [wanted];
  if (list.length === 0 || list[0] === undefined || list[0] === null) {
    return refused(Failure.fullScrapeOff, 'scrape');
  }
  const infoHashes: string[] = [];
  for (const infoHash of list) {
    if (!isBinaryText(infoHash)) return refused(Failure.infoHashInvalid, 'scrape');
    infoHashes.push(infoHash);
  }
  return { kind: 'scrape', infoHashes };
}

function refused(failure: Failure, action?: 'announce' | 'scrape', infoHash?: string): WebRefused {
  return { kind: 'refused', failure, action, infoHash };
}
