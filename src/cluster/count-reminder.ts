/**
 * Tells a node that it once counted more downloads than it says now: it restarted, and lost what it
 * had not saved. A reminder is a message of words about nothing but counts, of walk number 0.
 */
import { EntriesEncoder } from '../protocol/cluster/entries-encoder.js';
import { MessageKind } from '../protocol/cluster/envelope.js';
import type { ReplicationContext } from './replication-context.js';

/** The walk that no node asks for. */
export const REMINDER_WALK = 0;

export class CountReminder {
  readonly #context: ReplicationContext;
  readonly #encoder: EntriesEncoder;

  constructor(context: ReplicationContext) {
    this.#context = context;
    const { origins } = context.means;
    this.#encoder = new EntriesEncoder({}, { idOf: (slot) => origins.idOf(slot) });
  }

  /** The node `to`, in slot `slot`, says that it counted `told` downloads of a swarm. */
  check(to: string, slot: number, infoHash: Int32Array, told: number): void {
    this.#context.means.counters.forEach(infoHash, 0, (owner, known) => {
      if (owner !== slot || known <= told) return;
      this.#encoder.beginGroup(infoHash, 0);
      if (this.#encoder.addDownloads(slot, known)) return;
      this.flush(to);
      this.#encoder.addDownloads(slot, known);
    });
  }

  /** Sends what there is to remind the node of. */
  flush(to: string): void {
    if (this.#encoder.isEmpty) return;
    this.#context.tally.countReminders++;
    const head = { kind: MessageKind.words, walkId: REMINDER_WALK, number: 0, isLast: true };
    this.#context.send(to, this.#encoder.finish(head));
  }
}
