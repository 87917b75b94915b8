import { describe, expect, it } from 'vitest';
import { AnnounceEvent } from '../announce.js';
import { Failure } from '../failure.js';
import { decodeWebRequest, WEB_OFFERS_MAX, type WebRequest } from './request.js';
import { isSessionText, SESSION_BYTES_MAX, sessionText } from './session-text.js';

const HASH = '\u0000\u007f\u0080\u00ff0123456789abcdef';
const PEER = '-WW0200-\u00e4bcdefghijkl';
const OTHER = 'b'.repeat(20);
const OFFER_ID = 'o'.repeat(20);
const SESSION = { type: 'offer', sdp: 'v=0\r\n' };

const read = (text: string) => decodeWebRequest(Buffer.from(text), 3);
const decode = (message: unknown) => read(JSON.stringify(message));
/** The offers of an announce, as they would be passed on. */
const passed = (request: WebRequest): unknown[] => {
  if (request.kind !== 'announce') return [];
  const { offers, bytes } = request;
  return offers.map(({ offerId, start, end }) => [offerId, sessionText(bytes, start, end)]);
};
const announce = (more: object = {}) =>
  decode({ action: 'announce', info_hash: HASH, peer_id: PEER, ...more });

describe('an announce', () => {
  it('is read with what it says', () => {
    const offers = [{ offer: SESSION, offer_id: OFFER_ID }];
    const request = announce({ left: 0, event: 'completed', numwant: 50, offers });
    expect(request).toMatchObject({
      kind: 'announce',
      infoHash: HASH,
      peerId: PEER,
      event: AnnounceEvent.completed,
      leftIsZero: true,
    });
    expect(passed(request)).toEqual([[OFFER_ID, JSON.stringify(SESSION)]]);
  });

  it('passes descriptions on as they came', () => {
    const text = '{ "sdp" : "v=0\\r\\n\\u00e4ä😀\\"" ,\n"n": -1.5e+3, "l": [true, null] }';
    const offer = `{"offer":${text},"offer_id":"${OFFER_ID}"}`;
    const message = `{"action":"announce","info_hash":"${OFFER_ID}","peer_id":"${OTHER}","offers":[${offer}]}`;
    expect(passed(read(message))).toEqual([[OFFER_ID, text]]);
    const answer = `{"offer_id":"${OFFER_ID}","to_peer_id":"${PEER}","answer":${text},"peer_id":"${OTHER}","info_hash":"${OFFER_ID}","action":"announce"}`;
    expect(read(answer)).toMatchObject({ text, textBytes: Buffer.byteLength(text) });
  });

  it('is read by the last of members that stand twice, and by names that are escaped', () => {
    const twice = `{"action":"scrape","info_hash":"x","\\u0061ction":"announce","info_hash":"${OFFER_ID}","peer_id":"${OTHER}","left":1,"left":0}`;
    expect(read(twice)).toMatchObject({ kind: 'announce', infoHash: OFFER_ID, leftIsZero: true });
  });

  it.each([
    ['"to\\u005fpeer_id"', '"\\u0061nswer"', '"offer\\u005Fid"', 'answer'],
    // Not an `a`: U+0161, whose lower byte is one; and names that are longer or shorter.
    ['"to_peer_id"', '"\\u0161nswer"', '"offer_id"', 'announce'],
    ['"to_peer_id"', '"\u0161nswer"', '"offer_id"', 'announce'],
    ['"to_peer_id"', '"answer\\u0000"', '"offer_id"', 'announce'],
    ['"to_peer_id"', '"answe\\u0072\\n\\n\\n\\n\\n\\n"', '"offer_id"', 'announce'],
    ['"to_peer_id\\n"', '"answer"', '"offer_id"', 'refused'],
  ])('takes %s, %s and %s for what JSON says they are', (to, answer, offerId, kind) => {
    const rest = `"action":"announce","info_hash":"${OFFER_ID}","peer_id":"${OTHER}"`;
    const message = `{${to}:"${OTHER}",${answer}:{"sdp":""},${offerId}:"${OFFER_ID}",${rest}}`;
    expect(read(message).kind).toBe(kind);
  });

  it.each([
    ['null, which is what JSON makes of Infinity', null, false],
    ['nothing', undefined, false],
    ['a number over 0', 1, false],
    ['0', 0, true],
    ['0 as a text', '0', true],
    ['00 as a text', '00', false],
    ['a list', [0], false],
    ['no', false, false],
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
      textBytes: JSON.stringify(SESSION).length,
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
  it.each(['', 'null', '7', '[]', '"x"', '{', '{"action":', '\u0000', 'NaN', '{}}', '{} {', '{},'])(
    'is malformed: %j',
    (text) => {
      const failure = Failure.messageMalformed;
      expect(read(text)).toMatchObject({ kind: 'refused', failure, action: undefined });
    },
  );

  it.each([
    'tru',
    'nul',
    '01',
    '1.',
    '.5',
    '+1',
    '-',
    '1e',
    '1e+',
    '"',
    '"\\x"',
    '"\\u12g4"',
    '"\\u12',
    '"a\nb"',
    '[1,]',
    '[,1]',
    '[1 2]',
    '{"a":1,}',
    '{"a"}',
    '{a:1}',
    "'a'",
    '[1}',
    '{"a":1]',
    '\u00a01',
    '/**/1',
  ])('is malformed with a member that is %s', (value) => {
    const more = [`"x":${value}`, `"answer":${value}`, `"offers":${value}`, `"left":${value}`];
    for (const member of more) {
      const text = `{"action":"announce","info_hash":"${OFFER_ID}","peer_id":"${OTHER}",${member}}`;
      expect(() => JSON.parse(text)).toThrow();
      expect(read(text)).toMatchObject({ kind: 'refused', failure: Failure.messageMalformed });
    }
  });

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
    expect(read(deep)).toMatchObject({ failure });
    const base = JSON.stringify({ action: 'announce', info_hash: HASH, peer_id: PEER });
    const inside = `${base.slice(0, -1)},"offers":[{"offer":{"a":${deep}},"offer_id":"${OFFER_ID}"}]}`;
    expect(read(inside)).toMatchObject({ failure });
  });
});

describe('a description', () => {
  const isPassed = (session: unknown): boolean => {
    const text = JSON.stringify(session);
    const whole = decode({
      action: 'announce',
      info_hash: HASH,
      peer_id: PEER,
      offers: [{ offer: session, offer_id: OFFER_ID }],
    });
    const isPassed = typeof (passed(whole)[0] as unknown[] | undefined)?.[1] === 'string';
    // What another tracker says is held to the same.
    expect(isSessionText(text)).toBe(isPassed);
    return isPassed;
  };

  it('is bounded in bytes, members and depth', () => {
    expect(isPassed({ sdp: 'x'.repeat(SESSION_BYTES_MAX - 10) })).toBe(true);
    expect(isPassed({ sdp: 'x'.repeat(SESSION_BYTES_MAX - 9) })).toBe(false);
    // Two bytes each.
    expect(isPassed({ sdp: 'ä'.repeat(SESSION_BYTES_MAX / 2) })).toBe(false);
    const members = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]));
    expect(isPassed(members(64))).toBe(true);
    expect(isPassed(members(65))).toBe(false);
    expect(isPassed({ a: members(32), b: Array(30).fill(1) })).toBe(true);
    expect(isPassed({ a: members(32), b: Array(31).fill(1) })).toBe(false);
    expect(isPassed({ a: { b: { c: 1 } } })).toBe(true);
    expect(isPassed({ a: { b: [{ d: 1 }] } })).toBe(true);
    expect(isPassed({ a: { b: { c: { d: { e: 1 } } } } })).toBe(false);
  });
});
