import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { ClusterKeys } from './cluster-keys.js';
import { ControlState } from './control-state.js';
import { temporaryDirectory } from './minder-rig.testing.js';

const NODE = `n${'1'.repeat(16)}`;
let directory = '';
let clock: ManualClock;
let state: ControlState;
let keys: ClusterKeys;

beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock();
  state = new ControlState({ path: join(directory, 'state.json') }, { clock });
  keys = new ClusterKeys({ rotationSeconds: 600 }, { state, clock });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the key ring of a cluster', () => {
  it('moves on by one every period: the next key becomes current, the current one previous', () => {
    const before = keys.ring;
    clock.advance(599);
    expect(keys.rotateIfDue()).toBe(false);
    clock.advance(1);
    expect(keys.rotateIfDue()).toBe(true);
    const { generation, previous, current, next } = keys.ring;
    expect([generation, previous, current]).toEqual([
      before.generation + 1,
      before.current,
      before.next,
    ]);
    expect(Object.values(before)).not.toContain(next);
    expect(keys.rotateIfDue()).toBe(false);
  });

  it('does not stop when the clock is set back', () => {
    clock.epochMs -= 86_400_000;
    clock.advance(600);
    expect(keys.rotateIfDue()).toBe(true);
    clock.advance(1);
    expect(keys.rotateIfDue()).toBe(false);
  });

  it('goes on from where it was after a restart, whatever the clock says then', () => {
    const path = join(directory, 'state.json');
    const again = () =>
      new ClusterKeys(
        { rotationSeconds: 600 },
        { state: new ControlState({ path }, { clock }), clock },
      );
    clock.advance(400);
    const second = again();
    clock.advance(199);
    expect(second.rotateIfDue()).toBe(false);
    clock.advance(1);
    expect(second.rotateIfDue()).toBe(true);
    clock.epochMs -= 86_400_000;
    const third = again();
    clock.advance(600);
    expect(third.rotateIfDue()).toBe(true);
  });

  it('is moved on by the next minder when the one before it does not', () => {
    let rank = 2;
    keys.rankBy(() => rank);
    clock.advance(639);
    expect(keys.rotateIfDue()).toBe(false);
    clock.advance(1);
    expect(keys.rotateIfDue()).toBe(true);
    clock.advance(600);
    expect(keys.rotateIfDue()).toBe(false);
    rank = 0;
    expect(keys.rotateIfDue()).toBe(true);
  });

  it('is left alone for a period when another minder has just moved it on', () => {
    const entry = state.entry('setting', 'cluster')!;
    const { generation, current, next } = keys.ring;
    const keyRing = {
      generation: generation + 1,
      previous: current,
      current: next,
      next: 'e'.repeat(32),
    };
    clock.advance(590);
    // Its clock is an hour behind ours.
    const value = { ...entry.value!, keyRing, rotatedMs: clock.wallMs() - 3_600_000 };
    state.merge([{ ...entry, stamp: entry.stamp + 1, value }]);
    expect(keys.ring.current).toBe(next);
    expect(keys.rotateIfDue()).toBe(false);
    clock.advance(599);
    expect(keys.rotateIfDue()).toBe(false);
    clock.advance(1);
    expect(keys.rotateIfDue()).toBe(true);
  });

  it('never gives one number to two keys', () => {
    const byNumber = new Map<number, string>();
    const note = () => {
      const { generation, previous, current, next } = keys.ring;
      [previous, current, next].forEach((key, i) => {
        const number = generation - 1 + i;
        expect(byNumber.get(number) ?? key).toBe(key);
        byNumber.set(number, key);
      });
    };
    note();
    for (const act of ['rotate', 'replace', 'rotate', 'rotate', 'replace', 'replace', 'rotate']) {
      if (act === 'replace') state.commit([keys.replacement()]);
      clock.advance(600);
      if (act === 'rotate') expect(keys.rotateIfDue()).toBe(true);
      note();
    }
  });

  it('leaves no key of old when it is replaced', () => {
    const before = Object.values(keys.ring);
    const { digestKey } = keys;
    state.commit([keys.replacement()]);
    for (const key of Object.values(keys.ring)) expect(before).not.toContain(key);
    expect(keys.digestKey).toBe(digestKey);
  });

  it('is replaced once more when a revoked node could hear until later than thought', () => {
    const value = {
      revokedMs: clock.wallMs(),
      effectiveMs: clock.wallMs() + 60_000,
      busPublicKey: 'U',
    };
    state.commit([{ kind: 'revocation', id: NODE, value }, keys.replacement()]);
    const { generation } = keys.ring;
    clock.advance(59);
    expect(keys.rotateIfDue()).toBe(false);
    clock.advance(1);
    expect(keys.rotateIfDue()).toBe(true);
    expect(keys.ring.generation).toBe(generation + 3);
    expect(keys.rotateIfDue()).toBe(false);
  });

  it('is the same after a restart', () => {
    const path = join(directory, 'state.json');
    const again = new ClusterKeys(
      { rotationSeconds: 600 },
      { state: new ControlState({ path }, { clock }), clock },
    );
    expect([again.ring, again.digestKey]).toEqual([keys.ring, keys.digestKey]);
  });
});
