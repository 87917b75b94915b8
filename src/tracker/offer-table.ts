/**
 * Offers that may still be answered. A tracker keeps two such tables: of the offers that its own web
 * peers made, and of those that they were given. An answer passes only when it takes an entry out of
 * the second where it is given, and one out of the first where it arrives; so each is taken once.
 *
 * Entries end after `OFFER_SECONDS`. All live equally long, so the oldest stand first and ending them
 * costs no search. Where there is no room, the oldest make some: they had their time, and who floods
 * a table must not keep others out of it.
 *
 * ```
 * entry    words 0 .. 15   its key: what names the offer (OfferKey)
 *          other           the other side, a web peer as a binary text
 *          ends            second in which it ends
 *          newer, older    list of all, by age
 *          next, previous  list of its holder's, by age
 * slots    0: empty, or number of an entry + 1; open addressing, half full at most
 * ```
 *
 * Numbers in arrays instead of objects in a Map: an announce with five offers that are all answered
 * goes through ten entries, and made garbage of each (`npm run bench -- ws`).
 */
import { randomFillSync } from 'node:crypto';
import { hashWords } from '../swarm/hash.js';

/** How long an offer may be answered; clients give up after 50 s. */
export const OFFER_SECONDS = 60;

/** Whoever offers count for: what they may hold is bounded. Made by `newHolder`. */
export interface OfferHolder {
  /** Entries that are there because of it. */
  offers: number;
  /** Its entries by age, or NONE. */
  oldest: number;
  newest: number;
}

export function newHolder(): OfferHolder {
  return { offers: 0, oldest: NONE, newest: NONE };
}

const NONE = -1;
const KEY_BYTES = 64;
const KEY_WORDS = KEY_BYTES / 4;
const ENTRIES_MIN = 256;

/**
 * What names an offer, filled again and again:
 *
 * ```
 *  0  number     4   of the web peer that holds it
 *  4  info hash 20
 * 24  offer id  20
 * 44  peer id   20   of the maker, where others hold it; zeros otherwise
 * ```
 */
export class OfferKey {
  readonly bytes = new Uint8Array(KEY_BYTES);
  readonly words = new Int32Array(this.bytes.buffer);

  /** Hashes and ids are binary texts of 20 code units. */
  set(number: number, infoHash: string, offerId: string, makerPeerId = ''): this {
    const { bytes } = this;
    this.words[0] = number;
    for (let i = 0; i < 20; i++) bytes[4 + i] = infoHash.charCodeAt(i);
    for (let i = 0; i < 20; i++) bytes[24 + i] = offerId.charCodeAt(i);
    if (makerPeerId === '') bytes.fill(0, 44);
    else for (let i = 0; i < 20; i++) bytes[44 + i] = makerPeerId.charCodeAt(i);
    return this;
  }
}

export interface OfferTableOptions {
  readonly offersMax: number;
  readonly perHolderMax: number;
}

export class OfferTable {
  /** Entries that ended unanswered. */
  expired = 0;
  /** Entries that made room for others. */
  evicted = 0;
  readonly #options: OfferTableOptions;
  /** Strangers choose the keys: where they come to stand must not be theirs to choose. */
  readonly #hashKeys = randomFillSync(new Int32Array(2));
  #size = 0;
  #capacity = 0;
  #oldest = NONE;
  #newest = NONE;
  /** First of the free entries, which `newer` links. */
  #free = NONE;
  #slots = new Int32Array(0);
  #keys = new Int32Array(0);
  #hashes = new Int32Array(0);
  #ends = new Float64Array(0);
  #newer = new Int32Array(0);
  #older = new Int32Array(0);
  #next = new Int32Array(0);
  #previous = new Int32Array(0);
  #others: (string | undefined)[] = [];
  #holders: (OfferHolder | undefined)[] = [];

  constructor(options: OfferTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Notes an offer, in place of one of the same key. The oldest make room for it. */
  put(key: OfferKey, holder: OfferHolder, other: string, nowSeconds: number): void {
    const { offersMax, perHolderMax } = this.#options;
    const hash = hashWords(this.#hashKeys, key.words);
    this.remove(this.#locate(key, hash));
    if (holder.offers >= perHolderMax) this.#evict(holder.oldest);
    if (this.#size >= offersMax) this.#evict(this.#oldest);
    if (this.#free === NONE) this.#grow();
    const entry = this.#free;
    this.#free = this.#newer[entry];
    this.#keys.set(key.words, entry * KEY_WORDS);
    this.#hashes[entry] = hash;
    this.#others[entry] = other;
    this.#holders[entry] = holder;
    this.#ends[entry] = nowSeconds + OFFER_SECONDS;
    this.#size++;
    holder.offers++;
    this.#link(entry, holder);
    this.#insert(entry);
  }

  /** The entry of an offer that stands, or -1; good until the next `put` or `remove`. */
  find(key: OfferKey, nowSeconds: number): number {
    if (this.#size === 0) return NONE;
    const entry = this.#locate(key, hashWords(this.#hashKeys, key.words));
    return entry !== NONE && this.#ends[entry] > nowSeconds ? entry : NONE;
  }

  /** The other side of an entry. */
  other(entry: number): string | undefined {
    return this.#others[entry];
  }

  /** Ends an offer: it was answered. */
  remove(entry: number): void {
    if (entry === NONE) return;
    this.#vacate(entry);
    this.#unlink(entry);
    this.#others[entry] = undefined;
    this.#holders[entry] = undefined;
    this.#newer[entry] = this.#free;
    this.#free = entry;
    this.#size--;
  }

  /** Ends what is too old. */
  expire(nowSeconds: number): void {
    while (this.#oldest !== NONE && this.#ends[this.#oldest] <= nowSeconds) {
      this.remove(this.#oldest);
      this.expired++;
    }
  }

  /** Ends all offers of one that is gone. */
  forget(holder: OfferHolder): void {
    while (holder.oldest !== NONE) this.remove(holder.oldest);
  }

  #evict(entry: number): void {
    this.remove(entry);
    this.evicted++;
  }

  /** The entry of that key, ended or not. */
  #locate(key: OfferKey, hash: number): number {
    if (this.#size === 0) return NONE;
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = slots[at] - 1;
      if (entry === NONE || (this.#hashes[entry] === hash && this.#isKey(entry, key))) return entry;
    }
  }

  #isKey(entry: number, { words }: OfferKey): boolean {
    const at = entry * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) if (this.#keys[at + i] !== words[i]) return false;
    return true;
  }

  #link(entry: number, holder: OfferHolder): void {
    this.#newer[entry] = NONE;
    this.#older[entry] = this.#newest;
    if (this.#newest === NONE) this.#oldest = entry;
    else this.#newer[this.#newest] = entry;
    this.#newest = entry;
    this.#next[entry] = NONE;
    this.#previous[entry] = holder.newest;
    if (holder.newest === NONE) holder.oldest = entry;
    else this.#next[holder.newest] = entry;
    holder.newest = entry;
  }

  #unlink(entry: number): void {
    const [older, newer] = [this.#older[entry], this.#newer[entry]];
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    const holder = this.#holders[entry];
    if (holder === undefined) return;
    const [previous, next] = [this.#previous[entry], this.#next[entry]];
    if (previous === NONE) holder.oldest = next;
    else this.#next[previous] = next;
    if (next === NONE) holder.newest = previous;
    else this.#previous[next] = previous;
    holder.offers--;
  }

  #insert(entry: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = this.#hashes[entry] & mask;
    while (slots[at] !== 0) at = (at + 1) & mask;
    slots[at] = entry + 1;
  }

  /** Takes an entry out of the slots, and moves those behind it up that could not stand there. */
  #vacate(entry: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#hashes[entry] & mask;
    while (slots[hole] !== entry + 1) hole = (hole + 1) & mask;
    for (let at = (hole + 1) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const home = this.#hashes[slots[at] - 1] & mask;
      // It may move when its home does not lie behind the hole.
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = slots[at];
      hole = at;
    }
    slots[hole] = 0;
  }

  /** Doubles the room. It is never given back: 170 bytes an entry, `offersMax` entries at most. */
  #grow(): void {
    const old = this.#capacity;
    const capacity = Math.min(this.#options.offersMax, Math.max(ENTRIES_MIN, 2 * old));
    const grown = (from: Int32Array): Int32Array<ArrayBuffer> => {
      const to = new Int32Array(capacity);
      to.set(from);
      return to;
    };
    const keys = new Int32Array(capacity * KEY_WORDS);
    keys.set(this.#keys);
    const ends = new Float64Array(capacity);
    ends.set(this.#ends);
    [this.#keys, this.#ends] = [keys, ends];
    this.#hashes = grown(this.#hashes);
    this.#newer = grown(this.#newer);
    this.#older = grown(this.#older);
    this.#next = grown(this.#next);
    this.#previous = grown(this.#previous);
    for (let entry = capacity - 1; entry >= old; entry--) {
      this.#newer[entry] = this.#free;
      this.#free = entry;
    }
    this.#capacity = capacity;
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * capacity)));
    for (let entry = this.#oldest; entry !== NONE; entry = this.#newer[entry]) this.#insert(entry);
  }
}
