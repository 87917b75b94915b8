/**
 * Offers that may still be answered. A tracker keeps two such tables: of the offers that its own web
 * peers made, and of those that they were given. An answer passes only when it takes an entry out of
 * the second where it is given, and one out of the first where it arrives; so each is taken once.
 *
 * Entries end after `OFFER_SECONDS`. All live equally long, so the oldest stand first and ending them
 * costs no search.
 */

/** How long an offer may be answered; clients give up after 50 s. */
export const OFFER_SECONDS = 60;

/** Whoever offers count for: what they may hold is bounded. */
export interface OfferHolder {
  /** Entries that are there because of it. */
  offers: number;
}

interface Entry<Holder> {
  readonly holder: Holder;
  /** The other side, as the 18 bytes of a web peer in a binary text. */
  readonly other: string;
  readonly endsSeconds: number;
}

export interface OfferTableOptions {
  readonly offersMax: number;
  readonly perHolderMax: number;
}

export class OfferTable<Holder extends OfferHolder> {
  /** Entries that ended unanswered. */
  expired = 0;
  readonly #options: OfferTableOptions;
  readonly #entries = new Map<string, Entry<Holder>>();

  constructor(options: OfferTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Notes an offer, in place of one of the same key. False when there is no room for it. */
  put(key: string, holder: Holder, other: string, nowSeconds: number): boolean {
    const { offersMax, perHolderMax } = this.#options;
    this.#remove(key);
    if (this.#entries.size >= offersMax || holder.offers >= perHolderMax) return false;
    holder.offers++;
    this.#entries.set(key, { holder, other, endsSeconds: nowSeconds + OFFER_SECONDS });
    return true;
  }

  /** The other side of an offer that stands; it stays. */
  find(key: string, nowSeconds: number): string | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.endsSeconds > nowSeconds ? entry.other : undefined;
  }

  /** Ends an offer: it was answered. */
  remove(key: string): void {
    this.#remove(key);
  }

  /** Ends what is too old. */
  expire(nowSeconds: number): void {
    for (const [key, { endsSeconds }] of this.#entries) {
      if (endsSeconds > nowSeconds) return;
      this.#remove(key);
      this.expired++;
    }
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.holder.offers--;
    this.#entries.delete(key);
  }
}
