/**
 * What every frontend looks like from outside, whichever system calls it is made of. A faster
 * frontend for one system takes the place of a portable one behind this interface.
 */
import type { FrontendCounters } from './counters.js';

/** An address that clients can reach, as it was bound. */
export interface BoundAddress {
  /** Text of the address, with its zone where it has one. */
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
}

export interface Frontend {
  /**
   * Binds every listen address and starts serving. Resolves to the addresses as bound, in the order
   * of the options; rejects with a `ListenError`, and with nothing left bound, when one cannot be.
   */
  start(): Promise<BoundAddress[]>;
  /** Stops accepting, finishes what is in flight within a bounded time. May be called twice. */
  stop(): Promise<void>;
  readonly counters: FrontendCounters;
}

/** Told once, when a socket that was bound can serve no longer. The worker should end. */
export type FatalCallback = (error: Error) => void;
