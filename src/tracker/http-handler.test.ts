import { describe, expect, it } from 'vitest';
import { HTTP_BATCH_MAX, HTTP_BODY_BYTES_MAX } from '../frontend/handler.js';
import { CidrSet } from '../lib/cidr-set.js';
import { ManualClock } from '../lib/clock.js';
import { Endpoint } from '../lib/endpoint.js';
import { Prng, testSeed } from '../lib/prng.js';
import { HttpRoutes } from '../protocol/http/route.js';
import { reserveStore } from '../swarm/layout.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { WarmUp } from '../swarm/warm-up.js';
import { TRACKER_COUNTER_BYTES, TrackerCounter } from './counters.js';
import { HttpTrackerHandler } from './http-handler.js';
import { HttpWarmUp } from './http-warm-up.js';
import { Tracker } from './tracker.js';

function handler(): { handler: HttpTrackerHandler; counts: Float64Array } {
  const memory = reserveStore({ peersMax: 10_000, swarmsMax: 1_000, shards: 4 });
  const store = new SwarmStore(memory, { thread: 1, seed: 1 });
  const tracker = new Tracker(
    {
      intervalSeconds: 1_800,
      minIntervalSeconds: 900,
      intervalJitter: 0.1,
      numwantDefault: 50,
      numwantMax: 200,
    },
    { store, clock: new ManualClock(), trustedIpSources: new CidrSet([]), seed: 5 },
  );
  const counts = new Float64Array(TRACKER_COUNTER_BYTES / 8);
  const warmUp = new HttpWarmUp(new WarmUp(memory, store.index, HTTP_BATCH_MAX));
  const routes = new HttpRoutes({ announcePaths: ['/announce'] });
  return {
    counts,
    handler: new HttpTrackerHandler({ scrapeHashesMax: 10 }, { tracker, routes, counts, warmUp }),
  };
}

const hash = (swarm: number): string => `%${swarm.toString(16).padStart(2, '0')}`.repeat(20);

/** Targets of every kind, right and wrong. */
function target(random: Prng): string {
  const swarm = random.below(20);
  const announce = `/announce?info_hash=${hash(swarm)}&port=${1 + random.below(3)}`;
  const kinds = [
    announce,
    `${announce}&left=0&event=completed`,
    `${announce}&event=stopped`,
    `${announce}&numwant=3`,
    `/announce?info_hash=%1&port=1`,
    `/announce?info_hash=${hash(swarm)}&port=0`,
    `/scrape?info_hash=${hash(swarm)}&info_hash=${hash(swarm + 1)}`,
    '/scrape?info_hash=short',
    '/elsewhere',
  ];
  return kinds[random.below(kinds.length)];
}

describe('HTTP handler', () => {
  it('counts stops among the announces, of requests that can be read', () => {
    const { handler: one, counts } = handler();
    one.beginBatch();
    const source = new Endpoint();
    source.setAddressText('192.0.2.1');
    const announce = `/announce?info_hash=${hash(1)}&port=1`;
    for (const text of [announce, `${announce}&event=stopped`, '/announce?event=stopped']) {
      const input = Uint8Array.from(Buffer.from(text));
      one.handle(input, 0, input.length, source, new Uint8Array(HTTP_BODY_BYTES_MAX));
    }
    expect([counts[TrackerCounter.httpAnnounces], counts[TrackerCounter.httpStops]]).toEqual([
      3, 1,
    ]);
  });

  it('counts those over IPv6, alone and in a batch', () => {
    const { handler: one, counts } = handler();
    one.beginBatch();
    const texts = [`/announce?info_hash=${hash(1)}&port=1`, `/scrape?info_hash=${hash(1)}`];
    for (const [address, times] of [
      ['192.0.2.1', 2],
      ['2001:db8::1', 3],
    ] as const) {
      const source = new Endpoint();
      source.setAddressText(address);
      for (let i = 0; i < times; i++) {
        texts.forEach((text) => {
          const input = Uint8Array.from(Buffer.from(text));
          const output = new Uint8Array(HTTP_BODY_BYTES_MAX);
          if (i === 0) one.handle(input, 0, input.length, source, output);
          else {
            one.prepare(0, input, 0, input.length, source);
            one.warmUp(1);
            one.answer(0, output);
          }
        });
      }
    }
    const { httpAnnounces, httpAnnounces6, httpScrapes, httpScrapes6 } = TrackerCounter;
    const found = [httpAnnounces, httpAnnounces6, httpScrapes, httpScrapes6].map((i) => counts[i]);
    expect(found).toEqual([5, 3, 5, 3]);
  });

  it('answers requests of a batch as it answers each alone', () => {
    const random = new Prng(testSeed());
    const alone = handler();
    const batched = handler();
    const [expected, given] = [0, 1].map(() => new Uint8Array(HTTP_BODY_BYTES_MAX));
    alone.handler.beginBatch();
    batched.handler.beginBatch();
    for (let round = 0; round < 300; round++) {
      const count = 1 + random.below(HTTP_BATCH_MAX);
      const texts = Array.from({ length: count }, () => target(random));
      const input = Uint8Array.from(Buffer.from(texts.join('')));
      const sources = texts.map(() => {
        const source = new Endpoint();
        source.setAddressText(
          random.below(2) === 0 ? `192.0.2.${random.below(9)}` : `2001:db8::${random.below(9)}`,
        );
        return source;
      });
      let at = 0;
      const ranges = texts.map(({ length }) => {
        at += length;
        return [at - length, at] as const;
      });
      ranges.forEach(([start, end], i) => {
        batched.handler.prepare(i, input, start, end, sources[i]);
      });
      batched.handler.warmUp(count);
      ranges.forEach(([start, end], i) => {
        const length = alone.handler.handle(input, start, end, sources[i], expected);
        expect(batched.handler.answer(i, given), texts[i]).toBe(length);
        const bytes = Math.max(length, 0);
        expect(given.subarray(0, bytes), texts[i]).toEqual(expected.subarray(0, bytes));
      });
    }
    expect(batched.counts).toEqual(alone.counts);
  });
});
