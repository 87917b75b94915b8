/**
 * What one address may ask of a public port: a bucket of requests that refills with time. The table
 * is bounded; when it is full, the address that was quiet longest makes room, with whatever it had
 * used up: somebody with that many addresses cannot be held back by them anyway. All addresses of an
 * IPv6 /64 are one here, since one machine has them all.
 */
import { isLoopbackAddress } from '../admin/access.js';
import type { Clock } from '../lib/clock.js';
import { sourceNetwork } from '../lib/source-network.js';

export interface AddressGateOptions {
  /** Requests at once. */
  readonly burst: number;
  readonly perSecond: number;
  readonly addressesMax: number;
}

interface Bucket {
  left: number;
  seconds: number;
}

export class AddressGate {
  readonly #options: AddressGateOptions;
  readonly #clock: Clock;
  /** In the order of their last request. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: AddressGateOptions, { clock }: { clock: Clock }) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Takes one request of the address; false when it has none left. Loopback has no limit. */
  pass(address: string): boolean {
    if (isLoopbackAddress(address)) return true;
    const { burst, perSecond, addressesMax } = this.#options;
    const seconds = this.#clock.monotonicSeconds();
    const source = sourceNetwork(address);
    const bucket = this.#buckets.get(source) ?? { left: burst, seconds };
    bucket.left = Math.min(burst, bucket.left + (seconds - bucket.seconds) * perSecond);
    bucket.seconds = seconds;
    this.#buckets.delete(source);
    if (this.#buckets.size >= addressesMax) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    this.#buckets.set(source, bucket);
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  }
}
