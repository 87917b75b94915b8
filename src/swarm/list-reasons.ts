/**
 * Why hashes are on a list, for people: each distinct text once, in shared memory. One thread takes
 * and releases; any thread reads the text of a number that an entry holds.
 *
 * ```
 * slot, 152 words   0 entries that hold it   1 bytes of text   2..151 text, UTF-8
 * ```
 *
 * Number 0 is the empty text. When all numbers are taken, further texts become the empty one: a list
 * without some reasons still denies.
 */

/** Distinct reasons kept, the empty one included. */
export const REASONS_MAX = 4096;
/** Longest reason, in UTF-16 units. */
export const REASON_LENGTH_MAX = 200;

const SLOT_WORDS = 152;
const TEXT = 2;
/** A UTF-16 unit takes three bytes of UTF-8 at most. */
const TEXT_BYTES_MAX = 4 * (SLOT_WORDS - TEXT);
export const REASONS_BYTES = REASONS_MAX * SLOT_WORDS * 4;

/** Makes one printable line of at most 200 characters of whatever was given. */
export function cleanReason(text: string): string {
  return (
    text
      .replace(/[\p{C}\p{Z}]+/gu, ' ')
      .slice(0, REASON_LENGTH_MAX)
      // The cut may have left half a character.
      .replace(/[\ud800-\udbff]$/, '')
      .trim()
  );
}

export class ListReasons {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  /** The writer's: numbers by text, and numbers that are free. Made at its first text. */
  #numbers: Map<string, number> | undefined;
  #free: number[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#bytes = Buffer.from(memory);
  }

  /** The text of a number. */
  text(number: number): string {
    if (number === 0) return '';
    const length = Atomics.load(this.#words, number * SLOT_WORDS + 1);
    const start = (number * SLOT_WORDS + TEXT) * 4;
    // A number read from an entry that changes meanwhile may name anything: its text does not count.
    return this.#bytes.toString('utf8', start, start + Math.min(length, TEXT_BYTES_MAX));
  }

  /** The number of a text for one entry more; 0 when there is no room for it. */
  take(text: string): number {
    const clean = text === '' ? '' : cleanReason(text);
    if (clean === '') return 0;
    const numbers = this.#known();
    let number = numbers.get(clean);
    if (number === undefined) {
      number = this.#free.pop();
      if (number === undefined) return 0;
      numbers.set(clean, number);
      const start = (number * SLOT_WORDS + TEXT) * 4;
      const length = this.#bytes.write(clean, start, TEXT_BYTES_MAX, 'utf8');
      Atomics.store(this.#words, number * SLOT_WORDS + 1, length);
    }
    this.#words[number * SLOT_WORDS]++;
    return number;
  }

  /** An entry less holds the number. */
  release(number: number): void {
    if (number === 0) return;
    const numbers = this.#known();
    if (--this.#words[number * SLOT_WORDS] > 0) return;
    numbers.delete(this.text(number));
    this.#free.push(number);
  }

  /** What is in use, read once: the list may have had another writer before. */
  #known(): Map<string, number> {
    if (this.#numbers !== undefined) return this.#numbers;
    this.#numbers = new Map();
    for (let number = REASONS_MAX - 1; number > 0; number--) {
      if (this.#words[number * SLOT_WORDS] > 0) this.#numbers.set(this.text(number), number);
      else this.#free.push(number);
    }
    return this.#numbers;
  }
}
