/**
 * Passes connections that are not plain to another thread, within bounds: so many on their way, and
 * so many a second from one address.
 *
 * ```
 * shared word 0   connections posted and not taken yet, by this sender
 * buckets         connections this second, by a hash of the address: strangers that share a bucket
 *                 share its budget
 * ```
 */
import type { Endpoint } from '../../lib/endpoint.js';
import type { HandOver } from './fast-http-options.js';

export interface HandOverMessage {
  readonly fd: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface HandOverGateOptions {
  readonly pendingMax: number;
  readonly perAddressPerSecondMax: number;
}

export interface HandOverGateDependencies {
  readonly post: (message: HandOverMessage) => void;
  readonly pending: Int32Array;
  /** Sources that always speak first in another protocol. They are not counted by address. */
  readonly isNeverPlain: (source: Endpoint) => boolean;
  /** A clock that never goes back, in ms. */
  readonly nowMs: () => number;
}

const BUCKETS = 4_096;
const LOOPBACK4 = 127;

export class HandOverGate implements HandOver {
  readonly #options: HandOverGateOptions;
  readonly #dependencies: HandOverGateDependencies;
  readonly #buckets = new Uint16Array(BUCKETS);
  #second = 0;

  constructor(options: HandOverGateOptions, dependencies: HandOverGateDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  isNeverPlain(source: Endpoint): boolean {
    return this.#dependencies.isNeverPlain(source);
  }

  take(fd: number, bytes: Uint8Array<ArrayBuffer>, source: Endpoint): boolean {
    const { pending, post } = this.#dependencies;
    if (!this.#admit(source)) return false;
    if (Atomics.load(pending, 0) >= this.#options.pendingMax) return false;
    Atomics.add(pending, 0, 1);
    post({ fd, bytes });
    return true;
  }

  #admit(source: Endpoint): boolean {
    if (isLoopback(source) || this.isNeverPlain(source)) return true;
    const second = Math.floor(this.#dependencies.nowMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#buckets.fill(0);
    }
    let hash = 0;
    // Of an IPv6 address the network counts: its owner has all the rest.
    const length = source.family === 4 ? 4 : 8;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ source.bytes[i], 0x01000193);
    const bucket = (hash ^ (hash >>> 15)) & (BUCKETS - 1);
    if (this.#buckets[bucket] >= this.#options.perAddressPerSecondMax) return false;
    this.#buckets[bucket]++;
    return true;
  }
}

function isLoopback({ family, bytes }: Endpoint): boolean {
  if (family === 4) return bytes[0] === LOOPBACK4;
  for (let i = 0; i < 15; i++) if (bytes[i] !== 0) return false;
  return bytes[15] === 1;
}
