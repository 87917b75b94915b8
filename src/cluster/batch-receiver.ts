/** Takes the batches of others, new ones and such as were asked for again, and keeps their streams. */
import { BatchDecoder } from '../protocol/cluster/batch.js';
import { ENTRY_AGE_SECONDS_MAX } from '../protocol/cluster/entries.js';
import { Decoded } from '../protocol/cluster/envelope.js';
import type { Inbox } from './inbox.js';
import type { NodeTable } from './node-table.js';
import type { RemoteNode } from './remote-node.js';
import type { ReplicationContext } from './replication-context.js';

export interface BatchReceiverDependencies {
  readonly nodes: NodeTable;
  readonly inbox: Inbox;
  /** True once this node has what was before it came: from then on nothing may be missing. */
  readonly isJoined: () => boolean;
}

export class BatchReceiver {
  readonly #context: ReplicationContext;
  readonly #nodes: NodeTable;
  readonly #inbox: Inbox;
  readonly #isJoined: () => boolean;
  readonly #decoder = new BatchDecoder();

  constructor(context: ReplicationContext, { nodes, inbox, isJoined }: BatchReceiverDependencies) {
    this.#context = context;
    this.#nodes = nodes;
    this.#inbox = inbox;
    this.#isJoined = isJoined;
  }

  /** A batch that `from` says is its own. */
  take(from: string, payload: Uint8Array, isResent: boolean): void {
    const { tally } = this.#context;
    const batch = this.#decoder;
    const outcome = batch.open(payload);
    if (outcome !== Decoded.ok) {
      this.#context.refuse(outcome, from);
      return;
    }
    if (batch.origin !== from) {
      tally.refusedSender++;
      return;
    }
    const node = this.#nodes.hear(from);
    if (node === undefined) return;
    const { epoch, sequence, records } = batch;
    const { stream } = node;
    const isCurrent = stream.follow(epoch, sequence, this.covers(node, epoch));
    if (isCurrent && !stream.ranges.add(sequence)) {
      tally.batchesRepeated++;
      return;
    }
    // What an older process said before it died is as good as any word.
    if (isCurrent) tally.batchesReceived++;
    else tally.batchesOfOldEpochs++;
    node.recordsIn += records;
    const lagMs = node.lag.lagOf(batch.builtMs, this.#context.means.clock.wallMs());
    if (!isResent) node.lag.sample(lagMs);
    const { ranges } = stream;
    this.#inbox.push({
      from,
      bytes: payload.slice(),
      isBatch: true,
      ageSeconds: Math.min(ENTRY_AGE_SECONDS_MAX, Math.floor(lagMs / 1000)),
      ...(isCurrent ? { dropped: () => ranges.remove(sequence) } : {}),
    });
  }

  /**
   * Whether what a node said in an epoch before it was first heard is left to others: to the snapshot
   * with which this node joins, or to a comparison. Old batches would bring back peers that left
   * meanwhile elsewhere, for stops from before our time are not known here. Of a node that is younger
   * than this one every batch is wanted.
   */
  covers(node: RemoteNode, epoch: number): boolean {
    if (node.stream.epoch !== 0) return false;
    if (!this.#isJoined()) return true;
    if (epoch > this.#context.options.epoch) return false;
    node.isCompareDue = true;
    return true;
  }
}
