import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryBus, type MemoryTransport } from '../cluster/memory-bus.js';
import { ManualClock } from '../lib/clock.js';
import type { LogSink } from '../lib/log-sink.js';
import { Prng } from '../lib/prng.js';
import { encodeSync, syncSubject } from '../protocol/cluster/sync-message.js';
import type { ControlRecord } from './control-record.js';
import { ControlState, type ControlStateLimits } from './control-state.js';
import { ControlSync } from './control-sync.js';
import { MinderOrder } from './minder-order.js';
import { nodeRecord, temporaryDirectory } from './minder-rig.testing.js';

const IDS = ['1', '2', '3'].map((digit) => `n${digit.repeat(16)}`);
const DAY_SECONDS = 86_400;
const id = (i: number) => `n${i.toString(16).padStart(16, '0')}`;
const silent: LogSink = { log: () => {} };
let directory = '';
let nowMs = 0;
let bus: MemoryBus;

beforeEach(() => {
  directory = temporaryDirectory();
  nowMs = 0;
  bus = new MemoryBus();
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true, force: true });
});

/** One minder, as far as its state goes. */
class Minder {
  readonly clock = new ManualClock();
  transport!: MemoryTransport;
  state!: ControlState;
  order!: MinderOrder;
  sync!: ControlSync;

  constructor(
    readonly minderId: string,
    readonly on: MemoryBus,
    readonly path: string,
    readonly limits: Partial<ControlStateLimits> = {},
  ) {
    this.start();
  }

  start(): void {
    const { minderId, path, limits, clock } = this;
    this.transport = this.on.join(minderId);
    this.state = new ControlState({ path, limits, minderId }, { clock });
    this.order = new MinderOrder({}, { state: this.state, clock });
    this.sync = new ControlSync({
      state: this.state,
      transport: this.transport,
      order: this.order,
      clock,
      log: silent,
    });
    this.sync.start();
  }

  stop(): void {
    this.sync.stop();
    this.transport.close();
  }

  token(tokenId: string, usesMax = 1): void {
    this.state.commit([{ kind: 'token', id: tokenId, value: tokenRecord(usesMax) }]);
  }

  spend(tokenId: string, nodeId: string): void {
    const old = this.state.get('token', tokenId);
    if (old === undefined) return;
    const usesBy = new Map(old.usesBy ?? []);
    usesBy.set(this.minderId, (usesBy.get(this.minderId) ?? 0) + 1);
    const spentBy = [...old.spentBy, { busPublicKey: nodeId, nodeId, atMs: this.clock.wallMs() }];
    const value = { ...old, uses: old.uses + 1, usesBy: [...usesBy], spentBy: spentBy.slice(-16) };
    this.state.commit([{ kind: 'token', id: tokenId, value }]);
  }

  revoke(nodeId: string): void {
    const revokedMs = this.clock.wallMs();
    const value = { revokedMs, effectiveMs: revokedMs, busPublicKey: nodeId };
    this.state.commit([{ kind: 'revocation', id: nodeId, value }]);
  }

  enrol(nodeId: string, name: string): void {
    this.state.commit([{ kind: 'node', id: nodeId, value: nodeRecord(name) }]);
  }
}

function tokenRecord(usesMax: number): ControlRecord<'token'> {
  return {
    role: 'tracker',
    hash: '0'.repeat(64),
    createdMs: 1,
    expiresMs: 9e12,
    usesMax,
    uses: 0,
    cidr: '',
    revoked: false,
    spentBy: [],
  };
}

function minders(count: number, limits?: Partial<ControlStateLimits>): Minder[] {
  return IDS.slice(0, count).map(
    (minderId) => new Minder(minderId, bus, join(directory, `${minderId}.json`), limits),
  );
}

/** Lets time pass for timers, clocks and bus. */
function pass(all: readonly Minder[], ms: number): void {
  for (let left = ms; left > 0; left -= 10) {
    const step = Math.min(10, left);
    nowMs += step;
    vi.advanceTimersByTime(step);
    for (const { clock } of all) clock.advance(step / 1000);
    bus.advance(nowMs);
  }
}

function expectAlike(all: readonly Minder[]): void {
  const [first, ...others] = all.map(({ state }) =>
    state.entries().toSorted((a, b) => (a.kind + a.id < b.kind + b.id ? -1 : 1)),
  );
  for (const other of others) expect(other).toEqual(first);
  const roots = new Set(all.map(({ state }) => state.root()));
  expect(roots.size).toBe(1);
}

describe('minders on one bus', () => {
  it('tell each other of a change at once', () => {
    const all = minders(3);
    all[0].enrol(id(1), 'a');
    all[0].revoke(id(1));
    pass(all, 50);
    for (const { state } of all) expect(state.get('revocation', id(1))).toBeDefined();
    expectAlike(all);
  });

  it('catch up when one comes back, in both directions', () => {
    const all = minders(2);
    bus.setConnected(IDS[1], false);
    all[0].enrol(id(1), 'a');
    all[1].enrol(id(2), 'b');
    pass(all, 1_000);
    expect(all[1].state.get('node', id(1))).toBeUndefined();
    bus.setConnected(IDS[1], true);
    pass(all, 500);
    expectAlike(all);
    expect(all[0].state.list('node')).toHaveLength(2);
  });

  it('catch up with thousands of entries, each message within its bound', () => {
    const all = minders(2);
    bus.setConnected(IDS[1], false);
    const changes = Array.from({ length: 10_000 }, (_, i) => {
      return { kind: 'node', id: id(i), value: nodeRecord(`node ${i}`) } as const;
    });
    all[0].state.commit(changes);
    const sizes: number[] = [];
    all[0].transport.subscribe('ctl.sync.state.*.*', () => {});
    all[1].transport.subscribe('ctl.sync.state.*.*', (_subject, payload) =>
      sizes.push(payload.length),
    );
    bus.setConnected(IDS[1], true);
    pass(all, 1_000);
    expectAlike(all);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
    expect(sizes.length).toBeGreaterThan(10);
  });

  it('say nothing more once they agree, but a root each fifteen seconds', () => {
    const all = minders(3);
    all[0].enrol(id(1), 'a');
    pass(all, 5_000);
    const before = all.map(({ sync }) => ({ ...sync.counters }));
    pass(all, 60_000);
    all.forEach(({ sync }, i) => {
      expect(sync.counters).toEqual({ ...before[i], rootsSent: before[i].rootsSent + 4 });
    });
  });

  it('agree about removed records that one has forgotten and another not yet', () => {
    const all = minders(2);
    all[0].enrol(id(1), 'a');
    all[0].state.commit([{ kind: 'node', id: id(1), value: null }]);
    all[0].enrol(id(2), 'b');
    pass(all, 2_000);
    const removed = all[1].state.entries().filter(({ value }) => value === null);
    expect(removed).toHaveLength(1);
    for (const { clock } of all) clock.advance(32 * DAY_SECONDS);
    // A change makes it forget; the other one hears of it only later.
    bus.setConnected(IDS[1], false);
    all[0].enrol(id(3), 'c');
    expect(all[0].state.entries()).toHaveLength(2);
    expect(all[1].state.entries()).toHaveLength(2);
    bus.setConnected(IDS[1], true);
    pass(all, 2_000);
    expectAlike(all);
    expect(all[0].state.merge(removed)).toBe(0);
  });

  it('do not go on for ever about what one of them does not take', () => {
    const all = minders(2);
    // The other one has no room for it.
    const full = new Minder(IDS[2], bus, join(directory, 'full.json'), { entriesMax: 1 });
    const trio = [...all, full];
    all[0].state.commit(
      [1, 2, 3].map((i) => ({ kind: 'node', id: id(i), value: nodeRecord('a') })),
    );
    pass(trio, 300_000);
    const before = all[0].sync.counters.entriesSent;
    pass(trio, 1_800_000);
    expect(all[0].sync.counters.entriesSent - before).toBeLessThan(40);
    // News are exchanged as ever.
    all[0].revoke(id(1));
    pass(trio, 100);
    expect(all[1].state.get('revocation', id(1))).toBeDefined();
  });

  it('skip what is no message or no entry, and heed the rest', () => {
    const all = minders(2);
    const { transport } = all[0];
    const subject = syncSubject(IDS[0]);
    transport.publish(subject, Buffer.from('rubbish'));
    transport.publish(subject, Buffer.from('{"version":2,"type":"root"}'));
    const good = { kind: 'node', id: id(1), stamp: 5, by: IDS[0], value: nodeRecord('a') };
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const entries = [
      7,
      null,
      { ...good, value: { name: 7 } },
      { ...good, id: '../x' },
      { ...good, kind: '__proto__' },
      { ...good, kind: 'later', value: 'DEEP' },
      { ...good, kind: 'later', value: 'x'.repeat(64 * 1024) },
      { ...good, stamp: all[1].clock.wallMs() + 2 * 1000 * DAY_SECONDS },
      good,
    ];
    const message = Buffer.from(encodeSync(IDS[0], { type: 'entries', entries })).toString();
    transport.publish(subject, Buffer.from(message.replace('"DEEP"', deep)));
    pass(all, 50);
    expect(all[1].state.entries()).toEqual([good]);
    expect(all[1].sync.counters.unreadable).toBe(2);
    expect(all[1].state.counters).toMatchObject({ refusedInvalid: 7, refusedAhead: 1 });
  });

  it('do not listen to one who was revoked', () => {
    const all = minders(2);
    all[1].revoke(IDS[0]);
    bus.setConnected(IDS[1], true);
    const entry = { kind: 'node', id: id(1), stamp: 5, by: IDS[0], value: nodeRecord('a') };
    all[0].transport.publish(
      syncSubject(IDS[0]),
      encodeSync(IDS[0], { type: 'entries', entries: [entry] }),
    );
    pass(all, 50);
    expect(all[1].state.get('node', id(1))).toBeUndefined();
  });

  it('pass on kinds of a later version, over a restart too, and do not look into them', () => {
    const all = minders(3);
    const later = { kind: 'later', id: 'x', stamp: 5, by: IDS[2], value: { anything: [1, 'a'] } };
    all[0].state.merge([later]);
    pass(all, 3_000);
    all[1].stop();
    all[1].start();
    expect(all[1].state.entries()).toEqual([later]);
    expectAlike(all);
  });

  it('take what a minder wrote while its clock was days ahead, once it is right', () => {
    const all = minders(2);
    const [right, wrong] = all;
    wrong.clock.epochMs += 3 * 1000 * DAY_SECONDS;
    wrong.enrol(id(1), 'a');
    pass(all, 20_000);
    expect(right.state.get('node', id(1))).toBeUndefined();
    expect(right.state.counters.refusedAhead).toBeGreaterThan(0);
    wrong.clock.epochMs = right.clock.epochMs;
    pass(all, 40_000);
    expect(right.state.get('node', id(1))?.name).toBe('a');
    expect(right.state.revision).toBeLessThan(right.clock.wallMs() + 1000);
    expectAlike(all);
  });
});

describe('minders that were apart', () => {
  function apart(): Minder[] {
    const all = minders(2);
    all[0].token('0'.repeat(12), 3);
    pass(all, 50);
    bus.partition([[IDS[0]], [IDS[1]]]);
    return all;
  }

  function together(all: readonly Minder[]): void {
    bus.heal();
    pass(all, 40_000);
    expectAlike(all);
  }

  it('add up what each let a token be used for', () => {
    const all = apart();
    all[0].spend('0'.repeat(12), id(1));
    all[0].spend('0'.repeat(12), id(2));
    all[1].spend('0'.repeat(12), id(3));
    all[1].spend('0'.repeat(12), id(4));
    together(all);
    const token = all[0].state.get('token', '0'.repeat(12));
    expect(token?.uses).toBe(4);
    expect(token?.spentBy.map(({ nodeId }) => nodeId).sort()).toEqual([1, 2, 3, 4].map(id));
  });

  it('keep a token revoked, whatever another did with it later', () => {
    const all = apart();
    const token = all[0].state.get('token', '0'.repeat(12))!;
    all[0].state.commit([
      { kind: 'token', id: '0'.repeat(12), value: { ...token, revoked: true } },
    ]);
    pass(all, 1_000);
    all[1].spend('0'.repeat(12), id(1));
    together(all);
    expect(all[1].state.get('token', '0'.repeat(12))).toMatchObject({ revoked: true, uses: 1 });
  });

  it('take the key ring that has moved on further, then the newer one', () => {
    const all = apart();
    const ring = (generation: number) => ({
      generation,
      previous: '0'.repeat(32),
      current: '1'.repeat(32),
      next: '2'.repeat(32),
    });
    const put = (minder: Minder, generation: number, digestKey = 'a'.repeat(32)) => {
      const value = { digestKey, keyRing: ring(generation), rotatedMs: minder.clock.wallMs() };
      minder.state.commit([{ kind: 'setting', id: 'cluster', value }]);
    };
    put(all[0], 9);
    pass(all, 1_000);
    put(all[1], 7);
    together(all);
    expect(all[1].state.get('setting', 'cluster')?.keyRing.generation).toBe(9);
    // Of another cluster: it may not bring its own key in.
    const entry = all[0].state.entry('setting', 'cluster')!;
    const foreign = {
      ...entry,
      stamp: entry.stamp + 1,
      value: { ...entry.value, digestKey: 'b'.repeat(32) },
    };
    expect(all[1].state.merge([foreign])).toBe(0);
    expect(all[1].state.counters.refusedForeign).toBe(1);
  });
});

describe('a state that is full', () => {
  it('still takes revocations, and tokens fill half of it', () => {
    const all = minders(2, { entriesMax: 64 });
    const entry = (kind: string, entryId: string, value: unknown) => {
      return { kind, id: entryId, stamp: 5, by: IDS[0], value };
    };
    const tokens = Array.from({ length: 64 }, (_, i) =>
      entry('token', i.toString(16).padStart(12, '0'), tokenRecord(1)),
    );
    expect(all[0].state.merge(tokens)).toBe(32);
    const nodes = Array.from({ length: 64 }, (_, i) => entry('node', id(i), nodeRecord('a')));
    expect(all[0].state.merge(nodes)).toBe(28);
    expect(() => all[0].enrol(id(99), 'a')).toThrow(
      expect.objectContaining({ code: 'state_full' }),
    );
    all[0].revoke(id(1));
    pass(all, 3_000);
    expect(all[1].state.get('revocation', id(1))).toBeDefined();
    expect(all[0].state.counters.refusedFull).toBe(68);
  });

  it('lets tokens go that ran out long ago', () => {
    const [{ state, clock }] = minders(1, { entriesMax: 16 });
    const dead = { ...tokenRecord(1), expiresMs: clock.wallMs() - 2 * 1000 * DAY_SECONDS };
    for (let i = 0; i < 8; i++) {
      state.commit([{ kind: 'token', id: i.toString().padStart(12, '0'), value: dead }]);
    }
    state.commit([{ kind: 'token', id: 'f'.repeat(12), value: tokenRecord(1) }]);
    expect(state.list('token').map(([tokenId]) => tokenId)).toEqual(['f'.repeat(12)]);
  });
});

describe('whatever happens to three minders', () => {
  it('they end alike, and no revocation and no use of a token is lost', () => {
    fc.assert(fc.property(fc.integer(), simulate), { numRuns: 25 });
  });
});

/** Random changes, losses, partitions, restarts and clocks; then a quiet minute. */
function simulate(seed: number): void {
  const random = new Prng(seed);
  const below = (n: number) => random.below(n);
  const folder = temporaryDirectory();
  let lossPercent = 30;
  nowMs = 0;
  bus = new MemoryBus({ delivery: () => (below(100) < lossPercent ? [] : [below(40)]) });
  const all = IDS.map((minderId) => new Minder(minderId, bus, join(folder, `${minderId}.json`)));
  const revoked = new Set<string>();
  const uses = new Map<string, number>();
  const killed = new Set<string>();
  for (const { clock } of all) clock.epochMs += below(7_200_000) - 3_600_000;
  try {
    for (let step = 0; step < 40; step++) {
      const minder = all[below(3)];
      const tokenId = below(4).toString().padStart(12, '0');
      const nodeId = id(below(6));
      switch (below(9)) {
        case 0:
          minder.revoke(nodeId);
          revoked.add(nodeId);
          break;
        case 1:
          if (all.every(({ state }) => state.get('token', tokenId) === undefined)) {
            // Ids are random, so no two minders make the same token.
            if (!uses.has(tokenId)) minder.token(tokenId, 2);
            uses.set(tokenId, uses.get(tokenId) ?? 0);
          }
          break;
        case 2:
        case 3:
          if (minder.state.get('token', tokenId) !== undefined) {
            minder.spend(tokenId, id(100 + step));
            uses.set(tokenId, (uses.get(tokenId) ?? 0) + 1);
          }
          break;
        case 4: {
          const token = minder.state.get('token', tokenId);
          if (token === undefined) break;
          minder.state.commit([{ kind: 'token', id: tokenId, value: { ...token, revoked: true } }]);
          killed.add(tokenId);
          break;
        }
        case 5:
          minder.enrol(nodeId, `${step}`);
          break;
        case 6:
          minder.state.commit([{ kind: 'node', id: nodeId, value: null }]);
          break;
        case 7:
          if (below(2) === 0) bus.heal();
          else bus.partition([[IDS[below(3)]], [IDS[below(3)]]]);
          break;
        default:
          minder.stop();
          minder.start();
      }
      pass(all, 10 * below(200));
    }
    bus.heal();
    lossPercent = 0;
    pass(all, 60_000);
    expectAlike(all);
    for (const { state } of all) {
      for (const nodeId of revoked) expect(state.get('revocation', nodeId)).toBeDefined();
      for (const [tokenId, count] of uses) expect(state.get('token', tokenId)?.uses).toBe(count);
      for (const tokenId of killed) expect(state.get('token', tokenId)?.revoked).toBe(true);
    }
  } finally {
    for (const minder of all) minder.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
