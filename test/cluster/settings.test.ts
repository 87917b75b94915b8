/**
 * What an operator tells the cluster from the minder's machine: settings that every tracker follows
 * and remembers, and a drain that ends when clients are gone.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, nodeSeenBy } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { announceTarget, HttpWire, httpDict } from '../support/http-wire.js';
import { IS_LONG } from '../support/long.js';
import { newHash } from '../support/swarms.js';
import type { TrackerProcess } from '../support/tracker-process.js';

const LIMIT_MS = 60_000;
const INTERVAL = 1_000;

let cluster: Cluster;
beforeAll(async () => {
  const args = ['--interval', String(INTERVAL), '--peer-ttl', '1500'];
  const config = { announce: { intervalJitter: 0 }, http: { keepAliveSeconds: 300 } };
  cluster = await Cluster.start({ trackers: 2, tracker: { args, config } });
});
afterAll(async () => {
  await cluster?.close();
});

async function told(tracker: TrackerProcess): Promise<number> {
  const target = announceTarget(newHash(), { port: 7001 });
  return (await httpDict(tracker.http4, target)).int('interval');
}

async function untilTold(interval: number): Promise<void> {
  for (const tracker of cluster.trackers) {
    const follows = async () => ((await told(tracker)) === interval ? true : undefined);
    await until(follows, LIMIT_MS, `interval ${interval}`);
  }
}

/** The exit code of a drain of `b`, and what it printed. */
async function drain(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const stdout = await cluster.minder.command('drain', 'b', ...args);
    return { code: 0, stdout, stderr: '' };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

it('all trackers follow the settings, also one that starts while no minder is there', async () => {
  expect(await told(cluster.trackers[0])).toBe(INTERVAL);
  await cluster.minder.command('settings', 'set', '--interval', '4000');
  await untilTold(4_000);
  await cluster.killMinder();
  await cluster.trackers[1].kill9();
  await cluster.restart(cluster.trackers[1]);
  await untilTold(4_000);
  await cluster.restartMinder();
  await cluster.minder.command('settings', 'set', '--interval', 'default');
  await untilTold(INTERVAL);
  const settings = JSON.parse(await cluster.minder.command('settings', '--json')) as unknown;
  expect(settings).toEqual({ intervalSeconds: null, numwantMax: null, listMode: null });
});

// In short, production/drain.test.ts shows the same.
it.runIf(IS_LONG)('a drain waits for clients that still come, and serves them', async () => {
  const [, b] = cluster.trackers;
  const wire = await HttpWire.open(b.http4);
  const target = announceTarget(newHash(), { port: 7002 });
  const ask = () => wire.send(`GET ${target} HTTP/1.1\r\nHost: t\r\n\r\n`);
  ask();
  expect((await wire.reply()).headers.get('connection')).not.toBe('close');

  let goesOn = true;
  const client = (async () => {
    while (goesOn) {
      expect(await told(b)).toBe(INTERVAL);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  const late = await drain('--timeout', '4', '--quiet', '60');
  expect(late).toMatchObject({ code: 3, stdout: '' });
  expect(late.stderr).toContain('it stays draining');
  ask();
  expect((await wire.reply()).headers.get('connection'), 'so that it moves on').toBe('close');
  const node = await nodeSeenBy(cluster.minder, 'b');
  expect(node).toMatchObject({ state: 'draining', reason: 'operator' });
  expect((await cluster.minder.nodes()).find(({ name }) => name === 'a')?.state).toBe('healthy');

  goesOn = false;
  await client;
  const gone = await drain('--quiet', '3', '--json');
  expect(gone.code).toBe(0);
  expect(JSON.parse(gone.stdout)).toMatchObject({ outcome: 'ok', draining: true });

  expect((await drain('--undo')).stdout).toContain('takes clients again');
  const isBack = async () =>
    (await nodeSeenBy(cluster.minder, 'b'))?.state === 'healthy' ? true : undefined;
  await until(isBack, LIMIT_MS, 'the end of the drain');
});

it('a tracker that is not there is not drained', async () => {
  await expect(cluster.minder.command('drain', 'nobody')).rejects.toMatchObject({ code: 1 });
});
