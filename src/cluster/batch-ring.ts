/**
 * The batches that this node built last, by sequence: what has yet to be published, and what others
 * may ask for again. Bounded in bytes; the oldest go first, published or not.
 *
 * ```
 *   first          cursor            next
 *     | published    | to be published |
 * ```
 */

/** Batches at most: numbers of short ones would fill memory that their bytes do not tell of. */
const BATCHES_MAX = 1 << 18;
const START_ENTRIES = 64;

export class BatchRing {
  /** Sequence of the oldest batch held, of the next to publish, and of the next to come. */
  first = 1;
  cursor = 1;
  next = 1;
  bytes = 0;
  /** Batches that went before they were published: whoever wants them must walk. */
  unpublished = 0;
  readonly #bytesMax: number;
  /** Batch n stands at n modulo the length, a power of two. */
  #batches: (Uint8Array | undefined)[] = new Array(START_ENTRIES).fill(undefined);

  constructor({ bytesMax }: { bytesMax: number }) {
    this.#bytesMax = bytesMax;
  }

  /** Takes the batch with the sequence `next`. */
  push(batch: Uint8Array): void {
    if (this.next - this.first === this.#batches.length) this.#grow();
    this.#batches[this.next++ & (this.#batches.length - 1)] = batch;
    this.bytes += batch.length;
    while (this.next - this.first > 1) {
      if (this.bytes <= this.#bytesMax && this.next - this.first <= BATCHES_MAX) break;
      this.#dropFirst();
    }
  }

  /** The batch of a sequence; undefined for one that is not held. */
  get(sequence: number): Uint8Array | undefined {
    if (sequence < this.first || sequence >= this.next) return undefined;
    return this.#batches[sequence & (this.#batches.length - 1)];
  }

  #dropFirst(): void {
    const at = this.first & (this.#batches.length - 1);
    this.bytes -= this.#batches[at]!.length;
    this.#batches[at] = undefined;
    this.first++;
    if (this.cursor >= this.first) return;
    this.cursor = this.first;
    this.unpublished++;
  }

  #grow(): void {
    const grown = new Array<Uint8Array | undefined>(2 * this.#batches.length).fill(undefined);
    for (let n = this.first; n < this.next; n++) {
      grown[n & (grown.length - 1)] = this.#batches[n & (this.#batches.length - 1)];
    }
    this.#batches = grown;
  }
}
