import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AnnounceReply, ScrapeEntry } from '../protocol/announce.js';
import { reserveStore, Shard } from './layout.js';
import { PeerQuery } from './query.js';
import { SnapshotDamagedError } from './snapshot-format.js';
import { loadSnapshot } from './snapshot-reader.js';
import { saveSnapshot } from './snapshot-writer.js';
import { SwarmStore } from './swarm-store.js';
import { storeTotals } from './totals.js';
import { ShardStuckError } from './walk.js';

const LIMITS = { peersMax: 50_000, swarmsMax: 5_000, shards: 4 };
const WALL_MS = 1_700_000_000_000;
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'trackerbt-snapshot-'));
  path = join(directory, 'store');
});
afterEach(() => rmSync(directory, { recursive: true }));

function newStore(seconds: number, limits = LIMITS): SwarmStore {
  const store = new SwarmStore(reserveStore(limits), { thread: 1, seed: 3 });
  store.setTime(seconds, WALL_MS);
  return store;
}

/** A store with one large swarm, many small ones, both families and every kind of peer. */
function filledStore(): SwarmStore {
  const store = newStore(5_000);
  const query = new PeerQuery();
  const reply = new AnnounceReply();
  for (let i = 0; i < 6_000; i++) {
    query.infoHash.fill(i < 3_000 ? 1 : i % 700);
    query.family = i % 3 === 0 ? 6 : 4;
    query.wireBytes.fill(0);
    query.wireBytes.set([10, 0, i >>> 8, i, 0x1a, 0xe1], 0);
    query.seeder = i % 2 === 0;
    query.completed = i % 10 === 0;
    query.partialSeed = i % 11 === 0;
    store.setTime(5_000 + (i % 50), WALL_MS);
    store.announce(query, reply);
  }
  store.setTime(5_050, WALL_MS);
  return store;
}

function save(store: SwarmStore): void {
  saveSnapshot(store, path, { wallMs: WALL_MS, lockTimeoutMs: 1_000 });
}

describe('snapshot', () => {
  it('brings back every count of every swarm', () => {
    const store = filledStore();
    save(store);
    const copy = newStore(77);
    const options = { peerTtlSeconds: 3_000, wallMs: WALL_MS + 5_000 };
    expect(loadSnapshot(copy, path, options)).toEqual({
      peers: 6_000,
      expired: 0,
      dropped: 0,
      denied: 0,
    });
    const [a, b] = [new ScrapeEntry(), new ScrapeEntry()];
    for (let swarm = 0; swarm < 700; swarm++) {
      const infoHash = new Int32Array(5).fill(swarm);
      store.scrape(infoHash, a);
      copy.scrape(infoHash, b);
      expect(b).toEqual(a);
    }
    const { arenaBytes: _, ...totals } = storeTotals(store);
    expect(storeTotals(copy)).toMatchObject(totals);
  });

  it('is readable by its owner only', () => {
    save(filledStore());
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('lets ages go on, the time without a tracker included', () => {
    save(filledStore());
    const copy = newStore(77);
    // The oldest peer was 50 s old; 20 s later those of 31 s and more are over 50.
    const result = loadSnapshot(copy, path, { peerTtlSeconds: 50, wallMs: WALL_MS + 20_000 });
    expect(result.expired).toBe(6_000 * (20 / 50));
    expect(result.peers).toBe(6_000 * (30 / 50));
  });

  it('drops what a smaller store has no room for', () => {
    save(filledStore());
    const copy = newStore(77, { ...LIMITS, peersMax: 1_000 });
    const result = loadSnapshot(copy, path, { peerTtlSeconds: 3_000, wallMs: WALL_MS });
    expect(result).toEqual({ peers: 1_000, expired: 0, dropped: 5_000, denied: 0 });
  });

  it('believes nothing of a file with any byte changed', () => {
    save(filledStore());
    const good = readFileSync(path);
    for (let at = 0; at < good.length; at += 97) {
      const bad = Buffer.from(good);
      bad[at] ^= 0x10;
      writeFileSync(path, bad);
      const copy = newStore(77);
      const load = () => loadSnapshot(copy, path, { peerTtlSeconds: 3_000, wallMs: WALL_MS });
      // The last eight bytes of the header mean nothing yet, but are summed all the same.
      expect(load, `byte ${at}`).toThrow(SnapshotDamagedError);
      expect(storeTotals(copy).peers).toBe(0);
    }
  });

  it('believes nothing of a file that was cut off', () => {
    save(filledStore());
    const good = readFileSync(path);
    for (const length of [0, 5, 31, 32, 39, 40, 1_000, good.length - 26, good.length - 1]) {
      writeFileSync(path, good.subarray(0, length));
      const load = () => loadSnapshot(newStore(77), path, { peerTtlSeconds: 3_000, wallMs: 0 });
      expect(load, `length ${length}`).toThrow(SnapshotDamagedError);
    }
  });

  it('leaves the old file alone when a shard is locked for good', () => {
    const store = filledStore();
    save(store);
    const good = readFileSync(path);
    store.control[256 * 3 + Shard.lock] = 1;
    const saveStuck = () => saveSnapshot(store, path, { wallMs: WALL_MS, lockTimeoutMs: 20 });
    expect(saveStuck).toThrow(ShardStuckError);
    expect(readFileSync(path).equals(good)).toBe(true);
  });
});
