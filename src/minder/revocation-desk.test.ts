import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { createLogger } from '../lib/log.js';
import { ClusterKeys } from './cluster-keys.js';
import { ControlState } from './control-state.js';
import { nodeRecord, temporaryDirectory } from './minder-rig.testing.js';
import { RevocationDesk } from './revocation-desk.js';

const NODE = `n${'a'.repeat(16)}`;
const LIFETIME_MS = 3_600_000;
const logger = createLogger({ level: 'silent', format: 'json', name: 'x' });
let directory = '';
let clock: ManualClock;
let state: ControlState;
let keys: ClusterKeys;
/** What the bus was told, with the generation of keys at that moment. */
let told: [key: string, generation: number][];

beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock();
  told = [];
  load();
  state.commit([{ kind: 'node', id: NODE, value: nodeRecord('a', 'UKEY') }]);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function load(): void {
  state = new ControlState({ path: join(directory, 'state.json') }, { clock });
  keys = new ClusterKeys({ rotationSeconds: 600 }, { state, clock });
}

function desk(outcome: () => { live: boolean; effectiveWallMs: number }): RevocationDesk {
  const bus = {
    lifetimeMsMax: LIFETIME_MS,
    revoke: async (key: string) => {
      told.push([key, keys.ring.generation]);
      return outcome();
    },
  };
  return new RevocationDesk({ state, keys, bus, clock, logger });
}

const live = () => ({ live: true, effectiveWallMs: clock.wallMs() });

describe('a revocation', () => {
  it('is recorded, then cuts off, then replaces the keys', async () => {
    const { generation } = keys.ring;
    expect(await desk(live).revoke(NODE)).toEqual({ live: true, effectiveMs: clock.wallMs() });
    expect(told).toEqual([['UKEY', generation]]);
    expect(keys.ring.generation).toBe(generation + 3);
    expect(state.get('revocation', NODE)?.effectiveMs).toBe(clock.wallMs());
  });

  it('that was interrupted is completed after the next start, and only that', async () => {
    const fails = desk(() => {
      throw new Error('killed here');
    });
    await expect(fails.revoke(NODE)).rejects.toThrow('killed here');
    const { generation } = keys.ring;
    load();
    expect(state.get('revocation', NODE)).toBeDefined();
    await desk(live).resume();
    expect(told).toHaveLength(2);
    expect(keys.ring.generation).toBe(generation + 3);
    await desk(live).resume();
    expect(told).toHaveLength(2);
  });

  it('that is not live replaces the keys again once it is', async () => {
    const endMs = clock.wallMs() + 60_000;
    const outcome = await desk(() => ({ live: false, effectiveWallMs: endMs })).revoke(NODE);
    expect(outcome).toEqual({ live: false, effectiveMs: endMs });
    const { generation } = keys.ring;
    clock.advance(60);
    expect(keys.rotateIfDue()).toBe(true);
    expect(keys.ring.generation).toBe(generation + 3);
  });
});
