/**
 * A tracker's place in a cluster outlives its process: the second start needs no token, spends none
 * that it is given, and does not need the minder to be there; nor does it say that it is ready before
 * it holds what the others hold, unless that takes too long.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, digestOf } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { freePort } from '../support/free-port.js';
import { announcePorts } from '../support/http-wire.js';
import { newHash, portRange, scrapeCounts } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

const LIMIT_MS = 60_000;
const NOT_CAUGHT_UP = 'serving without having caught up with the cluster';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ trackers: 2 });
});
afterAll(async () => {
  await cluster?.close();
});

/** Starts the second tracker again, over its data, with these flags and settings. */
async function startAgain(
  args: readonly string[],
  cluster_: Readonly<Record<string, unknown>> = {},
  admin = '127.0.0.1:0',
): Promise<TrackerProcess> {
  const old = cluster.trackers[1];
  await old.kill9();
  const options = { args: ['--name', 'b', ...args], admin, config: { cluster: cluster_ } };
  const next = TrackerProcess.launch(options, old.data);
  cluster.trackers[1] = next;
  return next;
}

interface TokenRow {
  readonly id: string;
  readonly state: string;
  readonly uses: number;
}

async function tokens(): Promise<TokenRow[]> {
  return JSON.parse(await cluster.minder.command('token', 'list', '--json')) as TokenRow[];
}

/** Has the first tracker hear of some peers. */
async function announceSome(count: number): Promise<Buffer> {
  const infoHash = newHash();
  await announcePorts(cluster.trackers[0].http4, infoHash, portRange(10_000, count));
  return infoHash;
}

describe('a tracker with an identity', () => {
  it('starts without a token, as the node it was', async () => {
    const [a] = cluster.trackers;
    const before = await cluster.minder.command('nodes', '--json');
    const ids = (text: string) => (JSON.parse(text) as { id: string }[]).map(({ id }) => id);
    const infoHash = await announceSome(20);
    const again = await startAgain([], { readyWaitSeconds: 600 });
    await again.ready();
    expect((await scrapeCounts(again.http4, infoHash)).incomplete).toBe(20);
    expect(await digestOf(again)).toEqual(await digestOf(a));
    expect(ids(await cluster.minder.command('nodes', '--json'))).toEqual(ids(before));
  });

  it('does not spend a token that it is given', async () => {
    const token = await cluster.minder.token();
    const before = await tokens();
    const again = await startAgain(['--join', `https://${cluster.minder.enrol}`, '--token', token]);
    await again.ready();
    expect(await tokens()).toEqual(before);
    expect(before.some(({ state, uses }) => state === 'valid' && uses === 0)).toBe(true);
    // Nor does it need a good one.
    const once = await startAgain([
      '--join',
      `https://${cluster.minder.enrol}`,
      '--token',
      'tbt1.x',
    ]);
    await once.ready();
  });

  it('is ready once it holds what the others hold, not before', async () => {
    const port = await freePort();
    await cluster.killMinder();
    const again = await startAgain([], { readyWaitSeconds: 600 }, `127.0.0.1:${port}`);
    const readyz = async () =>
      await fetch(`http://127.0.0.1:${port}/readyz`).then(
        ({ status }) => status,
        () => 0,
      );
    const infoHash = await announceSome(30);
    await until(async () => ((await readyz()) === 503 ? true : undefined), LIMIT_MS, 'its API');
    // It has seen that nobody is there, and waits.
    await again.waitForLog(({ msg }) => msg === 'cannot reach the bus', LIMIT_MS);
    expect(await readyz()).toBe(503);
    await cluster.restartMinder();
    await again.ready();
    expect(await readyz()).toBe(200);
    expect((await scrapeCounts(again.http4, infoHash)).incomplete).toBe(30);
    expect(await digestOf(again)).toEqual(await digestOf(cluster.trackers[0]));
  });

  it('serves without the minder after a while, and catches up when it is there', async () => {
    await cluster.killMinder();
    const infoHash = await announceSome(40);
    const again = await startAgain([], { readyWaitSeconds: 1 });
    await again.ready();
    expect(again.logs.some(({ msg }) => msg === NOT_CAUGHT_UP)).toBe(true);
    // Clients are answered, from what it holds itself.
    const other = newHash();
    await announcePorts(again.http4, other, [7_001]);
    expect((await scrapeCounts(again.http4, other)).incomplete).toBe(1);
    expect((await scrapeCounts(again.http4, infoHash)).incomplete).toBe(0);
    await cluster.restartMinder();
    await cluster.converged();
    for (const tracker of cluster.trackers) {
      expect((await scrapeCounts(tracker.http4, other)).incomplete).toBe(1);
      expect((await scrapeCounts(tracker.http4, infoHash)).incomplete).toBe(40);
    }
  });
});
