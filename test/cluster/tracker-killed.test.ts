/**
 * A tracker is killed while clients announce: those of the others notice nothing, its own go on
 * elsewhere, and when it is back it holds what all hold.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, digestOf } from '../support/cluster.js';
import { startCrowd } from '../support/crowd-load.js';
import { within } from '../support/deadline.js';
import { measured, percentiles } from '../support/long.js';

const LIMIT_MS = 60_000;
/** What it answered in its last moments it may have told to nobody: its clients say it again. */
const DOUBTFUL_MS = 2_000;

let cluster: Cluster;
beforeAll(async () => {
  // A store saved each second is one that is a little old when it is loaded again.
  cluster = await Cluster.start({ tracker: { config: { store: { saveSeconds: 1 } } } });
});
afterAll(async () => {
  await cluster?.close();
});

it('is missed by nobody, and comes back as one of them', async () => {
  const { population, load, perSecond } = startCrowd(cluster.trackers);
  try {
    await within(load.progress(3 * perSecond), LIMIT_MS, 'a load');
    const victim = cluster.trackers[2];
    const [a, b] = cluster.trackers;
    population.mayComplete = false;
    await within(load.progress(perSecond), LIMIT_MS, 'answers of all');
    await within(load.kill(victim, DOUBTFUL_MS), LIMIT_MS, 'its clients to go elsewhere');
    population.mayComplete = true;
    await within(load.progress(2 * perSecond), LIMIT_MS, 'answers of the others');
    const startMs = performance.now();
    const back = await cluster.restart(victim);
    const readyMs = performance.now() - startMs;
    const kept = await digestOf(back);
    expect(kept.peers).toBeGreaterThan(population.living / 2);
    load.add(back);
    await within(load.progress(2 * perSecond), LIMIT_MS, 'answers of all');
    await within(load.stop(), LIMIT_MS, 'the last answers');
    expect(load.errors).toEqual([]);
    const equalMs = await cluster.converged([a, b, back]);
    measured(
      `killed under ${perSecond} words/s: ready ${readyMs.toFixed(0)} ms after its new start, ` +
        `equal ${equalMs.toFixed(0)} ms after the last word; answers ${percentiles(load.latenciesMs)}`,
    );
    await cluster.expectHolds(population);
  } finally {
    load.end();
  }
});
