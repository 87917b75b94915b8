import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ListExchange } from '../cluster/list-exchange.js';
import {
  entryOf,
  hashOf,
  Lines,
  MINDERS,
  newLists,
  TestClock,
  TRACKERS,
} from '../cluster/lists.testing.js';
import { MemoryBus } from '../cluster/memory-bus.js';
import { Prng } from '../lib/prng.js';
import { AnnounceReply } from '../protocol/announce.js';
import { CONTROL_ALL } from '../protocol/cluster/control.js';
import { HashList, reserveHashList } from '../swarm/hash-list.js';
import { reserveStore } from '../swarm/layout.js';
import { Outcome, PeerQuery } from '../swarm/query.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { loadMemberLists, MemberLists } from './member-lists.js';

const random = new Prng(1);
const log = new Lines();
let directory = '';
let clock: TestClock;
let bus: MemoryBus;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'member-lists-'));
  clock = new TestClock();
  bus = new MemoryBus({ nowMs: clock.ms });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A tracker's store and its lists. */
class Tracker {
  readonly memory = {
    deny: reserveHashList({ entriesMax: 1_000 }),
    allow: reserveHashList({ entriesMax: 1_000 }),
  };
  readonly store = new SwarmStore(
    { ...reserveStore({ peersMax: 1_000, swarmsMax: 100, shards: 4 }), lists: this.memory },
    { thread: 1, seed: 1 },
  );
  readonly #query = new PeerQuery();
  readonly #reply = new AnnounceReply();
  lists: MemberLists | undefined;

  start(mode: 'auto' | 'open' | 'deny' | 'allow' = 'auto'): MemberLists {
    const { store, memory } = this;
    this.setTime();
    const transport = bus.join(TRACKERS[0]);
    const lists = new MemberLists(
      { id: TRACKERS[0], directory, mode, clusterMode: null },
      { store, memory, transport, clock, random, log },
    );
    transport.subscribe(CONTROL_ALL, (subject, payload) => lists.hear(subject, payload));
    this.lists = lists;
    return lists;
  }

  setTime(): void {
    this.store.setTime(Math.floor(clock.ms / 1000), clock.wallMs());
  }

  tick(): void {
    bus.settle();
    this.setTime();
    while (this.lists?.tick(5)) {}
  }

  /** Whether a client is served, or would be. */
  serves(number: number): boolean {
    this.setTime();
    const query = this.#query;
    query.setInfoHash(hashOf(number), 0);
    query.family = 4;
    query.wireBytes.set([10, 0, 0, 1, 0x1a, 0xe1], 0);
    return this.store.announce(query, this.#reply) !== Outcome.denied;
  }

  get swarms(): number {
    let swarms = 0;
    for (let shard = 0; shard < this.store.limits.shards; shard++) {
      for (let slot = 0; slot < this.store.index.slotsTotal; slot++) {
        if (this.store.index.recordAt(shard, slot) >= 0) swarms++;
      }
    }
    return swarms;
  }
}

function minder() {
  const lists = newLists();
  const transport = bus.join(MINDERS[0]);
  const exchange = new ListExchange(
    { id: MINDERS[0], role: 'minder' },
    { lists, transport, clock, random },
  );
  return (list: 'deny' | 'allow', ...entries: ReturnType<typeof entryOf>[]) => {
    for (const entry of entries) lists[list].put(entry);
    exchange.publish(list, entries);
  };
}

describe('the lists of a member', () => {
  it('drop a swarm that is denied, and serve it when it is not any more', async () => {
    const tracker = new Tracker();
    const lists = tracker.start();
    const say = minder();
    expect([tracker.serves(1), tracker.serves(2), tracker.swarms]).toEqual([true, true, 2]);
    say('deny', entryOf(1));
    tracker.tick();
    expect(tracker.swarms).toBe(1);
    expect([tracker.serves(1), tracker.serves(2)]).toEqual([false, true]);
    say('deny', entryOf(1, { present: false, stamp: entryOf(1).stamp + 1 }));
    tracker.tick();
    expect(tracker.serves(1)).toBe(true);
    await lists.close();
  });

  it('follow the mode, and what leaves the allow list or expires there', async () => {
    const tracker = new Tracker();
    const lists = tracker.start();
    const say = minder();
    for (const number of [1, 2, 3, 4]) tracker.serves(number);
    const expiresSeconds = Math.floor(clock.wallMs() / 1000) + 90;
    say('allow', entryOf(1), entryOf(2), entryOf(3, { expiresSeconds }));
    tracker.tick();
    expect(tracker.swarms).toBe(4);
    lists.setMode('allow');
    tracker.tick();
    expect(tracker.swarms).toBe(3);
    say('allow', entryOf(2, { present: false, stamp: entryOf(2).stamp + 1 }));
    tracker.tick();
    expect(tracker.swarms).toBe(2);
    clock.ms += 200_000;
    tracker.tick();
    expect(tracker.swarms).toBe(1);
    lists.setMode('open');
    expect(tracker.serves(4)).toBe(true);
    await lists.close();
  });

  it('are known before anything is served after a restart', async () => {
    const first = new Tracker();
    await loadMemberLists(directory, first.memory, { clock, log });
    const lists = first.start();
    minder()('deny', entryOf(1));
    first.tick();
    await lists.close();
    const second = new Tracker();
    await loadMemberLists(directory, second.memory, { clock, log });
    expect(new HashList(second.memory.deny).size).toBe(1);
    await second.start().close();
    expect(second.serves(1)).toBe(false);
  });

  it('do as the tracker is configured where that says more than auto', async () => {
    const tracker = new Tracker();
    const lists = tracker.start('open');
    minder()('deny', entryOf(1));
    tracker.tick();
    lists.setMode('deny');
    expect(tracker.serves(1)).toBe(true);
    await lists.close();
  });
});
