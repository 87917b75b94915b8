/**
 * Mends gaps in the streams of origins, from the cheapest means to the dearest:
 *
 * ```
 * none -> grace         it may be the bus's disorder
 *         asked         the origin sends the batches again
 *         gone          it has them no more
 *         walking       it tells of all its own peers that changed since
 * ```
 *
 * A walk does not tell of peers that left in the gap: the comparison of digests, which is due then,
 * finds those.
 */
import { type BatchRange, CELL_MAP_BYTES, encodeResend } from '../protocol/cluster/repair.js';
import type { NodeTable } from './node-table.js';
import type { RemoteNode } from './remote-node.js';
import { type ReplicationContext, STAMPS_PER_MS } from './replication-context.js';
import type { SequenceRange } from './sequence-ranges.js';
import { WalkEnd, type WalkRequester } from './walk-requester.js';

export const ALL_CELLS = new Uint8Array(CELL_MAP_BYTES).fill(0xff);

export class GapRepair {
  readonly #context: ReplicationContext;
  readonly #nodes: NodeTable;
  readonly #requester: WalkRequester;

  constructor(
    context: ReplicationContext,
    { nodes, requester }: { readonly nodes: NodeTable; readonly requester: WalkRequester },
  ) {
    this.#context = context;
    this.#nodes = nodes;
    this.#requester = requester;
  }

  step(): void {
    if (!this.#context.means.transport.connected) return;
    for (const node of this.#nodes.trackers()) this.#stepNode(node);
  }

  /** The origin no longer holds batches that were asked for. */
  gone(node: RemoteNode, { epoch, first, last }: BatchRange): void {
    const { stream } = node;
    if (stream.phase !== 'asked' || epoch !== stream.epoch) return;
    if (last < stream.asked.first || first > stream.asked.last) return;
    this.#context.tally.goneHeard++;
    stream.phase = 'gone';
    stream.dueMs = this.#context.nowMs;
  }

  #stepNode(node: RemoteNode): void {
    const { stream } = node;
    if (stream.phase === 'walking') return;
    const { missing } = stream;
    if (missing === undefined) {
      stream.phase = 'none';
      return;
    }
    const { options, nowMs, tally } = this.#context;
    const isNew = stream.phase === 'none' || missing.first !== stream.gapFirst;
    if (stream.phase === 'asked' && isNew) {
      // It moves. What else is missing was missing all the time: no need for grace.
      stream.gapFirst = missing.first;
      stream.tries = 0;
      stream.dueMs = nowMs + options.resendTimeoutMs;
      if (missing.first === stream.asked.last + 1) this.#ask(node, missing);
      else if (missing.first > stream.asked.last) stream.phase = 'none';
      return;
    }
    if (isNew) {
      stream.phase = 'grace';
      stream.gapFirst = missing.first;
      stream.dueMs = nowMs + options.gapGraceMs;
      return;
    }
    if (nowMs < stream.dueMs) return;
    if (stream.phase === 'grace') {
      stream.gaps++;
      tally.gaps++;
      stream.tries = 0;
      this.#ask(node, missing);
    } else if (stream.phase === 'asked' && ++stream.tries < options.resendTries) {
      this.#ask(node, missing);
    } else {
      this.#walk(node);
    }
  }

  #ask(node: RemoteNode, { first, last }: SequenceRange): void {
    const { options, nowMs, tally } = this.#context;
    const { stream } = node;
    stream.asked = { first, last: Math.min(last, first + options.resendBatchesMax - 1) };
    stream.phase = 'asked';
    stream.dueMs = nowMs + options.resendTimeoutMs;
    tally.resendsAsked++;
    this.#context.send(node.id, encodeResend({ epoch: stream.epoch, ...stream.asked }));
  }

  #walk(node: RemoteNode): void {
    const { options } = this.#context;
    const { stream } = node;
    const { epoch, known, since } = stream;
    const margin = Math.round(options.walkMarginMs * STAMPS_PER_MS);
    stream.phase = 'walking';
    this.#requester.ask({
      donor: node.id,
      cells: ALL_CELLS,
      ownOnly: true,
      ...(since === undefined ? {} : { since: (since - margin) | 0 }),
      ended: (end, _newer, retryMs) => {
        if (stream.epoch !== epoch || stream.phase !== 'walking') return;
        if (end === WalkEnd.complete) {
          // Whatever was published before the walk began was in the store that it went through.
          stream.cover(known);
          node.isCompareDue = true;
          return;
        }
        stream.phase = 'gone';
        stream.dueMs = this.#context.nowMs + Math.max(retryMs, options.resendTimeoutMs);
      },
    });
  }
}
