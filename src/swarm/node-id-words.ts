/**
 * Node ids as two big-endian words, remembering the one that was met last: entries of a list come in
 * long runs from one node.
 */
import { NO_NODE, NODE_ID_BYTES, readNodeId, writeNodeId } from '../protocol/cluster/node-id.js';

export class NodeIdWords {
  /** The id last given to `take`, or returned by `text`. */
  high = 0;
  low = 0;
  #id = NO_NODE;
  readonly #bytes = Buffer.alloc(NODE_ID_BYTES);

  take(id: string): void {
    if (id === this.#id) return;
    writeNodeId(this.#bytes, 0, id);
    this.#id = id;
    this.high = this.#bytes.readInt32BE(0);
    this.low = this.#bytes.readInt32BE(4);
  }

  text(high: number, low: number): string {
    if (high === this.high && low === this.low) return this.#id;
    this.#bytes.writeInt32BE(high, 0);
    this.#bytes.writeInt32BE(low, 4);
    this.#id = readNodeId(this.#bytes, 0);
    this.high = high;
    this.low = low;
    return this.#id;
  }
}
