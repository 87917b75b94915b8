import { describe, expect, it } from 'vitest';
import { CidrSet } from '../lib/cidr-set.js';
import { ManualClock } from '../lib/clock.js';
import { NO_NODE } from '../protocol/cluster/node-id.js';
import type { Signal } from '../protocol/cluster/signal.js';
import { SESSION_BYTES_MAX } from '../protocol/webtorrent/session-text.js';
import { reserveStore } from '../swarm/layout.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { webConnection, webEpochOf } from '../swarm/web-wire.js';
import { TRACKER_COUNTER_BYTES, TrackerCounter, type TrackerCounterName } from './counters.js';
import { OFFER_SECONDS } from './offer-table.js';
import { RELAY_BURST_SECONDS } from './relay-budget.js';
import { Tracker } from './tracker.js';
import {
  isSoundSignal,
  OFFERS_PER_PEER_MAX,
  VOICES_MAX,
  WebHandler,
  type WebHandlerOptions,
} from './web-handler.js';
import { threadOf } from './web-voice.js';

type Message = Record<string, unknown>;

const HASH = 'h'.repeat(20);
const EPOCH = 1_700_000_000;

/** A connection that remembers what it was told. */
class Page {
  readonly inbox: Message[] = [];
  readonly peerId: string;

  constructor(
    private readonly rig: Rig,
    letter: string,
  ) {
    this.peerId = letter.repeat(20);
  }

  send(text: string): void {
    this.inbox.push(JSON.parse(text));
  }

  /** Says something, and returns what was told to this page since the last time. */
  say(message: Message): Message[] {
    this.rig.handler.beginBatch();
    this.rig.handler.heard(this, JSON.stringify(message));
    return this.inbox.splice(0);
  }

  announce(more: Message = {}): Message[] {
    const base = { action: 'announce', info_hash: HASH, peer_id: this.peerId, left: 1 };
    return this.say({ ...base, ...more });
  }

  answer(offer: Message, more: Message = {}): Message[] {
    return this.announce({
      to_peer_id: offer.peer_id,
      offer_id: offer.offer_id,
      answer: { sdp: 'answer' },
      ...more,
    });
  }
}

class Rig {
  readonly clock = new ManualClock();
  readonly counts = new Float64Array(TRACKER_COUNTER_BYTES / 8);
  readonly handler: WebHandler;
  readonly store: SwarmStore;
  /** What left for elsewhere. */
  readonly routed: Signal[] = [];
  /** Signals reach their peers here at once. */
  isRouting = true;

  constructor(options: Partial<WebHandlerOptions> = {}) {
    const memory = reserveStore({ peersMax: 10_000, swarmsMax: 1_000, shards: 4 });
    this.store = new SwarmStore(memory, { thread: 1, seed: 1 });
    const { clock, counts, store } = this;
    const tracker = new Tracker(
      {
        intervalSeconds: 1_800,
        minIntervalSeconds: 900,
        intervalJitter: 0,
        numwantDefault: 50,
        numwantMax: 200,
      },
      { store, clock, trustedIpSources: new CidrSet([]), seed: 5 },
    );
    this.handler = new WebHandler(
      {
        origin: { node: NO_NODE, epoch: EPOCH },
        thread: 9,
        intervalSecondsMax: 120,
        scrapeHashesMax: 3,
        subscriptionsMax: 5,
        relayBytesPerSecond: 10_000,
        offersMax: 10_000,
        ...options,
      },
      { tracker, clock, counts, route: (signal) => this.#route(signal) },
    );
  }

  page(letter: string): Page {
    return new Page(this, letter);
  }

  count(name: TrackerCounterName): number {
    return this.counts[TrackerCounter[name]];
  }

  deliver(signal: Signal): void {
    this.handler.beginBatch();
    this.handler.take(signal, webConnection(Buffer.from(signal.to, 'latin1'), 0));
  }

  #route(signal: Signal): void {
    this.routed.push(signal);
    if (this.isRouting) this.deliver(signal);
  }
}

const offers = (count: number, sdp = 'offer') =>
  Array.from({ length: count }, (_, i) => ({
    offer: { sdp: `${sdp} ${i}` },
    offer_id: `${i}`.padEnd(20, 'o'),
  }));

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

  it('is bounded for one peer', () => {
    const rig = new Rig();
    const { page, signal } = signalTo(rig);
    for (let i = 0; i <= OFFERS_PER_PEER_MAX; i++) {
      rig.deliver({ ...signal, offerId: `${i}`.padEnd(20, 'x') });
    }
    expect(page.inbox).toHaveLength(OFFERS_PER_PEER_MAX);
    expect(rig.count('webSignalsOverBudget')).toBe(1);
  });
});

describe('bounds', () => {
  it('of swarms on one connection', () => {
    const rig = new Rig();
    const page = rig.page('a');
    const hashes = Array.from({ length: 6 }, (_, i) => `${i}`.repeat(20));
    for (const info_hash of hashes.slice(0, 5)) page.announce({ info_hash });
    expect(page.announce({ info_hash: hashes[5] })).toMatchObject([
      { 'failure reason': 'too many swarms on one connection', info_hash: hashes[5] },
    ]);
    page.announce({ info_hash: hashes[0], event: 'stopped' });
    expect(page.announce({ info_hash: hashes[5] })).toMatchObject([{ incomplete: 1 }]);
  });

  it('of peer ids on one connection', () => {
    const rig = new Rig({ subscriptionsMax: 100 });
    const page = rig.page('a');
    const ids = Array.from({ length: VOICES_MAX + 1 }, (_, i) => `${i}`.padEnd(20, 'p'));
    for (const peer_id of ids.slice(0, -1)) page.announce({ peer_id });
    expect(page.announce({ peer_id: ids.at(-1) })).toMatchObject([
      { 'failure reason': 'too many swarms on one connection' },
    ]);
  });

  it('of offers that wait, in all', () => {
    const rig = new Rig({ offersMax: 3 });
    rig.page('a').announce();
    for (const letter of 'mnopq') rig.page(letter).announce({ offers: offers(1) });
    expect(rig.count('webOffersMade')).toBe(3);
    expect(rig.count('webSignalsOverBudget')).toBe(2);
    rig.clock.advance(OFFER_SECONDS);
    rig.page('r').announce({ offers: offers(1) });
    expect(rig.count('webOffersMade')).toBe(4);
  });

  it('of one description: a larger one is not passed on', () => {
    const rig = new Rig();
    const other = rig.page('a');
    other.announce();
    const [heavy] = offers(1, 'x'.repeat(SESSION_BYTES_MAX));
    const maker = rig.page('m');
    expect(maker.announce({ offers: [heavy] })).toMatchObject([{ incomplete: 2 }]);
    expect(other.inbox).toEqual([]);
    expect(rig.count('webSignalsOverBudget')).toBe(1);
  });

  it('of bytes passed on for one connection, which come back with time', () => {
    const rig = new Rig({ relayBytesPerSecond: 100 });
    rig.page('a').announce();
    const maker = rig.page('m');
    const heavy = offers(1, 'x'.repeat(100 * RELAY_BURST_SECONDS - 100));
    maker.announce({ offers: heavy });
    expect(maker.announce({ offers: heavy })).toMatchObject([{ incomplete: 2 }]);
    expect(rig.count('webSignalsOverBudget')).toBe(1);
    rig.clock.advance(RELAY_BURST_SECONDS);
    maker.announce({ offers: heavy });
    expect(rig.count('webOffersMade')).toBe(2);
  });
});

describe('the end of a connection', () => {
  it('is a stop in every swarm that it announced', () => {
    const rig = new Rig();
    const page = rig.page('a');
    const hashes = ['x', 'y', 'z'].map((letter) => letter.repeat(20));
    for (const info_hash of hashes) page.announce({ info_hash });
    page.announce({ info_hash: hashes[0], event: 'stopped' });
    expect(rig.handler.isInUse(page)).toBe(true);
    rig.handler.closed(page);
    rig.handler.closed(page);
    expect(rig.handler.isInUse(page)).toBe(false);
    expect([rig.count('webStops'), rig.count('webDepartures')]).toEqual([1, 2]);
    const files = rig.page('b').say({ action: 'scrape', info_hash: hashes })[0].files;
    for (const info_hash of hashes) {
      expect((files as Message)[info_hash]).toEqual({ complete: 0, incomplete: 0, downloaded: 0 });
    }
  });

  it('lets offers for it, and answers to it, come to nothing', () => {
    const rig = new Rig();
    rig.isRouting = false;
    const [other, maker] = [rig.page('o'), rig.page('m')];
    other.announce();
    maker.announce({ offers: offers(1) });
    rig.handler.closed(other);
    rig.deliver(rig.routed[0]);
    expect(other.inbox).toEqual([]);
    expect(rig.count('webOffersLost')).toBe(1);
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
