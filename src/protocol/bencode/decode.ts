/**
 * A strict bencode decoder (BEP 3) for what other trackers send us, and for tests. It allocates, so
 * it has no place on a hot path.
 */
import { type BencodeDictionary, type BencodeValue, binaryString } from './value.js';

/** Deepest nesting of lists and dictionaries. Tracker replies need four. */
export const BENCODE_DEPTH_MAX = 32;
/** Largest input that is read, in bytes. */
export const BENCODE_BYTES_MAX = 16 * 1024 * 1024;

export type BencodeErrorCode =
  | 'tooLarge'
  | 'tooDeep'
  | 'truncated'
  | 'unexpectedByte'
  | 'integerInvalid'
  | 'integerRange'
  | 'lengthInvalid'
  | 'keyInvalid'
  | 'keysUnsorted'
  | 'trailingBytes';

/** Bytes that are no bencoded value. `offset` is where that shows. */
export class BencodeError extends Error {
  override name = 'BencodeError';
  constructor(
    readonly code: BencodeErrorCode,
    readonly offset: number,
  ) {
    super(`bencode: ${code} at byte ${offset}`);
  }
}

export interface BencodeDecodeOptions {
  /** Takes dictionaries whose keys are not in order, as careless trackers send them. */
  readonly anyKeyOrder?: boolean;
}

/** Decodes the one value in `bytes`; strings are views into it. Throws a `BencodeError`. */
export function decodeBencode(bytes: Uint8Array, options: BencodeDecodeOptions = {}): BencodeValue {
  return new Decoder(bytes, options.anyKeyOrder ?? false).decode();
}

const D = 100;
const E = 101;
const I = 105;
const L = 108;
const MINUS = 45;
const COLON = 58;

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #anyKeyOrder: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, anyKeyOrder: boolean) {
    this.#bytes = bytes;
    this.#anyKeyOrder = anyKeyOrder;
  }

  decode(): BencodeValue {
    if (this.#bytes.length > BENCODE_BYTES_MAX) throw new BencodeError('tooLarge', 0);
    const value = this.#value(0);
    if (this.#at < this.#bytes.length) throw new BencodeError('trailingBytes', this.#at);
    return value;
  }

  #value(depth: number): BencodeValue {
    const byte = this.#peek();
    if (isDigit(byte)) return this.#string();
    if (byte === I) return this.#integer();
    if (byte !== L && byte !== D) throw new BencodeError('unexpectedByte', this.#at);
    if (depth === BENCODE_DEPTH_MAX) throw new BencodeError('tooDeep', this.#at);
    this.#at++;
    return byte === L ? this.#list(depth + 1) : this.#dictionary(depth + 1);
  }

  #list(depth: number): BencodeValue[] {
    const items: BencodeValue[] = [];
    while (this.#peek() !== E) items.push(this.#value(depth));
    this.#at++;
    return items;
  }

  #dictionary(depth: number): BencodeDictionary {
    const entries = new Map<string, BencodeValue>();
    let last: string | undefined;
    while (this.#peek() !== E) {
      const start = this.#at;
      if (!isDigit(this.#peek())) throw new BencodeError('keyInvalid', start);
      const key = binaryString(this.#string());
      if (entries.has(key)) throw new BencodeError('keyInvalid', start);
      if (last !== undefined && key < last && !this.#anyKeyOrder) {
        throw new BencodeError('keysUnsorted', start);
      }
      last = key;
      entries.set(key, this.#value(depth));
    }
    this.#at++;
    return entries;
  }

  #integer(): number {
    const start = this.#at++;
    const negative = this.#peek() === MINUS;
    if (negative) this.#at++;
    const value = this.#digits(E, 'integerInvalid');
    // A negative zero, like a leading zero, would be a second spelling of one number.
    if (negative && value === 0) throw new BencodeError('integerInvalid', start);
    return negative ? -value : value;
  }

  #string(): Uint8Array {
    const start = this.#at;
    const length = this.#digits(COLON, 'lengthInvalid');
    if (length > this.#bytes.length - this.#at) throw new BencodeError('truncated', start);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Digits without leading zeros, up to and over `end`. */
  #digits(end: number, code: BencodeErrorCode): number {
    const start = this.#at;
    let value = 0;
    let byte = this.#peek();
    while (isDigit(byte)) {
      if (this.#at > start && value === 0) throw new BencodeError(code, start);
      value = value * 10 + (byte - 48);
      if (value > Number.MAX_SAFE_INTEGER) throw new BencodeError('integerRange', start);
      this.#at++;
      byte = this.#peek();
    }
    if (this.#at === start || byte !== end) throw new BencodeError(code, start);
    this.#at++;
    return value;
  }

  #peek(): number {
    if (this.#at >= this.#bytes.length) throw new BencodeError('truncated', this.#at);
    return this.#bytes[this.#at];
  }
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}
