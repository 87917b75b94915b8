/**
 * A tracker is drained while clients announce at it: it leaves the name at once, refuses nobody, and
 * the command ends when the last client has gone. Afterwards it comes back.
 */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, nodeSeenBy } from '../../support/cluster.js';
import { CrowdLoad } from '../../support/crowd-load.js';
import { until, within } from '../../support/deadline.js';
import { COMMAND, childEnvironment } from '../../support/node-process.js';
import { Population } from '../../support/population.js';
import { seededPrng } from '../../support/prng.js';
import type { TrackerProcess } from '../../support/tracker-process.js';
import { untilNamed, ZONE } from './dns-cluster.js';

const LIMIT_MS = 60_000;
const HOSTS = ['127.0.0.11', '127.0.0.12'];

let cluster: Cluster;
beforeAll(async () => {
  const args = ['--dns', '127.0.0.1:0', '--zone', ZONE];
  cluster = await Cluster.start({ trackers: 0, minder: { args } });
  for (const host of HOSTS) {
    const listen = [`${host}:0`, '[::1]:0'];
    await cluster.launch(host, { http: listen, udp: listen, args: ['--advertise', host] }).ready();
  }
});
afterAll(async () => {
  await cluster?.close();
});

function drain(...args: string[]): Promise<{ code: number | null; text: string }> {
  const { data } = cluster.minder;
  const child = spawn(process.execPath, [COMMAND, 'drain', ...args, '--data', data], {
    env: childEnvironment(),
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, text })));
}

it('empties a tracker without an error for any client', async () => {
  await untilNamed(cluster.minder, HOSTS);
  const population = new Population(
    { peers: 1_000, swarms: 200, hosts: ['127.0.0.2', '127.0.0.3'] },
    seededPrng(),
  );
  const [leaving, staying] = cluster.trackers;
  // Clients ask at the leaving tracker until the name has it no more.
  let mayAsk = true;
  const maySpeak = (_peer: unknown, tracker: unknown) => mayAsk || tracker !== leaving;
  const load = new CrowdLoad({ perSecond: 500, maySpeak }, population, [leaving, staying]);
  load.start();
  try {
    await within(load.progress(500), LIMIT_MS, 'a load');
    const ending = drain(HOSTS[0], '--quiet', '3', '--timeout', '120');
    await untilNamed(cluster.minder, [HOSTS[1]]);
    const beforeMove = load.answered;
    await within(load.progress(500), LIMIT_MS, 'answers of both');
    expect(load.answered).toBeGreaterThan(beforeMove);
    mayAsk = false;
    const { code, text } = await within(ending, 2 * LIMIT_MS, 'the end of the drain');
    expect(code, text).toBe(0);
    await within(load.stop(), LIMIT_MS, 'the last answers');
    expect(load.errors).toEqual([]);
  } finally {
    load.end();
  }
  expect(await nodeSeenBy(cluster.minder, HOSTS[0])).toMatchObject({ state: 'draining' });
  expect(await stateOf(leaving)).toBe('draining');
});

it('says when the time was not enough, and takes the tracker back', async () => {
  const population = new Population({ peers: 100, swarms: 20, hosts: ['127.0.0.4'] }, seededPrng());
  const [leaving] = cluster.trackers;
  const load = new CrowdLoad({ perSecond: 100 }, population, [leaving]);
  load.start();
  try {
    const { code, text } = await drain(HOSTS[0], '--quiet', '30', '--timeout', '3');
    expect(code, text).toBe(3);
    await within(load.stop(), LIMIT_MS, 'the last answers');
  } finally {
    load.end();
  }
  const undone = await drain(HOSTS[0], '--undo');
  expect(undone.code, undone.text).toBe(0);
  await untilNamed(cluster.minder, HOSTS);
  await until(
    async () => ((await stateOf(leaving)) === 'healthy' ? true : undefined),
    LIMIT_MS,
    'the tracker to be healthy again',
  );
});

it('knows no other tracker', async () => {
  const { code, text } = await drain('nobody');
  expect(code).toBe(1);
  expect(text).toContain('nobody');
});

async function stateOf(tracker: TrackerProcess): Promise<string | undefined> {
  return (await nodeSeenBy(tracker, HOSTS[0]))?.state;
}
