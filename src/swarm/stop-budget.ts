/**
 * How many stops of peers that nobody knows one source may have told to the cluster: each leaves a
 * tombstone everywhere, so a client that makes them up must not fill the tables with them.
 *
 * A bucket of tokens for each of 4,096 hashes of addresses, of one thread; sources that share a bucket
 * share its budget, which bounds what all sources together can do. An IPv6 source is its first 64
 * bits, a web peer its connection. Loopback is free, as everywhere: it is this machine.
 */
import { PeerFamily, type PeerQuery } from './query.js';

const BUCKETS = 4_096;
/** A client that stops many downloads at once, at a tracker that never heard of them. */
const BURST = 64;
const PER_SECOND = 1;

export class StopBudget {
  readonly #tokens = new Uint8Array(BUCKETS).fill(BURST);
  readonly #filled = new Int32Array(BUCKETS);
  readonly #keys: Int32Array;

  /** `keys`: the two words of the store's hash key. */
  constructor(keys: Int32Array) {
    this.#keys = keys;
  }

  /** Takes a token of the peer's address; false when none is left. */
  take(query: PeerQuery, seconds: number): boolean {
    if (isLoopback(query)) return true;
    const bucket = this.#bucketOf(query);
    const since = seconds - this.#filled[bucket];
    if (since > 0) {
      this.#tokens[bucket] = Math.min(BURST, this.#tokens[bucket] + since * PER_SECOND);
      this.#filled[bucket] = seconds;
    }
    if (this.#tokens[bucket] === 0) return false;
    this.#tokens[bucket]--;
    return true;
  }

  /** Mixes the address with the key (the finalizer of MurmurHash3): nobody can aim at a bucket. */
  #bucketOf({ wire, family }: PeerQuery): number {
    let mixed = this.#keys[0];
    const first = family === PeerFamily.web ? 4 : 0;
    for (let i = first; i < first + (family === PeerFamily.ipv4 ? 2 : 4); i++) {
      mixed = Math.imul(mixed ^ wire[i], 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13) ^ this.#keys[1], 0xc2b2ae35);
      mixed ^= mixed >>> 16;
    }
    return mixed & (BUCKETS - 1);
  }
}

function isLoopback({ wireBytes, family }: PeerQuery): boolean {
  if (family === PeerFamily.web) return false;
  if (family === PeerFamily.ipv4) return wireBytes[0] === 127;
  for (let i = 0; i < 15; i++) if (wireBytes[i] !== 0) return false;
  return wireBytes[15] === 1;
}
