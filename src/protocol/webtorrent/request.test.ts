import { describe, expect, it } from 'vitest';
import { AnnounceEvent } from '../announce.js';
import { Failure } from '../failure.js';
import { decodeWebRequest, WEB_OFFERS_MAX } from './request.js';
import { SESSION_BYTES_MAX, sessionText } from './session-text.js';

const HASH = '\u0000\u007f\u0080\u00ff0123456789abcdef';
const PEER = '-WW0200-\u00e4bcdefghijkl';
const OTHER = 'b'.repeat(20);
const OFFER_ID = 'o'.repeat(20);
const SESSION = { type: 'offer', sdp: 'v=0\r\n' };

const decode = (message: unknown) => decodeWebRequest(JSON.stringify(message), 3);
const announce = (more: object = {}) =>
  decode({ action: 'announce', info_hash: HASH, peer_id: PEER, ...more });

describe('an announce', () => {
  it('is read with what it says', () => {
    const offers = [{ offer: SESSION, offer_id: OFFER_ID }];
    expect(announce({ left: 0, event: 'completed', numwant: 50, offers })).toEqual({
      kind: 'announce',
      infoHash: HASH,
      peerId: PEER,
      event: AnnounceEvent.completed,
      leftIsZero: true,
      offers: [{ offerId: OFFER_ID, session: SESSION }],
    });
  });

  it.each([
    ['null, which is what JSON makes of Infinity', null, false],
    ['nothing', undefined, false],
    ['a number over 0', 1, false],
    ['0', 0, true],
    ['0 as a text', '0', true],
    ['an object', {}, false],
  ])('takes `left` of %s', (_, left, leftIsZero) => {
    expect(announce({ left })).toMatchObject({ kind: 'announce', leftIsZero });
  });

  it.each([
    ['started', AnnounceEvent.started],
    ['stopped', AnnounceEvent.stopped],
    ['paused', AnnounceEvent.paused],
    ['update', AnnounceEvent.none],
    ['empty', AnnounceEvent.none],
    ['', AnnounceEvent.none],
    [undefined, AnnounceEvent.none],
    [7, AnnounceEvent.none],
  ])('takes the event %s', (event, expected) => {
    expect(announce({ event })).toMatchObject({ kind: 'announce', event: expected });
  });

  it('passes on ten offers, each id once', () => {
    const offers = Array.from({ length: 30 }, (_, i) => ({
      offer: SESSION,
      offer_id: String.fromCharCode(97 + (i % 8)).repeat(20),
    }));
    const request = announce({ offers });
    expect(request.kind === 'announce' && request.offers).toHaveLength(8);
    const distinct = offers.map((offer, i) => ({ ...offer, offer_id: `${i}`.padEnd(20, 'x') }));
    const all = announce({ offers: distinct });
    expect(all.kind === 'announce' && all.offers).toHaveLength(WEB_OFFERS_MAX);
  });

  it('that stops has no offers', () => {
    const offers = [{ offer: SESSION, offer_id: OFFER_ID }];
    expect(announce({ event: 'stopped', offers })).toMatchObject({ offers: [] });
  });

  it.each([
    ['a text', 'offers'],
    ['an offer that is null', [null]],
    ['an offer without id', [{ offer: SESSION }]],
    ['an id that is too long', [{ offer: SESSION, offer_id: 'x'.repeat(21) }]],
    ['an offer that is a text', [{ offer: 'v=0', offer_id: OFFER_ID }]],
    ['an offer that is a list', [{ offer: [1], offer_id: OFFER_ID }]],
  ])('is refused with offers that are %s', (_, offers) => {
    expect(announce({ offers })).toEqual({
      kind: 'refused',
      failure: Failure.messageMalformed,
      action: 'announce',
      infoHash: HASH,
    });
  });
});

describe('an answer', () => {
  const answer = (more: object = {}) =>
    announce({ to_peer_id: OTHER, offer_id: OFFER_ID, answer: SESSION, ...more });

  it('is read with whom it is for', () => {
    expect(answer()).toEqual({
      kind: 'answer',
      infoHash: HASH,
      peerId: PEER,
      toPeerId: OTHER,
      offerId: OFFER_ID,
      text: JSON.stringify(SESSION),
    });
  });

  it.each([
    ['no one to answer', { to_peer_id: undefined }, Failure.peerIdInvalid],
    ['no offer', { offer_id: undefined }, Failure.messageMalformed],
    ['an answer that is none', { answer: 'v=0' }, Failure.messageMalformed],
  ])('is refused with %s', (_, more, failure) => {
    expect(answer(more)).toMatchObject({ kind: 'refused', failure });
  });
});

describe('a scrape', () => {
  it('is read with one hash or several, and no more than are answered', () => {
    expect(decode({ action: 'scrape', info_hash: HASH })).toEqual({
      kind: 'scrape',
      infoHashes: [HASH],
    });
    const many = Array.from({ length: 9 }, () => HASH);
    expect(decode({ action: 'scrape', info_hash: many })).toEqual({
      kind: 'scrape',
      infoHashes: [HASH, HASH, HASH],
    });
  });

  it.each([
    [undefined, Failure.fullScrapeOff],
    [null, Failure.fullScrapeOff],
    [[], Failure.fullScrapeOff],
    ['short', Failure.infoHashInvalid],
    [['x'.repeat(20), 5], Failure.infoHashInvalid],
  ])('is refused for %j', (wanted, failure) => {
    const refused = { kind: 'refused', failure, action: 'scrape' };
    expect(decode({ action: 'scrape', info_hash: wanted })).toMatchObject(refused);
  });
});

describe('what is neither', () => {
  it.each(['', 'null', '7', '[]', '"x"', '{', '{"action":', '\u0000', 'NaN'])(
    'is malformed: %j',
    (text) => {
      const failure = Failure.messageMalformed;
      expect(decodeWebRequest(text, 3)).toMatchObject({ kind: 'refused', failure });
    },
  );

  it.each([
    [{ action: 'connect' }, Failure.unknownAction],
    [{}, Failure.unknownAction],
    [{ action: 'announce' }, Failure.infoHashMissing],
    [{ action: 'announce', info_hash: 'x' }, Failure.infoHashInvalid],
    [{ action: 'announce', info_hash: '\u0100'.repeat(20) }, Failure.infoHashInvalid],
    [{ action: 'announce', info_hash: HASH }, Failure.peerIdInvalid],
    [{ action: 'announce', info_hash: HASH, peer_id: 5 }, Failure.peerIdInvalid],
  ])('is refused with its reason: %j', (message, failure) => {
    expect(decode(message)).toMatchObject({ kind: 'refused', failure });
  });

  it('may be nested as deep as a message is long', () => {
    const depth = 30_000;
    const failure = Failure.messageMalformed;
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(decodeWebRequest(deep, 3)).toMatchObject({ failure });
    const base = JSON.stringify({ action: 'announce', info_hash: HASH, peer_id: PEER });
    const inside = `${base.slice(0, -1)},"offers":[{"offer":{"a":${deep}},"offer_id":"${OFFER_ID}"}]}`;
    expect(decodeWebRequest(inside, 3)).toMatchObject({ failure });
  });
});

describe('a description', () => {
  it('is bounded in bytes, members and depth', () => {
    expect(sessionText({ sdp: 'x'.repeat(SESSION_BYTES_MAX - 10) })).toHaveLength(
      SESSION_BYTES_MAX,
    );
    expect(sessionText({ sdp: 'x'.repeat(SESSION_BYTES_MAX - 9) })).toBeUndefined();
    // Two bytes each.
    expect(sessionText({ sdp: 'ä'.repeat(SESSION_BYTES_MAX / 2) })).toBeUndefined();
    expect(
      sessionText(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, i]))),
    ).toBe(undefined);
    expect(sessionText({ a: { b: { c: 1 } } })).toBe('{"a":{"b":{"c":1}}}');
    expect(sessionText({ a: { b: { c: { d: { e: 1 } } } } })).toBeUndefined();
  });
});
