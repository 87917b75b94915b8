/**
 * Peers announced at any tracker, over HTTP and UDP, both families, are the same peers on all of
 * them: every swarm's counts and downloads are what a model says, and the digests are equal.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.js';
import { measured, sized } from '../support/long.js';
import { type PeerEvent, Population } from '../support/population.js';
import { seededPrng } from '../support/prng.js';
import { type Saying, Voices } from '../support/voices.js';

const PEERS = sized(20_000, 200_000);
const SWARMS = sized(500, 5_000);
const HOSTS = ['127.0.0.2', '::1', '127.0.0.3', '127.0.0.4'];
const HTTP_ONE_IN = 5;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(async () => {
  await cluster?.close();
});

it(`${PEERS} peers announced at random trackers are the same peers on all three`, async () => {
  const prng = seededPrng();
  const population = new Population({ peers: PEERS, swarms: SWARMS, hosts: HOSTS }, prng);
  const voices = new Voices();
  const roundOf = (peers: typeof population.peers, event: PeerEvent): Saying[] =>
    peers.map((peer) => ({
      word: population.say(peer, event, prng.below(3) === 0 ? 'seeder' : 'leecher'),
      tracker: prng.pick(cluster.trackers),
      protocol: prng.below(HTTP_ONE_IN) === 0 ? 'http' : 'udp',
    }));
  try {
    const startMs = performance.now();
    // A round holds one word of a peer at most, and takes longer than a stamp's 1/64 s.
    await voices.sayAll(roundOf(population.peers, 'started'));
    const leechers = population.peers.filter(({ role }) => role === 'leecher');
    await voices.sayAll(roundOf(leechers.slice(0, PEERS / 5), 'completed'));
    const leavers = population.peers.filter(() => prng.below(10) === 0);
    await voices.sayAll(roundOf(leavers, 'stopped'));
    const words = PEERS + PEERS / 5 + leavers.length;
    const perSecond = Math.round((1_000 * words) / (performance.now() - startMs));
    const convergedMs = await cluster.converged();
    measured(
      `${words} announces at random trackers (${perSecond}/s): digests equal ` +
        `${convergedMs.toFixed(0)} ms after the last`,
    );
    await cluster.expectHolds(population);
    expect(population.living).toBe(PEERS - leavers.length);
  } finally {
    voices.close();
  }
});
