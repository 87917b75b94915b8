import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MessageHandler, ReplicationTransport } from '../cluster/transport.js';
import { ManualClock } from '../lib/clock.js';
import {
  CONTROL_ALL,
  controlRequestSubject,
  controlSubject,
  decodeSettings,
  encodeControl,
} from '../protocol/cluster/control.js';
import { ClusterKeys } from './cluster-keys.js';
import { ControlState } from './control-state.js';
import { nodeRecord, temporaryDirectory } from './minder-rig.testing.js';
import { SettingsSpeaker } from './settings-speaker.js';

const A = `n${'a'.repeat(16)}`;
const B = `n${'b'.repeat(16)}`;
const STRANGER = `n${'f'.repeat(16)}`;

/** A bus of one, which keeps what is said. */
class FakeBus implements ReplicationTransport {
  connected = true;
  readonly unconfirmedBytes = 0;
  readonly said: [subject: string, payload: Uint8Array][] = [];
  #handler: MessageHandler = () => {};

  publish(subject: string, payload: Uint8Array): void {
    this.said.push([subject, payload]);
  }

  subscribe(_subject: string, handler: MessageHandler): void {
    this.#handler = handler;
  }

  onConnection(): void {}

  hear(subject: string, payload: Uint8Array): void {
    this.#handler(subject, payload);
  }
}

let directory = '';
let bus: FakeBus;
let state: ControlState;
let keys: ClusterKeys;
let speaker: SettingsSpeaker;

beforeEach(() => {
  directory = temporaryDirectory();
  const clock = new ManualClock();
  state = new ControlState({ path: join(directory, 'state.json') }, { clock });
  keys = new ClusterKeys({ rotationSeconds: 600 }, { state, clock });
  state.commit([{ kind: 'node', id: A, value: nodeRecord('a') }]);
  bus = new FakeBus();
  const addresses = () => ({ urls: ['https://m:7443'], bus: ['tls://m:7422'] });
  speaker = new SettingsSpeaker({ state, keys, transport: bus, addresses });
});
afterEach(() => {
  speaker.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((done) => setTimeout(done, 5));
}

const request = encodeControl({ version: 1, type: 'settings_wanted', revision: 0 });

describe('the voice of a minder', () => {
  it('tells everybody of every change, whole, with a revision that grows', async () => {
    speaker.start();
    await until(() => bus.said.length === 1);
    state.commit([keys.replacement()]);
    await until(() => bus.said.length === 2);
    const heard = bus.said.map(([subject, payload]) => {
      expect(subject).toBe(CONTROL_ALL);
      return decodeSettings(payload)!;
    });
    expect(heard[1]).toEqual({
      version: 1,
      type: 'settings',
      revision: state.revision,
      minder: state.minderId,
      keyRing: keys.ring,
      keyRingVersion: [state.entry('setting', 'cluster')?.stamp, state.minderId],
      revoked: [],
      minders: [{ id: state.minderId, urls: ['https://m:7443'], bus: ['tls://m:7422'] }],
    });
    expect(heard[1].revision).toBeGreaterThan(heard[0].revision);
  });

  it('does not tell everybody of what is news to nobody before the ten seconds', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    try {
      speaker.start();
      vi.advanceTimersByTime(100);
      expect(bus.said).toHaveLength(1);
      state.commit([{ kind: 'node', id: B, value: nodeRecord('b') }]);
      vi.advanceTimersByTime(100);
      expect(bus.said).toHaveLength(1);
      state.commit([keys.replacement()]);
      vi.advanceTimersByTime(100);
      expect(bus.said).toHaveLength(2);
      vi.advanceTimersByTime(10_000);
      expect(bus.said).toHaveLength(3);
    } finally {
      speaker.stop();
      vi.useRealTimers();
    }
  });

  it('names those who were revoked last, as many as a message takes', () => {
    const ids = Array.from({ length: 1_100 }, (_, i) => `n${i.toString(16).padStart(16, '0')}`);
    state.commit(
      ids.map((id, i) => {
        const value = { revokedMs: i, effectiveMs: i, busPublicKey: 'U' };
        return { kind: 'revocation', id, value } as const;
      }),
    );
    const { revoked } = speaker.settings();
    expect(revoked).toEqual(ids.toReversed().slice(0, 1_024));
    expect(decodeSettings(encodeControl(speaker.settings()))).toBeDefined();
  });

  it('answers a node that asks, and nobody else', () => {
    speaker.start();
    bus.hear(controlRequestSubject(A), request);
    expect(bus.said.map(([subject]) => subject)).toEqual([controlSubject(A)]);
    bus.hear(controlRequestSubject(STRANGER), request);
    bus.hear(controlRequestSubject('all'), request);
    bus.hear(controlRequestSubject(A), Buffer.from('{rubbish'));
    expect(bus.said).toHaveLength(1);
    expect(speaker.counters).toMatchObject({ answers: 1, requestsRefused: 3 });
  });

  it('is not worn out by one who asks for ever, and answers the others', () => {
    state.commit([{ kind: 'node', id: B, value: nodeRecord('b') }]);
    speaker.start();
    for (let i = 0; i < 2_000; i++) bus.hear(controlRequestSubject(A), request);
    expect(bus.said).toHaveLength(10);
    bus.hear(controlRequestSubject(B), request);
    expect(bus.said.at(-1)?.[0]).toBe(controlSubject(B));
  });

  it('does not count a request of another kind as a bad one, nor answer it', () => {
    speaker.start();
    bus.hear(controlRequestSubject(A), Buffer.from([0x54, 0x42, 1, 2]));
    expect(bus.said).toEqual([]);
    expect(speaker.counters.requestsRefused).toBe(0);
  });

  it('names all minders that are not revoked, itself first and as it knows itself', () => {
    const record = (host: string) => ({
      urls: [`https://${host}:7443`],
      bus: [`tls://${host}:7422`],
      routes: [],
    });
    const revocation = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
    state.commit([
      { kind: 'minder', id: state.minderId, value: record('old') },
      { kind: 'minder', id: A, value: record('a') },
      { kind: 'minder', id: B, value: record('b') },
      { kind: 'revocation', id: A, value: revocation },
    ]);
    const { minders, revoked } = speaker.settings();
    expect(revoked).toEqual([A]);
    expect(minders).toEqual([
      { id: state.minderId, urls: ['https://m:7443'], bus: ['tls://m:7422'] },
      { id: B, urls: ['https://b:7443'], bus: ['tls://b:7422'] },
    ]);
  });

  it('fits into a message with as much as there can be', () => {
    const ids = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => `n${(from + i).toString(16).padStart(16, '0')}`);
    const long = (scheme: string) =>
      Array.from({ length: 16 }, (_, i) => `${scheme}://${'x'.repeat(480)}${i}:7443`);
    state.commit([
      ...ids(0, 1_024).map((id) => {
        const value = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
        return { kind: 'revocation', id, value } as const;
      }),
      ...ids(10_000, 40).map((id) => {
        const value = { urls: long('https'), bus: long('tls'), routes: [] };
        return { kind: 'minder', id, value } as const;
      }),
    ]);
    const heard = decodeSettings(encodeControl(speaker.settings()));
    expect(heard?.minders).toHaveLength(32);
    for (const { urls, bus: servers } of heard?.minders ?? []) {
      expect(urls.length).toBeGreaterThan(0);
      expect(servers.length).toBeGreaterThan(0);
    }
  });

  it('tells the digests of the lists', () => {
    const lists = { deny: '0'.repeat(16), allow: '1'.repeat(16) };
    const addresses = () => ({ urls: [], bus: [] });
    const other = new SettingsSpeaker({
      state,
      keys,
      transport: bus,
      addresses,
      lists: () => lists,
    });
    expect(decodeSettings(encodeControl(other.settings()))?.lists).toEqual(lists);
  });

  it('says nothing while there is nobody to hear it', () => {
    bus.connected = false;
    speaker.broadcast();
    expect(bus.said).toEqual([]);
  });
});
