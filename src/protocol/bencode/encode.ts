/** A bencode encoder (BEP 3) for tests and tools. Replies on the hot path are written in place. */
import type { BencodeValue } from './value.js';

/** What can be encoded: text becomes UTF-8, and records are dictionaries with latin-1 keys. */
export type BencodeInput =
  | BencodeValue
  | string
  | readonly BencodeInput[]
  | ReadonlyMap<string, BencodeInput>
  | { readonly [key: string]: BencodeInput };

/** Encodes with dictionary keys in order of their bytes. Numbers must be safe integers. */
export function encodeBencode(value: BencodeInput): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return Uint8Array.from(Buffer.concat(parts));
}

function write(value: BencodeInput, parts: Uint8Array[]): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
    // Adding zero turns a negative zero, which has no spelling, into zero.
    parts.push(Buffer.from(`i${value + 0}e`));
  } else if (typeof value === 'string') {
    write(Buffer.from(value, 'utf8'), parts);
  } else if (value instanceof Uint8Array) {
    parts.push(Buffer.from(`${value.length}:`), value);
  } else if (Array.isArray(value)) {
    parts.push(Buffer.from('l'));
    for (const item of value) write(item, parts);
    parts.push(Buffer.from('e'));
  } else {
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    parts.push(Buffer.from('d'));
    for (const [key, item] of entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
      write(Buffer.from(key, 'latin1'), parts);
      write(item, parts);
    }
    parts.push(Buffer.from('e'));
  }
}
