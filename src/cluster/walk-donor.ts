/**
 * Serves walks over this node's store to others: a few at a time, a bounded number of peers a tick,
 * and never more chunks than whoever asked gave credit for. A walk that its requester forgot ends.
 */
import { MessageKind } from '../protocol/cluster/envelope.js';
import { encodeBusy, type WalkRequest } from '../protocol/cluster/repair.js';
import type { Dialogues } from './dialogues.js';
import { EntriesSender } from './entries-sender.js';
import { SELF_SLOT } from './origins.js';
import type { RemoteNode } from './remote-node.js';
import type { ReplicationContext } from './replication-context.js';

/** Peers looked at under one lock. */
const STEP_PEERS = 512;
const CREDITS_MAX = 64;

interface Walk {
  readonly to: string;
  readonly walkId: number;
  readonly sender: EntriesSender;
  credits: number;
  deadlineMs: number;
}

export class WalkDonor {
  readonly #context: ReplicationContext;
  readonly #dialogues: Dialogues;
  #walks: Walk[] = [];

  constructor(context: ReplicationContext, { dialogues }: { readonly dialogues: Dialogues }) {
    this.#context = context;
    this.#dialogues = dialogues;
  }

  /** Walks that go on. */
  get size(): number {
    return this.#walks.length;
  }

  ask(node: RemoteNode, { walkId, credits, since, ownOnly, webOnly, cells }: WalkRequest): void {
    const { options, tally, means, nowMs } = this.#context;
    const from = node.id;
    // The bus may bring a request twice.
    if (this.#dialogues.has(from, walkId, nowMs)) return;
    const ofThisNode = this.#walks.filter((walk) => walk.to === from).length;
    // One node alone cannot keep all others waiting.
    const share = Math.ceil(options.walksMax / 2);
    const isBusy = this.#walks.length >= options.walksMax || ofThisNode >= share;
    // One that is asked for and cancelled costs as well.
    if (isBusy || !node.walks.take(means.clock.monotonicSeconds())) {
      tally.walksRefused++;
      this.#context.send(from, encodeBusy(walkId, options.busyRetryMs));
      return;
    }
    this.#dialogues.keep(from, walkId, nowMs);
    tally.walksServed++;
    this.#walks.push({
      to: from,
      walkId,
      sender: new EntriesSender(this.#context, {
        kind: MessageKind.chunk,
        walkId,
        walk: {
          cells,
          families: webOnly ? 'web' : node.families,
          ...(since === undefined ? {} : { sinceStamp: since }),
          ...(ownOnly ? { origin: SELF_SLOT } : {}),
        },
      }),
      credits: Math.min(credits, CREDITS_MAX),
      deadlineMs: nowMs + options.walkTimeoutMs,
    });
  }

  credit(from: string, walkId: number, credits: number): void {
    const walk = this.#find(from, walkId);
    if (walk === undefined) return;
    walk.credits = Math.min(walk.credits + credits, CREDITS_MAX);
    this.#keep(walk);
  }

  cancel(from: string, walkId: number): void {
    const walk = this.#find(from, walkId);
    if (walk !== undefined) this.#walks = this.#walks.filter((other) => other !== walk);
  }

  /** Goes on for about `peers` peers. Returns whether a walk could go on at once. */
  step(peers: number): boolean {
    if (this.#walks.length === 0) return false;
    const { nowMs, tally } = this.#context;
    let canGoOn = false;
    const share = Math.ceil(peers / this.#walks.length);
    this.#walks = this.#walks.filter((walk) => {
      canGoOn = this.#stepWalk(walk, share) || canGoOn;
      if (walk.sender.isDone) return false;
      if (nowMs <= walk.deadlineMs) return true;
      tally.walksAbandoned++;
      return false;
    });
    return canGoOn;
  }

  #stepWalk(walk: Walk, peers: number): boolean {
    for (let left = peers; left > 0; left -= STEP_PEERS) {
      if (walk.credits <= 0 || !this.#context.mayPublish) return false;
      const chunk = walk.sender.next(STEP_PEERS);
      // What takes long without a chunk to show for it is not stuck.
      this.#keep(walk);
      if (chunk === undefined) continue;
      walk.credits--;
      this.#context.send(walk.to, chunk);
      if (walk.sender.isDone) return false;
    }
    return true;
  }

  #keep(walk: Walk): void {
    const { options, nowMs } = this.#context;
    walk.deadlineMs = nowMs + options.walkTimeoutMs;
    this.#dialogues.keep(walk.to, walk.walkId, nowMs);
  }

  #find(from: string, walkId: number): Walk | undefined {
    return this.#walks.find((walk) => walk.to === from && walk.walkId === walkId);
  }
}
