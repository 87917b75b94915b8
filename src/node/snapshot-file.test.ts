import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import { reserveStore } from '../swarm/layout.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { loadSavedStore, prepareSnapshotPath } from './snapshot-file.js';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'trackerbt-snapshot-'));
});
afterEach(() => rmSync(data, { recursive: true }));

const unusable = (path: string, help: string) =>
  expect.objectContaining({
    code: 'file_unusable',
    message: expect.stringMatching(new RegExp(`^cannot use ${path}: .*; .*${help}`)),
  });

describe('the saved store', () => {
  it('has a directory of its own, or the error says where that should be', () => {
    writeFileSync(join(data, 'tracker'), 'a file');
    const folder = join(data, 'tracker');
    expect(() => prepareSnapshotPath(data)).toThrow(unusable(folder, 'must be a directory'));
  });

  it('that cannot be read ends the start with its path and what to do', () => {
    const path = prepareSnapshotPath(data);
    mkdirSync(path);
    const store = new SwarmStore(reserveStore({ peersMax: 1_000, swarmsMax: 1_000, shards: 1 }), {
      thread: 1,
      seed: 1,
    });
    const logger = createLogger({ level: 'silent', format: 'json', name: 'test' });
    const means = { clock: new ManualClock(), logger };
    expect(() => loadSavedStore(store, path, 60, means)).toThrow(unusable(path, 'move it away'));
  });
});
