import { expect, it } from 'vitest';
import { AnnounceEvent } from '../../src/protocol/announce.js';
import { Failure } from '../../src/protocol/failure.js';
import { isBinaryText } from '../../src/protocol/webtorrent/binary-text.js';
import { WebReply } from '../../src/protocol/webtorrent/reply.js';
import {
  decodeWebRequest,
  WEB_MESSAGE_BYTES_MAX,
  WEB_OFFERS_MAX,
  type WebRequest,
} from '../../src/protocol/webtorrent/request.js';
import { SESSION_BYTES_MAX, sessionText } from '../../src/protocol/webtorrent/session-text.js';
import { fuzzInput } from '../support/mutate.js';
import { seededPrng } from '../support/prng.js';

const ROUNDS = 50_000;
const HASHES_MAX = 5;

const HASH = Buffer.from('000102037f8081ff0a0d2225263b3d5c5b5d7b7d', 'hex').toString('latin1');
const PEER = '-WW0208-abcdefghijkl';
const SESSION = { type: 'offer', sdp: 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\na=x:\u00e4\ud83d\ude00' };
const OFFER = { offer: SESSION, offer_id: HASH };

const SAMPLES = [
  { action: 'announce', info_hash: HASH, peer_id: PEER, left: 0, event: 'completed' },
  { action: 'announce', info_hash: HASH, peer_id: PEER, left: null, event: 'update' },
  {
    action: 'announce',
    info_hash: HASH,
    peer_id: PEER,
    numwant: 2,
    uploaded: 0,
    offers: [OFFER, { ...OFFER, offer_id: PEER }],
  },
  {
    action: 'announce',
    info_hash: HASH,
    peer_id: PEER,
    to_peer_id: PEER,
    offer_id: HASH,
    answer: { type: 'answer', sdp: 'v=0' },
  },
  { action: 'scrape', info_hash: HASH },
  { action: 'scrape', info_hash: [HASH, PEER, HASH] },
  { action: 'scrape' },
  { action: 'announce', info_hash: HASH, peer_id: PEER, offers: Array(12).fill(OFFER) },
].map((message) => Buffer.from(JSON.stringify(message)));
// Both forms of the bytes that need one in JSON, and one that parsers fall over.
SAMPLES.push(Buffer.from(`{"action":"scrape","info_hash":"${'\\u00ff'.repeat(20)}"}`));
SAMPLES.push(Buffer.from(`{"__proto__":{"action":"scrape"},"offers":${'['.repeat(900)}`));

const NAMES: readonly unknown[] = Object.values(Failure);

it(`reads ${ROUNDS} random and mutated frames without throwing or leaving its bounds`, () => {
  const prng = seededPrng();
  const seen = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const frame = fuzzInput(prng, SAMPLES, WEB_MESSAGE_BYTES_MAX);
    // As it arrives, text or binary: any bytes, made into UTF-8.
    const text = frame.toString();
    const request = decodeWebRequest(Buffer.from(text), HASHES_MAX);
    const kind = request.kind === 'refused' ? `refused ${request.failure}` : request.kind;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    if (!isSound(request)) expect.fail(`unsound: ${JSON.stringify(text)}`);
    if (isMalformed(request) !== !isObject(text)) {
      expect.fail(`JSON.parse thinks otherwise: ${JSON.stringify(text)}`);
    }
  }
  const { messageMalformed, unknownAction, infoHashInvalid, peerIdInvalid } = Failure;
  for (const failure of [messageMalformed, unknownAction, infoHashInvalid, peerIdInvalid]) {
    expect(seen.get(`refused ${failure}`)).toBeGreaterThan(0);
  }
  for (const kind of ['announce', 'answer', 'scrape']) expect(seen.get(kind)).toBeGreaterThan(0);
});

/** Refused as no message at all. */
function isMalformed(request: WebRequest): boolean {
  if (request.kind !== 'refused' || request.failure !== Failure.messageMalformed) return false;
  return request.action === undefined;
}

/** One JSON object, less deep than any client needs. */
function isObject(text: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const said = new WebReply();

function isSound(request: WebRequest): boolean {
  switch (request.kind) {
    case 'announce':
      return (
        isBinaryText(request.infoHash) &&
        isBinaryText(request.peerId) &&
        Object.values<number>(AnnounceEvent).includes(request.event) &&
        request.offers.length <= WEB_OFFERS_MAX &&
        request.offers.every(({ offerId, start, end }) =>
          isPassable(offerId, sessionText(request.bytes, start, end)),
        )
      );
    case 'answer':
      return (
        isBinaryText(request.infoHash) &&
        isBinaryText(request.peerId) &&
        isBinaryText(request.toPeerId) &&
        isPassable(request.offerId, request.text)
      );
    case 'scrape':
      return (
        request.infoHashes.length > 0 &&
        request.infoHashes.length <= HASHES_MAX &&
        request.infoHashes.every(isBinaryText)
      );
    case 'refused':
      return (
        NAMES.includes(request.failure) && JSON.parse(`${said.failure(request)}`) !== undefined
      );
  }
}

/** What is passed on is one JSON object with the members that it should have, and no more. */
function isPassable(offerId: string, text: string | undefined): boolean {
  // Too large: not passed on.
  if (text === undefined) return true;
  if (!isBinaryText(offerId) || Buffer.byteLength(text) > SESSION_BYTES_MAX) return false;
  said.session('offer', { infoHash: HASH, peerId: PEER, offerId, text });
  const { action, offer, offer_id, peer_id, info_hash, ...more } = JSON.parse(`${said}`);
  return (
    action === 'announce' &&
    JSON.stringify(offer) === JSON.stringify(JSON.parse(text)) &&
    offer_id === offerId &&
    peer_id === PEER &&
    info_hash === HASH &&
    Object.keys(more).length === 0
  );
}
