import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import { NO_NODE } from '../protocol/cluster/node-id.js';
import { HashList, type ListEntry, reserveHashList } from './hash-list.js';
import { cleanReason, REASONS_MAX } from './list-reasons.js';
import { readInfoHashes } from './query.js';

const A = 'n00000000000000aa';
const B = 'nffffffffffffffbb';
const words = new Int32Array(5);

function entry(change: Partial<ListEntry> = {}): ListEntry {
  const hash = new Uint8Array(20).fill(7);
  return { hash, stamp: 5, by: A, present: true, expiresSeconds: 0, reason: '', ...change };
}

function hashOf(number: number): Uint8Array {
  const hash = Buffer.alloc(20);
  new Prng(number + 1).fill(hash);
  return new Uint8Array(hash);
}

function has(list: HashList, hash: Uint8Array, nowSeconds = 0): boolean {
  readInfoHashes(hash, 0, words, 0, 1);
  return list.has(words, 0, nowSeconds);
}

describe('the last writer wins', () => {
  it.each([
    ['a later stamp', { stamp: 6, by: NO_NODE }, 'taken'],
    ['an earlier stamp', { stamp: 4, by: B }, 'older'],
    ['the same stamp by a greater node', { by: B }, 'taken'],
    ['the same stamp by a smaller node', { by: NO_NODE }, 'older'],
    ['the same once more', {}, 'older'],
  ] as const)('%s', (_name, change, result) => {
    const list = new HashList(reserveHashList({ entriesMax: 10 }));
    expect(list.put(entry())).toBe('taken');
    const next = entry({ present: false, ...change });
    expect(list.put(next)).toBe(result);
    expect(list.get(next.hash)).toEqual(result === 'taken' ? next : entry());
    expect(has(list, next.hash)).toBe(result === 'older');
    expect([list.size, list.known]).toEqual([result === 'older' ? 1 : 0, 1]);
  });

  it('whatever order entries come in, the same list and the same root', () => {
    const seed = testSeed();
    const entries = fc.array(
      fc.record({
        hash: fc.nat(5).map(hashOf),
        stamp: fc.integer({ min: 2 ** 40, max: 2 ** 40 + 5 }),
        by: fc.constantFrom(A, B),
        present: fc.boolean(),
        expiresSeconds: fc.constantFrom(0, 9, 0xffffffff),
        reason: fc.constantFrom('', 'x', 'y'),
      }),
      { maxLength: 12 },
    );
    const property = fc.property(entries, (all) => {
      // Whatever one node says under one stamp is one thing.
      const once = [...new Map(all.map((e) => [`${e.hash}${e.stamp}${e.by}`, e])).values()];
      const lists = [once, [...once].reverse()].map((order) => {
        const list = new HashList(reserveHashList({ entriesMax: 20 }));
        for (const e of order) list.put(e);
        return list;
      });
      expect(lists[0].root()).toBe(lists[1].root());
      expect([...lists[0].bucketDigests()]).toEqual([...lists[1].bucketDigests()]);
      for (const e of once) expect(lists[0].get(e.hash)).toEqual(lists[1].get(e.hash));
    });
    fc.assert(property, { seed, numRuns: 200 });
  });
});

it('an entry counts until the second at which it expires', () => {
  const list = new HashList(reserveHashList({ entriesMax: 10 }));
  list.put(entry({ expiresSeconds: 4_000_000_000 }));
  expect(has(list, entry().hash, 3_999_999_999)).toBe(true);
  expect(has(list, entry().hash, 4_000_000_000)).toBe(false);
});

it('digests differ by every field that nodes share, and not by the reason', () => {
  const root = (change: Partial<ListEntry>) => {
    const list = new HashList(reserveHashList({ entriesMax: 10 }));
    list.put(entry(change));
    return list.root();
  };
  const roots = [
    {},
    { hash: hashOf(1) },
    { stamp: 5 + 2 ** 32 },
    { by: B },
    { present: false },
    { expiresSeconds: 1 },
  ].map(root);
  expect(new Set(roots).size).toBe(roots.length);
  expect(root({ reason: 'why' })).toBe(roots[0]);
  // What another version computes must be the same.
  expect(roots[0]).toMatchInlineSnapshot(`"113fe8f39a4305f8"`);
});

it('plays random operations as a plain map does', () => {
  const seed = testSeed();
  const random = new Prng(seed);
  const list = new HashList(reserveHashList({ entriesMax: 300 }));
  const map = new Map<number, ListEntry>();
  for (let step = 0; step < 30_000; step++) {
    const label = `seed ${seed}, step ${step}`;
    const number = random.below(400);
    if (random.chance(0.001)) {
      const before = random.below(step + 1);
      let forgotten = 0;
      for (const [key, { present, stamp, expiresSeconds }] of map) {
        const expired = expiresSeconds !== 0 && expiresSeconds * 1000 < before;
        if (stamp >= before || (present && !expired)) continue;
        map.delete(key);
        forgotten++;
      }
      expect(list.forget(before), label).toBe(forgotten);
    }
    const known = map.get(number);
    const next: ListEntry = {
      hash: hashOf(number),
      stamp: random.chance(0.8) ? step : random.below(step + 1),
      by: random.chance(0.5) ? A : B,
      present: random.chance(0.6),
      expiresSeconds: random.chance(0.3) ? 1 + random.below(30) : 0,
      reason: random.chance(0.5) ? `reason ${random.below(20)}` : '',
    };
    const isNewer =
      known === undefined ||
      next.stamp > known.stamp ||
      (next.stamp === known.stamp && next.by > known.by);
    const full = known === undefined && map.size === 300;
    expect(list.put(next), label).toBe(full ? 'full' : isNewer ? 'taken' : 'older');
    if (isNewer && !full) map.set(number, next);
    const probe = random.below(400);
    const found = map.get(probe);
    expect(list.get(hashOf(probe)), label).toEqual(found);
    const now = random.below(40);
    const counts = found?.present && (found.expiresSeconds === 0 || found.expiresSeconds > now);
    expect(has(list, hashOf(probe), now), label).toBe(counts === true);
    expect(list.known).toBe(map.size);
  }
  const byHash = (a: ListEntry, b: ListEntry) => Buffer.compare(a.hash, b.hash);
  const expected = [...map.values()].sort(byHash);
  expect([...list.entries()].sort(byHash)).toEqual(expected);
  const inBuckets = Array.from({ length: list.buckets }, (_, i) => list.entriesOf(i)).flat();
  expect(inBuckets.sort(byHash)).toEqual(expected);
  expect(list.size).toBe(expected.filter(({ present }) => present).length);
  // Kept step by step or made at once, the digests are the same.
  const fresh = new HashList(reserveHashList({ entriesMax: 300 }));
  for (const each of expected) fresh.put(each);
  expect(fresh.root()).toBe(list.root());
});

describe('reasons', () => {
  it('are one printable line of bounded length', () => {
    expect(cleanReason(' a\r\n\u0000b\u202ec  ')).toBe('a b c');
    expect(cleanReason('x'.repeat(500))).toHaveLength(200);
    expect(cleanReason(`${'x'.repeat(199)}\u{1f600}`)).toBe('x'.repeat(199));
    const list = new HashList(reserveHashList({ entriesMax: 10 }));
    const reason = '\u4e2d'.repeat(200);
    list.put(entry({ reason }));
    expect(list.get(entry().hash)?.reason).toBe(reason);
  });

  it('beyond the bound are empty, and there is room again when entries go', () => {
    const memory = reserveHashList({ entriesMax: 2 * REASONS_MAX });
    const list = new HashList(memory);
    for (let i = 0; i < REASONS_MAX; i++) list.put(entry({ hash: hashOf(i), reason: `r${i}` }));
    const reasons = () => [...list.entries()].filter(({ reason }) => reason !== '').length;
    expect(reasons()).toBe(REASONS_MAX - 1);
    list.put(entry({ hash: hashOf(5), stamp: 9, present: false }));
    // Another thread takes over as the writer.
    const other = new HashList(memory);
    other.put(entry({ hash: hashOf(9_999), reason: 'new' }));
    expect(other.get(hashOf(9_999))?.reason).toBe('new');
    expect(reasons()).toBe(REASONS_MAX - 1);
  });
});

it('a million entries take at most 64 MB, in a list of the default size', () => {
  const million = 1_000_000;
  const memory = reserveHashList({ entriesMax: 1.25 * million });
  const list = new HashList(memory);
  const hash = new Uint8Array(20);
  const view = new DataView(hash.buffer);
  const random = new Prng(testSeed());
  for (let i = 0; i < million; i++) {
    for (let at = 0; at < 16; at += 4) view.setUint32(at, random.next());
    view.setUint32(16, i);
    list.put(entry({ hash, reason: `reason ${i % REASONS_MAX}` }));
  }
  expect(list.size).toBe(million);
  const used = (buffer: SharedArrayBuffer) => {
    // Pages of 4 KiB that hold something.
    const bytes = Buffer.from(buffer);
    const zeros = Buffer.alloc(4096);
    let pages = 0;
    for (let at = 0; at < bytes.length; at += 4096) {
      const page = bytes.subarray(at, at + 4096);
      if (!page.equals(zeros.subarray(0, page.length))) pages++;
    }
    return pages * 4096;
  };
  const { header, index, entries, reasons } = memory;
  const sum = [header, index, entries, reasons].reduce((total, part) => total + used(part), 0);
  expect(sum).toBeLessThanOrEqual(64_000_000);
  expect(sum).toBeGreaterThan(44_000_000);
});
