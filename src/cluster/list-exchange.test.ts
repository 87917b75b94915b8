import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../lib/prng.js';
import {
  type ClusterSettings,
  CONTROL_ALL,
  controlRequestSubject,
  controlSubject,
  encodeControl,
} from '../protocol/cluster/control.js';
import { encodeListWanted, LIST_BUCKETS } from '../protocol/cluster/list-message.js';
import type { ListEntry, ListName } from '../swarm/hash-list.js';
import { ClusterLists } from './cluster-lists.js';
import { ListExchange } from './list-exchange.js';
import type { HashLists } from './list-intake.js';
import {
  contentOf,
  entryOf,
  hashOf,
  Lines,
  MINDERS,
  newLists,
  TestClock,
  TRACKERS,
} from './lists.testing.js';
import { type Delivery, MemoryBus, type MemoryTransport } from './memory-bus.js';

const SETTINGS_MS = 10_000;
const key = '0'.repeat(32);

function settingsOf(exchange: ListExchange, minder: string): ClusterSettings {
  return {
    version: 1,
    type: 'settings',
    revision: 1,
    minder,
    keyRing: { generation: 1, previous: key, current: key, next: key },
    revoked: [],
    minders: [],
    lists: exchange.roots(),
  };
}

/** A node as its process wires it, without a file. */
class Node {
  readonly changed: string[] = [];
  readonly exchange: ListExchange;
  readonly transport: MemoryTransport;
  #settingsMs = 0;

  constructor(
    readonly id: string,
    readonly world: World,
    readonly lists: HashLists = newLists(),
  ) {
    const { bus, clock, random, answerBytesMax } = world;
    const isMinder = MINDERS.some((minder) => minder === id);
    this.transport = bus.join(id);
    this.exchange = new ListExchange(
      { id, role: isMinder ? 'minder' : 'tracker', answerBytesMax },
      {
        lists: this.lists,
        transport: this.transport,
        clock,
        random,
        onTaken: (list, { hash }) =>
          this.changed.push(`${list} ${Buffer.from(hash).toString('hex')}`),
        // Trackers say nothing of their lists.
        onRoots: isMinder ? () => this.say() : undefined,
      },
    );
    if (isMinder) this.exchange.subscribe();
    else {
      const hear = (subject: string, payload: Uint8Array) => {
        if (this.exchange.hear(subject, payload)) return;
        const { minder, lists } = JSON.parse(Buffer.from(payload).toString());
        this.exchange.hearRoots(minder, lists);
      };
      this.transport.subscribe(CONTROL_ALL, hear);
      this.transport.subscribe(controlSubject(id), hear);
    }
  }

  get isMinder(): boolean {
    return MINDERS.some((minder) => minder === this.id);
  }

  /** What the desk of a minder does. */
  put(list: ListName, ...entries: ListEntry[]): void {
    for (const entry of entries) this.lists[list].put(entry);
    this.exchange.publish(list, entries);
  }

  say(): void {
    this.#settingsMs = this.world.clock.ms;
    this.transport.publish(CONTROL_ALL, encodeControl(settingsOf(this.exchange, this.id)));
  }

  tick(): void {
    if (this.isMinder && this.world.clock.ms - this.#settingsMs >= SETTINGS_MS) this.say();
    for (let i = 0; i < 100 && this.exchange.tick(5); i++) this.world.bus.settle();
  }
}

class World {
  readonly clock = new TestClock();
  readonly random: Prng;
  readonly bus: MemoryBus;
  readonly nodes = new Map<string, Node>();

  constructor(
    readonly seed: number,
    { delivery, answerBytesMax }: { delivery?: Delivery; answerBytesMax?: number } = {},
  ) {
    this.random = new Prng(seed);
    this.answerBytesMax = answerBytesMax;
    const nowMs = this.clock.ms;
    this.bus = new MemoryBus(delivery === undefined ? { nowMs } : { delivery, nowMs });
  }

  readonly answerBytesMax: number | undefined;

  add(id: string, lists?: HashLists): Node {
    const node = new Node(id, this, lists);
    this.nodes.set(id, node);
    return node;
  }

  run(ms: number, stepMs = 50): void {
    for (const endMs = this.clock.ms + ms; this.clock.ms < endMs; ) {
      this.clock.ms += stepMs;
      this.bus.advance(this.clock.ms);
      for (const node of this.nodes.values()) node.tick();
    }
  }
}

describe('lists in a cluster', () => {
  it('are news to everybody at once: trackers, and other minders', () => {
    const world = new World(1);
    const [first, second] = [world.add(MINDERS[0]), world.add(MINDERS[1])];
    const tracker = world.add(TRACKERS[0]);
    first.put('deny', entryOf(1, { reason: 'spam' }), entryOf(2));
    first.put('allow', entryOf(3));
    world.run(50);
    expect(contentOf(tracker.lists)).toEqual(contentOf(first.lists));
    expect(contentOf(second.lists)).toEqual(contentOf(first.lists));
    const hex = (number: number) => Buffer.from(hashOf(number)).toString('hex');
    expect(tracker.changed).toEqual([`deny ${hex(1)}`, `deny ${hex(2)}`, `allow ${hex(3)}`]);
    // Its own news are none to it.
    expect(first.exchange.intake.counters).toMatchObject({ taken: 0, older: 0 });
    first.put('deny', entryOf(1, { present: false, stamp: 1_700_000_000_001 }));
    world.run(50);
    expect(tracker.lists.deny.get(hashOf(1))?.present).toBe(false);
    expect(tracker.exchange.requester.counters.questions).toBe(0);
  });

  it('reach a tracker that was away, in as many answers as it takes', () => {
    const world = new World(1, { answerBytesMax: 100_000 });
    const minder = world.add(MINDERS[0], newLists(30_000));
    const count = 20_000;
    minder.put(
      'deny',
      ...Array.from({ length: count }, (_, i) => entryOf(i, { reason: `${i % 9}` })),
    );
    minder.put('allow', entryOf(1));
    const tracker = world.add(TRACKERS[0], newLists(30_000));
    world.run(30_000);
    expect(contentOf(tracker.lists)).toEqual(contentOf(minder.lists));
    expect(tracker.changed).toHaveLength(count + 1);
    const { questions } = tracker.exchange.requester.counters;
    expect(questions).toBeGreaterThan(3);
    // Each bucket was sent about once.
    expect(minder.exchange.donor.counters.entriesSent).toBeLessThan(1.2 * count);
    world.run(60_000);
    expect(tracker.exchange.requester.counters.questions).toBe(questions);
  });

  it('reach a tracker that starts with those of yesterday as soon as it hears of others', () => {
    const world = new World(1);
    const minder = world.add(MINDERS[0]);
    minder.put('deny', entryOf(1), entryOf(2));
    world.run(1_000);
    const tracker = world.add(TRACKERS[0]);
    tracker.lists.deny.put(entryOf(1));
    minder.say();
    world.run(500);
    expect(contentOf(tracker.lists)).toEqual(contentOf(minder.lists));
  });

  it('are asked for when the news were lost, and from nobody else than the minder that has them', () => {
    const world = new World(1);
    const [first, second] = [world.add(MINDERS[0]), world.add(MINDERS[1])];
    const tracker = world.add(TRACKERS[0]);
    world.bus.setConnected(TRACKERS[0], false);
    world.bus.setConnected(MINDERS[1], false);
    first.put('deny', entryOf(1), entryOf(2));
    world.run(100);
    world.bus.setConnected(TRACKERS[0], true);
    world.run(13_000);
    expect(contentOf(tracker.lists)).toEqual(contentOf(first.lists));
    expect(second.exchange.donor.counters.answers).toBe(0);
    world.bus.setConnected(MINDERS[1], true);
    world.run(13_000);
    expect(contentOf(second.lists)).toEqual(contentOf(first.lists));
  });

  it('of minders that were apart become what both know', () => {
    const world = new World(1);
    const minders = MINDERS.map((id) => world.add(id));
    world.bus.partition([[MINDERS[0]], [MINDERS[1]], [MINDERS[2]]]);
    minders[0].put('deny', entryOf(1, { stamp: 10 }), entryOf(2, { stamp: 10 }));
    minders[1].put('deny', entryOf(2, { stamp: 11, by: MINDERS[1], reason: 'later' }));
    minders[2].put('deny', entryOf(3), entryOf(2, { stamp: 9, by: MINDERS[2] }));
    minders[2].put('allow', entryOf(4, { present: false }));
    world.run(20_000);
    world.bus.heal();
    world.run(30_000);
    for (const minder of minders)
      expect(contentOf(minder.lists)).toEqual(contentOf(minders[0].lists));
    expect(minders[0].lists.deny.size).toBe(3);
    expect(minders[0].lists.deny.get(hashOf(2))?.reason).toBe('later');
    expect(new Set(minders.map((minder) => minder.exchange.roots().deny)).size).toBe(1);
  });

  it('are not asked for again and again where asking brings nothing', () => {
    const world = new World(1);
    const minder = world.add(MINDERS[0]);
    // It knows what this minder does not: another one told it, and went away.
    const tracker = world.add(TRACKERS[0]);
    tracker.lists.deny.put(entryOf(1));
    world.run(55_000);
    expect(tracker.exchange.requester.counters).toMatchObject({ questions: 1, rounds: 1 });
    minder.put('deny', entryOf(2), entryOf(7));
    world.run(20_000);
    expect(tracker.lists.deny.size).toBe(3);
    expect(tracker.exchange.requester.counters.questions).toBe(2);
    // And a list that is full is no reason to ask either.
    const full = world.add(TRACKERS[1], newLists(1));
    world.run(50_000);
    expect(full.exchange.requester.counters.questions).toBeLessThanOrEqual(2);
    expect(full.exchange.intake.counters.full).toBeGreaterThan(0);
  });

  it('are found behind all that the other knows less well', () => {
    const world = new World(1, { answerBytesMax: 100_000 });
    const minder = world.add(MINDERS[0], newLists(30_000));
    const tracker = world.add(TRACKERS[0], newLists(30_000));
    for (let i = 0; i < 20_000; i++) {
      minder.lists.deny.put(entryOf(i));
      tracker.lists.deny.put(entryOf(i, { stamp: 1_700_000_000_001 }));
    }
    const last = entryOf(0, { hash: new Uint8Array(20).fill(0xff) });
    minder.lists.deny.put(last);
    world.run(20_000);
    expect(tracker.lists.deny.get(last.hash)).toBeDefined();
    expect(tracker.exchange.requester.counters.rounds).toBeLessThanOrEqual(2);
  });

  it('are not taken from a future that is too far away, nor what everybody has forgotten', () => {
    const world = new World(1);
    const minder = world.add(MINDERS[0]);
    const tracker = world.add(TRACKERS[0]);
    const now = world.clock.wallMs();
    const day = 86_400_000;
    minder.put(
      'deny',
      entryOf(1, { stamp: now + 0.9 * day }),
      entryOf(2, { stamp: now + 1.1 * day }),
    );
    minder.put('deny', entryOf(3, { stamp: now - 32 * day, present: false }));
    minder.put('deny', entryOf(4, { stamp: 5, expiresSeconds: (now - 32 * day) / 1000 }));
    minder.put('deny', entryOf(5, { stamp: now - 99 * day }));
    world.run(50);
    expect(tracker.lists.deny.known).toBe(2);
    expect(tracker.exchange.intake.counters).toMatchObject({ fromFuture: 1, tooOld: 2 });
    // The minder forgets them too, at once or when the day ends.
    expect(minder.lists.deny.known).toBe(3);
    tracker.lists.deny.put(entryOf(6, { present: false, stamp: now }));
    world.clock.ms += 30 * day;
    tracker.exchange.tick(5);
    expect(tracker.lists.deny.known).toBe(3);
    world.clock.ms += day;
    tracker.exchange.tick(5);
    expect(tracker.lists.deny.known).toBe(2);
  });

  it('are not given to those who ask all the time, or for another', () => {
    const world = new World(1);
    const minder = world.add(MINDERS[0]);
    minder.put('deny', entryOf(1));
    const [tracker, other] = [world.bus.join(TRACKERS[0]), world.bus.join(TRACKERS[1])];
    let heard = 0;
    tracker.subscribe(controlSubject(TRACKERS[0]), () => heard++);
    const ask = (from: string, to: string = MINDERS[0]) =>
      encodeListWanted({
        from,
        to,
        list: 'deny',
        request: 7,
        first: 0,
        digests: new Uint32Array(2 * LIST_BUCKETS),
      });
    other.publish(controlRequestSubject(TRACKERS[1]), ask(TRACKERS[0]));
    tracker.publish(controlRequestSubject(TRACKERS[0]), ask(TRACKERS[0], MINDERS[1]));
    tracker.publish(controlRequestSubject(TRACKERS[0]), new Uint8Array(100));
    tracker.publish(controlRequestSubject(TRACKERS[0]), Buffer.from('{"type":"settings_wanted"}'));
    world.run(100);
    expect(heard).toBe(0);
    for (let i = 0; i < 100; i++) {
      tracker.publish(controlRequestSubject(TRACKERS[0]), ask(TRACKERS[0]));
      world.run(10, 10);
    }
    expect(heard).toBe(8);
    expect(minder.exchange.donor.counters.answers).toBe(8);
    // The last question still waits for its turn, and those that it replaced do not.
    world.run(60_000);
    expect(heard).toBe(9);
    // Reading them costs time as well: of a flood hardly any is.
    const { refused } = minder.exchange.counters;
    for (let i = 0; i < 100; i++) {
      tracker.publish(controlRequestSubject(TRACKERS[0]), ask(TRACKERS[0]).fill(0xff, 100));
    }
    world.run(100);
    expect(minder.exchange.counters.refused - refused).toBeLessThanOrEqual(16);
    expect(minder.exchange.counters.questionsRefused).toBeGreaterThanOrEqual(84);
  });

  it('take what fits of a flood, and ask for the rest', () => {
    const world = new World(1);
    const minder = world.add(MINDERS[0], newLists(100_000));
    const tracker = world.add(TRACKERS[0], newLists(100_000));
    const entries = Array.from({ length: 6_000 }, (_, i) => entryOf(i));
    minder.put('deny', ...entries);
    // Nobody takes in: the tracker's thread is held up.
    for (let i = 0; i < 300; i++) {
      minder.exchange.publish('deny', entries);
      world.bus.settle();
    }
    expect(tracker.exchange.counters.dropped).toBeGreaterThan(0);
    world.run(15_000);
    expect(contentOf(tracker.lists)).toEqual(contentOf(minder.lists));
  });

  it('yield to what else the thread has to do', () => {
    const world = new World(1);
    const minder = world.add(MINDERS[0]);
    const tracker = world.add(TRACKERS[0]);
    minder.put('deny', ...Array.from({ length: 1_000 }, (_, i) => entryOf(i)));
    world.bus.settle();
    // Without any time left, each call does a small part.
    let calls = 0;
    while (tracker.exchange.tick(-1)) calls++;
    expect(calls).toBeGreaterThan(5);
    expect(contentOf(tracker.lists)).toEqual(contentOf(minder.lists));
  });
});

describe('any history', () => {
  it.each(Array.from({ length: 4 }, (_, i) => i))(
    'of three minders and four trackers ends in equal lists (%i)',
    (run) => {
      const seed = testSeed() + run;
      const random = new Prng(seed);
      let lossy = true;
      const world = new World(seed, {
        answerBytesMax: 2_000,
        delivery: (from, to) => {
          if (!lossy || from === to) return [0];
          if (random.chance(0.2)) return [];
          const delays = [random.below(400)];
          if (random.chance(0.1)) delays.push(random.below(2_000));
          return delays;
        },
      });
      const ids = [...MINDERS, ...TRACKERS];
      for (const id of ids) world.add(id);
      for (let step = 0; step < 150; step++) {
        const list = random.chance(0.7) ? 'deny' : 'allow';
        const minder = world.nodes.get(MINDERS[random.below(3)])!;
        const action = random.below(12);
        if (action < 8) {
          // Their clocks are not the same.
          const skewMs = ids.indexOf(minder.id as (typeof ids)[number]) * 20_000;
          const stamp = world.clock.wallMs() + skewMs;
          const by = minder.id;
          const present = random.chance(0.7);
          const entries = Array.from({ length: 1 + random.below(20) }, () =>
            entryOf(random.below(300), { stamp, by, present, reason: `${step}` }),
          );
          minder.put(list, ...entries);
        } else if (action === 8) {
          const groups: string[][] = [[], []];
          for (const id of ids) groups[random.below(2)].push(id);
          world.bus.partition(groups);
        } else if (action === 9) world.bus.heal();
        else if (action === 10) {
          const id = ids[random.below(ids.length)];
          world.bus.setConnected(id, !world.nodes.get(id)!.transport.connected);
        } else {
          // Starts again with what its file kept; or, a tracker, on another machine.
          const id = ids[random.below(ids.length)];
          const keeps = MINDERS.some((each) => each === id) || random.chance(0.5);
          world.add(id, keeps ? world.nodes.get(id)!.lists : newLists());
        }
        world.run(random.below(3_000), 100);
      }
      lossy = false;
      world.bus.heal();
      for (const id of ids) world.bus.setConnected(id, true);
      world.run(200_000, 100);
      const [first, ...others] = [...world.nodes.values()].map(({ lists }) => contentOf(lists));
      expect(first.length).toBeGreaterThan(100);
      for (const other of others) expect(other, `SEED=${seed}`).toEqual(first);
    },
  );
});

describe('a node that starts again', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-lists-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('knows its lists where no minder is', async () => {
    const world = new World(1);
    const minder = world.add(MINDERS[0]);
    const log = new Lines();
    const start = () => {
      const transport = world.bus.join(TRACKERS[0]);
      const lists = new ClusterLists(
        { id: TRACKERS[0], role: 'tracker', path: join(directory, 'lists') },
        { lists: newLists(), transport, clock: world.clock, random: world.random, log },
      );
      transport.subscribe(CONTROL_ALL, (subject, payload) => lists.exchange.hear(subject, payload));
      return lists;
    };
    const before = start();
    minder.put('deny', entryOf(1), entryOf(2, { reason: 'x' }));
    world.bus.settle();
    before.tick(5);
    expect(log.lines).toMatchObject([{ level: 'info', fields: { changes: 2, deny: 2, allow: 0 } }]);
    await before.close();
    world.bus.setConnected(MINDERS[0], false);
    const after = start();
    expect(contentOf(after.lists)).toEqual(contentOf(minder.lists));
    await after.close();
  });
});
