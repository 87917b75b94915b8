/**
 * A tracker is stopped in its tracks (SIGSTOP): the bus must not wait for it, so the others go on
 * hearing each other at once. Let go, it finds what it missed.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, digestOf, nodeSeenBy } from '../support/cluster.js';
import { CrowdLoad } from '../support/crowd-load.js';
import { until, within } from '../support/deadline.js';
import { measured, percentiles, sized } from '../support/long.js';
import { Population } from '../support/population.js';
import { seededPrng } from '../support/prng.js';

const LIMIT_MS = 60_000;
const FROZEN_MS = sized(6_000, 20_000);

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(async () => {
  await cluster?.close();
});

it('holds nobody up, and mends itself afterwards', async () => {
  const population = new Population(
    {
      peers: sized(5_000, 100_000),
      swarms: sized(1_000, 10_000),
      hosts: ['127.0.0.2', '::1', '127.0.0.3'],
    },
    seededPrng(),
  );
  const perSecond = sized(1_000, 20_000);
  const load = new CrowdLoad({ perSecond, httpOneIn: 20 }, population, cluster.trackers);
  load.start();
  try {
    await within(load.progress(perSecond), LIMIT_MS, 'a load');
    const [a, b, c] = cluster.trackers;
    // What waits in its sockets would be heard when it wakes, as if it were said then.
    await within(load.leave(b), LIMIT_MS, 'its last answers');
    b.child.kill('SIGSTOP');
    const frozenMs = performance.now();
    const lagsMs: number[] = [];
    await until(
      async () => {
        for (const [observer, name] of [
          [a, 'c'],
          [c, 'a'],
        ] as const) {
          const seen = await nodeSeenBy(observer, name);
          if (seen?.lagMs != null) lagsMs.push(seen.lagMs);
        }
        return performance.now() - frozenMs > FROZEN_MS ? true : undefined;
      },
      3 * FROZEN_MS,
      'the time without',
      200,
    );
    const seen = await nodeSeenBy(a, 'b');
    expect([seen?.state, seen?.reason]).toEqual(['unreachable', 'silent']);
    // The two that run are still one. What the frozen one heard last it may not have told yet.
    await within(load.stop(), LIMIT_MS, 'the last answers');
    await cluster.converged([a, c]);
    b.child.kill('SIGCONT');
    const thawedMs = performance.now();
    await cluster.converged();
    measured(
      `one tracker frozen for ${FROZEN_MS} ms at ${perSecond} words/s: lag of the others ` +
        `${percentiles(lagsMs)}; equal ${(performance.now() - thawedMs).toFixed(0)} ms after it woke`,
    );
    await cluster.expectHolds(population);
    expect(load.errors).toEqual([]);
    expect((await digestOf(b)).peers).toBe(population.living);
  } finally {
    cluster.trackers[1].child.kill('SIGCONT');
    load.end();
  }
});
