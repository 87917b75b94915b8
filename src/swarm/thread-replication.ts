/**
 * One thread's part in replication: where it tells its changes, digests what it stores, and
 * remembers stops. A store of a tracker that stands alone has none of this.
 */
import { assert } from '../lib/assert.js';
import { ChangeRingWriter } from './change-ring.js';
import { DigestWriter } from './digest.js';
import { DigestHash, PEER_TAG } from './digest-hash.js';
import { Global } from './layout.js';
import { countersOf, type ReplicationMemory } from './replication-memory.js';
import { StopBudget } from './stop-budget.js';
import { Tombstones } from './tombstones.js';

const STAMPS_PER_SECOND = 64;

export class ThreadReplication {
  readonly memory: ReplicationMemory;
  readonly hash: DigestHash;
  readonly digest: DigestWriter;
  readonly tombstones: Tombstones;
  readonly changes: ChangeRingWriter;
  readonly stopBudget: StopBudget;
  /** This thread's counters (ReplicationCounter). */
  readonly counters: Float64Array;
  readonly #control: Int32Array;

  /** `hashKeys`: the two words of the store's own hash key. `control`: the store's. */
  constructor(
    memory: ReplicationMemory,
    thread: number,
    { hashKeys, control }: { hashKeys: Int32Array; control: Int32Array },
  ) {
    assert(thread >= 1 && thread <= memory.threads, 'replication has memory for this thread');
    this.memory = memory;
    this.#control = control;
    this.hash = new DigestHash(memory.digestKey);
    this.digest = new DigestWriter(memory, thread, this.hash);
    this.tombstones = new Tombstones(memory, thread, control);
    this.changes = new ChangeRingWriter(memory, thread);
    this.stopBudget = new StopBudget(hashKeys);
    this.counters = countersOf(memory, thread);
  }

  /** Seconds that a peer lives now which this node heard itself. */
  get peerTtlSeconds(): number {
    return this.#control[Global.peerTtlSeconds] || this.memory.peerTtlSeconds;
  }

  /** Seconds that a peer lives now which another node told of. */
  get remoteTtlSeconds(): number {
    return this.#control[Global.remoteTtlSeconds] || this.memory.remoteTtlSeconds;
  }

  /** Looks for the tombstone of a peer; `shard` is a number. Needs the shard's lock. */
  findTombstone(
    shard: number,
    infoHash: Int32Array,
    wire: Uint16Array,
    words: number,
    seconds: number,
  ): boolean {
    this.hash.swarm(infoHash, 0);
    this.hash.peer(wire, 0, words, PEER_TAG);
    return this.tombstones.find(shard, this.hash.low, this.hash.high, seconds);
  }

  /** Sets the tombstone of a peer. Needs the shard's lock. */
  putTombstone(
    shard: number,
    infoHash: Int32Array,
    wire: Uint16Array,
    words: number,
    stamp: number,
    origin: number,
    seen: number,
    seconds: number,
  ): void {
    this.hash.swarm(infoHash, 0);
    this.hash.peer(wire, 0, words, PEER_TAG);
    const { low, high } = this.hash;
    this.tombstones.put(shard, low, high, stamp, origin, seen, seconds);
  }

  /**
   * Whether the time of a peer is over: `age` is the seconds since it was heard of, `stamp` that of the
   * last word about it, `now` this thread's. Whoever stores, tells or expires asks here, so that no
   * node takes back what it let go.
   */
  isOver(origin: number, age: number, stamp: number, now: number): boolean {
    if (age <= this.peerTtlSeconds) return false;
    const { remoteTtlSeconds } = this;
    if (age > remoteTtlSeconds) return true;
    if (origin !== 0) return false;
    // Others count from the last word that they were told, which may be a refresh ago.
    return !this.memory.alignsExpiry || ((now - stamp) | 0) > remoteTtlSeconds * STAMPS_PER_SECOND;
  }
}
