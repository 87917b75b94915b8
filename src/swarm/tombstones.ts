/**
 * Stops that must not be undone by older words about the same peer, which may still be on their way
 * from other trackers: a table in shared memory, a part for each shard, guarded by the shard's lock.
 *
 * ```
 * shard       sets of 8 tombstones; the low bits of a peer's hash name its set
 * tombstone   0  low half of the hash of swarm and peer     1  high half
 *             2  stamp of the stop
 *             3  bit 28  in use   12 bits  origin slot   16 bits  seen: second of the stop, mod 65536
 * ```
 *
 * A tombstone counts for as long as a peer of another node lives. A set that is full forgets the
 * oldest one; when that still counted, it is counted as evicted, and a peer that left may come back
 * until it times out. A tombstone that nobody evicts looks young again after 65,536 seconds; since
 * its stamp is as old as ever, it still outdates only words that are older.
 */
import { CONTROL_WORDS, Global } from './layout.js';
import { ageSeconds } from './peer-age.js';
import {
  countersOf,
  ReplicationCounter,
  type ReplicationMemory,
  TOMBSTONE_WAYS,
  TOMBSTONE_WORDS,
} from './replication-memory.js';

const USED = 1 << 28;
const ORIGIN_SHIFT = 16;
const ORIGIN_MASK = 0xfff;

export class Tombstones {
  /** Of the tombstone that the last `find` found: when the peer stopped, and which node heard it. */
  stamp = 0;
  origin = 0;
  #found = -1;
  readonly #words: Int32Array;
  readonly #counters: Float64Array;
  readonly #setsPerShard: number;
  readonly #configuredSeconds: number;
  readonly #control: Int32Array;

  /** `control`: that of the store, for how long peers live now; without it as long as configured. */
  constructor(
    memory: ReplicationMemory,
    thread: number,
    control: Int32Array = new Int32Array(CONTROL_WORDS),
  ) {
    this.#words = new Int32Array(memory.tombstones);
    this.#counters = countersOf(memory, thread);
    this.#setsPerShard = memory.tombstoneSetsPerShard;
    this.#configuredSeconds = memory.remoteTtlSeconds;
    this.#control = control;
  }

  /** Looks for one that still counts. `shard` is a number, `low` and `high` the peer's hash. */
  find(shard: number, low: number, high: number, seconds: number): boolean {
    const words = this.#words;
    let at = this.#setAt(shard, low);
    for (let way = 0; way < TOMBSTONE_WAYS; way++, at += TOMBSTONE_WORDS) {
      if (words[at] !== low || words[at + 1] !== high || words[at + 3] === 0) continue;
      if (ageSeconds(seconds, words[at + 3]) > this.#lifeSeconds) return false;
      this.stamp = words[at + 2];
      this.origin = (words[at + 3] >>> ORIGIN_SHIFT) & ORIGIN_MASK;
      this.#found = at;
      return true;
    }
    return false;
  }

  /** Removes the one that the last `find` found: the peer is back. */
  removeFound(): void {
    this.#words.fill(0, this.#found, this.#found + TOMBSTONE_WORDS);
  }

  /** Sets the tombstone of a peer that stopped at second `seen`, whatever stood there before. */
  put(
    shard: number,
    low: number,
    high: number,
    stamp: number,
    origin: number,
    seen: number,
    seconds: number,
  ): void {
    const words = this.#words;
    const first = this.#setAt(shard, low);
    let target = -1;
    let oldest = -1;
    for (let way = 0; way < TOMBSTONE_WAYS; way++) {
      const at = first + way * TOMBSTONE_WORDS;
      const word = words[at + 3];
      if (word !== 0 && words[at] === low && words[at + 1] === high) {
        target = at;
        break;
      }
      // A free place is older than anything.
      const age = word === 0 ? 0x10000 : ageSeconds(seconds, word);
      if (age < oldest) continue;
      // Those of one second by their stamps: else the newest would go, and the next one after it.
      if (age === oldest && ((words[at + 2] - words[target + 2]) | 0) >= 0) continue;
      oldest = age;
      target = at;
    }
    if (oldest >= 0 && oldest <= this.#lifeSeconds && !this.#isSame(target, low, high)) {
      this.#counters[ReplicationCounter.tombstonesEvicted]++;
    }
    words[target] = low;
    words[target + 1] = high;
    words[target + 2] = stamp;
    words[target + 3] = USED | (origin << ORIGIN_SHIFT) | (seen & 0xffff);
  }

  get #lifeSeconds(): number {
    return this.#control[Global.remoteTtlSeconds] || this.#configuredSeconds;
  }

  #isSame(at: number, low: number, high: number): boolean {
    return this.#words[at] === low && this.#words[at + 1] === high;
  }

  #setAt(shard: number, low: number): number {
    const set = shard * this.#setsPerShard + (low & (this.#setsPerShard - 1));
    return set * TOMBSTONE_WAYS * TOMBSTONE_WORDS;
  }
}
