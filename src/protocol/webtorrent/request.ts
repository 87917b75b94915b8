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
 * `numwant` is: offers say how many peers are wanted. Of members that stand twice, the last counts.
 *
 * Most of a message is descriptions that only pass through, so it is walked over in its bytes
 * (json-scan.ts) and no values are made of them.
 */
import { AnnounceEvent } from '../announce.js';
import { Failure } from '../failure.js';
import { BinaryTextReader, isBinaryText, readUnits } from './binary-text.js';
import { JsonScan } from './json-scan.js';
import { isSessionShape, sessionText } from './session-text.js';

/** Largest message of a client, in bytes. */
export const WEB_MESSAGE_BYTES_MAX = 64 * 1024;
/** Offers of one announce that are passed on; more are ignored. */
export const WEB_OFFERS_MAX = 10;

export interface WebOffer {
  /** Binary text: names the offer among those of its peer. */
  readonly offerId: string;
  /** Where in the message the description stands: of bounded shape, and maybe too long (`sessionText`). */
  readonly start: number;
  readonly end: number;
}

export interface WebAnnounce {
  readonly kind: 'announce';
  readonly infoHash: string;
  readonly peerId: string;
  readonly event: AnnounceEvent;
  readonly leftIsZero: boolean;
  /** Each with an id of its own. */
  readonly offers: readonly WebOffer[];
  /** The message, which the offers stand in. */
  readonly bytes: Buffer;
}

export interface WebAnswer {
  readonly kind: 'answer';
  readonly infoHash: string;
  readonly peerId: string;
  /** Whose offer is answered. */
  readonly toPeerId: string;
  readonly offerId: string;
  readonly text: string;
  /** Of the text, as UTF-8. */
  readonly textBytes: number;
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

const QUOTE = 0x22;
const LIST = 0x5b;
const LIST_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;
const LETTER_N = 0x6e;

/** Members of a message that are looked at: where each value stands, 0 when there is none. */
const MEMBERS = {
  action: 0,
  info_hash: 1,
  peer_id: 2,
  event: 3,
  left: 4,
  answer: 5,
  offer_id: 6,
  to_peer_id: 7,
  offers: 8,
} as const;
const MEMBER_COUNT = Object.keys(MEMBERS).length;
const NAMES = Object.keys(MEMBERS).map((name) => Buffer.from(name));
/** Members of an offer. */
const OFFER_NAMES = [Buffer.from('offer'), Buffer.from('offer_id')];
const OFFER = 0;
/** Of the longest name. */
const NAME_BYTES_MAX = Math.max(...NAMES.map((name) => name.length));

/** What is known of the message that is read. Nothing of it outlives a call. */
const scan = new JsonScan();
const binary = new BinaryTextReader();
const starts = new Int32Array(MEMBER_COUNT);
const ends = new Int32Array(MEMBER_COUNT);
const keyUnits = new Uint8Array(NAME_BYTES_MAX);
let message: Buffer = Buffer.alloc(0);
let answerIsSession = false;
let offers: WebOffer[] = [];
let offersAreSound = false;

/** Reads one message of at most `WEB_MESSAGE_BYTES_MAX`: well-formed UTF-8. Never throws. */
export function decodeWebRequest(bytes: Buffer, scrapeHashesMax: number): WebRequest {
  message = bytes;
  scan.start(bytes);
  starts.fill(0);
  offers = [];
  if (!readMessage()) return refused(Failure.messageMalformed);
  if (textIs(MEMBERS.action, 'announce')) return decodeAnnounce();
  if (textIs(MEMBERS.action, 'scrape')) return decodeScrape(scrapeHashesMax);
  return refused(Failure.unknownAction);
}

/** Finds where the members stand, and checks the message to its end. */
function readMessage(): boolean {
  if (!scan.take(OBJECT)) return false;
  if (!scan.take(OBJECT_END)) {
    do {
      if (!scan.key()) return false;
      const member = nameIn(NAMES);
      scan.peek();
      const start = scan.at;
      scan.members = 0;
      scan.depth = 0;
      if (member === MEMBERS.offers ? !readOffers() : !scan.skip()) return false;
      if (member < 0) continue;
      starts[member] = start;
      ends[member] = scan.at;
      if (member === MEMBERS.answer) answerIsSession = isSession(start);
    } while (scan.more(OBJECT_END));
    if (!scan.closed) return false;
  }
  return scan.peek() === -1;
}

/** Which of `names` the key is that was just read, or -1. */
function nameIn(names: readonly Buffer[]): number {
  const start = scan.keyStart + 1;
  const length = scan.keyEnd - 1 - start;
  for (let i = 0; i < names.length; i++) {
    if (names[i].length === length && isAt(names[i], start)) return i;
  }
  // Escaped, maybe; no value is made of it either, for thousands fit into a message.
  const units = readUnits(message, scan.keyStart, scan.keyEnd, keyUnits);
  return names.findIndex((name) => name.length === units && isKey(name));
}

function isKey(name: Buffer): boolean {
  for (let i = 0; i < name.length; i++) if (keyUnits[i] !== name[i]) return false;
  return true;
}

function isAt(name: Buffer, start: number): boolean {
  for (let i = 0; i < name.length; i++) if (message[start + i] !== name[i]) return false;
  return true;
}

/** The text of a string whose quotes stand at `start` and before `end`. */
function textAt(start: number, end: number): string {
  const raw = message.toString('utf8', start, end);
  return raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
}

/** Whether the value that was just passed is a description; `members` and `depth` are of it alone. */
function isSession(start: number): boolean {
  return message[start] === OBJECT && isSessionShape(scan.members, scan.depth);
}

/** Passes the value of `offers`. False only where it is no JSON. */
function readOffers(): boolean {
  offers = [];
  const byte = scan.peek();
  offersAreSound = byte === LIST || byte === LETTER_N;
  if (byte !== LIST) return scan.skip();
  scan.at++;
  if (scan.take(LIST_END)) return true;
  let count = 0;
  do {
    if (count++ >= WEB_OFFERS_MAX) {
      if (!scan.skip()) return false;
    } else if (scan.peek() !== OBJECT) {
      offersAreSound = false;
      if (!scan.skip()) return false;
    } else if (!readOffer()) return false;
  } while (scan.more(LIST_END));
  return scan.closed;
}

/** Passes one item of `offers`, an object, and notes it. */
function readOffer(): boolean {
  let offerId: string | undefined;
  let [start, end] = [0, 0];
  scan.at++;
  if (!scan.take(OBJECT_END)) {
    do {
      if (!scan.key()) return false;
      const name = nameIn(OFFER_NAMES);
      scan.peek();
      const valueStart = scan.at;
      scan.members = 0;
      scan.depth = 0;
      if (!scan.skip()) return false;
      if (name === OFFER) {
        const sound = isSession(valueStart);
        start = sound ? valueStart : 0;
        end = scan.at;
      } else if (name > OFFER) offerId = binary.read(message, valueStart, scan.at);
    } while (scan.more(OBJECT_END));
    if (!scan.closed) return false;
  }
  if (offerId === undefined || start === 0) offersAreSound = false;
  // Two of one id could not be told apart when one is answered.
  else if (!hasOffer(offerId)) offers.push({ offerId, start, end });
  return true;
}

function hasOffer(offerId: string): boolean {
  for (const offer of offers) if (offer.offerId === offerId) return true;
  return false;
}

function textIs(member: number, text: string): boolean {
  const start = starts[member];
  return start > 0 && message[start] === QUOTE && textAt(start, ends[member]) === text;
}

/** Whether a member is there, and not null. */
function isGiven(member: number): boolean {
  return starts[member] > 0 && message[starts[member]] !== LETTER_N;
}

function binaryOf(member: number): string | undefined {
  const start = starts[member];
  return start === 0 ? undefined : binary.read(message, start, ends[member]);
}

function decodeAnnounce(): WebRequest {
  const infoHash = binaryOf(MEMBERS.info_hash);
  if (infoHash === undefined) {
    const isMissing = !isGiven(MEMBERS.info_hash);
    return refused(isMissing ? Failure.infoHashMissing : Failure.infoHashInvalid, 'announce');
  }
  const peerId = binaryOf(MEMBERS.peer_id);
  if (peerId === undefined) return refused(Failure.peerIdInvalid, 'announce', infoHash);
  if (isGiven(MEMBERS.answer)) return decodeAnswer(infoHash, peerId);
  const event = decodeEvent();
  if (event === AnnounceEvent.stopped) offers = [];
  else if (starts[MEMBERS.offers] > 0 && !offersAreSound) {
    return refused(Failure.messageMalformed, 'announce', infoHash);
  }
  const leftIsZero = decodeLeft();
  return { kind: 'announce', infoHash, peerId, event, leftIsZero, offers, bytes: message };
}

function decodeEvent(): AnnounceEvent {
  const start = starts[MEMBERS.event];
  if (start === 0 || message[start] !== QUOTE) return AnnounceEvent.none;
  return EVENTS.get(textAt(start, ends[MEMBERS.event])) ?? AnnounceEvent.none;
}

/** `left: null` is what JSON makes of Infinity: nothing is known yet, so all is left. */
function decodeLeft(): boolean {
  const start = starts[MEMBERS.left];
  const end = ends[MEMBERS.left];
  if (start === 0 || end === start) return false;
  if (message[start] === QUOTE) return textAt(start, end) === '0';
  const isNumber = message[start] <= 0x39;
  return isNumber && Number(message.toString('latin1', start, end)) === 0;
}

function decodeAnswer(infoHash: string, peerId: string): WebRequest {
  const toPeerId = binaryOf(MEMBERS.to_peer_id);
  if (toPeerId === undefined) return refused(Failure.peerIdInvalid, 'announce', infoHash);
  const offerId = binaryOf(MEMBERS.offer_id);
  const [start, end] = [starts[MEMBERS.answer], ends[MEMBERS.answer]];
  const text = answerIsSession ? sessionText(message, start, end) : undefined;
  if (offerId === undefined || text === undefined) {
    return refused(Failure.messageMalformed, 'announce', infoHash);
  }
  const textBytes = end - start;
  return { kind: 'answer', infoHash, peerId, toPeerId, offerId, text, textBytes };
}

function decodeScrape(hashesMax: number): WebRequest {
  if (!isGiven(MEMBERS.info_hash)) return refused(Failure.fullScrapeOff, 'scrape');
  const start = starts[MEMBERS.info_hash];
  const value = JSON.parse(message.toString('utf8', start, ends[MEMBERS.info_hash])) as unknown;
  const list: unknown[] = Array.isArray(value) ? value.slice(0, hashesMax) : [value];
  if (list.length === 0 || list[0] === null) return refused(Failure.fullScrapeOff, 'scrape');
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
