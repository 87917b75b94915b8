/** Several real threads on one store: afterwards the totals must be exact. Runs from built files. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../src/lib/prng.js';
import { ScrapeEntry } from '../../src/protocol/announce.js';
import { Expiry } from '../../src/swarm/expiry.js';
import { reserveStore } from '../../src/swarm/layout.js';
import { loadSnapshot } from '../../src/swarm/snapshot-reader.js';
import { saveSnapshot } from '../../src/swarm/snapshot-writer.js';
import { SwarmStore } from '../../src/swarm/swarm-store.js';
import { storeTotals } from '../../src/swarm/totals.js';
import type { HammerReport, HammerTask } from '../support/hammer-worker.js';

const workerFile = new URL('../../dist/test/support/hammer-worker.js', import.meta.url);
const SWARMS = 40;

describe('one store under several threads', () => {
  const seed = testSeed();

  it(`has exact totals, while a keeper expires and saves (seed ${seed})`, async () => {
    const memory = reserveStore({ peersMax: 1_000_000, swarmsMax: 1_000, shards: 4 });
    const store = new SwarmStore(memory, { thread: 100, seed });
    store.setTime(1_000, 1_000_000);
    const directory = mkdtempSync(join(tmpdir(), 'trackerbt-hammer-'));
    const snapshot = join(directory, 'store');
    const reports: HammerReport[] = [];
    const workers = [1, 2, 3, 4].map(async (thread) => {
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
      await new Promise(setImmediate);
    }
    await done;

    expect(saves).toBeGreaterThan(0);
    checkTotals(store, reports);
    // The last state saved and loaded elsewhere is the same again.
    saveSnapshot(store, snapshot, { wallMs: 0, lockTimeoutMs: 10_000 });
    const copy = new SwarmStore(reserveStore(memory.limits), { thread: 1, seed });
    copy.setTime(90_000, 0);
    loadSnapshot(copy, snapshot, { peerTtlSeconds: 100, wallMs: 0 });
    checkTotals(copy, reports);
    rmSync(directory, { recursive: true });
  });
});

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
