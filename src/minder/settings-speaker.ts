/**
 * The minder's voice on the bus: settings to everybody on every change and each ten seconds, and to
 * whoever asks.
 */
import type { ReplicationTransport } from '../cluster/transport.js';
import {
  type ClusterSettings,
  CONTROL_ALL,
  CONTROL_VERSION,
  controlRequestSubject,
  controlSubject,
  decodeControlRequest,
  encodeControl,
  type MinderAddresses,
  REVOKED_MAX,
} from '../protocol/cluster/control.js';
import { isNodeId } from '../protocol/cluster/node-id.js';
import type { ClusterKeys } from './cluster-keys.js';
import type { ControlState } from './control-state.js';

const EVERY_MS = 10_000;
/** Changes that come together travel together. */
const SETTLE_MS = 20;
/** Answers to one node in one period: who asks more often hears what everybody hears. */
const ANSWERS_MAX = 10;

export interface SettingsSpeakerDependencies {
  readonly state: ControlState;
  readonly keys: ClusterKeys;
  readonly transport: ReplicationTransport;
  /** This minder's addresses, as far as they are the same for everybody. */
  readonly addresses: () => Omit<MinderAddresses, 'id'>;
}

export class SettingsSpeaker {
  readonly counters = { broadcasts: 0, answers: 0, requestsRefused: 0 };
  readonly #dependencies: SettingsSpeakerDependencies;
  #interval: NodeJS.Timeout | undefined;
  #settling: NodeJS.Timeout | undefined;
  /** Requests in this period, by node that has enrolled. */
  readonly #asked = new Map<string, number>();

  constructor(dependencies: SettingsSpeakerDependencies) {
    this.#dependencies = dependencies;
  }

  start(): void {
    const { state, transport } = this.#dependencies;
    transport.subscribe(controlRequestSubject('*'), (subject, payload) =>
      this.#answer(subject, payload),
    );
    transport.onConnection((connected) => {
      if (connected) this.#soon();
    });
    state.onChange(() => this.#soon());
    this.#interval = setInterval(() => {
      this.#asked.clear();
      this.broadcast();
    }, EVERY_MS).unref();
    this.#soon();
  }

  stop(): void {
    clearInterval(this.#interval);
    clearTimeout(this.#settling);
  }

  broadcast(): void {
    clearTimeout(this.#settling);
    this.#settling = undefined;
    const { transport } = this.#dependencies;
    if (!transport.connected) return;
    this.counters.broadcasts++;
    transport.publish(CONTROL_ALL, encodeControl(this.settings()));
  }

  /** What the nodes are to know now. */
  settings(): ClusterSettings {
    const { state, keys, addresses } = this.#dependencies;
    const revoked = state
      .list('revocation')
      .sort(([, a], [, b]) => b.revokedMs - a.revokedMs)
      .slice(0, REVOKED_MAX)
      .map(([id]) => id);
    return {
      version: CONTROL_VERSION,
      type: 'settings',
      revision: state.revision,
      minder: state.minderId,
      keyRing: keys.ring,
      revoked,
      minders: [{ id: state.minderId, ...addresses() }],
    };
  }

  #soon(): void {
    this.#settling ??= setTimeout(() => this.broadcast(), SETTLE_MS).unref();
  }

  #answer(subject: string, payload: Uint8Array): void {
    const { transport, state } = this.#dependencies;
    const nodeId = subject.slice(subject.lastIndexOf('.') + 1);
    const isKnown = isNodeId(nodeId) && state.get('node', nodeId) !== undefined;
    const asked = 1 + (this.#asked.get(nodeId) ?? 0);
    if (isKnown) this.#asked.set(nodeId, asked);
    if (!isKnown || asked > ANSWERS_MAX || decodeControlRequest(payload) === undefined) {
      this.counters.requestsRefused++;
      return;
    }
    this.counters.answers++;
    transport.publish(controlSubject(nodeId), encodeControl(this.settings()));
  }
}
