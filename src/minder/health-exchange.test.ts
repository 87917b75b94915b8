import { describe, expect, it } from 'vitest';
import { MemoryBus } from '../cluster/memory-bus.js';
import { ManualClock } from '../lib/clock.js';
import { CONTROL_BYTES_MAX } from '../protocol/cluster/control.js';
import { HEALTH_SUBJECT, HealthExchange } from './health-exchange.js';
import { parseEndpoint } from './probe-endpoint.js';
import type { EndpointReport } from './prober.js';

const idOf = (number: number) => `n${number.toString(16).padStart(16, '0')}`;
const [ONE, TWO, STRANGER] = [idOf(1), idOf(2), idOf(3)];
const TRACKER = 0x1000;

function report(over: Partial<EndpointReport> = {}): EndpointReport {
  return {
    endpoint: parseEndpoint('udp://192.0.2.1:6969')!,
    okAgeMs: 1_200,
    ageMs: 800,
    failures: 1,
    rttMs: 3.5,
    error: 'timeout',
    ...over,
  };
}

function open() {
  const bus = new MemoryBus();
  const clock = new ManualClock();
  const minders = new Set([ONE, TWO]);
  const trackers = new Set(Array.from({ length: 600 }, (_, i) => idOf(TRACKER + i)));
  const exchanges = [ONE, TWO].map((minderId) => {
    const exchange = new HealthExchange(
      { minderId, lifeMs: 14_000 },
      {
        transport: bus.join(minderId),
        clock,
        isMinder: (id) => minders.has(id),
        isTracker: (id) => trackers.has(id),
      },
    );
    exchange.start();
    return exchange;
  });
  const pass = (seconds: number) => {
    clock.advance(seconds);
    bus.advance(clock.monotonicMs());
  };
  return { bus, clock, minders, trackers, one: exchanges[0], two: exchanges[1], pass };
}

describe('the exchange between minders', () => {
  it('brings what one found to the other, older by the time that passed', () => {
    const { one, two, pass } = open();
    const proven = report();
    const unproven = report({
      endpoint: parseEndpoint('http://[2001:db8::1]:80/announce')!,
      okAgeMs: undefined,
      rttMs: undefined,
      error: 'refused',
    });
    const node = idOf(TRACKER);
    one.tell(new Map([[node, [proven, unproven]]]));
    pass(2);
    pass(3);
    expect(two.reports()).toEqual([
      new Map([
        [
          node,
          [
            { ...proven, okAgeMs: 4_200, ageMs: 3_800 },
            { ...unproven, ageMs: 3_800 },
          ],
        ],
      ]),
    ]);
    // Its own words come back to it.
    expect(one.reports()).toEqual([]);
  });

  it('forgets what is too old, and whoever is no minder or tracker any more', () => {
    const { one, two, pass, minders, trackers } = open();
    const say = () => {
      one.tell(new Map([[idOf(TRACKER), [report()]]]));
      pass(1);
    };
    say();
    expect(two.reports()).toHaveLength(1);
    pass(15);
    expect(two.reports()).toHaveLength(0);
    say();
    trackers.clear();
    expect(two.reports()).toHaveLength(0);
    trackers.add(idOf(TRACKER));
    say();
    minders.delete(ONE);
    two.reports();
    expect(two.reports()).toHaveLength(0);
  });

  it('cuts what is said of many nodes into messages of 64 KB', () => {
    const { bus, one, two, pass } = open();
    const sizes: number[] = [];
    bus.join('listener').subscribe(HEALTH_SUBJECT, (_subject, { length }) => sizes.push(length));
    const found = Array.from({ length: 600 }, (_, i) => {
      const reports = Array.from({ length: 8 }, (_, port) =>
        report({ endpoint: parseEndpoint(`udp://192.0.2.1:${port + 1}`)! }),
      );
      return [idOf(TRACKER + i), reports] as const;
    });
    one.tell(new Map(found));
    pass(1);
    expect(sizes.length).toBeGreaterThan(3);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(CONTROL_BYTES_MAX);
    expect(two.reports()[0].size).toBe(600);
  });

  it('says nothing where there is nothing to say, or nobody to hear it', () => {
    const { bus, one } = open();
    one.tell(new Map([[idOf(TRACKER), []]]));
    bus.setConnected(ONE, false);
    one.tell(new Map([[idOf(TRACKER), [report()]]]));
    expect(one.counters.messagesSent).toBe(0);
  });

  it('refuses strangers, rubbish, and more than anybody has to say', () => {
    const { two, clock } = open();
    const row = ['udp://192.0.2.1:6969', 1, 1, 0, 1, ''];
    const said = (over: object) =>
      Buffer.from(
        JSON.stringify({
          version: 1,
          type: 'health',
          minder: ONE,
          nodes: { [idOf(TRACKER)]: [row] },
          ...over,
        }),
      );
    const many = Array.from({ length: 33 }, () => row);
    for (const bad of [
      Buffer.from('{'),
      Buffer.alloc(70_000, 32),
      said({ version: 2 }),
      said({ minder: STRANGER }),
      said({ nodes: { [idOf(TRACKER)]: many } }),
      said({ nodes: { [idOf(TRACKER)]: [['udp://192.0.2.1:6969', 1, -1, 0, 1, '']] } }),
      said({ nodes: { [idOf(TRACKER)]: [['udp://192.0.2.1:6969', 1, 1, 0, 1, 'a word']] } }),
      said({ nodes: { x: [row] } }),
    ]) {
      two.hear(bad);
    }
    expect(two.counters).toMatchObject({ messagesRefused: 8, messagesHeard: 0 });
    // A node that we do not know, an endpoint that is none.
    two.hear(said({ nodes: { [STRANGER]: [row] } }));
    two.hear(said({ nodes: { [idOf(TRACKER)]: [['udp://0.0.0.0:1', 1, 1, 0, 1, '']] } }));
    expect([...(two.reports()[0]?.values() ?? [])].flat()).toEqual([]);
    clock.advance(1);
    for (let i = 0; i < 100; i++) two.hear(said({}));
    expect(two.counters.messagesHeard).toBe(34);
  });
});
