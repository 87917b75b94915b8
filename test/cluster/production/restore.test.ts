/**
 * A minder is lost with its machine. Its backup, restored elsewhere, brings the trackers back without
 * new tokens: under the same addresses by themselves, under new ones once they are told where.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, viewOf } from '../../support/cluster.js';
import { until, within } from '../../support/deadline.js';
import { MinderProcess, runCommand } from '../../support/minder-process.js';
import {
  removeFolder,
  type TrackerProcess,
  temporaryFolder,
} from '../../support/tracker-process.js';

const LIMIT_MS = 90_000;

let cluster: Cluster;
const folders: string[] = [];
beforeAll(async () => {
  cluster = await Cluster.start({ trackers: 2 });
});
afterAll(async () => {
  await cluster?.close();
  for (const folder of folders) removeFolder(folder);
});

function folder(): string {
  const made = temporaryFolder('restored');
  folders.push(made);
  return made;
}

async function untilTogether(trackers: readonly TrackerProcess[]): Promise<void> {
  for (const tracker of trackers) {
    await until(
      async () => {
        const { busConnected, nodes } = await viewOf(tracker);
        const healthy = nodes.filter(
          ({ role, state }) => role === 'tracker' && state === 'healthy',
        );
        return busConnected && healthy.length === trackers.length ? true : undefined;
      },
      LIMIT_MS,
      'the trackers to be together again',
    );
  }
}

it('brings the trackers back under the old addresses', async () => {
  const { minder } = cluster;
  const file = join(folder(), 'minder.backup');
  await minder.command('minder', 'backup', file);
  await cluster.killMinder();
  const data = folder();
  await runCommand('minder', 'restore', file, '--data', data);
  const args = ['--listen', minder.enrol, '--bus', minder.bus];
  const restored = MinderProcess.launch({ args }, data);
  await restored.ready();
  cluster.minder = restored;
  await untilTogether(cluster.trackers);
  // It is the same authority: a token of it lets another one in.
  const another = await restored.tracker({ args: ['--name', 'another'] });
  cluster.trackers.push(another);
  await untilTogether(cluster.trackers);
});

it('brings them back elsewhere when they are told where', async () => {
  const { minder } = cluster;
  const file = join(folder(), 'minder.backup');
  await minder.command('minder', 'backup', file);
  await cluster.killMinder();
  const data = folder();
  await runCommand('minder', 'restore', file, '--data', data);
  // Nobody it knew can find it by itself: not even the host is the same.
  const restored = MinderProcess.launch({ host: '127.0.0.9' }, data);
  await restored.ready();
  expect(restored.enrol).not.toBe(minder.enrol);
  cluster.minder = restored;
  const moved: TrackerProcess[] = [];
  for (const tracker of [...cluster.trackers]) {
    await within(tracker.stop(), LIMIT_MS, 'a tracker to end');
    moved.push(await tracker.restart(toldOf(tracker, restored)));
  }
  cluster.trackers.splice(0, cluster.trackers.length, ...moved);
  await untilTogether(cluster.trackers);
});

/** The tracker's own options, but another minder and no token. */
function toldOf({ options }: TrackerProcess, minder: MinderProcess): TrackerProcess['options'] {
  const args: string[] = [];
  const given = options.args ?? [];
  for (let i = 0; i < given.length; i++) {
    if (given[i] === '--join' || given[i] === '--token') i++;
    else args.push(given[i]);
  }
  return { ...options, args: [...args, '--join', `https://${minder.enrol}`] };
}
