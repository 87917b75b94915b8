/**
 * A tracker joins others that hold many peers: when it says that it is ready it holds them all, and
 * those who gave them to it answered their clients meanwhile.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, digestOf } from '../support/cluster.js';
import { measured, percentiles, sized } from '../support/long.js';
import { COMMAND, childEnvironment } from '../support/node-process.js';
import { newHash } from '../support/swarms.js';
import type { TrackerProcess } from '../support/tracker-process.js';
import { connectedWire, UdpEvent } from '../support/udp-wire.js';

const PEERS = sized(50_000, 1_000_000);
const SWARMS = sized(2_000, 50_000);
/** Between two announces that measure. */
const PROBE_PAUSE_MS = 2;
const execute = promisify(execFile);

let cluster: Cluster;
beforeAll(async () => {
  // Longer than a busy machine takes: ready is to mean caught up.
  const config = { cluster: { readyWaitSeconds: 120 } };
  cluster = await Cluster.start({ trackers: 2, tracker: { config } });
});
afterAll(async () => {
  await cluster?.close();
});

it(`takes ${PEERS} peers before it is ready`, async () => {
  const [a, b] = cluster.trackers;
  await fill(a);
  await cluster.converged();
  const held = await digestOf(b);
  // A few words over UDP may have been given up.
  expect(held.peers).toBeGreaterThan(0.99 * PEERS);
  const done = new AbortController();
  const probes = [a, b].map((donor) => probe(donor, done.signal));
  // The probes' own peers are there before the new tracker is.
  await Promise.all(probes.map(({ first }) => first));
  const startMs = performance.now();
  const joiner = cluster.launch('c');
  await joiner.ready();
  const readyMs = performance.now() - startMs;
  const digests = await Promise.all(cluster.trackers.map(digestOf));
  done.abort();
  const timesMs = (await Promise.all(probes.map(({ timesMs: times }) => times))).flat();
  expect(digests[2]).toEqual(digests[0]);
  expect(digests[1]).toEqual(digests[0]);
  expect(digests[2].peers).toBe(held.peers + probes.length);
  measured(
    `a tracker joined two with ${held.peers} peers: ready ${readyMs.toFixed(0)} ms after its ` +
      `start, ${sinceConnected(joiner)} after it reached the bus; the donors' answers meanwhile ` +
      percentiles(timesMs),
  );
});

/** How long it took the tracker to be ready once it could hear the others. */
function sinceConnected({ logs }: TrackerProcess): string {
  const [connected, ready] = ['connected to the bus', 'ready'].map((msg) =>
    Date.parse(String(logs.find((line) => line.msg === msg)?.time)),
  );
  return `${ready - connected} ms`;
}

/** Announces all the peers of a crowd at a tracker. */
async function fill(tracker: TrackerProcess): Promise<void> {
  const { host, port } = tracker.udp4;
  const load = ['load', `udp://${host}:${port}`, '--peers', `${PEERS}`, '--torrents', `${SWARMS}`];
  const args = [COMMAND, ...load, '--seconds', '0.1', '--warm-up', '0', '--json'];
  await execute(process.execPath, args, { env: childEnvironment() });
}

/** One peer that announces all the time; how long each answer took, once it is over. */
function probe(tracker: TrackerProcess, signal: AbortSignal) {
  let resolve: () => void = () => {};
  const first = new Promise<void>((done) => {
    resolve = done;
  });
  const announceOn = async (): Promise<number[]> => {
    const wire = await connectedWire(tracker.udp4);
    const infoHash = newHash();
    const timesMs: number[] = [];
    try {
      let event: number = UdpEvent.started;
      while (!signal.aborted) {
        const saidMs = performance.now();
        await wire.announce({ infoHash, port: 7_001, event });
        event = UdpEvent.none;
        timesMs.push(performance.now() - saidMs);
        resolve();
        await new Promise((next) => setTimeout(next, PROBE_PAUSE_MS));
      }
      return timesMs;
    } finally {
      wire.close();
    }
  };
  return { first, timesMs: announceOn() };
}
