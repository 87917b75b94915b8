/**
 * The minder's voice on the bus: settings to everybody when they change and each ten seconds, and to
 * whoever asks.
 *
 * Several minders speak, each with its own address first. A message that would be longer than
 * receivers take names fewer addresses and revoked nodes: receivers remember those of earlier ones.
 */
import type { ReplicationTransport } from '../cluster/transport.js';
import {
  type ClusterSettings,
  CONTROL_ALL,
  CONTROL_BYTES_MAX,
  CONTROL_VERSION,
  controlRequestSubject,
  controlSubject,
  decodeControlRequest,
  encodeControl,
  MINDERS_MAX,
  type MinderAddresses,
  REVOKED_MAX,
} from '../protocol/cluster/control.js';
import { isNodeId } from '../protocol/cluster/node-id.js';
import type { ClusterKeys } from './cluster-keys.js';
import { CLUSTER_SETTING } from './control-record.js';
import type { ControlState } from './control-state.js';
import { settingsParts } from './tuning-desk.js';

const EVERY_MS = 10_000;
/** Changes that come together travel together. */
const SETTLE_MS = 20;
/** Answers to one node in one period: who asks more often hears what everybody hears. */
const ANSWERS_MAX = 10;
const JSON_BEGINS = '{'.charCodeAt(0);
/** Addresses of each minder, and revoked nodes, in ever shorter messages. */
const SHORTER = [
  [16, REVOKED_MAX],
  [4, REVOKED_MAX],
  [4, 512],
  [2, 128],
  [1, 32],
] as const;

export interface SettingsSpeakerDependencies {
  readonly state: ControlState;
  readonly keys: ClusterKeys;
  readonly transport: ReplicationTransport;
  /** This minder's addresses, as far as they are the same for everybody. */
  readonly addresses: () => Omit<MinderAddresses, 'id'>;
  /** Digests of the lists. Absent where there are none. */
  readonly lists?: (() => { deny: string; allow: string } | undefined) | undefined;
}

export class SettingsSpeaker {
  readonly counters = { broadcasts: 0, answers: 0, requestsRefused: 0 };
  readonly #dependencies: SettingsSpeakerDependencies;
  #interval: NodeJS.Timeout | undefined;
  #settling: NodeJS.Timeout | undefined;
  /** What everybody was told last. */
  #said = '';
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
      if (!connected) return;
      this.#said = '';
      this.soon();
    });
    state.onChange(() => this.soon());
    this.#interval = setInterval(() => {
      this.#asked.clear();
      this.broadcast();
    }, EVERY_MS).unref();
    this.soon();
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
    const settings = this.settings();
    this.#said = textOf(settings);
    transport.publish(CONTROL_ALL, encodeControl(settings));
  }

  /** Most changes are about one node, and no news to the others: those wait for the ten seconds. */
  #broadcastNews(): void {
    this.#settling = undefined;
    if (textOf(this.settings()) !== this.#said) this.broadcast();
  }

  /** What the nodes are to know now. */
  settings(): ClusterSettings {
    const { state, keys, lists } = this.#dependencies;
    const revoked = state
      .list('revocation')
      .sort(([, a], [, b]) => b.revokedMs - a.revokedMs)
      .slice(0, REVOKED_MAX)
      .map(([id]) => id);
    const spoken = state.entry('setting', CLUSTER_SETTING);
    const roots = lists?.();
    return shortened({
      version: CONTROL_VERSION,
      type: 'settings',
      revision: state.revision,
      minder: state.minderId,
      keyRing: keys.ring,
      ...(spoken === undefined ? {} : { keyRingVersion: [spoken.stamp, spoken.by] }),
      revoked,
      minders: this.#minders(),
      ...settingsParts(state),
      ...(roots === undefined ? {} : { lists: roots }),
    });
  }

  /** This one first, as it knows itself; then the others that are not revoked, as they say. */
  #minders(): MinderAddresses[] {
    const { state, addresses } = this.#dependencies;
    const others = state
      .list('minder')
      .filter(([id]) => id !== state.minderId && state.get('revocation', id) === undefined)
      .map(([id, { urls, bus }]) => ({ id, urls, bus }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    return [{ id: state.minderId, ...addresses() }, ...others].slice(0, MINDERS_MAX);
  }

  /** To be called when something has changed that the state does not hold, such as a list. */
  soon(): void {
    this.#settling ??= setTimeout(() => this.#broadcastNews(), SETTLE_MS).unref();
  }

  #answer(subject: string, payload: Uint8Array): void {
    // Not every request is one about settings: those of others are not JSON.
    if (payload[0] !== JSON_BEGINS) return;
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

/** The settings, or as much of them as a message holds. */
function shortened(settings: ClusterSettings): ClusterSettings {
  let short = settings;
  for (const [addressesMax, revokedMax] of SHORTER) {
    short = {
      ...settings,
      revoked: settings.revoked.slice(0, revokedMax),
      minders: settings.minders.map(({ id, urls, bus }) => ({
        id,
        urls: urls.slice(0, addressesMax),
        bus: bus.slice(0, addressesMax),
      })),
    };
    if (encodeControl(short).length <= CONTROL_BYTES_MAX) break;
  }
  return short;
}

/** All but the revision, which every change moves on. */
function textOf(settings: ClusterSettings): string {
  return JSON.stringify({ ...settings, revision: 0 });
}
