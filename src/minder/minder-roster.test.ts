import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../lib/clock.js';
import type { ControlRecord } from './control-record.js';
import { ControlState } from './control-state.js';
import { hostsFor, hostsForMinders, hostsOfRoutes } from './minder-addresses.js';
import { nodeRecord, temporaryDirectory } from './minder-rig.testing.js';
import { MinderRoster } from './minder-roster.js';
import { OwnKeys } from './own-keys.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const PLACE = {
  urls: ['https://192.0.2.1:7443'],
  bus: ['tls://192.0.2.1:7422'],
  routes: ['nats-route://192.0.2.1:7423'],
};

function setUp() {
  const directory = temporaryDirectory();
  folders.push(directory);
  const clock = new ManualClock();
  const state = new ControlState({ path: join(directory, 'state.json') }, { clock });
  const keys = OwnKeys.open(directory);
  const self = { name: 'one', software: '1.0', advertise: ['192.0.2.1'] };
  const roster = new MinderRoster(self, { state, keys, clock });
  /** What another minder has written of itself. */
  const other = (id: string, over: Partial<ControlRecord<'minder'>> = {}, role = 'minder') =>
    state.commit([
      { kind: 'node', id, value: { ...nodeRecord(id), role: role as 'minder' } },
      { kind: 'minder', id, value: { urls: [], bus: [], routes: [], ...over } },
    ]);
  const revoke = (id: string) =>
    state.commit([
      { kind: 'revocation', id, value: { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' } },
    ]);
  return { clock, state, keys, roster, other, revoke };
}

const [B, C] = ['nbbbbbbbbbbbbbbbb', 'ncccccccccccccccc'];

describe('a minder among others', () => {
  it('writes what it is and where, once, and again when that changes', () => {
    const { state, keys, roster, clock } = setUp();
    roster.enter(PLACE, { expiresMs: 5_000 });
    const { minderId, revision } = state;
    expect(state.get('minder', minderId)).toEqual({ ...PLACE, routePin: keys.routePin });
    expect(state.get('node', minderId)).toMatchObject({
      role: 'minder',
      name: 'one',
      busPublicKey: keys.busPublicKey,
      expiresMs: 5_000,
    });
    const enrolledMs = state.get('node', minderId)?.enrolledMs;
    clock.advance(60);
    roster.enter(PLACE, { expiresMs: 5_000 });
    expect(state.revision).toBe(revision);
    roster.enter(PLACE, { expiresMs: 6_000 });
    expect(state.get('node', minderId)).toMatchObject({ enrolledMs, renewedMs: clock.wallMs() });
  });

  it('keeps what was known of it when it joined', () => {
    const { state, roster } = setUp();
    const value = { ...nodeRecord('old'), role: 'minder' as const, tokenId: 'abcabcabcabc' };
    state.commit([{ kind: 'node', id: state.minderId, value }]);
    roster.enter(PLACE, { expiresMs: 1 });
    expect(roster.source).toBe('::1');
    expect(state.get('node', state.minderId)).toMatchObject({
      name: 'one',
      sourceAddress: '::1',
      tokenId: 'abcabcabcabc',
      enrolledMs: 1,
    });
  });

  it('has routes to the others that are in, and knows their keys and its own', () => {
    const { keys, roster, other, revoke } = setUp();
    expect(roster.routePeers()).toEqual({ routes: [], pins: [keys.routePin] });
    other(C, { routes: ['nats-route://c:1'], routePin: 'c'.repeat(64) });
    other(B, { routes: ['nats-route://b:1', 'nats-route://b:2'] });
    other('ndddddddddddddddd', { routes: ['nats-route://d:1'] }, 'tracker');
    expect(roster.others().map(({ id }) => id)).toEqual([B, C]);
    expect(roster.routePeers()).toEqual({
      routes: ['nats-route://b:1', 'nats-route://b:2', 'nats-route://c:1'],
      pins: [keys.routePin, 'c'.repeat(64)].toSorted(),
    });
    revoke(C);
    expect(roster.routePeers()).toEqual({
      routes: ['nats-route://b:1', 'nats-route://b:2'],
      pins: [keys.routePin],
    });
  });

  it('writes nothing of itself any more when it was revoked', () => {
    const { state, roster, revoke } = setUp();
    expect(roster.isRevoked).toBe(false);
    revoke(state.minderId);
    expect(roster.isRevoked).toBe(true);
    roster.enter(PLACE, { expiresMs: 1 });
    expect(state.get('minder', state.minderId)).toBeUndefined();
  });

  it('dials and names a bounded number of others', () => {
    const { roster, other } = setUp();
    for (let i = 0; i < 40; i++) other(`n${String(i).padStart(16, '0')}`);
    expect(roster.others()).toHaveLength(15);
  });
});

describe('hosts', () => {
  const called = { called: ['minder.example'], source: '198.51.100.7' };

  it('that are known to everybody come first for minders, then those that worked', () => {
    const bound = { advertise: [], bound: '192.0.2.1' };
    expect(hostsForMinders(bound, called)).toEqual(['192.0.2.1', 'minder.example']);
    expect(hostsForMinders({ advertise: ['a', 'b'], bound: '' }, called)).toEqual([
      'a',
      'b',
      'minder.example',
    ]);
    // Nodes that call know best themselves.
    expect(hostsFor(bound, 'minder.example')).toEqual(['192.0.2.1']);
  });

  it('are guessed where nothing is known, loopback only where there is nothing else', () => {
    const hosts = hostsForMinders({ advertise: [], bound: '::' }, called);
    expect(hosts.slice(0, 2)).toEqual(['minder.example', '198.51.100.7']);
    expect(hosts).not.toContain('127.0.0.1');
    const here = hostsForMinders({ advertise: [], bound: '' }, { called: [], source: '127.0.0.1' });
    expect(here.length).toBeGreaterThan(0);
    expect(here.length).toBeLessThanOrEqual(8);
    // A minder that is bound to loopback alone says so.
    const local = { advertise: [], bound: '127.0.0.1' };
    expect(hostsForMinders(local, { called: [], source: '' })).toEqual(['127.0.0.1']);
  });

  it('of routes are all by which another server may ever dial', () => {
    const hosts = hostsOfRoutes({ advertise: ['adv'], bound: ['192.0.2.1', '', '::'] }, ['x', '']);
    expect(hosts).toEqual(expect.arrayContaining(['adv', '192.0.2.1', 'x', 'localhost', '::1']));
    expect(hosts).not.toContain('');
    expect(hosts).not.toContain('::');
  });
});
