import { describe, expect, it } from 'vitest';
import type { Signal } from '../protocol/cluster/signal.js';
import { webConnection, webEpochOf } from '../swarm/web-wire.js';
import { OFFER_SECONDS } from './offer-table.js';
import { isSoundSignal, OFFERS_PER_CONNECTION_MAX } from './web-handler.js';
import { EPOCH, HASH, type Message, offers, type Page, Rig } from './web-rig.testing.js';
import { threadOf } from './web-voice.js';

describe('announces', () => {
  it('are answered with counts and a short interval', () => {
    const rig = new Rig();
    expect(rig.page('a').announce({ left: 0 })).toEqual([
      { action: 'announce', interval: 120, info_hash: HASH, complete: 1, incomplete: 0 },
    ]);
    expect(rig.page('b').announce({ left: null, event: 'update' })).toMatchObject([
      { complete: 1, incomplete: 1 },
    ]);
  });

  it('offer to as many others as there are, each one', () => {
    const rig = new Rig();
    const pages = ['a', 'b', 'c'].map((letter) => rig.page(letter));
    for (const page of pages) page.announce();
    const maker = rig.page('m');
    expect(maker.announce({ offers: offers(5) })).toHaveLength(1);
    const told = pages.map(({ inbox }) => inbox.map(({ offer_id }) => offer_id));
    expect(told.map(({ length }) => length)).toEqual([1, 1, 1]);
    expect(new Set(told.flat()).size).toBe(3);
    expect(pages[0].inbox[0]).toMatchObject({ peer_id: maker.peerId, info_hash: HASH });
    expect(rig.count('webOffersMade')).toBe(3);
    expect(rig.count('webOffersDelivered')).toBe(3);
  });

  it('name the connection as the store and other trackers know it', () => {
    const rig = new Rig();
    rig.page('a').announce();
    rig.page('b').announce({ offers: offers(1) });
    const from = Buffer.from(rig.routed[0].from, 'latin1');
    expect(threadOf(webConnection(from, 0))).toBe(9);
    expect(webEpochOf(from, 0)).toBe(EPOCH);
  });

  it('of two peer ids on one connection are two peers', () => {
    const rig = new Rig();
    const page = rig.page('a');
    page.announce();
    const [reply, offer] = page.announce({ peer_id: 'z'.repeat(20), offers: offers(1) });
    expect(reply).toMatchObject({ incomplete: 2 });
    expect(offer).toMatchObject({ peer_id: 'z'.repeat(20) });
    rig.handler.closed(page);
    expect(rig.handler.voices).toBe(0);
    expect(rig.page('b').announce()).toMatchObject([{ incomplete: 1 }]);
  });

  it('take over nothing from a peer of the same id', () => {
    const rig = new Rig();
    const [real, liar] = [rig.page('a'), rig.page('a')];
    real.announce();
    liar.announce({ event: 'stopped' });
    expect(liar.announce()).toMatchObject([{ incomplete: 2 }]);
    rig.handler.closed(liar);
    rig.page('m').announce({ offers: offers(1) });
    expect(real.inbox).toHaveLength(1);
  });
});

describe('an answer', () => {
  const meet = (rig: Rig) => {
    const [other, maker] = [rig.page('o'), rig.page('m')];
    other.announce();
    maker.announce({ offers: offers(1) });
    return { other, maker, offer: other.inbox.splice(0)[0] };
  };

  it('reaches the peer that offered, once, and is not replied to', () => {
    const rig = new Rig();
    const { other, maker, offer } = meet(rig);
    expect(other.answer(offer)).toEqual([]);
    expect(other.answer(offer)).toEqual([]);
    expect(maker.inbox).toEqual([
      {
        action: 'announce',
        info_hash: HASH,
        peer_id: other.peerId,
        offer_id: offer.offer_id,
        answer: { sdp: 'answer' },
      },
    ]);
    expect(rig.count('webAnswersRefused')).toBe(1);
  });

  it('leaves only once for where the offer came from', () => {
    const rig = new Rig();
    const { other, offer } = meet(rig);
    rig.routed.length = 0;
    other.answer(offer);
    other.answer(offer);
    expect(rig.routed.map(({ what }) => what)).toEqual(['answer']);
  });

  it.each([
    ['by somebody who was not asked', (rig: Rig, offer: Message) => rig.page('x').answer(offer)],
    [
      'by somebody in the swarm who was not asked',
      (rig: Rig, offer: Message) => {
        const page = rig.page('x');
        page.announce();
        page.answer(offer);
      },
    ],
    [
      'with the peer id of the one who was asked, from elsewhere',
      (rig: Rig, offer: Message) => {
        const page = rig.page('o');
        page.announce();
        page.answer(offer);
      },
    ],
  ])('is dropped: %s', (_, act) => {
    const rig = new Rig();
    const { maker, offer } = meet(rig);
    act(rig, offer);
    expect(maker.inbox).toEqual([]);
    expect(rig.count('webAnswersRefused')).toBe(1);
  });

  it.each([
    ['another swarm', { info_hash: 'x'.repeat(20) }],
    ['another offer', { offer_id: 'x'.repeat(20) }],
    ['another peer', { to_peer_id: 'x'.repeat(20) }],
  ])('is dropped when it is for %s', (_, more) => {
    const rig = new Rig();
    const { other, maker, offer } = meet(rig);
    other.answer(offer, more);
    expect(maker.inbox).toEqual([]);
    expect(rig.count('webAnswersRefused')).toBe(1);
  });

  it('is dropped when it comes too late', () => {
    const rig = new Rig();
    const { other, maker, offer } = meet(rig);
    rig.clock.advance(OFFER_SECONDS);
    other.answer(offer);
    expect(maker.inbox).toEqual([]);
    expect(rig.count('webOffersExpired')).toBe(1);
  });

  it('of a tracker that lies is dropped where the offer was made', () => {
    const rig = new Rig();
    rig.isRouting = false;
    const { maker } = meet(rig);
    const [signal] = rig.routed;
    const answer: Signal = { ...signal, what: 'answer', from: signal.to, to: signal.from };
    const liar = `${signal.to.slice(0, 8)}\u0001${signal.to.slice(9)}`;
    rig.deliver({ ...answer, from: liar });
    rig.deliver({ ...answer, offerId: 'x'.repeat(20) });
    rig.deliver({ ...answer, infoHash: 'x'.repeat(20) });
    expect(maker.inbox).toHaveLength(0);
    rig.deliver(answer);
    rig.deliver(answer);
    expect(maker.inbox).toHaveLength(1);
    expect(rig.count('webAnswersRefused')).toBe(4);
  });
});

describe('an offer from elsewhere', () => {
  const signalTo = (rig: Rig): { page: Page; signal: Signal } => {
    rig.isRouting = false;
    const page = rig.page('a');
    page.announce();
    rig.page('m').announce({ offers: offers(1) });
    return { page, signal: rig.routed[0] };
  };

  it('is delivered to a peer that is in the swarm', () => {
    const rig = new Rig();
    const { page, signal } = signalTo(rig);
    rig.deliver(signal);
    expect(page.inbox).toMatchObject([{ offer: { sdp: 'offer 0' } }]);
  });

  it.each([
    ['for another swarm', { infoHash: 'x'.repeat(20) }],
    ['for a connection of another run', { epoch: 1 }],
    ['for a connection that is not here', { number: 1 }],
  ])('is dropped %s', (_, { infoHash, epoch, number }: Record<string, unknown>) => {
    const rig = new Rig();
    const { page, signal } = signalTo(rig);
    const to = Buffer.from(signal.to, 'latin1');
    if (epoch !== undefined) to[15] ^= 1;
    if (number !== undefined) to[11] ^= 0x40;
    rig.deliver({
      ...signal,
      to: to.toString('latin1'),
      infoHash: (infoHash as string | undefined) ?? signal.infoHash,
    });
    expect(page.inbox).toEqual([]);
    expect(rig.count('webOffersLost')).toBe(1);
  });

  it('does not take the place of one that stands', () => {
    const rig = new Rig();
    const { page, signal } = signalTo(rig);
    rig.deliver(signal);
    const other = `${signal.from.slice(0, 8)}\u0001${signal.from.slice(9)}`;
    rig.deliver({ ...signal, from: other });
    expect(page.inbox).toHaveLength(1);
    expect(rig.count('webSignalsOverBudget')).toBe(1);
  });

  it('takes the place of the oldest that wait for one connection', () => {
    const rig = new Rig({ relayBytesPerSecond: 1_000_000 });
    const { page, signal } = signalTo(rig);
    const offerId = (i: number) => `${i}`.padEnd(20, 'x');
    for (let i = 0; i <= OFFERS_PER_CONNECTION_MAX; i++) {
      rig.deliver({ ...signal, offerId: offerId(i) });
    }
    expect(page.inbox).toHaveLength(OFFERS_PER_CONNECTION_MAX + 1);
    rig.clock.advance(1);
    rig.deliver({ ...signal, offerId: offerId(1) });
    expect(rig.count('webOffersEvicted')).toBe(1);
    rig.routed.length = 0;
    const told = page.inbox.splice(0);
    page.answer(told[0]);
    page.answer(told[OFFERS_PER_CONNECTION_MAX]);
    expect(rig.routed.map((answer) => answer.offerId)).toEqual([
      offerId(OFFERS_PER_CONNECTION_MAX),
    ]);
    expect(rig.count('webAnswersRefused')).toBe(1);
  });

  it('is dropped, and counted, for a client that is far behind with reading', () => {
    const rig = new Rig();
    const { page, signal } = signalTo(rig);
    page.isBehind = true;
    rig.deliver(signal);
    expect([page.inbox, rig.count('webOffersUnread')]).toEqual([[], 1]);
    // What it asked for itself is told to it.
    expect(page.announce()).toHaveLength(1);
    page.isBehind = false;
    rig.deliver(signal);
    expect(page.inbox).toHaveLength(1);
  });
});

it('refuses in words', () => {
  const rig = new Rig();
  const page = rig.page('a');
  expect(page.say({ action: 'scrape' })).toEqual([
    { 'failure reason': 'full scrape is off, name the info_hash', action: 'scrape' },
  ]);
  expect(page.announce({ peer_id: 'short' })).toEqual([
    { 'failure reason': 'peer_id must be 20 bytes', action: 'announce', info_hash: HASH },
  ]);
  expect(rig.count('webFailures')).toBe(2);
});

it('knows descriptions of other trackers that are more or less than one', () => {
  const sound = { text: '{"sdp":"x"}' } as Signal;
  expect(isSoundSignal(sound)).toBe(true);
  for (const text of [
    '',
    '{',
    '"x"',
    '[]',
    '{} ',
    '{},"peer_id":1',
    '{"a":{"a":{"a":{"a":{}}}}}',
  ]) {
    expect(isSoundSignal({ ...sound, text })).toBe(false);
  }
});
