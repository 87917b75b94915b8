/**
 * Makes this node and a donor hold the same peers. To join, the donor tells of everything first; to
 * mend, of the cells that differ.
 *
 * ```
 * mend:  compare twice -> walk of what differs -> compare twice -> push what still does
 * join:                   walk of everything   -> compare twice -> push what still does
 * ```
 *
 * After the walk this node has whatever the donor had. What differs then, the donor lacks, or it left
 * and we did not hear: our entries are pushed to it, and it answers with the stops that we missed.
 */
import { MessageKind } from '../protocol/cluster/envelope.js';
import { CELLS, encodeCellsWanted } from '../protocol/cluster/repair.js';
import type { DigestReader } from '../swarm/digest.js';
import type { WalkFamilies } from '../swarm/layout.js';
import { Global } from '../swarm/layout.js';
import {
  type CellDifference,
  type CellSet,
  differenceOf,
  limit,
  stable,
} from './cell-difference.js';
import { EntriesSender } from './entries-sender.js';
import { ALL_CELLS } from './gap-repair.js';
import type { ReplicationContext } from './replication-context.js';
import { WalkEnd, type WalkRequester } from './walk-requester.js';

export const SessionEnd = {
  /** No cell differs. */
  equal: 'equal',
  /** Cells differ by what is on its way. */
  unsettled: 'unsettled',
  /** The donor told, and was told. */
  mended: 'mended',
  busy: 'busy',
  failed: 'failed',
} as const;
export type SessionEnd = (typeof SessionEnd)[keyof typeof SessionEnd];

export interface SessionPlan {
  readonly donor: string;
  readonly goal: 'join' | 'mend';
  /** Which peers the donor knows of: of these both compare, and tell each other. */
  readonly families: WalkFamilies;
  /** Called when the donor's walk is complete. */
  readonly walked: () => void;
  /** Called once; `changed` when anything was news to this node. */
  readonly ended: (end: SessionEnd, changed: boolean, retryMs: number) => void;
}

type Phase = 'compare' | 'wait' | 'recheck' | 'walk' | 'push' | 'over';

/** Messages of words that may be unanswered. */
const WINDOW = 4;
const STEP_PEERS = 512;
const CELLS_TRIES = 3;

export class RepairSession {
  readonly #context: ReplicationContext;
  readonly #requester: WalkRequester;
  readonly #digest: DigestReader;
  readonly #plan: SessionPlan;
  #phase: Phase = 'compare';
  #isWalked = false;
  /** What was walked, or is to be. */
  #cells: CellSet = { bits: ALL_CELLS, size: CELLS };
  #first: CellDifference | undefined;
  #requestId = 0;
  #tries = 0;
  #dueMs = 0;
  #walkId = 0;
  #words: EntriesSender | undefined;
  #answered = new Set<number>();
  #newer = 0;
  readonly #stopsSentBefore: number;

  constructor(
    context: ReplicationContext,
    { requester, digest }: { readonly requester: WalkRequester; readonly digest: DigestReader },
    plan: SessionPlan,
  ) {
    this.#context = context;
    this.#requester = requester;
    this.#digest = digest;
    this.#plan = plan;
    this.#stopsSentBefore = context.tally.stopsSent;
    if (plan.goal === 'join') this.#walk();
    else this.#compare('compare');
  }

  get donor(): string {
    return this.#plan.donor;
  }

  /** Goes on. Returns whether it could at once. */
  step(peers: number): boolean {
    const { nowMs } = this.#context;
    if (this.#phase === 'push') return this.#push(peers);
    if (this.#phase === 'walk' || this.#phase === 'over' || nowMs < this.#dueMs) return false;
    if (this.#phase === 'wait') this.#compare('recheck');
    else if (++this.#tries >= CELLS_TRIES) this.#end(SessionEnd.failed);
    else this.#askCells();
    return false;
  }

  /** The donor's cells came. */
  cells(requestId: number, theirs: Int32Array): void {
    if (requestId !== this.#requestId) return;
    if (this.#phase !== 'compare' && this.#phase !== 'recheck') return;
    const ours = new Int32Array(2 * CELLS);
    this.#digest.cells(ours, this.#plan.families);
    const difference = differenceOf(ours, theirs);
    if (this.#phase === 'compare') {
      this.#first = difference;
      if (difference.every((word) => word === 0)) {
        this.#end(this.#isWalked ? SessionEnd.mended : SessionEnd.equal);
        return;
      }
      this.#phase = 'wait';
      this.#dueMs = this.#context.nowMs + this.#context.options.recheckMs;
      return;
    }
    const cells = stable(this.#first!, difference, this.#cells.bits);
    if (cells.size === 0) {
      this.#end(this.#isWalked ? SessionEnd.mended : SessionEnd.unsettled);
      return;
    }
    this.#cells = this.#isWalked ? cells : limit(cells, this.#cellsMax(), this.#randomCell());
    if (this.#isWalked) this.#beginPush();
    else this.#walk();
  }

  /** Cells that hold about as many peers as a repair may move. */
  #cellsMax(): number {
    const { options, means } = this.#context;
    const peers = Math.max(1, Atomics.load(means.store.control, Global.peers));
    return Math.max(1, Math.floor((CELLS * options.repairPeersMax) / peers));
  }

  #randomCell(): number {
    return this.#context.means.random.below(CELLS);
  }

  /** The donor answered words: so many of its stops were news. */
  answered(walkId: number, number: number, isLast: boolean): void {
    if (walkId !== this.#walkId || this.#phase !== 'push') return;
    if (isLast) this.#answered.add(number);
    this.#dueMs = this.#context.nowMs + this.#context.options.walkTimeoutMs;
  }

  /** Words of the donor's that were news. */
  learned(newer: number): void {
    this.#newer += newer;
  }

  abandon(): void {
    if (this.#phase !== 'over') this.#end(SessionEnd.failed);
  }

  #compare(phase: 'compare' | 'recheck'): void {
    this.#phase = phase;
    this.#tries = 0;
    this.#askCells();
  }

  #askCells(): void {
    const { means, options, tally, nowMs } = this.#context;
    this.#requestId = means.random.next();
    this.#dueMs = nowMs + options.resendTimeoutMs;
    tally.comparisons++;
    this.#context.send(this.#plan.donor, encodeCellsWanted(this.#requestId));
  }

  #walk(): void {
    this.#phase = 'walk';
    if (this.#plan.goal === 'mend') {
      this.#context.tally.repairs++;
      this.#context.tally.cellsRepaired += this.#cells.size;
    }
    this.#walkId = this.#requester.ask({
      donor: this.#plan.donor,
      cells: this.#cells.bits,
      ended: (end, newer, retryMs) => this.#walkEnded(end, newer, retryMs),
    });
  }

  #walkEnded(end: WalkEnd, newer: number, retryMs: number): void {
    if (this.#phase !== 'walk') return;
    this.#newer += newer;
    if (end === WalkEnd.busy) this.#end(SessionEnd.busy, retryMs);
    // Of a join that was interrupted, the next one takes what is missing.
    else if (end !== WalkEnd.complete) this.#end(SessionEnd.failed);
    else {
      this.#isWalked = true;
      this.#plan.walked();
      this.#compare('compare');
    }
  }

  #beginPush(): void {
    const { options, nowMs } = this.#context;
    this.#phase = 'push';
    this.#dueMs = nowMs + options.walkTimeoutMs;
    this.#words = new EntriesSender(this.#context, {
      kind: MessageKind.words,
      walkId: this.#walkId,
      walk: { cells: this.#cells.bits, families: this.#plan.families },
    });
  }

  #push(peers: number): boolean {
    const words = this.#words!;
    const { nowMs, tally } = this.#context;
    for (let left = peers; left > 0; left -= STEP_PEERS) {
      if (words.isDone) {
        if (this.#answered.size >= words.messages) {
          tally.wordsPushed += words.records;
          this.#end(SessionEnd.mended);
        } else if (nowMs > this.#dueMs) this.#end(SessionEnd.failed);
        return false;
      }
      if (words.sent - this.#answered.size >= WINDOW || !this.#context.mayPublish) {
        if (nowMs > this.#dueMs) this.#end(SessionEnd.failed);
        return false;
      }
      const message = words.next(STEP_PEERS);
      this.#dueMs = nowMs + this.#context.options.walkTimeoutMs;
      if (message !== undefined) this.#context.send(this.#plan.donor, message);
    }
    return true;
  }

  #end(end: SessionEnd, retryMs = 0): void {
    this.#phase = 'over';
    const changed = this.#newer > 0 || this.#context.tally.stopsSent > this.#stopsSentBefore;
    if (end === SessionEnd.failed) this.#context.tally.repairsFailed++;
    this.#plan.ended(end, changed, retryMs);
  }
}
