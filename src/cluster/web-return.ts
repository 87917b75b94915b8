/**
 * Web peers that go and come back. When a tracker falls silent or restarts, its web peers are swept
 * out of the store; when it is heard again, it is asked for a walk over them.
 */
import { type PeerRemoval, webRemoval } from '../swarm/peer-removal.js';
import { ALL_CELLS } from './gap-repair.js';
import type { NodeTable } from './node-table.js';
import type { ReplicationContext } from './replication-context.js';
import { WalkEnd, type WalkRequester } from './walk-requester.js';
import type { Holder, WebPresence } from './web-presence.js';

/** Peers looked at under one lock: 0.2 ms where all of them go. */
const SLICE_PEERS = 256;
/** Slices in one tick. */
const SLICES = 8;

export interface WebReturnDependencies {
  readonly nodes: NodeTable;
  readonly presence: WebPresence;
  readonly requester: WalkRequester;
  /** True once this node has what was before it came: until then a walk brings everything. */
  readonly isJoined: () => boolean;
}

export class WebReturn {
  readonly #context: ReplicationContext;
  readonly #nodes: NodeTable;
  readonly #presence: WebPresence;
  readonly #requester: WalkRequester;
  readonly #isJoined: () => boolean;
  #sweep: PeerRemoval | undefined;
  #isSweepDue = false;

  constructor(
    context: ReplicationContext,
    { nodes, presence, requester, isJoined }: WebReturnDependencies,
  ) {
    this.#context = context;
    this.#nodes = nodes;
    this.#presence = presence;
    this.#requester = requester;
    this.#isJoined = isJoined;
  }

  /** Web peers may have ceased to count: all are looked at once, from now on. */
  sweep(): void {
    this.#isSweepDue = true;
  }

  /** Goes on. Returns whether it could at once. */
  step(): boolean {
    if (this.#isJoined() && this.#context.means.transport.connected) {
      for (const holder of this.#presence.lost()) this.#ask(holder);
    }
    return this.#stepSweep();
  }

  #stepSweep(): boolean {
    if (this.#sweep === undefined) {
      if (!this.#isSweepDue) return false;
      this.#isSweepDue = false;
      this.#presence.sweepBegins();
      this.#sweep = webRemoval(this.#context.means.store, this.#presence.counts);
    }
    const before = this.#sweep.removed;
    let hasMore = true;
    for (let slice = 0; slice < SLICES && hasMore; slice++) hasMore = this.#sweep.step(SLICE_PEERS);
    this.#context.tally.webPeersRemoved += this.#sweep.removed - before;
    if (!hasMore) {
      this.#sweep = undefined;
      this.#presence.sweepEnds();
    }
    return hasMore || this.#isSweepDue;
  }

  #ask(holder: Holder): void {
    const { nowMs, tally, options } = this.#context;
    if (holder.isAsked || nowMs < holder.askAfterMs) return;
    if (!this.#nodes.get(holder.id)?.knowsWeb) return;
    const { epoch } = holder;
    holder.isAsked = true;
    // What is lost from now on takes another walk.
    holder.isLost = false;
    tally.webWalks++;
    this.#requester.ask({
      donor: holder.id,
      cells: ALL_CELLS,
      ownOnly: true,
      webOnly: true,
      ended: (end, _newer, retryMs) => {
        holder.isAsked = false;
        holder.askAfterMs = this.#context.nowMs + Math.max(retryMs, options.resendTimeoutMs);
        if (end !== WalkEnd.complete && holder.epoch === epoch) holder.isLost = true;
      },
    });
  }
}
