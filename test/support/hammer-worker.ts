/** One of several threads that hammer one store: announces and stops peers of its own, then reports. */
import { parentPort, workerData } from 'node:worker_threads';
import { Prng } from '../../src/lib/prng.js';
import { AnnounceReply } from '../../src/protocol/announce.js';
import type { StoreMemory } from '../../src/swarm/layout.js';
import { PeerFamily, PeerQuery, WantFamily } from '../../src/swarm/query.js';
import { SwarmStore } from '../../src/swarm/swarm-store.js';

export interface HammerTask {
  readonly memory: StoreMemory;
  readonly thread: number;
  readonly seed: number;
  readonly swarms: number;
  readonly hostsPerThread: number;
  readonly steps: number;
}

/** What one thread left behind: peers by swarm, keyed `swarm/family/host`, true for seeders. */
export interface HammerReport {
  readonly peers: ReadonlyMap<string, boolean>;
  readonly completed: number;
}

const FAMILIES = [4, 6, PeerFamily.web] as const;

const task = workerData as HammerTask;
const random = new Prng(task.seed);
const store = new SwarmStore(task.memory, { thread: task.thread, seed: task.seed });
const query = new PeerQuery();
const reply = new AnnounceReply();
const peers = new Map<string, boolean>();
const completedOnce = new Set<string>();
let completed = 0;
for (let step = 0; step < task.steps; step++) {
  // Each step has a stamp of its own, so that a peer that comes back is newer than its stop without
  // a tombstone, too: with hundreds of thousands of them, a few are evicted.
  store.setTime(1_000, 1_000_000 + 16 * step);
  const swarm = Math.floor(task.swarms * (random.next() / 2 ** 32) ** 2);
  const host = random.below(task.hostsPerThread);
  query.infoHash.fill(swarm);
  query.family = FAMILIES[random.below(FAMILIES.length)];
  query.wireBytes.fill(0);
  query.wireBytes.set([10, task.thread, host >>> 8, host], 0);
  // A wire that is no IPv6 peer's.
  if (query.family === PeerFamily.web) query.wireBytes[12] = 1;
  query.families = WantFamily.both | WantFamily.web;
  query.stopped = random.chance(0.3);
  query.seeder = random.chance(0.5);
  query.completed = query.seeder && random.chance(0.3);
  query.numwant = random.below(60);
  store.announce(query, reply);
  const key = `${swarm}/${query.family}/${host}`;
  if (query.stopped) {
    peers.delete(key);
    completedOnce.delete(key);
  } else {
    peers.set(key, query.seeder);
    if (query.completed && !completedOnce.has(key)) {
      completedOnce.add(key);
      completed++;
    }
  }
}
parentPort?.postMessage({ peers, completed } satisfies HammerReport);
