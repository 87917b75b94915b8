/** What one address may ask of a public port of the minder. */
import { isLoopbackAddress } from '../admin/access.js';
import { AddressBuckets, type AddressBucketsOptions } from '../lib/address-buckets.js';
import type { Clock } from '../lib/clock.js';

export class AddressGate {
  readonly #buckets: AddressBuckets;

  constructor(options: AddressBucketsOptions, { clock }: { clock: Clock }) {
    this.#buckets = new AddressBuckets(options, { clock });
  }

  /** Takes one request of the address; false when it has none left. Loopback has no limit. */
  pass(address: string): boolean {
    return isLoopbackAddress(address) || this.#buckets.take(address) === 0;
  }
}
