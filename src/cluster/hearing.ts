/**
 * Until when this node could hear nobody. Silence of others says something about them only where
 * words would have come through:
 *
 * ```
 * no bus                                       deaf
 * no tick for a heartbeat's time               deaf: the process stood still
 * own heartbeats come back no more             deaf: the bus is there and carries nothing
 * otherwise                                    hears
 * ```
 *
 * A bus brings each node its own heartbeats, which makes them a test of the whole way.
 */
import type { ReplicationContext } from './replication-context.js';

/** Heartbeats that may be missing before the way is taken for closed: one may be late. */
const ECHOES_MISSED = 2.5;

export class Hearing {
  /** The last moment at which this node was deaf, on the monotonic clock. */
  deafMs: number;
  readonly #context: ReplicationContext;
  readonly #echoMsMax: number;
  #tickMs = Number.NEGATIVE_INFINITY;
  /** When an own heartbeat last came back; undefined where none ever did, so that none is expected. */
  #echoMs: number | undefined;

  constructor(context: ReplicationContext) {
    const { heartbeatMs, silentMs } = context.options;
    this.#context = context;
    this.deafMs = context.nowMs;
    // Known before anybody's silence counts.
    this.#echoMsMax = Math.min(ECHOES_MISSED * heartbeatMs, (heartbeatMs + silentMs) / 2);
  }

  /** An own heartbeat came back. */
  echoed(): void {
    this.#echoMs = this.#context.nowMs;
  }

  /** Looks whether this node is deaf now; to be called at each tick, before anybody is judged. */
  update(): void {
    const { options, means, nowMs } = this.#context;
    const hasStood = nowMs - this.#tickMs > options.heartbeatMs;
    const isMuffled = this.#echoMs !== undefined && nowMs - this.#echoMs > this.#echoMsMax;
    if (!means.transport.connected || hasStood || isMuffled) this.deafMs = nowMs;
    this.#tickMs = nowMs;
  }

  /** For how long nothing came of a node that was last heard at `heardMs`, while it could have. */
  silenceMs(heardMs: number): number {
    return this.#context.nowMs - Math.max(heardMs, this.deafMs);
  }
}
