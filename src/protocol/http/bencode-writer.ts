/**
 * Bencoded replies written in place. Fixed parts (keys and the letters around them) are bytes made
 * once, so that a reply is a row of short copies. Every function returns the offset behind what it
 * wrote; callers make sure of the room.
 */
import { writeDecimal } from '../../lib/decimal.js';

const E = 101;
const I = 105;
const COLON = 58;

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Bytes of an ASCII text, made at start-up. */
export function literal(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

export function writeBytes(out: Uint8Array, at: number, bytes: Uint8Array, length: number): number {
  for (let i = 0; i < length; i++) out[at + i] = bytes[i];
  return at + length;
}

export function writeLiteral(out: Uint8Array, at: number, bytes: Uint8Array): number {
  return writeBytes(out, at, bytes, bytes.length);
}

/** `i42e`. The value is a whole number, 0 or more. */
export function writeInteger(out: Uint8Array, at: number, value: number): number {
  out[at] = I;
  const end = writeDecimal(out, at + 1, value);
  out[end] = E;
  return end + 1;
}

/** `4:spam`, of the first `length` bytes. */
export function writeString(
  out: Uint8Array,
  at: number,
  bytes: Uint8Array,
  length: number,
): number {
  const colon = writeDecimal(out, at, length);
  out[colon] = COLON;
  return writeBytes(out, colon + 1, bytes, length);
}

/** A string of the 16-bit words `words[offset..offset + count)` in memory order: peers. */
export function writeWords(
  out: Uint8Array,
  at: number,
  words: Uint16Array,
  offset: number,
  count: number,
): number {
  at = writeDecimal(out, at, 2 * count);
  out[at++] = COLON;
  for (let i = offset; i < offset + count; i++) {
    const value = words[i];
    out[at++] = LITTLE_ENDIAN ? value & 0xff : value >>> 8;
    out[at++] = LITTLE_ENDIAN ? value >>> 8 : value & 0xff;
  }
  return at;
}
