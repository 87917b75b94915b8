/**
 * One of several threads that change one store at once, about the same peers: some announce, one
 * applies what other trackers say. Time is counted by all of them together.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Prng } from '../../src/lib/prng.js';
import { AnnounceReply } from '../../src/protocol/announce.js';
import type { StoreMemory } from '../../src/swarm/layout.js';
import { PeerWord } from '../../src/swarm/peer-word.js';
import { PeerFamily, PeerQuery, WantFamily } from '../../src/swarm/query.js';
import { Replica } from '../../src/swarm/replica.js';
import { SwarmStore } from '../../src/swarm/swarm-store.js';

export interface TurmoilTask {
  readonly memory: StoreMemory;
  /** One word: steps of all threads so far. */
  readonly clock: SharedArrayBuffer;
  readonly role: 'announce' | 'apply';
  readonly thread: number;
  readonly seed: number;
  readonly swarms: number;
  readonly hosts: number;
  readonly steps: number;
}

const FAMILIES = [4, 6, PeerFamily.web] as const;
const STEPS_PER_SECOND = 2_000;
/** Swarms fill for half of so many steps, and empty for the other. */
const WAVE_STEPS = 8_000;
const WORDS_MAX = 64;

/** Sets a store's time by the steps so far: stamps and seconds come to the ends of their ranges. */
export function setTurmoilTime(store: SwarmStore, steps: number): void {
  const seconds = steps / STEPS_PER_SECOND;
  const startMs = 2 ** 32 * 15.625 - 10_000;
  store.setTime(65_525 + Math.floor(seconds), startMs + Math.floor(seconds * 1_000));
}

/** The first byte of every peer's address; its last, of the port, is 7, or another one of a web peer. */
export const TURMOIL_NET = 10;

function run(task: TurmoilTask): void {
  const clock = new Int32Array(task.clock);
  const random = new Prng(task.seed);
  const store = new SwarmStore(task.memory, { thread: task.thread, seed: task.seed });
  const stopChance = (step: number) => (step % WAVE_STEPS < WAVE_STEPS / 2 ? 0.1 : 0.8);
  const pickSwarm = (): number => Math.floor(task.swarms * (random.next() / 2 ** 32) ** 2);
  const pickPeer = (wireBytes: Uint8Array): PeerFamily => {
    const host = random.below(task.hosts);
    const family = FAMILIES[random.below(FAMILIES.length)];
    wireBytes.fill(0);
    wireBytes.set([TURMOIL_NET, 0, host >>> 8, host]);
    // The last byte of a port; of a web peer, which has none, one that makes it unlike IPv6.
    wireBytes[family === 4 ? 5 : family === 6 ? 17 : 12] = 7;
    return family;
  };

  const query = new PeerQuery();
  const reply = new AnnounceReply();
  const announce = (step: number): void => {
    query.infoHash.fill(pickSwarm());
    query.family = pickPeer(query.wireBytes);
    query.stopped = random.chance(stopChance(step));
    query.seeder = random.chance(0.5);
    query.partialSeed = random.chance(0.2);
    query.completed = random.chance(0.3);
    query.numwant = random.below(60);
    query.families = WantFamily.both | WantFamily.web;
    store.announce(query, reply);
  };

  const replica = new Replica(store, { compareOrigins: (a, b) => a - b });
  const word = new PeerWord();
  const apply = (step: number): void => {
    const family = pickPeer(word.wireBytes);
    word.kind = (family === 4 ? 0 : family === 6 ? 2 : 4) + random.below(2);
    word.stopped = random.chance(stopChance(step));
    word.partialSeed = random.chance(0.2);
    word.completed = random.chance(0.2);
    word.stamp = (store.stamp + 100 - random.below(300)) | 0;
    word.origin = random.below(6);
    word.ageSeconds = random.below(40);
    replica.apply(word);
  };

  for (let step = 0, group = 0; step < task.steps; step++) {
    setTurmoilTime(store, Atomics.add(clock, 0, 1));
    if (task.role === 'announce') {
      announce(step);
      continue;
    }
    if (group === 0) {
      group = 1 + random.below(WORDS_MAX);
      replica.begin(new Int32Array(5).fill(pickSwarm()));
      if (random.chance(0.1)) replica.addDownloads(random.below(5) - 2);
    }
    apply(step);
    if (--group === 0 || step === task.steps - 1) replica.end();
  }
  parentPort?.postMessage('done');
}

if (parentPort !== null) run(workerData as TurmoilTask);
