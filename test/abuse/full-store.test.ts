/** A store that is full: everybody is still answered, nothing new is kept, and it is said. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { announceCrowd } from '../support/crowd.js';
import { announceTarget, httpDict } from '../support/http-wire.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

const PEERS_MAX = 1_000;

let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start({
    config: { limits: { peersMax: PEERS_MAX, swarmsMax: 1_000 } },
  });
});
afterAll(async () => {
  await tracker?.remove();
});

interface Store {
  readonly peers: number;
  readonly swarms: number;
  readonly droppedFull: number;
}

async function store(): Promise<Store> {
  return ((await tracker.adminJson('/stats.json')) as { store: Store }).store;
}

describe('a full store', () => {
  it('answers everybody and keeps no more than its bound', async () => {
    const swarms = Array.from({ length: 60 }, () => ({
      infoHash: newHash(),
      seeders: 0,
      leechers: 50,
    }));
    await announceCrowd(tracker.udp4, swarms);
    const { peers, droppedFull } = await store();
    expect(peers).toBeLessThanOrEqual(PEERS_MAX);
    expect(peers).toBeGreaterThan(0);
    expect(droppedFull).toBeGreaterThan(0);
    expect((await httpDict(tracker.http4, announceTarget(newHash()))).has('peers')).toBe(true);
  });

  it('answers announces in more swarms than it keeps', async () => {
    const swarms = Array.from({ length: 3_000 }, () => ({
      infoHash: newHash(),
      seeders: 0,
      leechers: 1,
    }));
    await announceCrowd(tracker.udp4, swarms);
    expect((await store()).swarms).toBeLessThanOrEqual(1_000);
  });

  it('says so in one warning, not in thousands', async () => {
    await tracker.waitForLog((line) => /full/.test(line.msg ?? ''));
    expect(tracker.logs.filter((line) => /full/.test(line.msg ?? '')).length).toBeLessThan(5);
  });
});
