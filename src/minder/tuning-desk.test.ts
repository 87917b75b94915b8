import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import { DRAINS_MAX } from '../protocol/cluster/control.js';
import type { Heartbeat } from '../protocol/cluster/heartbeat.js';
import type { ControlState } from './control-state.js';
import { nodeRecord, temporaryDirectory } from './minder-rig.testing.js';
import type { NodeRegistry } from './node-registry.js';
import { heartbeatOf, openRegistry } from './registry-rig.testing.js';
import { type DrainView, settingsParts, TuningDesk } from './tuning-desk.js';

const A = `n${'a'.repeat(16)}`;
const B = `n${'b'.repeat(16)}`;
const M = `n${'c'.repeat(16)}`;
const logger = createLogger({ level: 'silent', format: 'json', name: 'x' });
let directory = '';
let clock: ManualClock;
let state: ControlState;
let registry: NodeRegistry;
let desk: TuningDesk;

beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock();
  ({ state, registry } = openRegistry(directory, clock));
  desk = new TuningDesk({ state, registry, clock, logger });
  state.commit([
    { kind: 'node', id: A, value: nodeRecord('alpha') },
    { kind: 'node', id: B, value: nodeRecord('beta') },
    { kind: 'node', id: M, value: { ...nodeRecord('other minder'), role: 'minder' } },
  ]);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function beat(id: string, counters: Heartbeat['counters'], over: Partial<Heartbeat> = {}): void {
  registry.note(id, heartbeatOf(id, clock, { counters, ...over }));
}

const nodeOf = (id: string) => registry.nodes().find((node) => node.id === id);
const status = (node: string) => desk.handle('drain.status', { node }) as DrainView;
const codeOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
};

describe('settings of the cluster', () => {
  it('change one by one, are told with their version, and null takes one back', () => {
    expect(settingsParts(state)).toEqual({});
    desk.handle('settings.set', { intervalSeconds: 600 });
    desk.handle('settings.set', { numwantMax: 0, listMode: 'allow' });
    const all = { intervalSeconds: 600, numwantMax: 0, listMode: 'allow' };
    expect(desk.handle('settings.get', {})).toEqual(all);
    const { revision, minderId } = state;
    expect(settingsParts(state).tuning).toEqual({ version: [revision, minderId], ...all });
    expect(desk.handle('settings.set', { intervalSeconds: null })).toMatchObject({
      intervalSeconds: null,
      numwantMax: 0,
    });
    expect(settingsParts(state).tuning?.version[0]).toBeGreaterThan(revision);
  });

  it('are no other word when nothing is said, and refused beyond their bounds', () => {
    const { revision } = state;
    desk.handle('settings.set', {});
    for (const bad of [
      { intervalSeconds: 0 },
      { intervalSeconds: 28_801 },
      { numwantMax: 201 },
      { listMode: 'shut' },
      { interval: 5 },
      null,
    ]) {
      expect(codeOf(() => desk.handle('settings.set', bad))).toBe('control_invalid');
    }
    expect(state.revision).toBe(revision);
  });
});

describe('a drain', () => {
  it('is told to the tracker, by id or name, once', () => {
    expect(desk.handle('drain.start', { node: 'alpha' })).toMatchObject({ id: A, draining: true });
    const { revision } = state;
    desk.handle('drain.start', { node: A });
    expect(state.revision).toBe(revision);
    desk.handle('drain.start', { node: B });
    desk.handle('drain.end', { node: 'alpha' });
    expect(settingsParts(state).drains).toEqual([
      [A, state.revision, false],
      [B, state.revision - 1, true],
    ]);
  });

  it('is refused for a minder, for who is not there, and for who was thrown out', () => {
    const start = (node: unknown) => codeOf(() => desk.handle('drain.start', { node }));
    expect(start(M)).toBe('control_invalid');
    expect(start('gamma')).toBe('control_not_found');
    expect(start(7)).toBe('control_invalid');
    desk.handle('drain.start', { node: A });
    state.commit([
      { kind: 'revocation', id: A, value: { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' } },
    ]);
    expect(start(A)).toBe('control_invalid');
    expect(settingsParts(state).drains, 'nor is it told any more').toBeUndefined();
  });

  it('names as many nodes as a message may, those of the last words', () => {
    const ids = Array.from({ length: DRAINS_MAX + 3 }, (_, i) => `n${String(i).padStart(16, '0')}`);
    for (const id of ids) {
      state.merge([
        { kind: 'node', id, stamp: 1, by: A, value: nodeRecord(id) },
        {
          kind: 'drain',
          id,
          stamp: Number(id.slice(1)),
          by: A,
          value: { draining: true, sinceMs: 1 },
        },
      ]);
    }
    const drains = settingsParts(state).drains ?? [];
    expect(drains).toHaveLength(DRAINS_MAX);
    expect(drains[0][0]).toBe(ids.at(-1));
    expect(drains.some(([id]) => id === ids[2])).toBe(false);
  });

  it('is quiet for as long as only probes and clients that leave have come', () => {
    beat(A, { requests: 10, visits: 5 });
    beat(B, { requests: 1, visits: 1 });
    clock.advance(50);
    beat(A, { requests: 60, visits: 5 });
    desk.handle('drain.start', { node: A });
    expect(status(A)).toMatchObject({ quietSeconds: 0, healthyOthers: 0, inDns: null });
    for (let second = 1; second <= 30; second++) {
      clock.advance(1);
      beat(B, { requests: 1, visits: 1 });
      // Probes go on; one client comes in the tenth second.
      const visits = second < 10 ? 5 : 6;
      beat(A, { requests: 60 + 2 * second, visits }, { state: 'draining', reason: 'operator' });
    }
    expect(status(A)).toMatchObject({
      state: 'draining',
      reason: 'operator',
      requestsPerSecond: 2,
      quietSeconds: 20,
      healthyOthers: 1,
    });
    clock.advance(100);
    expect(status(A).quietSeconds, 'what is silent is not quiet').toBe(20);
    beat(A, { requests: 0, visits: 0 }, { epoch: 2 });
    expect(status(A).quietSeconds, 'after a start').toBe(0);
  });

  it('is never quiet for a tracker of a version that does not say, nor for one not drained', () => {
    beat(A, {});
    beat(B, { requests: 0, visits: 0 });
    desk.handle('drain.start', { node: A });
    clock.advance(1);
    expect(status(A)).toMatchObject({ quietSeconds: null, requestsPerSecond: null });
    expect(status(B)).toMatchObject({ quietSeconds: null, draining: false });
  });

  it('says whether the name still leads there, where somebody knows', () => {
    const inDns = (id: string) => id === A;
    desk = new TuningDesk({ state, registry, clock, logger, inDns });
    expect([status(A).inDns, status(B).inDns]).toEqual([true, false]);
  });
});

describe('the view of a node', () => {
  it('shows requests over several heartbeats, and the interval that clients are told', () => {
    beat(A, { requests: 1_000, intervalSeconds: 1_800 });
    expect(nodeOf(A)).toMatchObject({ requestsPerSecond: null, intervalSeconds: 1_800 });
    // Counted once a second and told once a second: now and then twice, or not at all.
    for (const requests of [1_000, 1_200, 1_200, 1_400]) {
      clock.advance(1);
      beat(A, { requests, intervalSeconds: 2_250 });
    }
    expect(nodeOf(A)).toMatchObject({ requestsPerSecond: 100, intervalSeconds: 2_250 });
    clock.advance(1);
    beat(A, { requests: 3 }, { epoch: 9 });
    expect(nodeOf(A)?.requestsPerSecond, 'after a start').toBeNull();
    expect(nodeOf(M)?.requestsPerSecond).toBeUndefined();
  });

  it('forgets nodes that are gone', () => {
    beat(A, { requests: 1, visits: 1 });
    state.commit([{ kind: 'node', id: A, value: null }]);
    registry.sweep();
    const { service } = registry;
    expect(service.quietSeconds(A)).toBeUndefined();
  });
});
