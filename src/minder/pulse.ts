/**
 * A minder's own heartbeat: that it is there, and what its clock says. The bus brings it back to us; one
 * in our name that we did not send is of a twin: a minder that was restored or copied while the other
 * one still runs. Both would speak over each other, and nobody else can see that.
 */
import type { ReplicationTransport } from '../cluster/transport.js';
import type { Clock } from '../lib/clock.js';
import type { LogSink } from '../lib/log-sink.js';
import { SecondBudget } from '../lib/second-budget.js';
import {
  decodeHeartbeat,
  encodeHeartbeat,
  HEARTBEAT_VERSION,
  NODE_NAME_LENGTH_MAX,
} from '../protocol/cluster/heartbeat.js';

/** The digest of no peers. */
const EMPTY_ROOT = '0'.repeat(16);
/** What a process before this one said last may come so late. */
const LEFT_OVER_MS = 2_000;
/** Lines about a twin: one in so long. */
const REPORT_SECONDS = 60;
/** Heartbeats in our name that are read within a second. */
const READ_PER_SECOND_MAX = 4;

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
  readonly #log: LogSink;
  readonly #epoch: number;
  readonly #budget = new SecondBudget(READ_PER_SECOND_MAX);
  #reportedSeconds = Number.NEGATIVE_INFINITY;

  constructor(
    { nodeId, name, software = '' }: PulseOptions,
    { clock, log }: { clock: Clock; log: LogSink },
  ) {
    this.#nodeId = nodeId;
    // Cut first: a cut may leave half a character.
    this.#name = name.slice(0, NODE_NAME_LENGTH_MAX).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '');
    this.#software = software.slice(0, NODE_NAME_LENGTH_MAX);
    this.#clock = clock;
    this.#log = log;
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

  /** Bytes came on the subject for heartbeats of `nodeId`; says so when they are a twin's. */
  hear(nodeId: string, payload: Uint8Array): void {
    if (nodeId !== this.#nodeId) return;
    const seconds = this.#clock.monotonicSeconds();
    if (!this.#budget.take(seconds)) return;
    const heartbeat = decodeHeartbeat(payload);
    if (typeof heartbeat !== 'object' || heartbeat.epoch === this.#epoch) return;
    const isLeftOver = heartbeat.wallMs < this.#epoch + LEFT_OVER_MS;
    if (isLeftOver || seconds - this.#reportedSeconds < REPORT_SECONDS) return;
    this.#reportedSeconds = seconds;
    const otherStarted = new Date(heartbeat.epoch).toISOString();
    this.#log.log('error', 'this minder runs twice, restored or copied: stop the other one', {
      id: this.#nodeId,
      otherStarted,
    });
  }
}
