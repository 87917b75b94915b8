/**
 * Records of one name and type, encoded once and copied into answers.
 *
 * ```
 * owner (written by the answer: a pointer to the question's name)
 * piece: type (2), class (2), TTL (4), length of data (2), data
 * ```
 */
import { type Answer, encode } from 'dns-packet';
import { HEADER_BYTES } from './codes.js';

/** Bytes before a piece in a message of one record with the root as owner. */
const PIECE_AT = HEADER_BYTES + 1;

/** Encodes a record without its owner. Data comes from us; the library throws for what is no data. */
export function encodePiece(answer: Answer): Uint8Array {
  return Uint8Array.prototype.slice.call(
    encode({ type: 'response', answers: [{ ...answer, name: '.' }] }),
    PIECE_AT,
  );
}

export class RecordSet {
  readonly #pieces: Uint8Array[];
  readonly #chosenMax: number;

  /** With `chosenMax`, an answer gets that many at most, chosen at random. */
  constructor(
    readonly type: number,
    pieces: readonly Uint8Array[],
    chosenMax = Number.POSITIVE_INFINITY,
  ) {
    this.#pieces = [...pieces];
    this.#chosenMax = chosenMax;
  }

  /** How many `choose` puts in front. */
  get count(): number {
    return Math.min(this.#pieces.length, this.#chosenMax);
  }

  /** Puts a random choice in random order in front. `below(n)` gives a number from 0 to n - 1. */
  choose(below: (bound: number) => number): void {
    const pieces = this.#pieces;
    if (!Number.isFinite(this.#chosenMax)) return;
    const count = this.count;
    // The steps of a shuffle that matter. Where the pieces stood before makes no difference.
    for (let i = 0; i < count && i < pieces.length - 1; i++) {
      const other = i + below(pieces.length - i);
      const piece = pieces[i];
      pieces[i] = pieces[other];
      pieces[other] = piece;
    }
  }

  piece(i: number): Uint8Array {
    return this.#pieces[i];
  }
}
