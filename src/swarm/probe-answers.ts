/**
 * What scrapes of a challenge are answered: how a minder finds out whether an address is this
 * tracker's. It sends an info hash and three counts over the bus, then scrapes the hash at the
 * address; only this tracker knows the counts.
 *
 * ```
 * word  0      version: odd while a challenge is being written, changes with every write
 *       1      challenges ever written; 0: nobody looks any further
 *       2..    64 sets of 4 challenges, 9 words each:
 *              info hash (5), complete, downloaded, incomplete, second at which it ends
 * ```
 *
 * The low bits of the hash, which is random, choose the set; in a full set the challenge that ends
 * first goes. So 256 challenges at most, and a scrape of an unknown swarm compares four hashes. One
 * thread writes, the others look, and only where a swarm was not found.
 */
import type { ScrapeEntry } from '../protocol/announce.js';

const SETS = 64;
const WAYS = 4;
const HASH_WORDS = 5;
const CHALLENGE_WORDS = 9;
const ENDS_AT = 8;
const CHALLENGES_AT = 2;
export const PROBE_ANSWERS_MAX = SETS * WAYS;
/** Looks that may find a challenge half written; one that still does goes without. */
const TRIES = 3;

/** Complete, downloaded, incomplete. */
export type ProbeCounts = readonly [number, number, number];

export function reserveProbeAnswers(): SharedArrayBuffer {
  return new SharedArrayBuffer((CHALLENGES_AT + PROBE_ANSWERS_MAX * CHALLENGE_WORDS) * 4);
}

/** The one writer. */
export class ProbeAnswersWriter {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /**
   * Answers scrapes of `hash` (five big-endian integers) with `counts` until `endSeconds` on the
   * monotonic clock. A hash that is known already gets the new counts and end.
   */
  put(hash: Int32Array, counts: ProbeCounts, endSeconds: number, nowSeconds: number): void {
    const words = this.#words;
    const at = this.#place(hash, nowSeconds);
    Atomics.add(words, 0, 1);
    for (let w = 0; w < HASH_WORDS; w++) Atomics.store(words, at + w, hash[w]);
    for (const [i, count] of counts.entries()) Atomics.store(words, at + HASH_WORDS + i, count);
    Atomics.store(words, at + ENDS_AT, endSeconds);
    words[1] = Math.min(words[1] + 1, 0x7fff_ffff);
    Atomics.add(words, 0, 1);
  }

  /** Where the hash is, else a place that is over, else the one that is over first. */
  #place(hash: Int32Array, nowSeconds: number): number {
    const words = this.#words;
    const first = setOf(hash[0]);
    let best = first;
    for (let at = first; at < first + WAYS * CHALLENGE_WORDS; at += CHALLENGE_WORDS) {
      if (isHash(words, at, hash, 0) && words[at + ENDS_AT] > nowSeconds) return at;
      if (words[at + ENDS_AT] < words[best + ENDS_AT]) best = at;
    }
    return best;
  }
}

/** A thread's view. Allocates nothing after construction. */
export class ProbeAnswers {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Whether the info hash at `hash[from..from+5)` is a challenge. */
  has(hash: Int32Array, from: number, nowSeconds: number): boolean {
    return this.#words[1] !== 0 && this.#find(hash, from, nowSeconds) >= 0;
  }

  /** Fills `entry` with the counts of a challenge; false, and `entry` untouched, for any other hash. */
  read(hash: Int32Array, from: number, nowSeconds: number, entry: ScrapeEntry): boolean {
    const words = this.#words;
    if (words[1] === 0) return false;
    for (let i = 0; i < TRIES; i++) {
      const version = Atomics.load(words, 0);
      const at = this.#find(hash, from, nowSeconds);
      if (at < 0) return false;
      // Atomic, so that they come before the look at the version on every processor.
      const isStill = Atomics.load(words, at) === hash[from];
      const complete = Atomics.load(words, at + HASH_WORDS);
      const downloaded = Atomics.load(words, at + HASH_WORDS + 1);
      const incomplete = Atomics.load(words, at + HASH_WORDS + 2);
      if (!isStill || (version & 1) === 1 || Atomics.load(words, 0) !== version) continue;
      entry.seeders = complete;
      entry.downloads = downloaded;
      entry.leechers = incomplete;
      entry.partialSeeds = 0;
      return true;
    }
    return false;
  }

  #find(hash: Int32Array, from: number, nowSeconds: number): number {
    const words = this.#words;
    const first = setOf(hash[from]);
    for (let at = first; at < first + WAYS * CHALLENGE_WORDS; at += CHALLENGE_WORDS) {
      if (isHash(words, at, hash, from) && words[at + ENDS_AT] > nowSeconds) return at;
    }
    return -1;
  }
}

function setOf(word: number): number {
  return CHALLENGES_AT + (word & (SETS - 1)) * WAYS * CHALLENGE_WORDS;
}

function isHash(words: Int32Array, at: number, hash: Int32Array, from: number): boolean {
  for (let w = 0; w < HASH_WORDS; w++) if (words[at + w] !== hash[from + w]) return false;
  return true;
}
