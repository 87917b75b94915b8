import { expect, it } from 'vitest';
import { OFFER_SECONDS, OfferTable } from './offer-table.js';

const table = (offersMax = 4, perHolderMax = 3) => new OfferTable({ offersMax, perHolderMax });

it('holds an offer until it is removed', () => {
  const offers = table();
  const holder = { offers: 0 };
  expect(offers.put('a', holder, 'x', 10)).toBe(true);
  expect(offers.find('a', 10)).toBe('x');
  expect(holder.offers).toBe(1);
  offers.remove('a');
  expect(offers.find('a', 10)).toBeUndefined();
  offers.remove('a');
  expect(holder.offers).toBe(0);
});

it('ends offers when their time is over, and counts them', () => {
  const offers = table();
  const holder = { offers: 0 };
  offers.put('a', holder, 'x', 10);
  offers.put('b', holder, 'x', 11);
  expect(offers.find('a', 10 + OFFER_SECONDS - 1)).toBe('x');
  // Also before anybody cleared up.
  expect(offers.find('a', 10 + OFFER_SECONDS)).toBeUndefined();
  offers.expire(10 + OFFER_SECONDS);
  expect([offers.size, offers.expired, holder.offers]).toEqual([1, 1, 1]);
  offers.expire(1_000);
  expect([offers.size, offers.expired, holder.offers]).toEqual([0, 2, 0]);
});

it('lives from its last word, when it is put again', () => {
  const offers = table();
  const holder = { offers: 0 };
  offers.put('a', holder, 'x', 10);
  offers.put('b', holder, 'x', 11);
  offers.put('a', holder, 'y', 12);
  expect(holder.offers).toBe(2);
  offers.expire(10 + OFFER_SECONDS);
  expect(offers.find('a', 12)).toBe('y');
  offers.expire(11 + OFFER_SECONDS);
  expect([offers.find('a', 12), offers.find('b', 12)]).toEqual(['y', undefined]);
});

it('takes no more than its bounds, of one holder and of all', () => {
  const offers = table();
  const [one, two] = [{ offers: 0 }, { offers: 0 }];
  for (const key of ['a', 'b', 'c']) expect(offers.put(key, one, 'x', 0)).toBe(true);
  expect(offers.put('d', one, 'x', 0)).toBe(false);
  expect(offers.put('e', two, 'x', 0)).toBe(true);
  expect(offers.put('f', two, 'x', 0)).toBe(false);
  expect([offers.size, one.offers, two.offers]).toEqual([4, 3, 1]);
  offers.expire(OFFER_SECONDS);
  expect(offers.put('f', two, 'x', OFFER_SECONDS)).toBe(true);
});
