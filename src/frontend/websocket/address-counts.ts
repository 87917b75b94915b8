/**
 * Open WebSockets by address, over all threads: nobody is to have them all.
 *
 * ```
 * word 0            seed of the hash, chosen once: nobody chooses with whom to share a cell
 * words 1 .. 65536  WebSockets of the addresses with that hash; strangers that share one share a bound
 * ```
 *
 * Of an IPv6 address the network of 64 bits counts: its owner has all the rest. Loopback is not
 * counted.
 */
import { randomBytes } from 'node:crypto';
import type { Endpoint } from '../../lib/endpoint.js';
import { isLoopback } from '../../lib/loopback.js';

const CELLS = 65_536;
const FIRST_CELL = 1;

/** An address that is not counted. */
export const NO_CELL = 0;

export function createAddressCounts(): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(4 * (FIRST_CELL + CELLS));
  new Int32Array(shared)[0] = randomBytes(4).readInt32LE();
  return shared;
}

export class AddressCounts {
  readonly #cells: Int32Array;
  readonly #max: number;

  /** `max` WebSockets of one address; 0 for as many as it likes. */
  constructor(max: number, shared: SharedArrayBuffer) {
    this.#max = max;
    this.#cells = new Int32Array(shared);
  }

  /** The cell that counts one more now, to be given back; NO_CELL, or -1 when there are too many. */
  take(source: Endpoint): number {
    if (this.#max === 0 || isLoopback(source)) return NO_CELL;
    const cell = FIRST_CELL + this.#hash(source);
    if (Atomics.add(this.#cells, cell, 1) < this.#max) return cell;
    Atomics.sub(this.#cells, cell, 1);
    return -1;
  }

  give(cell: number): void {
    if (cell !== NO_CELL) Atomics.sub(this.#cells, cell, 1);
  }

  #hash({ family, bytes }: Endpoint): number {
    let hash = this.#cells[0] ^ family;
    const length = family === 4 ? 4 : 8;
    for (let i = 0; i < length; i++) {
      hash = Math.imul(hash ^ bytes[i], 0x01000193);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) & (CELLS - 1);
  }
}
