/**
 * What one address may do: a bucket for each, which refills with time. The table is bounded; when it
 * is full, the address that was quiet longest makes room, with whatever it had used up: somebody with
 * that many addresses cannot be held back by them anyway. All addresses of an IPv6 /64 are one here,
 * since one machine has them all.
 */
import type { Clock } from './clock.js';
import { sourceNetwork } from './source-network.js';

export interface AddressBucketsOptions {
  /** At once. */
  readonly burst: number;
  readonly perSecond: number;
  readonly addressesMax: number;
}

/** Six times a sixth is a little less than one. */
const ROUNDING = 1e-6;

interface Bucket {
  left: number;
  seconds: number;
}

export class AddressBuckets {
  readonly #options: AddressBucketsOptions;
  readonly #clock: Pick<Clock, 'monotonicSeconds'>;
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    options: AddressBucketsOptions,
    { clock }: { clock: Pick<Clock, 'monotonicSeconds'> },
  ) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Takes one of the address; returns 0, or when there is none, in how many seconds there is one. */
  take(address: string): number {
    const { burst, perSecond, addressesMax } = this.#options;
    const source = sourceNetwork(address);
    const seconds = this.#clock.monotonicSeconds();
    const bucket = this.#buckets.get(source) ?? { left: burst, seconds };
    bucket.left = Math.min(burst, bucket.left + (seconds - bucket.seconds) * perSecond);
    bucket.seconds = seconds;
    this.#buckets.delete(source);
    if (this.#buckets.size >= addressesMax) {
      const [quietest] = this.#buckets.keys();
      this.#buckets.delete(quietest);
    }
    this.#buckets.set(source, bucket);
    const missing = 1 - bucket.left;
    if (missing > ROUNDING) return Math.ceil(missing / perSecond - ROUNDING);
    bucket.left--;
    return 0;
  }
}
