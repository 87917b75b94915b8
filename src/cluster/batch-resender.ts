/** Sends batches again to those who missed them, one range a node at a time. */
import type { BatchRange } from '../protocol/cluster/repair.js';
import { encodeGone, encodeResent } from '../protocol/cluster/repair.js';
import type { BatchRing } from './batch-ring.js';
import type { ReplicationContext } from './replication-context.js';

/** In one tick, so that live batches are not kept waiting. */
const BYTES_PER_TICK = 512 * 1024;

export class BatchResender {
  readonly #context: ReplicationContext;
  readonly #ring: BatchRing;
  /** What each node still waits for. */
  readonly #wanted = new Map<string, { next: number; readonly last: number }>();

  constructor(context: ReplicationContext, { ring }: { readonly ring: BatchRing }) {
    this.#context = context;
    this.#ring = ring;
  }

  /** A node asks; what it asked for before it does not need any more. */
  ask(from: string, { epoch, first, last }: BatchRange): void {
    // Asked of the process that was here before: its batches are gone with it.
    if (epoch !== this.#context.options.epoch) {
      this.#sayGone(from, { epoch, first, last });
      return;
    }
    const { resendBatchesMax, nodesMax } = this.#context.options;
    if (!this.#wanted.has(from) && this.#wanted.size >= nodesMax) return;
    const until = Math.min(last, first + resendBatchesMax - 1, this.#ring.cursor - 1);
    const gone = Math.min(until, this.#ring.first - 1);
    if (gone >= first) this.#sayGone(from, { epoch, first, last: gone });
    // To the end of the line: who asks for ever would stay in front.
    this.#wanted.delete(from);
    this.#wanted.set(from, { next: Math.max(first, this.#ring.first), last: until });
  }

  /** Returns whether there is more to send. */
  step(): boolean {
    let bytes = 0;
    for (const [to, range] of this.#wanted) {
      while (range.next <= range.last && bytes < BYTES_PER_TICK && this.#context.mayPublish) {
        const batch = this.#ring.get(range.next++);
        // It went meanwhile: they will ask for it, and hear so.
        if (batch === undefined) continue;
        this.#context.send(to, encodeResent(batch));
        this.#context.tally.resendsServed++;
        bytes += batch.length;
      }
      if (range.next > range.last) this.#wanted.delete(to);
    }
    return this.#wanted.size > 0;
  }

  #sayGone(to: string, range: BatchRange): void {
    this.#context.tally.goneSaid++;
    this.#context.send(to, encodeGone(range));
  }
}
