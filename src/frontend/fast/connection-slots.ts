/**
 * The connections of a fast HTTP frontend, a slot each, in arrays: nothing is allocated when one
 * comes or goes.
 *
 * ```
 * fd[slot]         descriptor, -1 when the slot is free
 * sinceMs[slot]    when what we wait for began: its first byte, the rest of a request, the next one,
 *                  or room to send
 * phase[slot]      what that is (Phase)
 * requests[slot]   answered so far
 * ```
 */
import { Endpoint } from '../../lib/endpoint.js';

export const Phase = {
  /** Nothing came yet. */
  fresh: 0,
  /** Part of a request came; it was put aside (ConnectionBlocks). */
  partial: 1,
  /** Answered, and kept for the next request. */
  idle: 2,
  /** The end of a reply was put aside and waits for room; what came behind the request, with it. */
  sending: 3,
  /** All is said, and what still comes is read and dropped, so that no reset overtakes the reply. */
  lingering: 4,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

export class ConnectionSlots {
  readonly fd: Int32Array;
  readonly sinceMs: Float64Array;
  readonly phase: Uint8Array;
  readonly requests: Int32Array;
  /** Reads that brought part of a request only. */
  readonly reads: Uint8Array;
  /** Whether the descriptor is in the epoll set. */
  readonly watched: Uint8Array;
  /** More came than will be answered. */
  readonly lingers: Uint8Array;
  /** After the reply that is being sent the connection ends. */
  readonly closing: Uint8Array;
  /** Who is at the other end of each slot. */
  readonly sources: Endpoint[] = [];
  /** Slots from here on were never used. */
  highest = 0;
  count = 0;
  readonly #free: Int32Array;
  #freeCount = 0;

  constructor(readonly max: number) {
    this.fd = new Int32Array(max).fill(-1);
    this.sinceMs = new Float64Array(max);
    this.phase = new Uint8Array(max);
    this.requests = new Int32Array(max);
    this.reads = new Uint8Array(max);
    this.watched = new Uint8Array(max);
    this.lingers = new Uint8Array(max);
    this.closing = new Uint8Array(max);
    this.#free = new Int32Array(max);
  }

  /** A slot for a new connection, or -1 when there are `max`. */
  take(fd: number, nowMs: number): number {
    let slot = -1;
    if (this.#freeCount > 0) slot = this.#free[--this.#freeCount];
    else if (this.highest < this.max) {
      slot = this.highest++;
      this.sources.push(new Endpoint());
    }
    if (slot < 0) return -1;
    this.fd[slot] = fd;
    this.sinceMs[slot] = nowMs;
    this.phase[slot] = Phase.fresh;
    this.requests[slot] = 0;
    this.reads[slot] = 0;
    this.watched[slot] = 0;
    this.lingers[slot] = 0;
    this.closing[slot] = 0;
    this.count++;
    return slot;
  }

  give(slot: number): void {
    this.fd[slot] = -1;
    this.#free[this.#freeCount++] = slot;
    this.count--;
  }
}
