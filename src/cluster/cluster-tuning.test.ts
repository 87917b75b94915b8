import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import type { ClusterTuning } from '../protocol/cluster/control.js';
import { Global } from '../swarm/layout.js';
import { createLiveSettings, LiveSettings } from '../tracker/live-settings.js';
import { PeerLife } from '../tracker/peer-life.js';
import { DRAINING, TuningKeeper } from './cluster-tuning.js';
import type { OwnState } from './heartbeats.js';
import { nodeId, TestCluster } from './replicators.testing.js';

const SELF = nodeId(1);
const OTHER = nodeId(2);
const CONFIGURED = { intervalSeconds: 1_800, minIntervalSeconds: 900, numwantMax: 200 };
let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tuning-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A tracker's part, on the file that the last one left. */
function start(self = SELF) {
  const memory = createLiveSettings();
  const live = new LiveSettings(memory, CONFIGURED);
  const worker = new LiveSettings(memory, CONFIGURED);
  const clock = new ManualClock();
  const control = new Int32Array(256);
  const life = new PeerLife(
    { intervalSeconds: 1_800, peerTtlSeconds: 2_700, remoteTtlSeconds: 4_680, intervalJitter: 0.1 },
    { control, clock },
  );
  const lines: string[] = [];
  const path = join(directory, 'tuning.json');
  const log = { log: (_: string, text: string) => lines.push(text) };
  const keeper = new TuningKeeper({ path, nodeId: self }, { live, life, clock, log });
  const states: (OwnState | undefined)[] = [];
  keeper.onState = (state) => states.push(state);
  const told = () => {
    worker.refresh();
    return [worker.intervalSeconds, worker.numwantMax, worker.draining];
  };
  const ttl = () => control[Global.peerTtlSeconds];
  return { keeper, told, ttl, clock, states, lines, path, live };
}

function tuning(stamp: number, intervalSeconds: number | null, by = OTHER): ClusterTuning {
  return { version: [stamp, by], intervalSeconds, numwantMax: 30, listMode: null };
}

describe("the cluster's word", () => {
  it('reaches the workers, and null means as configured', () => {
    const { keeper, told } = start();
    expect(told()).toEqual([1_800, 200, false]);
    keeper.take({ tuning: tuning(5, 600) });
    expect(told()).toEqual([600, 30, false]);
    keeper.take({ tuning: { ...tuning(6, null), numwantMax: null } });
    expect(told()).toEqual([1_800, 200, false]);
  });

  it('counts by its version, then by its minder, whoever speaks last', () => {
    const { keeper, told } = start();
    keeper.take({ tuning: tuning(5, 600) });
    keeper.take({ tuning: tuning(4, 700) });
    keeper.take({ tuning: tuning(5, 800, SELF) });
    keeper.take({});
    expect(told()[0]).toBe(600);
    keeper.take({ tuning: tuning(5, 900, nodeId(3)) });
    expect(told()[0]).toBe(900);
  });

  it('counts for less when its clock was days ahead', () => {
    const { keeper, told, clock } = start();
    const nowMs = clock.wallMs();
    const farMs = nowMs + 2 * 86_400_000;
    keeper.take({ tuning: tuning(farMs, 600), drains: [[SELF, farMs, true]] });
    expect(told(), 'better than nothing').toEqual([600, 30, true]);
    keeper.take({ tuning: tuning(nowMs, 700), drains: [[SELF, nowMs, false]] });
    expect(told()).toEqual([700, 30, false]);
    keeper.take({ tuning: tuning(farMs, 600), drains: [[SELF, farMs, true]] });
    expect(told()).toEqual([700, 30, false]);
  });

  it('drains this tracker only, and ends it when told so later', () => {
    const { keeper, told, states } = start();
    keeper.take({ drains: [[OTHER, 9, true]] });
    expect([told()[2], keeper.state]).toEqual([false, undefined]);
    keeper.take({
      drains: [
        [OTHER, 9, true],
        [SELF, 10, true],
      ],
    });
    expect([told()[2], keeper.state]).toEqual([true, DRAINING]);
    keeper.take({ drains: [[SELF, 8, false]] });
    keeper.take({ drains: [] });
    expect(told()[2], 'old word, and none').toBe(true);
    keeper.take({ drains: [[SELF, 11, false]] });
    expect(told()[2]).toBe(false);
    expect(states).toEqual([DRAINING, undefined]);
  });

  it('is remembered over a restart, in a file for its owner alone', () => {
    const before = start();
    before.keeper.take({ tuning: tuning(5, 600), drains: [[SELF, 10, true]] });
    expect(statSync(before.path).mode & 0o777).toBe(0o600);
    const after = start();
    expect([after.told(), after.keeper.state]).toEqual([[600, 30, true], DRAINING]);
    after.keeper.take({ tuning: tuning(4, 900), drains: [[SELF, 9, false]] });
    expect(after.told(), 'what is older still does not count').toEqual([600, 30, true]);
  });

  it('is not taken from another membership, nor from a file that is none', () => {
    start().keeper.take({ tuning: tuning(5, 600), drains: [[SELF, 10, true]] });
    expect(start(OTHER).told()).toEqual([1_800, 200, false]);
    for (const text of ['', '{}', '[1', '{"version":2}']) {
      writeFileSync(join(directory, 'tuning.json'), text, { mode: 0o600 });
      const { told, lines } = start();
      expect([told(), lines.length]).toEqual([[1_800, 200, false], 1]);
    }
  });

  it('goes on without a disk', () => {
    const { keeper, told, lines } = start();
    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'a file where the directory was');
    keeper.take({ tuning: tuning(5, 600) });
    expect(told()[0]).toBe(600);
    expect(lines.at(-1)).toContain('failed');
  });

  it('says which lists count when that changes', () => {
    const { keeper } = start();
    const modes: unknown[] = [];
    keeper.onListMode = (mode) => modes.push(mode);
    keeper.take({ tuning: { ...tuning(5, 600), listMode: 'allow' } });
    keeper.take({ tuning: { ...tuning(6, 700), listMode: 'allow' } });
    keeper.take({ tuning: tuning(7, 700) });
    expect(modes).toEqual(['allow', null]);
  });
});

describe('expiry', () => {
  it('follows what is told here and elsewhere, and shrinks when both had their time', () => {
    const { keeper, ttl, clock } = start();
    expect(ttl()).toBe(2_700);
    keeper.take({ tuning: tuning(5, 4_000) });
    expect(ttl(), 'before any client was told').toBe(6_000);
    keeper.take({ tuning: tuning(6, 1_800) });
    keeper.heard({ intervalSeconds: 10_000 });
    keeper.tick();
    expect(ttl()).toBe(15_000);
    clock.advance(26_001);
    keeper.tick();
    expect(ttl()).toBe(2_700);
  });

  it('passes the longest on with its age, so that one that joins knows it', () => {
    const { keeper, clock } = start();
    keeper.heard({ intervalSeconds: 10_000 });
    clock.advance(60);
    keeper.tick();
    const counters = keeper.counters();
    expect(counters).toEqual({
      intervalSeconds: 1_800,
      requests: 0,
      visits: 0,
      longestIntervalSeconds: 10_000,
      longestIntervalAgeSeconds: 60,
    });
    const joiner = start(OTHER);
    joiner.keeper.heard(counters);
    joiner.keeper.tick();
    expect(joiner.ttl()).toBe(15_000);
  });

  it('knows after a crash what was told before it', () => {
    const { keeper } = start();
    keeper.heard({ intervalSeconds: 10_000 });
    keeper.tick();
    expect(start().ttl()).toBe(15_000);
  });

  it('is told in real heartbeats, and old ones that do not say it are none', () => {
    const cluster = new TestCluster();
    const heard: number[] = [];
    const service = (told: Record<string, number>) => ({
      counters: () => told,
      heard: (counters: Readonly<Record<string, number | undefined>>) => {
        heard.push(counters.intervalSeconds ?? 0);
      },
    });
    cluster.start(1, { service: service({ intervalSeconds: 77, requests: 2 ** 40 }) });
    cluster.start(2);
    cluster.start(3, { service: service({ intervalSeconds: 33 }) });
    cluster.run(3_000);
    expect(new Set(heard)).toEqual(new Set([77, 33, 0]));
  });
});
