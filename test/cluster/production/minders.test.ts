/**
 * Three minders, each with a bus of its own: one is killed, one frozen, two killed. Trackers move to
 * a bus that lives, and whichever minder lives can let in, throw out, and change lists and settings;
 * the others know of it when they are back.
 */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Cluster, nodeSeenBy, viewOf } from '../../support/cluster.js';
import { until } from '../../support/deadline.js';
import { announceTarget, httpDict } from '../../support/http-wire.js';
import { measured, sized } from '../../support/long.js';
import { MinderProcess } from '../../support/minder-process.js';
import { Population } from '../../support/population.js';
import { type Prng, seededPrng } from '../../support/prng.js';
import { newHash, scrapeCounts } from '../../support/swarms.js';
import type { TrackerProcess } from '../../support/tracker-process.js';
import { Voices } from '../../support/voices.js';

const LIMIT_MS = 90_000;
const FROZEN_MS = sized(6_000, 15_000);
let prng: Prng;
beforeEach(() => {
  prng = seededPrng();
});

let cluster: Cluster;
const minders: MinderProcess[] = [];
beforeAll(async () => {
  cluster = await Cluster.start({ minder: { args: ['--name', 'one'] } });
  minders.push(cluster.minder);
  for (const name of ['two', 'three']) minders.push(await another(name));
  await untilKnown();
});
afterAll(async () => {
  for (const minder of minders.slice(1)) await minder.remove();
  await cluster?.close();
});

async function another(name: string): Promise<MinderProcess> {
  const token = await minders[0].token('--role', 'minder');
  const args = ['--name', name, '--peer', `https://${minders[0].enrol}`, '--token', token];
  return await MinderProcess.start({ args });
}

/** Waits until every minder sees all three, and every tracker knows all three buses. */
async function untilKnown(): Promise<void> {
  for (const minder of minders) {
    await until(
      async () => {
        const { nodes } = await viewOf(minder);
        const well = nodes.filter(({ role, state }) => role === 'minder' && state === 'healthy');
        return well.length === 3 ? true : undefined;
      },
      LIMIT_MS,
      'all minders to see each other',
    );
  }
}

function untilState(
  observer: MinderProcess | TrackerProcess,
  name: string,
  state: string,
): Promise<true> {
  return until(
    async () => ((await nodeSeenBy(observer, name))?.state === state ? true : undefined),
    LIMIT_MS,
    `${name} to be ${state}`,
  );
}

/** Waits until what each tracker hears from now on is on all of them, and returns how long that took. */
async function untilShared(): Promise<string> {
  const startMs = performance.now();
  const hash = newHash();
  const { trackers } = cluster;
  for (const [i, { http4 }] of trackers.entries()) {
    await httpDict(http4, announceTarget(hash, { port: 7_000 + i, left: 1 }));
  }
  for (const { http4 } of trackers) {
    await until(
      async () =>
        (await scrapeCounts(http4, hash)).incomplete === trackers.length ? true : undefined,
      LIMIT_MS,
      'a peer of each tracker to be on all',
    );
  }
  const took = `${(performance.now() - startMs).toFixed(0)} ms`;
  for (const [i, { http4 }] of trackers.entries()) {
    await httpDict(http4, announceTarget(hash, { port: 7_000 + i, left: 1, event: 'stopped' }));
  }
  return took;
}

/** Waits until every tracker is on a bus that lives and sees the others as they are. */
async function untilTogether(): Promise<void> {
  for (const tracker of cluster.trackers) {
    await until(
      async () => {
        const { busConnected, nodes } = await viewOf(tracker);
        const well = nodes.filter(({ state }) => state === 'healthy').map(({ name }) => name);
        return busConnected && ['a', 'b', 'c'].every((name) => well.includes(name))
          ? true
          : undefined;
      },
      LIMIT_MS,
      'the trackers to be together',
    );
  }
}

async function say(population: Population, share: number): Promise<void> {
  const voices = new Voices();
  const peers = population.peers.filter(() => prng.below(100) < share);
  await voices.sayAll(
    peers.map((peer) => ({
      word: population.say(peer, 'started', prng.below(3) === 0 ? 'seeder' : 'leecher'),
      tracker: prng.pick(cluster.trackers),
      protocol: 'udp',
    })),
  );
  voices.close();
}

async function isRefused(tracker: TrackerProcess, hash: string): Promise<boolean> {
  const target = announceTarget(Buffer.from(hash, 'hex'), { port: 7000, left: 1 });
  return (await httpDict(tracker.http4, target)).has('failure reason');
}

async function untilRefused(hash: string): Promise<void> {
  for (const tracker of cluster.trackers) {
    await until(
      async () => ((await isRefused(tracker, hash)) ? true : undefined),
      LIMIT_MS,
      'the torrent to be refused',
    );
  }
}

it('goes on when one is killed, one frozen, and two killed', async () => {
  const population = new Population(
    { peers: 2_000, swarms: 400, hosts: ['127.0.0.2', '::1', '127.0.0.3'] },
    prng,
  );
  await say(population, 30);
  await cluster.converged();

  // One is killed, with its bus.
  await killWithBus(minders[1]);
  measured(`a peer heard right after a kill was on all trackers in ${await untilShared()}`);
  await untilTogether();
  await untilState(minders[0], 'two', 'unreachable');
  await say(population, 60);
  await cluster.converged();
  const deniedMeanwhile = 'a1'.repeat(20);
  await minders[2].command('deny', 'add', deniedMeanwhile);
  await untilRefused(deniedMeanwhile);
  const late = await minders[2].tracker({ args: ['--name', 'late'] });
  minders[1] = await minders[1].restart();
  // What was done while it was away it knows.
  await untilState(minders[1], 'late', 'healthy');
  await untilListed(minders[1], deniedMeanwhile);

  // One is frozen, with its bus.
  const frozen = [busPidOf(minders[2]), pidOf(minders[2])];
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  try {
    const endMs = performance.now() + FROZEN_MS;
    measured(`the same beside a frozen one: ${await untilShared()}`);
    await untilTogether();
    await say(population, 60);
    await minders[0].command('revoke', 'late');
    await until(
      () => (performance.now() > endMs ? true : undefined),
      LIMIT_MS,
      'the end of the freeze',
    );
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
  }
  await untilTogether();
  await untilState(minders[2], 'late', 'revoked');
  await late.remove();
  await cluster.converged();

  // Two are killed: the one that is left does everything.
  await Promise.all([killWithBus(minders[0]), killWithBus(minders[1])]);
  measured(`the same after two kills: ${await untilShared()}`);
  await untilTogether();
  await untilState(minders[2], 'one', 'unreachable');
  await untilState(minders[2], 'two', 'unreachable');
  await say(population, 100);
  await cluster.converged();
  const latest = await minders[2].tracker({ args: ['--name', 'latest'] });
  const deniedLast = 'b2'.repeat(20);
  await minders[2].command('deny', 'add', deniedLast);
  await untilRefused(deniedLast);
  expect(await minders[2].command('nodes')).toMatch(/minder +unreachable \(silent\)/);
  for (const i of [0, 1]) minders[i] = await minders[i].restart();
  cluster.minder = minders[0];
  for (const minder of minders) await untilState(minder, 'latest', 'healthy');
  await untilListed(minders[0], deniedLast);
  await latest.remove();
  await cluster.converged();
  await cluster.expectHolds(population);
});

it('shrinks to one again without loss', async () => {
  const [one, two, three] = minders;
  await two.stop();
  await three.stop();
  await one.command('revoke', 'two');
  await one.command('revoke', 'three');
  await untilTogether();
  const token = await one.token();
  expect(token).toMatch(/^tbt1\./);
  await untilState(one, 'two', 'revoked');
  await one.stop();
  const again = await one.restart();
  minders[0] = again;
  cluster.minder = again;
  await untilTogether();
  await cluster.converged();
});

function untilListed(minder: MinderProcess, hash: string): Promise<true> {
  return until(
    async () => ((await minder.command('deny', 'list')).includes(hash) ? true : undefined),
    LIMIT_MS,
    'the list to be whole again',
  );
}

function pidOf(minder: MinderProcess): number {
  const { pid } = minder.child;
  if (pid === undefined) throw new Error('it does not run');
  return pid;
}

function busPidOf(minder: MinderProcess): number {
  const { pid } = minder.logs.findLast(({ msg }) => msg === 'bus server runs') ?? {};
  if (typeof pid !== 'number') throw new Error('no bus server is known');
  return pid;
}

async function killWithBus(minder: MinderProcess): Promise<void> {
  process.kill(busPidOf(minder), 'SIGKILL');
  await minder.kill9();
}
