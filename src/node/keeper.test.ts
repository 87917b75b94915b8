import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { AnnounceReply } from '../protocol/announce.js';
import { reserveStore } from '../swarm/layout.js';
import { PeerQuery } from '../swarm/query.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { startKeeper } from './keeper.js';
import type { WorkerMessage } from './message.js';
import type { KeeperTask } from './task.js';
import type { RunningWorker, WorkerContext } from './worker-context.js';

const SAVE_SECONDS = 60;
let directory: string;
let path: string;
let keeper: RunningWorker | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'trackerbt-keeper-'));
  path = join(directory, 'store');
  vi.useFakeTimers();
});
afterEach(async () => {
  await keeper?.stop();
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

it('saves a store that became empty until that worked, and then not again', () => {
  const memory = reserveStore({ peersMax: 1_000, swarmsMax: 100, shards: 2 });
  const clock = new ManualClock();
  const saves: { ok: boolean; peers: number }[] = [];
  const send = (message: WorkerMessage) => {
    if (message.type === 'saved') saves.push(message.report);
  };
  const task = {
    kind: 'keeper',
    memory,
    thread: 2,
    snapshotPath: path,
    saveSeconds: SAVE_SECONDS,
    peerTtlSeconds: 1_000,
    emptySwarmSeconds: 1_000,
    busiestMax: 0,
  } as unknown as KeeperTask;
  keeper = startKeeper(task, { clock, send } as unknown as WorkerContext);
  const saveIsDue = () => {
    clock.advance(SAVE_SECONDS);
    vi.advanceTimersByTime(1_000);
    return saves.splice(0);
  };

  const store = new SwarmStore(memory, { thread: 3, seed: 1 });
  store.setTime(clock.seconds, clock.epochMs);
  const query = new PeerQuery();
  store.announce(query, new AnnounceReply());
  expect(saveIsDue()).toMatchObject([{ ok: true, peers: 1 }]);
  query.stopped = true;
  store.announce(query, new AnnounceReply());
  // Nothing can be written there.
  mkdirSync(`${path}.tmp`);
  expect(saveIsDue()).toMatchObject([{ ok: false, peers: 0 }]);
  rmdirSync(`${path}.tmp`);
  expect(saveIsDue()).toMatchObject([{ ok: true, peers: 0 }]);
  expect(saveIsDue()).toEqual([]);
});
