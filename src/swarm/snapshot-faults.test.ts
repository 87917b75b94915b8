/**
 * The disk fails at each call that a save makes, one after the other: whatever it was, the old file or
 * the new one is there and whole, and no descriptor is left open, or closed twice. A descriptor that
 * is closed twice may be another thread's by then.
 */
import type * as Fs from 'node:fs';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AnnounceReply } from '../protocol/announce.js';
import { reserveStore } from './layout.js';
import { PeerQuery } from './query.js';
import { loadSnapshot } from './snapshot-reader.js';
import { saveSnapshot } from './snapshot-writer.js';
import { SwarmStore } from './swarm-store.js';
import { storeTotals } from './totals.js';

const disk = vi.hoisted(() => ({
  /** Calls made, by name. */
  calls: [] as string[],
  /** Number of the call that fails; -1: none. */
  failing: -1,
  /** Most bytes that one write takes. */
  writeBytesMax: Number.POSITIVE_INFINITY,
  open: new Set<number>(),
  closedTwice: false,
}));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof Fs>();
  const step = (name: string) => {
    disk.calls.push(name);
    if (disk.calls.length - 1 !== disk.failing) return;
    throw Object.assign(new Error(`no space left on device, ${name}`), { code: 'ENOSPC' });
  };
  return {
    ...fs,
    openSync: (...args: Parameters<typeof fs.openSync>) => {
      step('open');
      const file = fs.openSync(...args);
      disk.open.add(file);
      return file;
    },
    closeSync: (file: number) => {
      if (!disk.open.delete(file)) disk.closedTwice = true;
      else fs.closeSync(file);
      // As the system does it: the descriptor is gone, whatever close says.
      step('close');
    },
    writeSync: (file: number, bytes: Uint8Array, at: number, length: number) => {
      step('write');
      return fs.writeSync(file, bytes, at, Math.min(length, disk.writeBytesMax));
    },
    fsyncSync: (file: number) => {
      step('fsync');
      fs.fsyncSync(file);
    },
    renameSync: (from: string, to: string) => {
      step('rename');
      fs.renameSync(from, to);
    },
  };
});

const WALL_MS = 1_700_000_000_000;
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'trackerbt-faults-'));
  path = join(directory, 'store');
  Object.assign(disk, { calls: [], failing: -1, closedTwice: false });
  disk.writeBytesMax = Number.POSITIVE_INFINITY;
});
afterEach(() => rmSync(directory, { recursive: true }));

function newStore(peers: number): SwarmStore {
  const limits = { peersMax: 10_000, swarmsMax: 1_000, shards: 2 };
  const store = new SwarmStore(reserveStore(limits), { thread: 1, seed: 1 });
  store.setTime(1_000, WALL_MS);
  const query = new PeerQuery();
  for (let i = 0; i < peers; i++) {
    query.infoHash.fill(i % 50);
    query.wireBytes.set([10, 0, i >>> 8, i, 0x1a, 0xe1], 0);
    store.announce(query, new AnnounceReply());
  }
  return store;
}

function save(store: SwarmStore): void {
  saveSnapshot(store, path, { wallMs: WALL_MS, lockTimeoutMs: 1_000 });
}

/** Peers in the file. */
function saved(): number {
  const copy = newStore(0);
  loadSnapshot(copy, path, { peerTtlSeconds: 3_000, wallMs: WALL_MS });
  return storeTotals(copy).peers;
}

describe('a save on a disk that fails', () => {
  it('leaves one whole file, and every descriptor closed once', () => {
    save(newStore(1_000));
    const store = newStore(2_000);
    disk.calls = [];
    save(store);
    const calls = [...disk.calls];
    expect(calls.slice(-6)).toEqual(['fsync', 'close', 'rename', 'open', 'fsync', 'close']);
    const renamed = calls.indexOf('rename');
    for (let failing = 0; failing < calls.length; failing++) {
      disk.failing = -1;
      save(newStore(1_000));
      Object.assign(disk, { calls: [], failing, closedTwice: false });
      expect(() => save(store), `call ${failing}`).toThrow('no space left');
      disk.failing = -1;
      expect(disk.closedTwice, `call ${failing}, ${calls[failing]}`).toBe(false);
      expect(disk.open.size, `call ${failing}, ${calls[failing]}`).toBe(0);
      expect(existsSync(`${path}.tmp`)).toBe(false);
      expect(saved()).toBe(failing <= renamed ? 1_000 : 2_000);
    }
  });

  it('goes on where the system took a part of a write', () => {
    disk.writeBytesMax = 1_000;
    save(newStore(2_000));
    expect(disk.calls.filter((call) => call === 'write').length).toBeGreaterThan(20);
    expect(saved()).toBe(2_000);
    expect(readdirSync(directory)).toEqual(['store']);
  });
});
