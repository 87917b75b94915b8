/**
 * Two trackers and the minder on one side, the third tracker on the other, and nothing in between:
 * both sides answer their clients, who come and go. When the line is back, all hold the newest word
 * of each peer, whichever side heard it.
 *
 * Needs root, for network namespaces; without it nothing is cut and this is left out.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, digestOf, nodeSeenBy, viewOf } from '../support/cluster.js';
import { CrowdLoad } from '../support/crowd-load.js';
import { until, within } from '../support/deadline.js';
import { measured, percentiles, sized } from '../support/long.js';
import { type Peer, Population } from '../support/population.js';
import { seededPrng } from '../support/prng.js';
import { RemoteSite } from '../support/remote-site.js';
import { type Doors, Voices } from '../support/voices.js';

const LIMIT_MS = 60_000;
const CUT_MS = sized(8_000, 20_000);
/** Stops of peers that a tracker does not know are on a budget of their address, so there are many. */
const HOSTS = 24;

let site: RemoteSite | undefined;
let cluster: Cluster | undefined;
beforeAll(async () => {
  if (!RemoteSite.isPossible) {
    throw new Error('a network that can be cut needs root: sudo npm test -- --only cluster');
  }
  site = RemoteSite.open(HOSTS);
  const listen = site.here.map(listenOn);
  cluster = await Cluster.start({
    trackers: 2,
    minder: { host: site.hub },
    tracker: { http: listen, udp: listen },
  });
  const far = site.there.map(listenOn);
  const admin = listenOn(site.there[0]);
  await cluster.launch('c', { http: far, udp: far, admin, prefix: site.prefix }).ready();
});
afterAll(async () => {
  await cluster?.close();
  site?.close();
});

function listenOn(host: string): string {
  return host.includes(':') ? `[${host}]:0` : `${host}:0`;
}

/** Has all of them begin at any tracker, and waits until all trackers know. */
async function begin(all: Cluster, population: Population, peers: readonly Peer[]): Promise<void> {
  const { prng } = population;
  const voices = new Voices();
  try {
    await voices.sayAll(
      peers.map((peer) => ({
        word: population.say(peer, 'started', prng.below(3) === 0 ? 'seeder' : 'leecher'),
        tracker: prng.pick(all.trackers),
        protocol: 'udp',
      })),
    );
  } finally {
    voices.close();
  }
  await all.converged();
}

it('heals: the newest word of each peer wins', async () => {
  if (site === undefined || cluster === undefined) throw new Error('not set up');
  const population = new Population(
    { peers: sized(4_000, 40_000), swarms: sized(1_000, 10_000), hosts: site.clients },
    seededPrng(),
  );
  const [a, b, c] = cluster.trackers;
  const newHere = new Set(population.peers.filter((_peer, i) => i % 10 === 0));
  const newThere = new Set(population.peers.filter((_peer, i) => i % 10 === 1));
  let isCut = false;
  // Peers that begin while the line is cut stay with one tracker; the others go anywhere.
  const maySpeak = (peer: Peer, tracker: Doors): boolean => {
    if (newHere.has(peer)) return isCut && tracker === a;
    if (newThere.has(peer)) return isCut && tracker === c;
    return true;
  };
  const shared = population.peers.filter((peer) => !newHere.has(peer) && !newThere.has(peer));
  await begin(cluster, population, shared);
  const perSecond = sized(600, 4_000);
  const load = new CrowdLoad({ perSecond, maySpeak }, population, [a, b, c]);
  load.start();
  try {
    await within(load.progress(2 * perSecond), LIMIT_MS, 'a load');
    site.cut();
    isCut = true;
    const cutMs = performance.now();
    await until(
      () => (performance.now() - cutMs > CUT_MS ? true : undefined),
      2 * CUT_MS,
      'the time apart',
    );
    expect((await digestOf(c)).digest).not.toBe((await digestOf(a)).digest);
    const seen = await nodeSeenBy(a, 'c');
    expect([seen?.state, seen?.reason]).toEqual(['unreachable', 'silent']);
    await within(load.stop(), LIMIT_MS, 'the last answers');
    expect(load.errors).toEqual([]);
    site.heal();
    const equalMs = await cluster.converged();
    measured(
      `cut for ${CUT_MS} ms at ${perSecond} words/s: equal ${equalMs.toFixed(0)} ms after it ` +
        `healed; answers ${percentiles(load.latenciesMs)}`,
    );
    // A stop that the budget refused is a word that nobody else heard: there must be none.
    for (const tracker of cluster.trackers) {
      expect((await viewOf(tracker)).counters.ring_stops_refused ?? 0).toBe(0);
    }
    await cluster.expectHolds(population);
  } finally {
    load.end();
  }
});
