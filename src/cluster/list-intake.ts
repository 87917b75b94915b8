/**
 * What a node takes over of what others say about its lists: only what is newer than what it knows,
 * and nothing from a future that is too far away: a clock that is wrong must not own the lists.
 *
 * All nodes forget removed and expired entries at the same moment, the begin of a day thirty days
 * later, so that their digests agree; what is forgotten is not taken back from a node that is slower.
 */
import type { HashList, ListEntry, ListName } from '../swarm/hash-list.js';
import type { ReplicationClock } from './replicator-options.js';

export type HashLists = Readonly<Record<ListName, HashList>>;

const DAY_MS = 86_400_000;
/** How far ahead of our clock an entry may have been said. */
const STAMP_AHEAD_MS_MAX = DAY_MS;
/** How long it is remembered that an entry was removed, or that it has expired. */
const LIST_MEMORY_MS = 30 * DAY_MS;
/** Buckets between two looks at the clock. */
const SWEEP_BUCKETS = 64;

export interface ListIntakeDependencies {
  readonly lists: HashLists;
  readonly clock: ReplicationClock;
  /** Told of each entry that was taken, at once. Its hash may be a part of a message: copy it to keep it. */
  readonly onTaken?: ((list: ListName, entry: ListEntry) => void) | undefined;
}

export class ListIntake {
  readonly counters = {
    taken: 0,
    /** Known already, or known better. */
    older: 0,
    /** Not taken: the list holds as many as it may. */
    full: 0,
    /** Not taken: said more than a day ahead of our clock. */
    fromFuture: 0,
    /** Not taken: removed or expired so long ago that we have forgotten it, or would at once. */
    tooOld: 0,
    forgotten: 0,
  };
  readonly #dependencies: ListIntakeDependencies;
  /** What was before this is forgotten, or will be: see `sweep`. */
  #boundaryMs = Number.NEGATIVE_INFINITY;
  #sweepList: ListName | undefined;
  #sweepBucket = 0;

  constructor(dependencies: ListIntakeDependencies) {
    this.#dependencies = dependencies;
  }

  /** Takes an entry over when it is newer; says whether it was. */
  take(list: ListName, entry: ListEntry): boolean {
    const { lists, clock, onTaken } = this.#dependencies;
    const wallMs = clock.wallMs();
    if (entry.stamp > wallMs + STAMP_AHEAD_MS_MAX) {
      this.counters.fromFuture++;
      return false;
    }
    if (isOver(entry, boundaryOf(wallMs))) {
      this.counters.tooOld++;
      return false;
    }
    const outcome = lists[list].put(entry);
    this.counters[outcome]++;
    if (outcome !== 'taken') return false;
    onTaken?.(list, entry);
    return true;
  }

  /**
   * Forgets, once a day, what is over. Works until `untilMs` on the monotonic clock and returns
   * whether there is more to do.
   */
  sweep(untilMs: number): boolean {
    const { lists, clock } = this.#dependencies;
    const boundaryMs = boundaryOf(clock.wallMs());
    if (boundaryMs > this.#boundaryMs) {
      this.#boundaryMs = boundaryMs;
      this.#sweepList = 'deny';
      this.#sweepBucket = 0;
    }
    while (this.#sweepList !== undefined) {
      const list = lists[this.#sweepList];
      const end = Math.min(this.#sweepBucket + SWEEP_BUCKETS, list.buckets);
      this.counters.forgotten += list.forget(this.#boundaryMs, this.#sweepBucket, end);
      this.#sweepBucket = end;
      if (end === list.buckets) {
        this.#sweepBucket = 0;
        this.#sweepList = this.#sweepList === 'deny' ? 'allow' : undefined;
      }
      if (clock.monotonicMs() >= untilMs) break;
    }
    return this.#sweepList !== undefined;
  }
}

/** The begin of today (UTC), thirty days ago. */
function boundaryOf(wallMs: number): number {
  return Math.floor(wallMs / DAY_MS) * DAY_MS - LIST_MEMORY_MS;
}

/** As `HashList.forget` judges it. */
function isOver({ stamp, present, expiresSeconds }: ListEntry, beforeMs: number): boolean {
  return (
    (expiresSeconds !== 0 && expiresSeconds * 1000 < beforeMs) || (!present && stamp < beforeMs)
  );
}
