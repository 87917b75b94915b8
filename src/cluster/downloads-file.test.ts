import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DownloadCounters } from './download-counters.js';
import { loadDownloads, saveDownloads } from './downloads-file.js';
import { Origins } from './origins.js';

const A = 'n000000000000000a';
const B = 'n000000000000000b';
const C = 'n000000000000000c';
const key = Uint8Array.from({ length: 16 }, (_, i) => 3 * i);
const options = { countersMax: 1_000_000, freshKey: new Uint8Array(16), wallMs: 1_700_000_000_000 };
const infoHash = (swarm: number) => Int32Array.of(swarm, 1, 2, 3, 4);
const table = (self: string, known: string[] = []) => new Origins({ self, known }, { keep() {} });

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trackerbt-downloads-'));
  path = join(folder, 'downloads');
});
afterEach(() => rmSync(folder, { recursive: true }));

function sample(swarms = 3): DownloadCounters {
  const counters = new DownloadCounters({ countersMax: 1_000_000, key });
  for (let swarm = 1; swarm <= swarms; swarm++) {
    counters.merge(infoHash(swarm), 0, 0, swarm);
    counters.merge(infoHash(swarm), 0, 1, 100 + swarm);
  }
  counters.merge(infoHash(1), 0, 2, 7);
  counters.merge(infoHash(1), 0, 4_095, 9);
  return counters;
}

function ofSwarm(counters: DownloadCounters, swarm: number): Map<number, number> {
  const found = new Map<number, number>();
  counters.forEach(infoHash(swarm), 0, (slot, downloads) => found.set(slot, downloads));
  return found;
}

it('begins with nothing, under the fresh key', () => {
  const { counters, damaged } = loadDownloads(path, options, { origins: table(A) });
  expect([counters.size, counters.key, damaged]).toEqual([0, options.freshKey, undefined]);
});

it('gives back what was saved, over more than one block, in a file for its owner alone', () => {
  const origins = table(A, [B, C]);
  const saved = sample(40_000);
  saveDownloads(saved, path, { origins });
  const { counters, damaged } = loadDownloads(path, options, { origins });
  expect([counters.size, counters.key, damaged]).toEqual([saved.size, key, undefined]);
  for (const swarm of [1, 2, 20_000, 40_000]) {
    expect(ofSwarm(counters, swarm)).toEqual(ofSwarm(saved, swarm));
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['downloads']);
});

it('knows nodes by their ids, whatever slots they have now and whoever it is itself', () => {
  saveDownloads(sample(), path, { origins: table(A, [B, C]) });
  const now = table(C, [B]);
  const { counters } = loadDownloads(path, options, { origins: now });
  expect(ofSwarm(counters, 1)).toEqual(
    new Map([
      [now.slotOf(A), 1],
      [now.slotOf(B), 101],
      [0, 7],
      [4_095, 9],
    ]),
  );
});

it('replaces the last file', () => {
  const origins = table(A, [B, C]);
  saveDownloads(sample(), path, { origins });
  const more = sample();
  more.merge(infoHash(1), 0, 0, more.own(infoHash(1)) + 1);
  saveDownloads(more, path, { origins });
  expect(loadDownloads(path, options, { origins }).counters.own(infoHash(1))).toBe(2);
});

it('leaves the last file when it cannot write', () => {
  const origins = table(A);
  expect(() => saveDownloads(sample(), join(folder, 'gone', 'downloads'), { origins })).toThrow();
  saveDownloads(sample(), path, { origins });
  const before = readFileSync(path);
  const broken = sample();
  broken.forEachEntry = () => {
    throw new Error('disk full');
  };
  expect(() => saveDownloads(broken, path, { origins })).toThrow('disk full');
  expect(readFileSync(path)).toEqual(before);
  expect(readdirSync(folder)).toEqual(['downloads']);
});

it('sets a file aside that is damaged or cut off anywhere, and begins anew', () => {
  const origins = table(A, [B, C]);
  saveDownloads(sample(), path, { origins });
  const whole = readFileSync(path);
  const load = (bytes: Uint8Array) => {
    writeFileSync(path, bytes);
    return loadDownloads(path, options, { origins });
  };
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole);
    bytes[at] ^= 0x40;
    const { counters, damaged } = load(bytes);
    expect([counters.size, counters.key], `byte ${at}`).toEqual([0, options.freshKey]);
    expect(readFileSync(damaged?.aside ?? '')).toEqual(bytes);
  }
  for (let length = 0; length < whole.length; length++) {
    expect(load(whole.subarray(0, length)).damaged, `${length} bytes`).toBeDefined();
  }
  expect(load(Buffer.concat([whole, Buffer.of(0)])).damaged?.reason).toContain('cut off');
  expect(load(whole).damaged).toBeUndefined();
});

it('loads no more than there is room for, and counts the rest', () => {
  const origins = table(A, [B, C]);
  saveDownloads(sample(), path, { origins });
  const { counters } = loadDownloads(path, { ...options, countersMax: 5 }, { origins });
  expect([counters.size, counters.dropped]).toEqual([5, 3]);
});
