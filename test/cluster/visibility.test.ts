/**
 * What one tracker heard, all of them know a moment later: an announce at `a` shows in scrapes and
 * announces at `b` and `c`, over every protocol and family, and so does its end.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bdict, bdecodeDict } from '../support/bdecode.js';
import { Cluster } from '../support/cluster.js';
import { CrowdProcess } from '../support/crowd-process.js';
import { until } from '../support/deadline.js';
import { announceTarget, httpDict, scrapeTarget } from '../support/http-wire.js';
import { measured, percentiles, sized } from '../support/long.js';
import { LOOPBACK6 } from '../support/peers.js';
import { seededPrng } from '../support/prng.js';
import { newHash, replyPeers, scrapeCounts } from '../support/swarms.js';
import type { TrackerProcess } from '../support/tracker-process.js';
import { connectedWire, UdpEvent, type UdpWire } from '../support/udp-wire.js';

const LIMIT_MS = 30_000;
const HOSTS = ['127.0.0.2', '::1', '127.0.0.3'];
const PORT = 7_001;

let cluster: Cluster;
const wires: UdpWire[] = [];
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(async () => {
  for (const wire of wires) wire.close();
  await cluster?.close();
});

async function wireTo(address: { host: string; port: number }): Promise<UdpWire> {
  const wire = await connectedWire(address);
  wires.push(wire);
  return wire;
}

/** Announces at a tracker over one protocol and family; returns the peers of the reply. */
type Announce = (
  tracker: TrackerProcess,
  infoHash: Buffer,
  port: number,
  event?: 'started' | 'stopped',
) => Promise<readonly string[]>;

function overUdp(family: 4 | 6): Announce {
  return async (tracker, infoHash, port, event = 'started') => {
    const wire = await wireTo(family === 4 ? tracker.udp4 : tracker.udp6);
    return (await wire.announce({ infoHash, port, event: UdpEvent[event] })).peers;
  };
}

function overHttp(family: 4 | 6): Announce {
  return async (tracker, infoHash, port, event = 'started') => {
    const server = family === 4 ? tracker.http4 : tracker.http6;
    return replyPeers(await httpDict(server, announceTarget(infoHash, { port, event })));
  };
}

const WAYS: readonly (readonly [name: string, host: string, announce: Announce])[] = [
  ['udp, IPv4', '127.0.0.1', overUdp(4)],
  ['udp, IPv6', `[${LOOPBACK6}]`, overUdp(6)],
  ['http, IPv4', '127.0.0.1', overHttp(4)],
  ['http, IPv6', `[${LOOPBACK6}]`, overHttp(6)],
];

async function shows(tracker: TrackerProcess, infoHash: Buffer, leechers: number): Promise<void> {
  await until(
    async () => {
      const { incomplete } = await scrapeCounts(tracker.http4, infoHash);
      return incomplete === leechers ? true : undefined;
    },
    LIMIT_MS,
    `${leechers} leechers`,
    5,
  );
}

describe('an announce at one tracker', () => {
  it.each(WAYS)(
    'over %s shows at the others, and so does its stop',
    async (_name, host, announce) => {
      const [a, ...others] = cluster.trackers;
      const infoHash = newHash();
      await announce(a, infoHash, PORT);
      for (const [i, other] of others.entries()) {
        await shows(other, infoHash, 1 + i);
        const peers = await announce(other, infoHash, PORT + 1 + i);
        expect(peers).toContain(`${host}:${PORT}`);
      }
      await announce(a, infoHash, PORT, 'stopped');
      for (const other of others) await shows(other, infoHash, others.length);
      await shows(a, infoHash, others.length);
    },
  );

  it('shows soon while all of them are busy', async () => {
    const crowd = await CrowdProcess.start(
      {
        population: { peers: sized(2_000, 60_000), swarms: 200, hosts: HOSTS },
        perSecond: sized(500, 20_000),
        httpOneIn: sized(8, 50),
        seed: seededPrng().seed,
      },
      cluster.trackers,
    );
    try {
      const [from, ...to] = cluster.trackers;
      const timesMs: number[] = [];
      await crowd.rate();
      for (let i = 0; i < sized(30, 1_000); i++) {
        const infoHash = newHash();
        const target = announceTarget(infoHash, { port: PORT });
        const saidMs = performance.now();
        await get(from, target);
        const seen = await Promise.all(to.map((other) => firstSeen(other, infoHash)));
        timesMs.push(...seen.map((ms) => ms - saidMs));
      }
      const rate = await crowd.rate();
      measured(`visible elsewhere at ${rate} words/s: ${percentiles(timesMs)}`);
      expect(await crowd.stop()).toEqual([]);
    } finally {
      crowd.kill();
    }
    await cluster.converged();
  });
});

/** Over a connection that is kept: a datagram that got lost would be a tracker that did not know. */
async function get({ http4 }: TrackerProcess, target: string): Promise<Bdict> {
  const reply = await fetch(`http://${http4.host}:${http4.port}${target}`);
  return bdecodeDict(Buffer.from(await reply.arrayBuffer()));
}

/** When the tracker first knows the peer: asked again as soon as it has answered. */
async function firstSeen(tracker: TrackerProcess, infoHash: Buffer): Promise<number> {
  const endMs = performance.now() + LIMIT_MS;
  while (performance.now() < endMs) {
    const files = (await get(tracker, scrapeTarget([infoHash]))).dict('files');
    const key = infoHash.toString('latin1');
    if (files.has(key) && files.dict(key).int('incomplete') === 1) return performance.now();
  }
  throw new Error('never seen');
}
