/** A minder's own heartbeat: that it is there, and what its clock says. */
import type { ReplicationTransport } from '../cluster/transport.js';
import type { Clock } from '../lib/clock.js';
import { encodeHeartbeat, HEARTBEAT_VERSION } from '../protocol/cluster/heartbeat.js';

/** Longest name that a heartbeat carries. */
const NAME_LENGTH_MAX = 64;
/** The digest of no peers. */
const EMPTY_ROOT = '0'.repeat(16);

export interface PulseOptions {
  /** The minder's id. */
  readonly nodeId: string;
  readonly name: string;
  /** Version of the software. */
  readonly software?: string;
}

export class Pulse {
  readonly #nodeId: string;
  readonly #name: string;
  readonly #software: string;
  readonly #clock: Clock;
  readonly #epoch: number;

  constructor({ nodeId, name, software = '' }: PulseOptions, { clock }: { clock: Clock }) {
    this.#nodeId = nodeId;
    // Cut first: a cut may leave half a character.
    this.#name = name.slice(0, NAME_LENGTH_MAX).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '');
    this.#software = software.slice(0, NAME_LENGTH_MAX);
    this.#clock = clock;
    this.#epoch = clock.wallMs();
  }

  /** To be called each second. */
  beat(transport: ReplicationTransport): void {
    if (!transport.connected) return;
    const wallMs = this.#clock.wallMs();
    const heartbeat = encodeHeartbeat({
      version: HEARTBEAT_VERSION,
      id: this.#nodeId,
      name: this.#name,
      role: 'minder',
      state: 'healthy',
      reason: '',
      epoch: this.#epoch,
      sequence: 0,
      wallMs,
      // 1/64 s modulo 2^32.
      stamp: Math.floor((wallMs * 64) / 1000) % 2 ** 32,
      root: EMPTY_ROOT,
      peers: 0,
      swarms: 0,
      ...(this.#software === '' ? {} : { software: this.#software }),
      addresses: [],
      counters: {},
      links: [],
    });
    transport.publish(`hb.${this.#nodeId}`, heartbeat);
  }
}
