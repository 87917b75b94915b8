import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newHolder, OFFER_SECONDS, type OfferHolder, OfferKey, OfferTable } from './offer-table.js';

const HASH = 'h'.repeat(20);
const keys = new OfferKey();
const key = (name: string): OfferKey => keys.set(1, HASH, name.padEnd(20, 'x'));

/** A table whose offers are named by short texts. */
class Named extends OfferTable {
  note(name: string, holder: OfferHolder, other: string, nowSeconds: number): void {
    this.put(key(name), holder, other, nowSeconds);
  }

  otherOf(name: string, nowSeconds: number): string | undefined {
    const entry = this.find(key(name), nowSeconds);
    return entry < 0 ? undefined : this.other(entry);
  }

  end(name: string): void {
    this.remove(this.find(key(name), 0));
  }
}
const table = (offersMax = 4, perHolderMax = 3) => new Named({ offersMax, perHolderMax });

it('holds an offer until it is removed', () => {
  const offers = table();
  const holder = newHolder();
  offers.note('a', holder, 'x', 10);
  expect(offers.otherOf('a', 10)).toBe('x');
  expect(holder.offers).toBe(1);
  offers.end('a');
  expect(offers.otherOf('a', 10)).toBeUndefined();
  offers.end('a');
  expect(holder.offers).toBe(0);
});

it('tells offers apart by each part of their key', () => {
  const offers = table(10, 10);
  const parts = [
    [1, 'a', 'b', ''],
    [2, 'a', 'b', ''],
    [1, 'c', 'b', ''],
    [1, 'a', 'd', ''],
    [1, 'a', 'b', 'e'],
  ] as const;
  const set = ([number, hash, offer, maker]: (typeof parts)[number]) =>
    keys.set(number, hash.repeat(20), offer.repeat(20), maker.repeat(20));
  const holder = newHolder();
  for (const part of parts) offers.put(set(part), holder, part.join(), 0);
  for (const part of parts) expect(offers.other(offers.find(set(part), 0))).toBe(part.join());
  expect(offers.find(keys.set(3, 'a'.repeat(20), 'b'.repeat(20)), 0)).toBe(-1);
});

it('ends offers when their time is over, and counts them', () => {
  const offers = table();
  const holder = newHolder();
  offers.note('a', holder, 'x', 10);
  offers.note('b', holder, 'x', 11);
  expect(offers.otherOf('a', 10 + OFFER_SECONDS - 1)).toBe('x');
  // Also before anybody cleared up.
  expect(offers.otherOf('a', 10 + OFFER_SECONDS)).toBeUndefined();
  offers.expire(10 + OFFER_SECONDS);
  expect([offers.size, offers.expired, holder.offers]).toEqual([1, 1, 1]);
  offers.expire(1_000);
  expect([offers.size, offers.expired, holder.offers]).toEqual([0, 2, 0]);
});

it('lives from its last word, when it is put again', () => {
  const offers = table();
  const holder = newHolder();
  offers.note('a', holder, 'x', 10);
  offers.note('b', holder, 'x', 11);
  offers.note('a', holder, 'y', 12);
  expect([holder.offers, offers.evicted]).toEqual([2, 0]);
  offers.expire(10 + OFFER_SECONDS);
  expect(offers.otherOf('a', 12)).toBe('y');
  offers.expire(11 + OFFER_SECONDS);
  expect([offers.otherOf('a', 12), offers.otherOf('b', 12)]).toEqual(['y', undefined]);
});

it('makes room at the bound of one holder from its own oldest', () => {
  const offers = table(10, 3);
  const [one, two] = [newHolder(), newHolder()];
  offers.note('other', two, 'x', 0);
  for (const name of ['a', 'b', 'c', 'd']) offers.note(name, one, 'x', 0);
  const left = ['other', 'a', 'b', 'c', 'd'].filter((name) => offers.otherOf(name, 0) === 'x');
  expect(left).toEqual(['other', 'b', 'c', 'd']);
  expect([one.offers, two.offers, offers.evicted]).toEqual([3, 1, 1]);
});

it('makes room at the bound of all from the oldest of all', () => {
  const offers = table(3, 3);
  const [one, two] = [newHolder(), newHolder()];
  for (const name of ['a', 'b', 'c']) offers.note(name, one, 'x', 0);
  offers.note('d', two, 'x', 0);
  expect([offers.otherOf('a', 0), offers.otherOf('d', 0)]).toEqual([undefined, 'x']);
  expect([offers.size, one.offers, two.offers, offers.evicted]).toEqual([3, 2, 1, 1]);
});

it('forgets the offers of one who is gone, and no others', () => {
  const offers = table(10, 5);
  const [one, two] = [newHolder(), newHolder()];
  for (const name of ['a', 'b']) offers.note(name, one, 'x', 0);
  offers.note('c', two, 'x', 0);
  offers.forget(one);
  expect([offers.size, one.offers, two.offers]).toEqual([1, 0, 1]);
  expect(offers.otherOf('c', 0)).toBe('x');
});

/** The same with a Map: its order of insertion is the age. */
class Naive {
  readonly entries = new Map<string, { holder: number; other: string; ends: number }>();
  expired = 0;
  evicted = 0;
  constructor(
    readonly offersMax: number,
    readonly perHolderMax: number,
  ) {}

  put(name: string, holder: number, other: string, now: number): void {
    this.entries.delete(name);
    const own = [...this.entries].filter(([, entry]) => entry.holder === holder);
    if (own.length >= this.perHolderMax) this.evict(own[0][0]);
    if (this.entries.size >= this.offersMax) this.evict([...this.entries.keys()][0]);
    this.entries.set(name, { holder, other, ends: now + OFFER_SECONDS });
  }

  evict(name: string): void {
    this.entries.delete(name);
    this.evicted++;
  }

  expire(now: number): void {
    for (const [name, { ends }] of this.entries) {
      if (ends > now) return;
      this.entries.delete(name);
      this.expired++;
    }
  }
}

it('does over thousands of steps what a plain map does', () => {
  const step = fc.record({
    what: fc.constantFrom('put', 'put', 'put', 'put', 'end', 'end', 'expire', 'forget'),
    name: fc.nat(700).map(String),
    holder: fc.nat(5),
    seconds: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 500, maxLength: 3_000 }), (steps) => {
      const offers = table(400, 120);
      const naive = new Naive(400, 120);
      const holders = Array.from({ length: 6 }, newHolder);
      let now = 0;
      for (const { what, name, holder, seconds } of steps) {
        now += seconds;
        if (what === 'put') {
          offers.note(name, holders[holder], `${now}`, now);
          naive.put(name, holder, `${now}`, now);
        } else if (what === 'end') {
          offers.end(name);
          naive.entries.delete(name);
        } else if (what === 'expire') {
          offers.expire(now);
          naive.expire(now);
        } else {
          offers.forget(holders[holder]);
          for (const [other, entry] of naive.entries) {
            if (entry.holder === holder) naive.entries.delete(other);
          }
        }
      }
      expect([offers.size, offers.expired, offers.evicted]).toEqual([
        naive.entries.size,
        naive.expired,
        naive.evicted,
      ]);
      for (const [name, { other, ends }] of naive.entries) {
        expect(offers.otherOf(name, now)).toBe(ends > now ? other : undefined);
      }
      expect(holders.reduce((sum, { offers: count }) => sum + count, 0)).toBe(offers.size);
    }),
    { numRuns: 30 },
  );
});
