/**
 * The only minder dies, and the bus with it: trackers answer all the while, each from what it hears,
 * and when both are back all hold the same, without a peer lost.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, digestOf } from '../support/cluster.js';
import { startCrowd } from '../support/crowd-load.js';
import { until, within } from '../support/deadline.js';
import { measured, percentiles, sized } from '../support/long.js';

const LIMIT_MS = 60_000;
const AWAY_MS = sized(5_000, 15_000);

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(async () => {
  await cluster?.close();
});

it('are done without for a while', async () => {
  const { population, load, perSecond } = startCrowd(cluster.trackers);
  try {
    await within(load.progress(2 * perSecond), LIMIT_MS, 'a load');
    await cluster.killMinder();
    const killedMs = performance.now();
    await until(
      () => (performance.now() - killedMs > AWAY_MS ? true : undefined),
      2 * AWAY_MS,
      'the time without',
    );
    // They have drifted apart: each answered its own clients only.
    const apart = await Promise.all(cluster.trackers.map(digestOf));
    expect(new Set(apart.map(({ digest }) => digest)).size).toBeGreaterThan(1);
    await cluster.restartMinder();
    const backMs = performance.now();
    await within(load.progress(perSecond), LIMIT_MS, 'answers of all');
    await within(load.stop(), LIMIT_MS, 'the last answers');
    await cluster.converged();
    const equalMs = performance.now() - backMs;
    measured(
      `minder and bus away for ${AWAY_MS} ms at ${perSecond} words/s: equal ${equalMs.toFixed(0)} ` +
        `ms after the minder was back; answers ${percentiles(load.latenciesMs)}`,
    );
    expect(load.errors).toEqual([]);
    await cluster.expectHolds(population);
  } finally {
    load.end();
  }
});
