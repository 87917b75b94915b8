/**
 * Several real threads on one store: afterwards the totals and digests must be exact, and a replica that
 * was told of every change meanwhile must hold the same. Runs from built files.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../src/lib/prng.js';
import { ScrapeEntry } from '../../src/protocol/announce.js';
import { ChangeRingReader, type PeerChange } from '../../src/swarm/change-ring.js';
import { DigestReader, rootOf } from '../../src/swarm/digest.js';
import { recomputeCells } from '../../src/swarm/digest.testing.js';
import { Expiry } from '../../src/swarm/expiry.js';
import { reserveStore, type StoreMemory } from '../../src/swarm/layout.js';
import { PeerFamily } from '../../src/swarm/query.js';
import { Replica } from '../../src/swarm/replica.js';
import {
  CELL_WORDS,
  CELLS,
  type ReplicationMemory,
  reserveReplication,
} from '../../src/swarm/replication-memory.js';
import { loadSnapshot } from '../../src/swarm/snapshot-reader.js';
import { saveSnapshot } from '../../src/swarm/snapshot-writer.js';
import { auditStore } from '../../src/swarm/store-audit.testing.js';
import { SwarmStore } from '../../src/swarm/swarm-store.js';
import { storeTotals } from '../../src/swarm/totals.js';
import type { HammerReport, HammerTask } from '../support/hammer-worker.js';

const workerFile = new URL('../../dist/test/support/hammer-worker.js', import.meta.url);
const SWARMS = 40;
const LIMITS = { peersMax: 1_000_000, swarmsMax: 1_000, shards: 4 };
const THREADS = [1, 2, 3, 4];
const KEEPER_THREAD = 5;

interface ReplicatedMemory extends StoreMemory {
  readonly replication: ReplicationMemory;
}

function reserveReplicated(): ReplicatedMemory {
  const replication = reserveReplication({
    limits: LIMITS,
    threads: KEEPER_THREAD,
    digestKey: new Uint8Array(16).fill(3),
    tombstonesMax: 1 << 20,
    // As many as a thread takes steps: nothing is dropped, however late the reader is.
    ringRecords: 1 << 18,
    peerTtlSeconds: 100,
    remoteExtraSeconds: 50,
  });
  return { ...reserveStore(LIMITS), replication };
}

/** Another tracker in miniature: hears every change as it comes out of the rings. */
class Twin {
  readonly store: SwarmStore;
  readonly memory = reserveReplicated();
  downloads = 0;
  readonly #rings: ChangeRingReader[];
  readonly #replica: Replica;

  constructor(heard: ReplicationMemory, seed: number) {
    this.store = new SwarmStore(this.memory, { thread: 1, seed });
    this.store.setTime(1_000, 1_000_000);
    this.#replica = new Replica(this.store, { compareOrigins: (a, b) => a - b });
    this.#rings = THREADS.map((thread) => new ChangeRingReader(heard, thread));
  }

  /** Takes what waits, up to a bound; returns how much that was. */
  listen(): number {
    let heard = 0;
    for (const ring of this.#rings) {
      expect(ring.dropped).toBe(0);
      heard += ring.drain(2_000, (change) => this.#apply(change));
    }
    return heard;
  }

  #apply(change: PeerChange): void {
    change.origin = 1;
    if (change.download) this.downloads++;
    this.#replica.begin(change.infoHash);
    this.#replica.apply(change);
    if (change.download) this.#replica.addDownloads(1);
    this.#replica.end();
  }
}

describe('one store under several threads', () => {
  const seed = testSeed();

  it(`has exact totals, while a keeper expires and saves (seed ${seed})`, async () => {
    const memory = reserveReplicated();
    const store = new SwarmStore(memory, { thread: KEEPER_THREAD, seed });
    store.setTime(1_000, 1_000_000);
    const twin = new Twin(memory.replication, seed);
    const directory = mkdtempSync(join(tmpdir(), 'trackerbt-hammer-'));
    const snapshot = join(directory, 'store');
    const reports: HammerReport[] = [];
    const workers = THREADS.map(async (thread) => {
      const task: HammerTask = {
        memory,
        thread,
        seed: seed + thread,
        swarms: SWARMS,
        hostsPerThread: 2_000,
        steps: 150_000,
      };
      const worker = new Worker(workerFile, { workerData: task });
      const [report] = (await once(worker, 'message')) as [HammerReport];
      reports.push(report);
    });
    let running = true;
    const done = Promise.all(workers).finally(() => {
      running = false;
    });
    const expiry = new Expiry(store, { peerTtlSeconds: 100, emptySwarmSeconds: 1_000 });
    let saves = 0;
    while (running) {
      for (let i = 0; i < 20; i++) expiry.step(500);
      saveSnapshot(store, snapshot, { wallMs: 0, lockTimeoutMs: 10_000 });
      saves++;
      twin.listen();
      await new Promise(setImmediate);
    }
    await done;

    expect(saves).toBeGreaterThan(0);
    checkTotals(store, reports);
    while (twin.listen() > 0);
    checkTotals(twin.store, reports);
    expect(twin.downloads).toBe(reports.reduce((sum, report) => sum + report.completed, 0));
    auditStore(store, memory);
    checkDigest(store, memory.replication);
    checkDigest(twin.store, twin.memory.replication);
    const roots = [memory, twin.memory].map((each) => new DigestReader(each.replication).root());
    expect(roots[0]).toBe(roots[1]);
    // The last state saved and loaded elsewhere is the same again.
    saveSnapshot(store, snapshot, { wallMs: 0, lockTimeoutMs: 10_000 });
    const copyMemory = reserveReplicated();
    const copy = new SwarmStore(copyMemory, { thread: 1, seed });
    copy.setTime(90_000, 0);
    loadSnapshot(copy, snapshot, { peerTtlSeconds: 100, wallMs: 0 });
    // Web peers are not saved: their connections end with the process.
    const saved = reports.map(({ peers, completed }) => {
      return { peers: new Map([...peers].filter(([key]) => !isWeb(key))), completed };
    });
    checkTotals(copy, saved);
    checkDigest(copy, copyMemory.replication);
    const cells = recomputeCells(store, 'addresses');
    expect(new DigestReader(copyMemory.replication).root()).toBe(rootOf(cells));
    rmSync(directory, { recursive: true });
  });
});

/** Keys are `swarm/family/host`. */
function isWeb(key: string): boolean {
  return key.split('/')[1] === String(PeerFamily.web);
}

/** The cells that all threads together kept are those of the peers that are there. */
function checkDigest(store: SwarmStore, replication: ReplicationMemory): void {
  const cells = new Int32Array(CELLS * CELL_WORDS);
  new DigestReader(replication).cells(cells);
  expect(cells).toEqual(recomputeCells(store));
}

function checkTotals(store: SwarmStore, reports: readonly HammerReport[]): void {
  const expected = Array.from({ length: SWARMS }, () => ({ seeders: 0, leechers: 0 }));
  let peers = 0;
  for (const report of reports) {
    for (const [key, seeder] of report.peers) {
      const swarm = expected[Number(key.split('/')[0])];
      if (seeder) swarm.seeders++;
      else swarm.leechers++;
      peers++;
    }
  }
  const entry = new ScrapeEntry();
  let downloads = 0;
  for (let swarm = 0; swarm < SWARMS; swarm++) {
    store.scrape(new Int32Array(5).fill(swarm), entry);
    expect({ seeders: entry.seeders, leechers: entry.leechers }).toEqual(expected[swarm]);
    downloads += entry.downloads;
  }
  expect(storeTotals(store).peers).toBe(peers);
  expect(downloads).toBe(reports.reduce((sum, report) => sum + report.completed, 0));
}
