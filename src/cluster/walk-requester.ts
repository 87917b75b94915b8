/**
 * Walks that this node asked others for. Chunks go through the inbox like batches; credit for more is
 * given as they are applied, so a donor is never faster than this node.
 */
import { encodeCancel, encodeCredit, encodeWalk } from '../protocol/cluster/repair.js';
import type { Dialogues } from './dialogues.js';
import type { Inbox } from './inbox.js';
import type { ReplicationContext } from './replication-context.js';
import { SequenceRanges } from './sequence-ranges.js';

/** How a walk ended. */
export const WalkEnd = {
  /** Everything came and is applied. */
  complete: 'complete',
  /** It ended, and some chunks are missing. */
  partial: 'partial',
  /** The donor has no walk to spare now. */
  busy: 'busy',
  /** Nothing came for too long. */
  failed: 'failed',
} as const;
export type WalkEnd = (typeof WalkEnd)[keyof typeof WalkEnd];

export interface WalkWanted {
  readonly donor: string;
  readonly cells: Uint8Array;
  readonly since?: number;
  readonly ownOnly?: boolean;
  /** Only web peers: of a donor that knows them. */
  readonly webOnly?: boolean;
  /** Called once, with the words that were news. */
  readonly ended: (end: WalkEnd, newer: number, retryMs: number) => void;
}

interface Walk {
  readonly walkId: number;
  readonly wanted: WalkWanted;
  /** Chunks that came, from 1; and how many there are, once that is known. */
  readonly came: SequenceRanges;
  total: number;
  /** Chunks in the inbox. */
  waiting: number;
  newer: number;
  deadlineMs: number;
}

/** How long chunks may come after the last one. */
const STRAGGLERS_MS = 1_000;

export class WalkRequester {
  readonly #context: ReplicationContext;
  readonly #inbox: Inbox;
  readonly #dialogues: Dialogues;
  readonly #walks = new Map<number, Walk>();

  constructor(
    context: ReplicationContext,
    { inbox, dialogues }: { readonly inbox: Inbox; readonly dialogues: Dialogues },
  ) {
    this.#context = context;
    this.#inbox = inbox;
    this.#dialogues = dialogues;
  }

  /** Asks for a walk; returns its number. */
  ask(wanted: WalkWanted): number {
    const { options, means, tally, nowMs } = this.#context;
    // 0 has a meaning of its own.
    const walkId = 1 + means.random.below(0xffff_ffff);
    tally.walksAsked++;
    this.#walks.set(walkId, {
      walkId,
      wanted,
      came: new SequenceRanges(),
      total: 0,
      waiting: 0,
      newer: 0,
      deadlineMs: nowMs + options.walkTimeoutMs,
    });
    this.#dialogues.keep(wanted.donor, walkId, nowMs);
    const { since, ownOnly = false, webOnly = false, cells } = wanted;
    const request = { walkId, credits: options.walkCredits, since, ownOnly, webOnly, cells };
    this.#context.send(wanted.donor, encodeWalk(request));
    return walkId;
  }

  /** Takes a chunk that was found good; false when nobody asked for it. */
  take(from: string, walkId: number, number: number, isLast: boolean, bytes: Uint8Array): boolean {
    const walk = this.#walks.get(walkId);
    if (walk === undefined || walk.wanted.donor !== from) return false;
    const { options, nowMs } = this.#context;
    if (!walk.came.add(number + 1)) return true;
    if (isLast) walk.total = number + 1;
    walk.waiting++;
    walk.deadlineMs = nowMs + options.walkTimeoutMs;
    this.#dialogues.keep(from, walkId, nowMs);
    this.#inbox.push({
      from,
      bytes: bytes.slice(),
      isBatch: false,
      ageSeconds: 0,
      dropped: () => {
        walk.waiting--;
        walk.came.remove(number + 1);
      },
      applied: (newer) => this.#applied(walk, newer),
    });
    return true;
  }

  busy(from: string, walkId: number, retryMs: number): void {
    const walk = this.#walks.get(walkId);
    if (walk?.wanted.donor === from) this.#end(walk, WalkEnd.busy, retryMs);
  }

  /** Ends walks in which nothing happens any more. */
  step(): void {
    const { nowMs } = this.#context;
    for (const walk of this.#walks.values()) {
      if (walk.waiting > 0 || nowMs < walk.deadlineMs) continue;
      if (walk.total === 0) this.#context.send(walk.wanted.donor, encodeCancel(walk.walkId));
      this.#end(walk, walk.total === 0 ? WalkEnd.failed : WalkEnd.partial);
    }
  }

  /** Ends all walks of a node that is gone. */
  abandon(donor: string): void {
    for (const walk of this.#walks.values()) {
      if (walk.wanted.donor === donor) this.#end(walk, WalkEnd.failed);
    }
  }

  #applied(walk: Walk, newer: number): void {
    const { nowMs, options } = this.#context;
    walk.waiting--;
    walk.newer += newer;
    if (!this.#walks.has(walk.walkId)) return;
    walk.deadlineMs = nowMs + options.walkTimeoutMs;
    if (walk.total === 0) {
      this.#context.send(walk.wanted.donor, encodeCredit(walk.walkId, 1));
      return;
    }
    if (walk.came.through >= walk.total && walk.waiting === 0) this.#end(walk, WalkEnd.complete);
    else walk.deadlineMs = nowMs + STRAGGLERS_MS;
  }

  #end(walk: Walk, end: WalkEnd, retryMs = 0): void {
    const { tally } = this.#context;
    this.#walks.delete(walk.walkId);
    if (end === WalkEnd.complete) tally.walksDone++;
    else if (end !== WalkEnd.busy) tally.walksFailed++;
    walk.wanted.ended(end, walk.newer, retryMs);
  }
}
