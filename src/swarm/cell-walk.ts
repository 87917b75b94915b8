/**
 * A donor's walk: tells everything that the store holds of some digest cells, a bit at a time. What
 * changes during the walk travels as changes do; a peer that moves its role may be told of twice.
 */
import { assert } from '../lib/assert.js';
import { CELL_BITMAP_BYTES, DigestHash } from './digest-hash.js';
import type { WalkFamilies } from './layout.js';
import { PeerKind, SEGMENT_MASK, SEGMENT_SHIFT, Swarm } from './layout.js';
import { PeerFlag } from './leaf.js';
import { ageSeconds } from './peer-age.js';
import { PeerWord } from './peer-word.js';
import type { SwarmStore } from './swarm-store.js';
import { type StoreVisitor, StoreWalk } from './walk.js';

/** What a walk tells. Called with a shard's lock held: must be quick, and must not call the store. */
export interface CellVisitor {
  /**
   * Called before the peers of a swarm, and again where a step of the walk goes on with them. The
   * info hash is five words at `at` of `words`; `downloads` is the sum over all nodes. Without
   * `sinceStamp` and `origin`, swarms come as well that have downloads only.
   */
  swarm(words: Int32Array, at: number, downloads: number): void;
  /** Called for each peer; the word is filled anew for the next one. */
  peer(word: PeerWord): void;
}

export interface CellWalkOptions {
  /** Only peers of these families. */
  readonly families?: WalkFamilies;
  /** The cells wanted, bit `cell & 7` of byte `cell >> 3`; all when it is missing. */
  readonly cells?: Uint8Array;
  /** Only peers whose stamp is this or later. */
  readonly sinceStamp?: number;
  /** Only peers that the node of this slot heard last; 0 is this one. */
  readonly origin?: number;
}

/** Merges bring a set back for another visit, but not for ever. */
const RESTARTS_MAX = 8;

export class CellWalk implements StoreVisitor {
  /** Peers told so far. */
  peers = 0;
  readonly #store: SwarmStore;
  readonly #visitor: CellVisitor;
  readonly #walk: StoreWalk;
  readonly #word = new PeerWord();
  readonly #since: number | undefined;
  readonly #origin: number | undefined;
  readonly #isOver: (origin: number, age: number, stamp: number) => boolean;
  /** The swarm that the visitor is to be told of before the next peer; -1: it was. */
  #pending = -1;

  /** The store's memory must have replication. */
  constructor(store: SwarmStore, visitor: CellVisitor, options: CellWalkOptions = {}) {
    const { replication } = store;
    assert(replication !== undefined, 'the store replicates');
    this.#store = store;
    this.#visitor = visitor;
    this.#since = options.sinceStamp;
    this.#origin = options.origin;
    this.#isOver = (origin, age, stamp) => replication.isOver(origin, age, stamp, store.stamp);
    const bounds = { restartsMax: RESTARTS_MAX, lockTimeoutMs: Number.POSITIVE_INFINITY };
    const { families = 'all' } = options;
    this.#walk = new StoreWalk(store, this, {
      ...bounds,
      families,
      ...this.#filterOf(options.cells),
    });
  }

  /** Looks at about `peers` peers more. Returns false when it was through the whole store. */
  step(peers: number): boolean {
    return this.#walk.step(peers);
  }

  swarm(_shard: number, record: number): void {
    this.#pending = record;
    if (this.#since === undefined && this.#origin === undefined) this.#tellSwarm();
  }

  leaf(_shard: number, record: number, kind: number, index: number, words: number): void {
    const { sets, leaves, heap, seconds, table } = this.#store;
    const set = table.setOf(record, kind);
    const ref = sets.leafAt(set, index);
    const count = sets.peersAt(set, index);
    const all = heap.u16[ref >>> SEGMENT_SHIFT];
    const segment = heap.i32[ref >>> SEGMENT_SHIFT];
    let wire = (ref & SEGMENT_MASK) * 4;
    let meta = leaves.metaStart(ref, words);
    const word = this.#word;
    word.kind = kind;
    if (kind < PeerKind.seeders6) word.wire.fill(0);
    for (let slot = 0; slot < count; slot++, wire += words, meta += 2) {
      const stamp = segment[meta];
      const seenAndFlags = segment[meta + 1];
      const origin = (seenAndFlags >>> 16) & PeerFlag.origin;
      if (this.#since !== undefined && ((stamp - this.#since) | 0) < 0) continue;
      if (this.#origin !== undefined && origin !== this.#origin) continue;
      const age = ageSeconds(seconds, seenAndFlags);
      // Expiry will meet it in a moment.
      if (this.#isOver(origin, age, stamp)) continue;
      if (this.#pending >= 0) this.#tellSwarm();
      for (let i = 0; i < words; i++) word.wire[i] = all[wire + i];
      word.partialSeed = (seenAndFlags & (PeerFlag.partialSeed << 16)) !== 0;
      word.completed = (seenAndFlags & (PeerFlag.completed << 16)) !== 0;
      word.stamp = stamp;
      word.origin = origin;
      word.ageSeconds = age;
      this.peers++;
      this.#visitor.peer(word);
    }
  }

  swarmDone(): void {
    this.#pending = -1;
  }

  #tellSwarm(): void {
    const { records } = this.#store;
    const record = this.#pending;
    this.#pending = -1;
    this.#visitor.swarm(records, record, records[record + Swarm.downloads]);
  }

  /** Lets swarms of the cells through; with a hash of its own, so as not to spoil what the thread's hash remembers. */
  #filterOf(cells: Uint8Array | undefined): { filter?: (record: number) => boolean } {
    if (cells === undefined) return {};
    assert(cells.length === CELL_BITMAP_BYTES, 'a bit for each cell');
    const bitmap = cells.slice();
    const { replication, records } = this.#store;
    assert(replication !== undefined, 'checked above');
    const hash = new DigestHash(replication.memory.digestKey);
    return {
      filter: (record) => {
        hash.swarm(records, record);
        return ((bitmap[hash.cell >>> 3] >>> (hash.cell & 7)) & 1) === 1;
      },
    };
  }
}
