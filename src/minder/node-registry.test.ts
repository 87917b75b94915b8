import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import { type Heartbeat, STOPPED } from '../protocol/cluster/heartbeat.js';
import type { ControlState } from './control-state.js';
import { nodeRecord, temporaryDirectory } from './minder-rig.testing.js';
import { NodeRegistry } from './node-registry.js';
import { parseEndpoint } from './probe-endpoint.js';
import { heartbeatOf, openRegistry } from './registry-rig.testing.js';

const A = `n${'a'.repeat(16)}`;
const B = `n${'b'.repeat(16)}`;
let directory = '';
let clock: ManualClock;
let state: ControlState;
let registry: NodeRegistry;

beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock();
  ({ state, registry } = openRegistry(directory, clock));
  enrolled(A, 'alpha');
  enrolled(B, 'beta');
  // Past the first seconds, in which nobody can have been heard.
  clock.advance(60);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function enrolled(id: string, name: string): void {
  state.commit([{ kind: 'node', id, value: nodeRecord(name) }]);
}

const heartbeat = (id: string, over: Partial<Heartbeat> = {}) => heartbeatOf(id, clock, over);

function beat(id: string, over: Partial<Heartbeat> = {}): void {
  registry.note(id, heartbeat(id, over));
}

const view = (id: string) => registry.nodes().find((node) => node.id === id)!;

describe('the registry of nodes', () => {
  it('reads few heartbeats of one that sends many, and those of the others', () => {
    const bytes = (id: string) => Buffer.from(JSON.stringify({ version: 1, id }));
    for (let i = 0; i < 1_000; i++) registry.hear(A, bytes(A));
    registry.hear(B, bytes(B));
    registry.hear(`n${'c'.repeat(16)}`, bytes(A));
    expect(registry.counters).toMatchObject({ unreadable: 21, tooMany: 980, strangers: 1 });
    clock.advance(1);
    registry.hear(A, bytes(A));
    expect(registry.counters).toMatchObject({ unreadable: 22, tooMany: 980 });
  });

  it('shows this minder first, and everybody by the name they enrolled with', () => {
    beat(B);
    expect(registry.nodes().map(({ name }) => name)).toEqual(['minder', 'alpha', 'beta']);
    expect(registry.counts()).toMatchObject({ healthy: 2, unreachable: 1 });
  });

  it('shows the version that a node says, and of one that does not that of its certificate', () => {
    const { software } = nodeRecord('alpha');
    beat(A);
    expect(view(A).version).toBe(software);
    beat(A, { software: `${software}.1` });
    expect(view(A).version).toBe(`${software}.1`);
  });

  it('believes what a node says of its state', () => {
    beat(A, { state: 'joining' });
    beat(B, { state: 'draining', reason: 'asked to' });
    expect(view(A)).toMatchObject({ state: 'joining', reason: null });
    expect(view(B)).toMatchObject({ state: 'draining', reason: 'asked to' });
  });

  it('calls a node unreachable that is not heard', () => {
    expect(view(A)).toMatchObject({
      state: 'unreachable',
      reason: 'silent',
      lastHeartbeatMs: null,
    });
    beat(A);
    clock.advance(5);
    expect(view(A)).toMatchObject({ state: 'healthy', lastHeartbeatMs: 5_000 });
    clock.advance(1);
    expect(view(A)).toMatchObject({ state: 'unreachable', reason: 'silent' });
    beat(A);
    expect(view(A).state).toBe('healthy');
  });

  it('believes a node that says it ends, then and when it is silent, until it is heard again', () => {
    state.commit([{ kind: 'drain', id: B, value: { draining: true, sinceMs: 1 } }]);
    for (const id of [A, B]) {
      beat(id);
      beat(id, STOPPED);
      expect(view(id)).toMatchObject({ ...STOPPED, lastHeartbeatMs: 0 });
    }
    clock.advance(6);
    for (const id of [A, B]) expect(view(id)).toMatchObject(STOPPED);
    beat(A, { epoch: 2 });
    expect(view(A)).toMatchObject({ state: 'healthy', reason: null });
  });

  it('gives everybody a few seconds after a start of its own', () => {
    const fresh = new NodeRegistry(
      { clockOffsetMaxMs: 10_000 },
      { self: { name: 'm', software: '1', addresses: [] }, state, clock },
    );
    expect(fresh.nodes()[1].state).toBe('joining');
    clock.advance(6);
    expect(fresh.nodes()[1].state).toBe('unreachable');
  });

  it.each([300_000, -300_000])('calls a node unreachable whose clock is %d ms off', (offset) => {
    beat(A, { wallMs: clock.wallMs() + offset });
    expect(view(A)).toMatchObject({
      state: 'unreachable',
      reason: 'clock',
      clockOffsetMs: offset,
    });
  });

  it('takes no late message for a wrong clock', () => {
    beat(A);
    beat(A);
    beat(A, { wallMs: clock.wallMs() - 20_000 });
    expect(view(A)).toMatchObject({ state: 'healthy', clockOffsetMs: 0 });
  });

  it('takes no burst of late messages for a wrong clock', () => {
    for (let i = 0; i < 5; i++) {
      beat(A);
      clock.advance(1);
    }
    // A bus that was frozen lets go of what it held, maybe over the end of a second.
    for (let i = 15; i > 0; i--) beat(A, { wallMs: clock.wallMs() - 1_000 * i - 12_000 });
    clock.advance(1);
    for (let i = 15; i > 0; i--) beat(A, { wallMs: clock.wallMs() - 1_000 * i - 12_000 });
    expect(view(A)).toMatchObject({ state: 'healthy', clockOffsetMs: 0 });
  });

  it('says of a node that it runs twice, once a minute, and nothing of one that starts again', () => {
    const lines: string[] = [];
    const watching = new NodeRegistry(
      { clockOffsetMaxMs: 10_000 },
      {
        self: { name: 'm', software: '1', addresses: [] },
        state,
        clock,
        log: { log: (_level, msg, fields) => lines.push(`${msg} ${fields?.nodeName}`) },
      },
    );
    const hear = (epoch: number, wallMs = clock.wallMs()) =>
      watching.note(A, heartbeat(A, { name: 'alpha', epoch, wallMs }));
    const first = clock.wallMs();
    for (let i = 0; i < 5; i++) {
      hear(first);
      clock.advance(1);
    }
    // A new process, and what the old one said last comes after it.
    const second = clock.wallMs();
    hear(second);
    hear(first, second - 1_000);
    hear(second);
    expect(lines).toEqual([]);
    for (let i = 0; i < 59; i++) {
      clock.advance(1);
      hear(first);
      hear(second);
    }
    expect(lines).toEqual(['a tracker runs twice, restored or copied: stop one of the two alpha']);
    clock.advance(10);
    hear(first);
    expect(lines).toHaveLength(2);
    // Its clock is set back, and it starts anew.
    clock.advance(60);
    hear(first, first + 200_000);
    for (let ms = -600_000; ms < 400_000; ms += 50_000) hear(first - 600_000, first + ms);
    expect(lines).toHaveLength(2);
  });

  it('takes no word from strangers, from the revoked, or from one who speaks for another', () => {
    beat(`n${'c'.repeat(16)}`);
    registry.note(A, { ...({} as Heartbeat), id: B, role: 'tracker' });
    beat(A, { role: 'minder' });
    const value = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
    state.commit([{ kind: 'revocation', id: B, value }]);
    beat(B);
    registry.hear(A, Buffer.from('rubbish'));
    expect(registry.counters).toMatchObject({
      heartbeats: 0,
      strangers: 3,
      revoked: 1,
      unreadable: 1,
    });
    expect(registry.nodes()).toHaveLength(3);
    expect(view(B)).toMatchObject({ state: 'revoked', peers: 0 });
  });

  it('shows lag and flow between nodes that are there', () => {
    beat(A, { counters: { recordsOut: 1_000 } });
    clock.advance(2);
    beat(A, { counters: { recordsOut: 3_000 } });
    beat(B, { links: [[A, 7, 12]] });
    expect(registry.links()).toEqual([{ from: A, to: B, recordsPerSecond: 1_000, lagMs: 12 }]);
    expect(view(A).lagMs).toBe(12);
    expect(view(B).lagMs).toBeNull();
    // A new process counts from zero.
    clock.advance(1);
    beat(A, { epoch: 2, counters: { recordsOut: 5 } });
    beat(B, { links: [[A, 7, 12]] });
    expect(registry.links()[0].recordsPerSecond).toBe(0);
    clock.advance(6);
    beat(B, { links: [[A, 7, 12]] });
    expect(registry.links()).toEqual([]);
  });

  it.each([A, B])('shows no flow to or from a node once it is revoked (%s)', (id) => {
    beat(A, { links: [[B, 7, 12]] });
    beat(B, { links: [[A, 7, 12]] });
    expect(registry.links()).toHaveLength(2);
    const value = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
    state.commit([{ kind: 'revocation', id, value }]);
    expect(registry.links()).toEqual([]);
    expect(view(id === A ? B : A).state).toBe('healthy');
    expect(view(id).lagMs).toBeNull();
  });

  it('counts nodes by the states that it shows', () => {
    beat(A);
    const value = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
    state.commit([{ kind: 'revocation', id: B, value }]);
    const none = { joining: 0, draining: 0, unreachable: 0 };
    expect(registry.counts()).toEqual({ ...none, healthy: 2, revoked: 1 });
    clock.advance(6);
    expect(registry.counts()).toEqual({ ...none, healthy: 1, revoked: 1, unreachable: 1 });
  });

  it('calls a tracker draining that the operator drains, while it is heard', () => {
    const drain = (draining: boolean) =>
      state.commit([{ kind: 'drain', id: A, value: { draining, sinceMs: 1 } }]);
    beat(A);
    drain(true);
    expect(view(A)).toMatchObject({ state: 'draining', reason: 'operator' });
    expect(registry.facts().find(({ id }) => id === A)).toMatchObject({
      state: 'draining',
      isDraining: true,
    });
    clock.advance(6);
    expect(registry.facts().find(({ id }) => id === A)?.isDraining).toBe(true);
    expect(view(A)).toMatchObject({ state: 'unreachable', reason: 'silent' });
    beat(A);
    drain(false);
    expect(view(A)).toMatchObject({ state: 'healthy', reason: null });
  });

  it('shows what probes found, unless the heartbeats say worse by now', () => {
    const verdict = {
      id: A,
      name: 'alpha',
      state: 'unreachable',
      reason: 'probes',
      isDraining: false,
      endpoints: [
        {
          endpoint: parseEndpoint('udp://192.0.2.1:6969')!,
          state: 'dead',
          rttMs: null,
          error: 'timeout',
        },
      ],
    } as const;
    registry.judgeBy({ verdict: (id) => (id === A ? verdict : undefined) });
    beat(A);
    beat(B);
    expect(view(A)).toMatchObject({
      state: 'unreachable',
      reason: 'probes',
      probes: [{ address: 'udp://192.0.2.1:6969', state: 'dead', rttMs: null, error: 'timeout' }],
    });
    expect(view(B)).toMatchObject({ state: 'healthy', reason: null });
    expect(view(B).probes).toBeUndefined();
    expect(registry.facts().find(({ id }) => id === A)?.state).toBe('healthy');
    clock.advance(6);
    expect(view(A)).toMatchObject({ state: 'unreachable', reason: 'silent' });
    const value = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
    state.commit([{ kind: 'revocation', id: A, value }]);
    expect(view(A).state).toBe('revoked');
  });

  it('finds a node by its id, or by a name that one node has', () => {
    expect(registry.find(A)).toEqual([A]);
    expect(registry.find('beta')).toEqual([B]);
    expect(registry.find('gamma')).toEqual([]);
    enrolled(`n${'c'.repeat(16)}`, 'beta');
    expect(registry.find('beta')).toHaveLength(2);
    const value = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
    state.commit([{ kind: 'revocation', id: B, value }]);
    expect(registry.find('beta')).toHaveLength(1);
    expect(registry.find(B)).toEqual([B]);
  });

  it('forgets what nodes said that are gone', () => {
    beat(A);
    state.commit([{ kind: 'node', id: A, value: null }]);
    registry.sweep();
    enrolled(A, 'alpha');
    expect(view(A).lastHeartbeatMs).toBeNull();
  });
});
