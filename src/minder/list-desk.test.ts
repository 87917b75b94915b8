import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClusterLists } from '../cluster/cluster-lists.js';
import { Lines, MINDERS, newLists, TestClock, TRACKERS } from '../cluster/lists.testing.js';
import { MemoryBus, type MemoryTransport } from '../cluster/memory-bus.js';
import { Prng } from '../lib/prng.js';
import { CONTROL_ALL } from '../protocol/cluster/control.js';
import { decodeListMessage } from '../protocol/cluster/list-message.js';
import { ListDesk, type ListedHash, type ListPage } from './list-desk.js';

const HASH = 'a'.repeat(40);
let directory = '';
let bus: MemoryBus;
let tracker: MemoryTransport;
let clock: TestClock;
let lists: ClusterLists;
let desk: ListDesk;
/** Entries that were told to everybody. */
let told: string[];

function start(entriesMax = 10_000): void {
  const transport = bus.join(MINDERS[0]);
  const log = new Lines();
  const path = join(directory, 'minder', 'lists');
  lists = new ClusterLists(
    { id: MINDERS[0], role: 'minder', path },
    { lists: newLists(entriesMax), transport, clock, random: new Prng(1), log },
  );
  lists.start();
  desk = new ListDesk({ id: MINDERS[0] }, { lists, clock });
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'list-desk-'));
  clock = new TestClock();
  bus = new MemoryBus({ nowMs: clock.ms });
  told = [];
  tracker = bus.join(TRACKERS[0]);
  tracker.subscribe(CONTROL_ALL, (_subject, payload) => {
    const message = decodeListMessage(payload);
    if (typeof message === 'number' || message.kind !== 'entries') return;
    for (let entry = message.entries.next(); entry !== undefined; entry = message.entries.next()) {
      const hex = Buffer.from(entry.hash).toString('hex');
      told.push(`${message.list} ${entry.present ? '+' : '-'}${hex.slice(0, 8)}`);
    }
  });
  start();
});
afterEach(async () => {
  await lists.close();
  rmSync(directory, { recursive: true, force: true });
});

const hashes = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ hash: `${i}`.padStart(8, '0').padEnd(40, '0') }));
const page = async (params: object) =>
  (await desk.handle('list.list', {
    list: 'deny',
    order: 'newest',
    limit: 100,
    ...params,
  })) as ListPage;

describe('the desk for lists', () => {
  it('adds, shows and removes, tells everybody, and knows it all after a restart', async () => {
    const item = { hash: HASH.toUpperCase(), reason: 'a  b\n', expiresMs: clock.wallMs() + 60_000 };
    expect(await desk.handle('list.add', { list: 'deny', hashes: [item, ...hashes(2)] })).toEqual({
      added: 3,
      changed: 0,
      unchanged: 0,
    });
    bus.settle();
    expect(told).toEqual(['deny +aaaaaaaa', 'deny +00000000', 'deny +00000001']);
    await lists.close();
    start();
    const view = await desk.handle('list.show', { list: 'deny', hash: HASH });
    expect(view).toEqual({
      hash: HASH,
      reason: 'a b',
      sinceMs: clock.wallMs(),
      by: MINDERS[0],
      expiresMs: clock.wallMs() + 60_000,
    } satisfies ListedHash);
    const gone = { list: 'deny', hashes: [HASH, 'b'.repeat(40)] };
    expect(await desk.handle('list.remove', gone)).toEqual({
      removed: 1,
      absent: ['b'.repeat(40)],
    });
    bus.settle();
    // Of the one it did not know as well: trackers might.
    expect(told.slice(-2)).toEqual(['deny -aaaaaaaa', 'deny -bbbbbbbb']);
    await expect(desk.handle('list.show', { list: 'deny', hash: HASH })).rejects.toMatchObject({
      code: 'control_not_found',
    });
    expect((await page({})).entries.map(({ hash }) => hash.slice(0, 8))).toEqual([
      '00000000',
      '00000001',
    ]);
  });

  it('makes the later word win, whatever the clock says', async () => {
    const add = () => desk.handle('list.add', { list: 'deny', hashes: [{ hash: HASH }] });
    const remove = () => desk.handle('list.remove', { list: 'deny', hashes: [HASH] });
    await add();
    // At the same millisecond, and then an hour before.
    await remove();
    expect(lists.lists.deny.size).toBe(0);
    clock.ms -= 3_600_000;
    await add();
    expect(lists.lists.deny.size).toBe(1);
    await Promise.all([remove(), add(), remove()]);
    expect(lists.lists.deny.get(Buffer.from(HASH, 'hex'))?.present).toBe(false);
    await Promise.all([add(), remove(), add()]);
    expect(lists.lists.deny.get(Buffer.from(HASH, 'hex'))?.present).toBe(true);
    // Another minder's clock is ahead.
    const ahead = clock.wallMs() + 80_000_000;
    const hash = Buffer.from(HASH, 'hex');
    lists.lists.deny.put({
      hash,
      stamp: ahead,
      by: MINDERS[2],
      present: true,
      expiresSeconds: 0,
      reason: '',
    });
    await remove();
    expect(lists.lists.deny.size).toBe(0);
  });

  it('leaves alone what says the same already, when asked to', async () => {
    const add = (more: object) =>
      desk.handle('list.add', { list: 'allow', hashes: hashes(10), ...more });
    await add({});
    expect(await add({ keep: true })).toEqual({ added: 0, changed: 0, unchanged: 10 });
    bus.settle();
    expect(told).toHaveLength(10);
    expect(await add({})).toEqual({ added: 0, changed: 10, unchanged: 0 });
    const other = hashes(2).map((each) => ({ ...each, reason: 'x' }));
    expect(await desk.handle('list.add', { list: 'allow', hashes: other, keep: true })).toEqual({
      added: 0,
      changed: 2,
      unchanged: 0,
    });
  });

  it('lists by time, and by hash page after page', async () => {
    await desk.handle('list.add', { list: 'deny', hashes: hashes(1_000) });
    clock.ms += 1_000;
    await desk.handle('list.add', { list: 'deny', hashes: [{ hash: HASH }] });
    const soon = { hash: 'c'.repeat(40), expiresMs: clock.wallMs() + 1_000 };
    await desk.handle('list.add', { list: 'deny', hashes: [soon] });
    expect((await page({ limit: 1 })).entries[0].hash).toBe(soon.hash);
    clock.ms += 1_000;
    // It has expired.
    expect((await page({ limit: 1 })).entries[0].hash).toBe(HASH);
    expect(await page({ limit: 1 })).toMatchObject({ more: true });
    let after: string | undefined;
    const found: string[] = [];
    for (let more = true; more; ) {
      const next = await page({ order: 'hash', limit: 300, after });
      found.push(...next.entries.map(({ hash }) => hash));
      after = found.at(-1);
      more = next.more;
    }
    expect(found).toEqual([...hashes(1_000).map(({ hash }) => hash), HASH]);
    const some = await page({ order: 'hash', prefix: '0000012' });
    expect(some.entries.map(({ hash }) => hash.slice(0, 8))).toEqual(
      Array.from({ length: 10 }, (_, i) => `0000012${i}`),
    );
    expect((await page({ order: 'hash', prefix: 'A' })).entries).toHaveLength(1);
    expect((await page({ order: 'hash', prefix: 'f' })).entries).toHaveLength(0);
  });

  it.each([
    ['none', 'list.add', { list: 'deny', hashes: [] }],
    ['too many', 'list.add', { list: 'deny', hashes: hashes(1_001) }],
    ['another list', 'list.add', { list: 'grey', hashes: hashes(1) }],
    ['a short hash', 'list.add', { list: 'deny', hashes: [{ hash: 'a'.repeat(39) }] }],
    ['no entry', 'list.add', { list: 'deny', hashes: [null] }],
    ['a reason that is no text', 'list.add', { list: 'deny', hashes: [{ hash: HASH, reason: 7 }] }],
    ['what has expired', 'list.add', { list: 'deny', hashes: [{ hash: HASH, expiresMs: 1_000 }] }],
    [
      'a moment that is no number',
      'list.add',
      { list: 'deny', hashes: [{ hash: HASH, expiresMs: 'soon' }] },
    ],
    [
      'a moment too far away',
      'list.add',
      { list: 'deny', hashes: [{ hash: HASH, expiresMs: 1e15 }] },
    ],
    ['a wrong hash', 'list.remove', { list: 'deny', hashes: ['x'] }],
    ['no hash', 'list.show', { list: 'deny' }],
    ['another order', 'list.list', { list: 'deny', order: 'size', limit: 5 }],
    ['too long a page', 'list.list', { list: 'deny', order: 'newest', limit: 1_001 }],
  ])('refuses %s in %s, and changes nothing', async (_what, method, params) => {
    await expect(desk.handle(method, params)).rejects.toMatchObject({ code: 'control_invalid' });
    expect(lists.lists.deny.known).toBe(0);
  });

  it('says so when the list is full, and when the disk is', async () => {
    await lists.close();
    await expect(
      desk.handle('list.add', { list: 'deny', hashes: [{ hash: HASH }] }),
    ).rejects.toMatchObject({ code: 'control_failed' });
    expect(lists.lists.deny.known).toBe(0);
    start(5);
    await expect(
      desk.handle('list.add', { list: 'deny', hashes: hashes(6) }),
    ).rejects.toMatchObject({ code: 'control_failed', message: expect.stringContaining('full') });
    await desk.handle('list.add', { list: 'deny', hashes: hashes(5) });
    await desk.handle('list.add', { list: 'deny', hashes: hashes(5) });
    bus.settle();
    expect(told).toHaveLength(10);
  });
});
