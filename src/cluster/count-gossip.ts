/**
 * Tells one other tracker at a time what this one knows of everybody's downloads. A node tells its own
 * counts to all (download-ledger.ts), but one that lost them, with the swarm, has nothing to tell of
 * and nobody asks: then whoever remembers tells, sooner or later. Swarms without peers are in no
 * digest, so no comparison finds them.
 *
 * A message is one of words about nothing but counts, of walk number 0, as a reminder is.
 */
import { EntriesEncoder } from '../protocol/cluster/entries-encoder.js';
import { MessageKind } from '../protocol/cluster/envelope.js';
import { REMINDER_WALK } from './count-reminder.js';
import type { NodeTable } from './node-table.js';
import { SELF_SLOT } from './origins.js';
import type { ReplicationContext } from './replication-context.js';

export class CountGossip {
  readonly #context: ReplicationContext;
  readonly #nodes: NodeTable;
  readonly #encoder: EntriesEncoder;
  readonly #ready: Uint8Array[] = [];
  #to: string | undefined;

  constructor(context: ReplicationContext, { nodes }: { readonly nodes: NodeTable }) {
    this.#context = context;
    this.#nodes = nodes;
    const { origins } = context.means;
    const { chunkBytesMax: bytesMax } = context.options;
    this.#encoder = new EntriesEncoder({ bytesMax }, { idOf: (slot) => origins.idOf(slot) });
  }

  /** Chooses whom to tell from now on. */
  begin(): void {
    const trackers = [...this.#nodes.trackers()];
    this.#to = trackers[this.#context.means.random.below(Math.max(1, trackers.length))]?.id;
  }

  /** Takes the counts of the swarm `words[at..at + 5)`. Sends nothing yet: a lock may be held. */
  take(words: Int32Array, at: number): void {
    if (this.#to === undefined) return;
    let isBegun = false;
    this.#context.means.counters.forEach(words, at, (slot, downloads) => {
      if (slot === SELF_SLOT) return;
      if (!isBegun) this.#encoder.beginGroup(words, at);
      isBegun = true;
      if (this.#encoder.addDownloads(slot, downloads)) return;
      this.#finish();
      this.#encoder.addDownloads(slot, downloads);
    });
  }

  /** Sends what is full, and at the end of a pass the rest. What the bus has no room for is dropped. */
  flush(isEnd: boolean): void {
    if (isEnd && !this.#encoder.isEmpty) this.#finish();
    for (const message of this.#ready.splice(0)) {
      if (this.#to === undefined || !this.#context.mayPublish) continue;
      this.#context.tally.countGossip++;
      this.#context.send(this.#to, message);
    }
  }

  #finish(): void {
    const head = { kind: MessageKind.words, walkId: REMINDER_WALK, number: 0, isLast: true };
    this.#ready.push(this.#encoder.finish(head));
  }
}
