import { describe, expect, it } from 'vitest';
import { SESSION_BYTES_MAX } from '../protocol/webtorrent/session-text.js';
import { RELAY_BURST_SECONDS } from './relay-budget.js';
import { STOPS_PER_TURN, VOICES_MAX } from './web-handler.js';
import { type Message, offers, Rig } from './web-rig.testing.js';

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

  it('of peer ids, of which those that left all their swarms make room', () => {
    const rig = new Rig({ subscriptionsMax: 100 });
    const page = rig.page('a');
    const ids = Array.from({ length: 3 * VOICES_MAX }, (_, i) => `${i}`.padEnd(20, 'p'));
    for (const peer_id of ids) {
      expect(page.announce({ peer_id })).toMatchObject([{ incomplete: 1 }]);
      page.announce({ peer_id, event: 'stopped' });
    }
    expect(rig.handler.voices).toBe(VOICES_MAX);
    // The next one is heard, where one before it was.
    page.announce({ peer_id: 'last'.padEnd(20, '.') });
    rig.page('m').announce({ offers: offers(1) });
    expect(page.inbox).toMatchObject([{ peer_id: 'm'.repeat(20) }]);
  });

  it('of offers that wait, in all: the oldest make room', () => {
    const rig = new Rig({ offersMax: 3 });
    const other = rig.page('a');
    other.announce();
    const makers = [...'mnopq'].map((letter) => rig.page(letter));
    for (const maker of makers) {
      maker.announce({ offers: offers(1) });
      maker.announce({ event: 'stopped' });
    }
    expect(rig.count('webOffersMade')).toBe(5);
    for (const offer of other.inbox.splice(0)) other.answer(offer);
    expect(makers.map(({ inbox }) => inbox.length)).toEqual([0, 0, 1, 1, 1]);
    rig.clock.advance(1);
    other.announce();
    // Two that were made, and the same two where they were given.
    expect(rig.count('webOffersEvicted')).toBe(4);
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

/** Peers of all swarms, as a scrape has them. */
function peersIn(rig: Rig, hashes: readonly string[]): number {
  const page = rig.page('z');
  const counts = hashes.map((info_hash) => {
    const files = page.say({ action: 'scrape', info_hash })[0].files as Record<string, Message>;
    return Number(files[info_hash].incomplete);
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

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

  it('leaves many swarms bit by bit, and is nobody from the start', () => {
    const rig = new Rig({ subscriptionsMax: 10_000 });
    const page = rig.page('a');
    const hashes = Array.from({ length: 2 * STOPS_PER_TURN + 10 }, (_, i) =>
      `${i}`.padEnd(20, 'h'),
    );
    for (const info_hash of hashes) page.announce({ info_hash });
    const other = rig.page('b');
    other.announce({ info_hash: hashes[0] });
    rig.handler.closed(page);
    rig.handler.closed(other);
    expect([rig.handler.voices, rig.count('webDepartures')]).toEqual([0, hashes.length + 1]);
    const left = () => peersIn(rig, hashes);
    const seen = [left()];
    while (rig.waiting.length > 0) {
      // One turn: whatever it does, it asks for one more at most.
      expect(rig.waiting).toHaveLength(1);
      rig.waiting.pop()?.();
      seen.push(left());
    }
    expect(seen).toEqual([11 + STOPS_PER_TURN, 11, 0, 0]);
  });

  it('leaves the rest at once when the tracker stops', () => {
    const rig = new Rig({ subscriptionsMax: 10_000 });
    const page = rig.page('a');
    const hashes = Array.from({ length: 2 * STOPS_PER_TURN }, (_, i) => `${i}`.padEnd(20, 'h'));
    for (const info_hash of hashes) page.announce({ info_hash });
    rig.handler.closed(page);
    rig.handler.finish();
    expect(peersIn(rig, hashes)).toBe(0);
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
