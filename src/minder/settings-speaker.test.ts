import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
      revoked: [],
      minders: [{ id: state.minderId, urls: ['https://m:7443'], bus: ['tls://m:7422'] }],
    });
    expect(heard[1].revision).toBeGreaterThan(heard[0].revision);
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
    bus.hear(controlRequestSubject(A), Buffer.from('rubbish'));
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

  it('says nothing while there is nobody to hear it', () => {
    bus.connected = false;
    speaker.broadcast();
    expect(bus.said).toEqual([]);
  });
});
