import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DownloadCounters } from './download-counters.js';
import { SELF_SLOT } from './origins.js';

const key = Uint8Array.from({ length: 16 }, (_, i) => i);
const counters = (countersMax = 1_000_000) => new DownloadCounters({ countersMax, key });
const infoHash = (swarm: number) => Int32Array.of(swarm, 1, 2, 3, Math.imul(swarm, 77));

/** One download more of this node: its new count, 0 when there was no room. */
function countOne(one: DownloadCounters, words: Int32Array): number {
  return one.merge(words, 0, SELF_SLOT, one.own(words) + 1) > 0 ? one.own(words) : 0;
}

function ofSwarm(one: DownloadCounters, swarm: number): Map<number, number> {
  const found = new Map<number, number>();
  one.forEach(infoHash(swarm), 0, (slot, downloads) => found.set(slot, downloads));
  return found;
}

it('does what a map of maps would', () => {
  const step = fc.record({
    swarm: fc.nat(40),
    slot: fc.constantFrom(0, 0, 1, 2, 4_094, 4_095),
    downloads: fc.option(fc.nat(20), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const one = counters();
      const naive = new Map<number, Map<number, number>>();
      for (const { swarm, slot, downloads } of steps) {
        const known = naive.get(swarm) ?? new Map<number, number>();
        naive.set(swarm, known);
        const before = known.get(downloads === undefined ? 0 : slot) ?? 0;
        if (downloads === undefined) {
          expect(countOne(one, infoHash(swarm))).toBe(before + 1);
          known.set(0, before + 1);
        } else {
          const delta = Math.max(0, downloads - before);
          expect(one.merge(infoHash(swarm), 0, slot, downloads)).toBe(delta);
          if (delta > 0) known.set(slot, downloads);
        }
      }
      let size = 0;
      for (const [swarm, known] of naive) {
        size += known.size;
        expect(ofSwarm(one, swarm)).toEqual(known);
        expect(one.own(infoHash(swarm))).toBe(known.get(0) ?? 0);
        expect(one.sum(infoHash(swarm))).toBe([...known.values()].reduce((a, b) => a + b, 0));
      }
      expect(one.size).toBe(size);
    }),
  );
});

it('ends with the same counts in whatever order, and however often, they are told', () => {
  const told = fc.record({ swarm: fc.nat(3), slot: fc.nat(4), downloads: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(told), fc.array(fc.nat()), (all, picks) => {
      const a = counters();
      const b = counters();
      const tell = (to: DownloadCounters, { swarm, slot, downloads }: (typeof all)[number]) =>
        to.merge(infoHash(swarm), 0, slot, downloads);
      for (const one of all) tell(a, one);
      for (const pick of picks) if (all.length > 0) tell(b, all[pick % all.length]);
      for (const one of [...all].reverse()) tell(b, one);
      for (let swarm = 0; swarm < 4; swarm++) expect(ofSwarm(b, swarm)).toEqual(ofSwarm(a, swarm));
    }),
  );
});

it('grows with what it holds', () => {
  const one = counters();
  for (let swarm = 1; swarm <= 50_000; swarm++) countOne(one, infoHash(swarm));
  expect(one.size).toBe(50_000);
  for (let swarm = 1; swarm <= 50_000; swarm++) expect(one.own(infoHash(swarm))).toBe(1);
  let entries = 0;
  one.forEachEntry((_low, _high, slot, downloads) => {
    entries += slot === 0 && downloads === 1 ? 1 : 0;
  });
  expect(entries).toBe(50_000);
});

it('drops what is over its bound, says so each time, and keeps counting what it has', () => {
  const one = counters(2);
  expect([countOne(one, infoHash(1)), one.merge(infoHash(1), 0, 5, 3)]).toEqual([1, 3]);
  expect([countOne(one, infoHash(2)), one.merge(infoHash(2), 0, 5, 9)]).toEqual([0, 0]);
  expect([one.size, one.dropped]).toEqual([2, 2]);
  expect([countOne(one, infoHash(1)), one.merge(infoHash(1), 0, 5, 4)]).toEqual([2, 1]);
});

it('stops at the largest count that the store can hold', () => {
  const one = counters();
  one.merge(infoHash(1), 0, 0, 2 ** 32 - 1);
  expect(countOne(one, infoHash(1))).toBe(0);
  expect(one.own(infoHash(1))).toBe(2 ** 31 - 1);
  one.merge(infoHash(1), 0, 1, 2 ** 31 - 1);
  expect(one.sum(infoHash(1))).toBe(2 ** 31 - 1);
});

it('forgets in a sweep what nobody touched since it began, and nothing else', () => {
  const one = counters();
  for (let swarm = 1; swarm <= 100; swarm++) {
    one.merge(infoHash(swarm), 0, 0, swarm);
    one.merge(infoHash(swarm), 0, 7, swarm);
  }
  one.beginSweep();
  for (let swarm = 1; swarm <= 30; swarm++) one.touch(infoHash(swarm));
  countOne(one, infoHash(31));
  one.merge(infoHash(32), 0, 7, 1);
  countOne(one, infoHash(500));
  expect(one.sweep()).toBe(2 * 68 + 2);
  expect(ofSwarm(one, 30)).toEqual(
    new Map([
      [0, 30],
      [7, 30],
    ]),
  );
  expect(ofSwarm(one, 31)).toEqual(new Map([[0, 32]]));
  expect(ofSwarm(one, 32)).toEqual(new Map([[7, 32]]));
  expect(ofSwarm(one, 500)).toEqual(new Map([[0, 1]]));
  expect(ofSwarm(one, 33)).toEqual(new Map());
  expect(one.size).toBe(63);
});

it('finds after a sweep all that is left, however full the table was', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 760 }), fc.integer(), (swarms, seed) => {
      const one = counters();
      const isKept = (swarm: number) => Math.imul(swarm ^ seed, 0x9e3779b1) < 0;
      const all = Array.from({ length: swarms }, (_, i) => i + 1);
      for (const swarm of all) one.merge(infoHash(swarm), 0, swarm % 3, swarm);
      one.beginSweep();
      for (const swarm of all) if (isKept(swarm)) one.touch(infoHash(swarm));
      expect(one.sweep()).toBe(all.filter((swarm) => !isKept(swarm)).length);
      for (const swarm of all) {
        const left = isKept(swarm) ? [[swarm % 3, swarm]] : [];
        expect([...ofSwarm(one, swarm)]).toEqual(left);
      }
    }),
  );
});
