/**
 * Trackers that are stopped in order say so, and the name leads to them no more; when all of them
 * are, the last set stays. Neither silence nor probes can be why: both take minutes here.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, nodeSeenBy } from '../../support/cluster.js';
import { until } from '../../support/deadline.js';
import { measured } from '../../support/long.js';
import type { MinderProcess } from '../../support/minder-process.js';
import type { TrackerProcess } from '../../support/tracker-process.js';
import { addressOf, named, untilNamed, ZONE } from './dns-cluster.js';

const LIMIT_MS = 60_000;
const HOSTS = ['127.0.0.21', '127.0.0.22', '127.0.0.23'];
const SLOW = { TRACKERBT_HEALTH_SILENT_SECONDS: '300', TRACKERBT_HEALTH_PROBE_SECONDS: '300' };

let cluster: Cluster;
beforeAll(async () => {
  const args = ['--dns', '127.0.0.1:0', '--zone', ZONE];
  cluster = await Cluster.start({ trackers: 0, minder: { args, env: SLOW } });
  const listen = (host: string) => ({ http: [`${host}:0`], udp: [`${host}:0`] });
  await Promise.all(HOSTS.map((host) => cluster.launch(host, listen(host)).ready()));
});
afterAll(async () => {
  await cluster?.close();
});

/** Waits until `observer` sees that a node has ended in order. */
async function untilStopped(observer: TrackerProcess | MinderProcess, name: string) {
  const isStopped = async () => (await nodeSeenBy(observer, name))?.reason === 'stopped';
  await until(async () => (await isStopped()) || undefined, LIMIT_MS, `the end of ${name}`);
  expect(await nodeSeenBy(observer, name)).toMatchObject({ state: 'unreachable' });
}

it('are out of the name, and known to have stopped', async () => {
  const { minder } = cluster;
  await untilNamed(minder, HOSTS);
  const [leaving, staying] = cluster.trackers;
  const host = addressOf(leaving);
  const exit = leaving.stop();
  const others = HOSTS.filter((other) => other !== host);
  measured(`a stopped tracker was out of the answers after ${await untilNamed(minder, others)} ms`);
  expect(await exit).toEqual({ code: 0, signal: null });
  await untilStopped(minder, host);
  await untilStopped(staying, host);
  await cluster.restart(leaving);
  await untilNamed(minder, HOSTS);
  expect(await nodeSeenBy(minder, host)).toMatchObject({ state: 'healthy', reason: null });
});

it('stay in it when all have stopped', async () => {
  const { minder } = cluster;
  const [last, ...rest] = cluster.trackers;
  for (const tracker of rest) await tracker.stop();
  await untilNamed(minder, [addressOf(last)]);
  await last.stop();
  await untilStopped(minder, addressOf(last));
  expect(await named(minder, 'A')).toEqual([addressOf(last)]);
});
