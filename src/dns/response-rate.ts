/**
 * Bounds the answers to one network, so that nobody has us flood a victim whose address they forge
 * (response-rate limiting, as BIND and NSD have it).
 *
 * ```
 * table: SETS x WAYS entries; a keyed hash of the network names the set
 * entry: network, upper word | lower word     IPv4: 2^32 - 1 | /24      IPv6: bits 0-31 | 32-55
 *        second of the window | answers in it
 * ```
 *
 * In a set the entry that was idle for the longest gives way, so the table never grows. Over the
 * bound every second answer goes out cut short: a client that really is there asks again over TCP,
 * where an address cannot be forged.
 */
import type { Endpoint } from '../lib/endpoint.js';

const WAYS = 4;
const SETS = 4_096;

/** Networks that are remembered at once; 256 KiB. */
export const NETWORKS_MAX = WAYS * SETS;

export type RateVerdict = 'answer' | 'cut' | 'drop';

export class ResponseRate {
  readonly #perSecond: number;
  readonly #key: number;
  readonly #upper = new Uint32Array(NETWORKS_MAX);
  readonly #lower = new Uint32Array(NETWORKS_MAX);
  readonly #second = new Float64Array(NETWORKS_MAX).fill(-1);
  readonly #answers = new Uint32Array(NETWORKS_MAX);

  /** `perSecond` 0 sets no bound. `key` is random: nobody may choose who shares an entry. */
  constructor({ perSecond, key }: { readonly perSecond: number; readonly key: number }) {
    this.#perSecond = perSecond;
    this.#key = key | 0;
  }

  /** Counts one more answer to the network of `source` within the second `second`. */
  verdict(source: Endpoint, second: number): RateVerdict {
    if (this.#perSecond === 0) return 'answer';
    const { bytes } = source;
    const isV4 = source.family === 4;
    const upper = isV4 ? 0xffffffff : (triple(bytes, 0) * 256 + bytes[3]) >>> 0;
    const lower = isV4 ? triple(bytes, 0) : triple(bytes, 4);
    const entry = this.#entryFor(upper, lower);
    if (this.#second[entry] !== second) {
      this.#second[entry] = second;
      this.#answers[entry] = 0;
    }
    const over = ++this.#answers[entry] - this.#perSecond;
    if (over <= 0) return 'answer';
    return over % 2 === 1 ? 'cut' : 'drop';
  }

  #entryFor(upper: number, lower: number): number {
    let hash = Math.imul(upper ^ this.#key, 0x9e3779b1);
    hash = Math.imul((hash ^ (hash >>> 15)) + lower, 0x85ebca6b) ^ this.#key;
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    const first = ((hash ^ (hash >>> 16)) & (SETS - 1)) * WAYS;
    let idle = first;
    for (let entry = first; entry < first + WAYS; entry++) {
      const isSame = this.#upper[entry] === upper && this.#lower[entry] === lower;
      if (isSame && this.#second[entry] >= 0) return entry;
      if (this.#second[entry] < this.#second[idle]) idle = entry;
    }
    this.#upper[idle] = upper;
    this.#lower[idle] = lower;
    this.#second[idle] = -1;
    return idle;
  }
}

function triple(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
}
