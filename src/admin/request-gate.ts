/**
 * How often one address may ask, so that a runaway script, or somebody who guesses, costs the node
 * little.
 *
 * ```
 * reads     burst 10 s of the rate      admin.readsPerSecond, default 200
 * changes   burst 10 s of the rate      admin.changesPerSecond, default 20
 * tokens    burst 10, then one in 6 s   wrong ones
 * ```
 *
 * Requests that carry the right token have buckets of their own: a stranger who shares the operator's
 * address, behind the same proxy or the same NAT, cannot use up what the operator may ask. Loopback is
 * an address like others: a reverse proxy may stand there.
 */
import { AddressBuckets } from '../lib/address-buckets.js';
import type { Clock } from '../lib/clock.js';

const ADDRESSES_MAX = 4_096;
const BURST_SECONDS = 10;
const TOKENS_BURST = 10;
const TOKENS_PER_SECOND = 1 / 6;

export interface RequestGateOptions {
  /** 0: without a limit. */
  readonly readsPerSecond: number;
  readonly changesPerSecond: number;
}

export type RequestKind = 'reads' | 'changes';

/** Of requests with the right token, and of all others. */
interface Buckets {
  readonly trusted: AddressBuckets;
  readonly others: AddressBuckets;
}

export class RequestGate {
  /** Undefined: without a limit. */
  readonly #requests: Readonly<Record<RequestKind, Buckets | undefined>>;
  readonly #tokens: AddressBuckets;

  constructor(
    { readsPerSecond, changesPerSecond }: RequestGateOptions,
    { clock }: { clock: Pick<Clock, 'monotonicSeconds'> },
  ) {
    const buckets = (perSecond: number, burst = BURST_SECONDS * perSecond) =>
      new AddressBuckets({ burst, perSecond, addressesMax: ADDRESSES_MAX }, { clock });
    const limit = (perSecond: number) =>
      perSecond === 0 ? undefined : { trusted: buckets(perSecond), others: buckets(perSecond) };
    this.#requests = { reads: limit(readsPerSecond), changes: limit(changesPerSecond) };
    this.#tokens = buckets(TOKENS_PER_SECOND, TOKENS_BURST);
  }

  /** Takes one of the address; returns 0, or when there is none, in how many seconds there is one. */
  take(kind: RequestKind, address: string, { trusted = false } = {}): number {
    return this.#requests[kind]?.[trusted ? 'trusted' : 'others'].take(address) ?? 0;
  }

  /** The same for a wrong token. */
  takeToken(address: string): number {
    return this.#tokens.take(address);
  }
}
