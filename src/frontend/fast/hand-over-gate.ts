/**
 * Passes connections that are not plain to other threads, each to the one that has the fewest, within
 * bounds: so many on their way, and so many a second from one address.
 *
 * ```
 * a way's word 0  connections posted and not taken yet, by this sender
 * buckets         connections this second, by a keyed hash of the address: strangers that share a
 *                 bucket share its budget
 * ```
 */
import type { Endpoint } from '../../lib/endpoint.js';
import { isLoopback } from '../../lib/loopback.js';
import type { HandOver } from './fast-http-options.js';

export interface HandOverMessage {
  readonly fd: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface HandOverGateOptions {
  readonly pendingMax: number;
  readonly perAddressPerSecondMax: number;
  /** Any number, kept secret: nobody is to choose whom to share a bucket with, and use that up. */
  readonly seed: number;
  /** Connections of proxies begin with a preamble, which is nothing plain. */
  readonly proxyProtocol: boolean;
}

/** The way to one thread. */
export interface HandOverWay {
  readonly post: (message: HandOverMessage) => void;
  readonly pending: Int32Array;
  /** Connections that the thread has. */
  readonly open: () => number;
}

export interface HandOverGateDependencies {
  /** One at least. Of those that have equally few the first one is taken. */
  readonly ways: readonly HandOverWay[];
  /** Proxies that the operator listed. They are not counted by address: behind one is everybody. */
  readonly isProxy: (source: Endpoint) => boolean;
  /** A clock that never goes back, in ms. */
  readonly nowMs: () => number;
}

const BUCKETS = 4_096;

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
    return this.#options.proxyProtocol && this.#dependencies.isProxy(source);
  }

  take(fd: number, bytes: Uint8Array<ArrayBuffer>, source: Endpoint): boolean {
    if (!this.#admit(source)) return false;
    const way = this.#choose();
    if (way === undefined) return false;
    Atomics.add(way.pending, 0, 1);
    way.post({ fd, bytes });
    return true;
  }

  /** The way to the thread with the fewest connections, of those that have room for more. */
  #choose(): HandOverWay | undefined {
    let best: HandOverWay | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const way of this.#dependencies.ways) {
      const pending = Atomics.load(way.pending, 0);
      const count = pending + way.open();
      if (pending >= this.#options.pendingMax || count >= fewest) continue;
      best = way;
      fewest = count;
    }
    return best;
  }

  #admit(source: Endpoint): boolean {
    if (isLoopback(source) || this.#dependencies.isProxy(source)) return true;
    const second = Math.floor(this.#dependencies.nowMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#buckets.fill(0);
    }
    let hash = this.#options.seed;
    // Of an IPv6 address the network counts: its owner has all the rest.
    const length = source.family === 4 ? 4 : 8;
    for (let i = 0; i < length; i++) {
      hash = Math.imul(hash ^ source.bytes[i], 0x01000193);
      hash ^= hash >>> 15;
    }
    const bucket = (hash ^ (hash >>> 15)) & (BUCKETS - 1);
    if (this.#buckets[bucket] >= this.#options.perAddressPerSecondMax) return false;
    this.#buckets[bucket]++;
    return true;
  }
}
