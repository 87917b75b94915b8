/**
 * Lists of info hashes: from one minder to all trackers, refused over both protocols, dropped
 * everywhere, kept over restarts. A list of a million (long; else a smaller one) arrives whole.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Cluster, digestOf } from '../../support/cluster.js';
import { until } from '../../support/deadline.js';
import { announceTarget, httpDict } from '../../support/http-wire.js';
import { measured, sized } from '../../support/long.js';
import { Population } from '../../support/population.js';
import { type Prng, seededPrng } from '../../support/prng.js';
import {
  removeFolder,
  type TrackerProcess,
  temporaryFolder,
} from '../../support/tracker-process.js';
import { Voices } from '../../support/voices.js';

const LIMIT_MS = 90_000;

let cluster: Cluster;
let folder: string;
let prng: Prng;
beforeEach(() => {
  prng = seededPrng();
});
beforeAll(async () => {
  folder = temporaryFolder('lists');
  cluster = await Cluster.start();
});
afterAll(async () => {
  await cluster?.close();
  removeFolder(folder);
});

function randomHash(): Buffer {
  return Buffer.from(Array.from({ length: 20 }, () => prng.below(256)));
}

/** Why a tracker refuses an announce of a hash over HTTP; undefined when it does not. */
async function refusal(tracker: TrackerProcess, hash: Buffer): Promise<string | undefined> {
  const reply = await httpDict(tracker.http4, announceTarget(hash, { port: 7000, left: 1 }));
  return reply.has('failure reason') ? reply.text('failure reason') : undefined;
}

async function untilAll(
  trackers: readonly TrackerProcess[],
  what: string,
  probe: (tracker: TrackerProcess) => Promise<boolean>,
): Promise<number> {
  const startMs = performance.now();
  for (const tracker of trackers) {
    await until(async () => ((await probe(tracker)) ? true : undefined), LIMIT_MS, what);
  }
  return performance.now() - startMs;
}

it('denies a torrent on every tracker, and forgets its peers', async () => {
  const population = new Population({ peers: 300, swarms: 3, hosts: ['127.0.0.2', '::1'] }, prng);
  const voices = new Voices();
  const sayings = population.peers.map((peer) => ({
    word: population.say(peer, 'started', 'leecher'),
    tracker: prng.pick(cluster.trackers),
    protocol: 'udp' as const,
  }));
  await voices.sayAll(sayings);
  await cluster.converged();
  const [denied] = population.hashes;
  const before = (await digestOf(cluster.trackers[0])).peers;
  await cluster.minder.command('deny', 'add', denied.toString('hex'), '--reason', 'a test');
  const ms = await untilAll(
    cluster.trackers,
    'the torrent to be refused',
    async (tracker) => (await refusal(tracker, denied)) !== undefined,
  );
  measured(`a denied torrent was refused on all trackers ${ms.toFixed(0)} ms after the command`);
  // The other swarms are as they were.
  const inDenied = population.peersOf(denied).length;
  expect(inDenied).toBeGreaterThan(0);
  await untilAll(
    cluster.trackers,
    'its peers to be forgotten',
    async (tracker) => (await digestOf(tracker)).peers === before - inDenied,
  );
  await cluster.converged();
  // Over UDP it is an error, and so it stays.
  const again = sayings.find(({ word }) => word.peer.infoHash.equals(denied));
  if (again === undefined) throw new Error('the swarm has peers');
  await expect(voices.say(again)).rejects.toThrow();
  expect(await cluster.minder.command('deny', 'list')).toContain(denied.toString('hex'));
  await cluster.minder.command('deny', 'remove', denied.toString('hex'));
  await untilAll(
    cluster.trackers,
    'the torrent to be served again',
    async (tracker) => (await refusal(tracker, denied)) === undefined,
  );
  voices.close();
});

it('serves the allowed alone when told so, and all again', async () => {
  const [allowed, other] = [randomHash(), randomHash()];
  await cluster.minder.command('allow', 'add', allowed.toString('hex'));
  await cluster.minder.command('settings', 'set', '--list-mode', 'allow');
  await untilAll(
    cluster.trackers,
    'others to be refused',
    async (tracker) => (await refusal(tracker, other)) !== undefined,
  );
  for (const tracker of cluster.trackers) expect(await refusal(tracker, allowed)).toBeUndefined();
  await cluster.minder.command('settings', 'set', '--list-mode', 'default');
  await untilAll(
    cluster.trackers,
    'all to be served',
    async (tracker) => (await refusal(tracker, other)) === undefined,
  );
});

it('brings a long list to all trackers, where it stays', async () => {
  const count = sized(20_000, 1_000_000);
  const hashes = Array.from({ length: count }, () => randomHash());
  const file = join(folder, 'hashes.txt');
  writeFileSync(file, hashes.map((hash) => `${hash.toString('hex')}\n`).join(''));
  const samples = Array.from({ length: 20 }, () => prng.pick(hashes)).concat(
    hashes[0],
    hashes[count - 1],
  );
  const hasAll = async (tracker: TrackerProcess) => {
    const { lists } = (await tracker.adminJson('/stats.json')) as { lists: { denied: number } };
    return lists.denied === count;
  };
  const startMs = performance.now();
  await cluster.minder.command('deny', 'import', file);
  const importedMs = performance.now() - startMs;
  await untilAll(cluster.trackers, 'the whole list', hasAll);
  measured(
    `a list of ${count} was imported in ${importedMs.toFixed(0)} ms, and on all trackers ` +
      `${(performance.now() - startMs).toFixed(0)} ms after the command began`,
  );
  // A tracker that starts while no minder is there has what it had.
  const [first] = cluster.trackers;
  await cluster.killMinder();
  await first.stop();
  const back = await cluster.restart(first);
  expect(await hasAll(back)).toBe(true);
  for (const hash of samples) expect(await refusal(back, hash)).toBeDefined();
  await cluster.restartMinder();
  await untilAll(cluster.trackers, 'the whole list', hasAll);
  expect(await refusal(back, randomHash())).toBeUndefined();
});
