/** What a restart keeps: after kill -9 what was saved, after SIGTERM everything. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { announceCrowd, type CrowdSwarm } from '../support/crowd.js';
import { until } from '../support/deadline.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';
import { connectedWire, type UdpScrapeEntry } from '../support/udp-wire.js';

const SWARMS_COUNT = 20;
const PEERS_PER_SWARM = 5_000;

let tracker: TrackerProcess | undefined;
afterEach(async () => {
  await tracker?.remove();
  tracker = undefined;
});

function crowd(swarms: number, peers: number): CrowdSwarm[] {
  return Array.from({ length: swarms }, (_, index) => ({
    infoHash: newHash(),
    seeders: index * 3,
    leechers: peers - index * 3,
  }));
}

async function scrape(
  of: TrackerProcess,
  swarms: readonly CrowdSwarm[],
): Promise<UdpScrapeEntry[]> {
  const wire = await connectedWire(of.udp4);
  try {
    return await wire.scrape(swarms.map(({ infoHash }) => infoHash));
  } finally {
    wire.close();
  }
}

function expected(swarms: readonly CrowdSwarm[]): UdpScrapeEntry[] {
  return swarms.map(({ seeders, leechers }) => ({ seeders, completed: seeders, leechers }));
}

interface Stats {
  readonly store: { readonly peers: number; readonly swarms: number };
  readonly save: { readonly lastAt: unknown };
}

async function stats(of: TrackerProcess): Promise<Stats> {
  return (await of.adminJson('/stats.json')) as Stats;
}

/** Waits for two saves to end: the second of them began after this was called. */
async function waitForSave(of: TrackerProcess): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const before = (await stats(of)).save.lastAt;
    await until(
      async () => ((await stats(of)).save.lastAt === before ? undefined : true),
      30_000,
      'a save',
    );
  }
}

const savesEachSecond = { env: { TRACKERBT_STORE_SAVE_SECONDS: '1' } };
const savesAtTheEnd = { env: { TRACKERBT_STORE_SAVE_SECONDS: '3600' } };

describe('after kill -9', () => {
  it('the counts of 100,000 peers that had been saved are back', async () => {
    tracker = await TrackerProcess.start(savesEachSecond);
    const swarms = crowd(SWARMS_COUNT, PEERS_PER_SWARM);
    await announceCrowd(tracker.udp4, swarms);
    expect(await scrape(tracker, swarms)).toEqual(expected(swarms));
    await waitForSave(tracker);
    expect((await tracker.kill9()).signal).toBe('SIGKILL');
    tracker = await tracker.restart();
    expect(await scrape(tracker, swarms)).toEqual(expected(swarms));
    expect((await stats(tracker)).store).toMatchObject({
      peers: SWARMS_COUNT * PEERS_PER_SWARM,
      swarms: SWARMS_COUNT,
    });
  });

  it('a damaged snapshot is set aside, said, and never trusted', async () => {
    tracker = await TrackerProcess.start(savesAtTheEnd);
    const swarms = crowd(3, 100);
    await announceCrowd(tracker.udp4, swarms);
    await tracker.stop();
    const folder = join(tracker.data, 'tracker');
    for (const name of readdirSync(folder).filter((file) => file.includes('snapshot'))) {
      const bytes = readFileSync(join(folder, name));
      bytes[bytes.length >> 1] ^= 0x40;
      writeFileSync(join(folder, name), bytes);
    }
    tracker = await tracker.restart();
    await tracker.waitForLog((line) => /damaged/.test(line.msg ?? ''));
    expect(readdirSync(folder).some((name) => name.includes('damaged'))).toBe(true);
    expect((await stats(tracker)).store.peers).toBe(0);
    const none = { seeders: 0, completed: 0, leechers: 0 };
    expect(await scrape(tracker, swarms)).toEqual([none, none, none]);
  });
});

describe('after a signal', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends with 0 and has saved', async (signal) => {
    tracker = await TrackerProcess.start(savesAtTheEnd);
    const swarms = crowd(5, 200);
    await announceCrowd(tracker.udp4, swarms);
    expect(await tracker.stop(signal)).toEqual({ code: 0, signal: null });
    tracker = await tracker.restart();
    expect(await scrape(tracker, swarms)).toEqual(expected(swarms));
  });
});
