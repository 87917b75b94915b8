import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { ControlState } from './control-state.js';
import { MinderOrder } from './minder-order.js';
import { nodeRecord, temporaryDirectory } from './minder-rig.testing.js';

const [A, B, C, TRACKER] = ['a', 'b', 'c', 'd'].map((digit) => `n${digit.repeat(16)}`);
let directory = '';
let clock: ManualClock;
let state: ControlState;
let order: MinderOrder;

beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock();
  state = new ControlState({ path: join(directory, 'state.json'), minderId: B }, { clock });
  const value = { urls: [], bus: [], routes: [] };
  state.commit([
    ...[A, B, C].map((id) => ({ kind: 'minder', id, value }) as const),
    { kind: 'node', id: TRACKER, value: nodeRecord('t') },
  ]);
  order = new MinderOrder({}, { state, clock });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the order of minders', () => {
  it('is that of the ids of those that were heard lately, itself included', () => {
    expect([order.rank(), order.others()]).toEqual([0, []]);
    order.hear(C);
    expect(order.rank()).toBe(0);
    order.hear(A);
    expect([order.rank(), order.others()]).toEqual([1, [A, C]]);
    clock.advance(3);
    order.hear(C);
    clock.advance(3);
    expect([order.rank(), order.others()]).toEqual([0, [C]]);
  });

  it('has no trackers, no strangers, nobody twice, and nobody who was revoked', () => {
    for (const id of [TRACKER, `n${'e'.repeat(16)}`, B, A, A]) order.hear(id);
    expect(order.others()).toEqual([A]);
    const value = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
    state.commit([{ kind: 'revocation', id: A, value }]);
    expect(order.others()).toEqual([]);
    order.hear(A);
    expect(order.others()).toEqual([]);
  });

  it('tells of a minder that appears, and of one that is back', () => {
    const appeared: string[] = [];
    order.onNew((id) => appeared.push(id));
    order.hear(A);
    clock.advance(1);
    order.hear(A);
    expect(appeared).toEqual([A]);
    clock.advance(6);
    order.hear(A);
    expect(appeared).toEqual([A, A]);
  });
});
