/**
 * One origin's batches as they come here: which are missing, and since when. A restarted origin
 * begins a new epoch, and what was missing of the old one is left to the comparison of digests.
 */
import { type SequenceRange, SequenceRanges } from './sequence-ranges.js';

/** Heartbeats in a row of an older epoch after which that is the one: the origin's clock went back. */
const OLD_EPOCHS_MAX = 3;

/** What a stream does about its first gap. */
export type GapPhase = 'none' | 'grace' | 'asked' | 'gone' | 'walking';

export class OriginStream {
  epoch = 0;
  ranges = new SequenceRanges();
  /** The highest sequence that the origin is known to have published. */
  known = 0;
  gaps = 0;
  /** The repair of the first gap. */
  phase: GapPhase = 'none';
  gapFirst = 0;
  asked: SequenceRange = { first: 0, last: 0 };
  tries = 0;
  dueMs = 0;
  /** A stamp of the origin's clock before which nothing is missing; undefined: everything may be. */
  since: number | undefined;
  #oldEpochs = 0;

  /**
   * Follows the epoch that a batch tells of; false when the batch is of an older one. What came
   * before `sequence` is taken as had when `isCovered`: a snapshot brings it.
   */
  follow(epoch: number, sequence: number, isCovered: boolean): boolean {
    if (epoch < this.epoch) return false;
    if (epoch > this.epoch) this.#begin(epoch, isCovered ? sequence - 1 : 0);
    this.known = Math.max(this.known, sequence);
    return true;
  }

  /** Takes what a heartbeat tells: batches up to `sequence` exist, and the origin's clock is `stamp`. */
  heartbeat(epoch: number, sequence: number, stamp: number, isCovered: boolean): void {
    if (epoch < this.epoch) {
      if (++this.#oldEpochs < OLD_EPOCHS_MAX) return;
      this.#begin(epoch, 0);
    } else if (epoch > this.epoch) {
      this.#begin(epoch, isCovered ? sequence : 0);
    }
    this.#oldEpochs = 0;
    this.known = Math.max(this.known, sequence);
    if (sequence <= this.ranges.through) this.since = stamp;
  }

  /** The first gap, or nothing. */
  get missing(): SequenceRange | undefined {
    return this.ranges.firstMissing(this.known);
  }

  get isComplete(): boolean {
    return this.ranges.through >= this.known;
  }

  /** Everything up to `last` has come in another way. */
  cover(last: number): void {
    if (last > this.ranges.through) this.ranges.fill({ first: 1, last });
    this.phase = 'none';
  }

  #begin(epoch: number, through: number): void {
    this.epoch = epoch;
    this.ranges = new SequenceRanges();
    this.ranges.through = through;
    this.known = through;
    this.phase = 'none';
    this.since = undefined;
    this.#oldEpochs = 0;
  }
}
