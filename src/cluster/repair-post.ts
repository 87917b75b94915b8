/** Reads what comes on `rep.<self>.<from>` and hands it to whom it concerns. */
import { EntriesDecoder } from '../protocol/cluster/entries.js';
import { Decoded, MessageKind } from '../protocol/cluster/envelope.js';
import { CELLS, decodeRepair, encodeCells } from '../protocol/cluster/repair.js';
import type { DigestReader } from '../swarm/digest.js';
import type { AntiEntropy } from './anti-entropy.js';
import type { BatchReceiver } from './batch-receiver.js';
import type { BatchResender } from './batch-resender.js';
import { REMINDER_WALK } from './count-reminder.js';
import type { Dialogues } from './dialogues.js';
import type { GapRepair } from './gap-repair.js';
import type { Inbox } from './inbox.js';
import type { NodeTable } from './node-table.js';
import type { RemoteNode } from './remote-node.js';
import type { ReplicationContext } from './replication-context.js';
import type { WalkDonor } from './walk-donor.js';
import type { WalkRequester } from './walk-requester.js';

export interface RepairPostDependencies {
  readonly nodes: NodeTable;
  readonly inbox: Inbox;
  readonly dialogues: Dialogues;
  readonly digest: DigestReader;
  readonly receiver: BatchReceiver;
  readonly resender: BatchResender;
  readonly gaps: GapRepair;
  readonly donor: WalkDonor;
  readonly requester: WalkRequester;
  readonly antiEntropy: AntiEntropy;
}

export class RepairPost {
  readonly #context: ReplicationContext;
  readonly #to: RepairPostDependencies;
  readonly #entries = new EntriesDecoder();
  readonly #cells = new Int32Array(2 * CELLS);

  constructor(context: ReplicationContext, dependencies: RepairPostDependencies) {
    this.#context = context;
    this.#to = dependencies;
  }

  take(from: string, payload: Uint8Array): void {
    const { resender, gaps, donor, requester, antiEntropy, receiver } = this.#to;
    const node = this.#to.nodes.hear(from);
    if (node === undefined) return;
    const message = decodeRepair(payload);
    if (typeof message === 'number') {
      this.#context.refuse(message, from);
      return;
    }
    switch (message.kind) {
      case 'resend':
        resender.ask(from, message);
        break;
      case 'resent':
        receiver.take(from, message.batch, true);
        break;
      case 'gone':
        gaps.gone(node, message);
        break;
      case 'walk':
        donor.ask(node, message);
        break;
      case 'credit':
        donor.credit(from, message.walkId, message.credits);
        break;
      case 'cancel':
        donor.cancel(from, message.walkId);
        break;
      case 'busy':
        requester.busy(from, message.walkId, message.retryMs);
        break;
      case 'cellsWanted':
        this.#sendCells(node, message.requestId);
        break;
      case 'cells':
        antiEntropy.sessionWith(from)?.cells(message.requestId, message.cells);
        break;
      case 'entries':
        this.#takeEntries(from, payload);
    }
  }

  #takeEntries(from: string, payload: Uint8Array): void {
    const { inbox, dialogues, requester, antiEntropy } = this.#to;
    const { tally, nowMs } = this.#context;
    const entries = this.#entries;
    const outcome = entries.open(payload);
    if (outcome !== Decoded.ok) {
      this.#context.refuse(outcome, from);
      return;
    }
    const { kind, walkId, number, isLast, records } = entries;
    if (kind === MessageKind.chunk) {
      if (!requester.take(from, walkId, number, isLast, payload)) tally.refusedUnasked++;
      return;
    }
    const isReminder = kind === MessageKind.words && walkId === REMINDER_WALK && records === 0;
    if (!isReminder && !dialogues.has(from, walkId, nowMs)) {
      tally.refusedUnasked++;
      return;
    }
    const message = { from, bytes: payload.slice(), isBatch: false, ageSeconds: 0 };
    if (kind === MessageKind.words) {
      inbox.push(message);
      return;
    }
    tally.stopsReceived += records;
    inbox.push({
      ...message,
      applied: (newer) => {
        const session = antiEntropy.sessionWith(from);
        session?.learned(newer);
        session?.answered(walkId, number, isLast);
      },
    });
  }

  #sendCells(node: RemoteNode, requestId: number): void {
    const second = this.#context.means.clock.monotonicSeconds();
    if (!node.comparisons.take(second)) {
      this.#context.tally.comparisonsRefused++;
      return;
    }
    this.#to.digest.cells(this.#cells, node.families);
    this.#context.send(node.id, encodeCells(requestId, this.#cells));
  }
}
