/**
 * Binary strings, the way WebTorrent carries 20 bytes in JSON: each code unit is a byte.
 *
 * ```
 * bytes    00 7f 80 ff ...
 * text     U+0000 U+007F U+0080 U+00FF ...     in a JSON frame as UTF-8, or escaped (\u0000)
 * ```
 */

import { hexDigit } from './json-scan.js';

/** Info hashes, peer ids and offer ids. */
export const BINARY_TEXT_BYTES = 20;

/** True for a text of 20 code units, none over 0xff. */
export function isBinaryText(value: unknown): value is string {
  if (typeof value !== 'string' || value.length !== BINARY_TEXT_BYTES) return false;
  for (let i = 0; i < BINARY_TEXT_BYTES; i++) if (value.charCodeAt(i) > 0xff) return false;
  return true;
}

/** Writes the bytes of a binary text at `at`. */
export function writeBinaryText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

/** Reads `length` bytes as a binary text. */
export function readBinaryText(bytes: Uint8Array, at: number, length: number): string {
  if (bytes instanceof Buffer) return bytes.toString('latin1', at, at + length);
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[at + i]);
  return text;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
/** What stands for other bytes behind a backslash. */
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [QUOTE, QUOTE],
  [BACKSLASH, BACKSLASH],
  [0x2f, 0x2f],
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
]);

/** Reads binary texts of 20 code units out of JSON. */
export class BinaryTextReader {
  readonly #text = Buffer.alloc(BINARY_TEXT_BYTES);

  /**
   * Reads the string that stands from `start` to `end`, a sound JSON value in UTF-8. Undefined when it
   * is none of 20 code units up to 0xff.
   */
  read(bytes: Uint8Array, start: number, end: number): string | undefined {
    if (bytes[start] !== QUOTE) return undefined;
    const text = this.#text;
    const length = readUnits(bytes, start, end, text);
    return length === BINARY_TEXT_BYTES ? text.toString('latin1') : undefined;
  }
}

/**
 * Reads the code units of the string that stands from `start` to `end`, a sound JSON value in UTF-8.
 * Returns how many there are; -1 when there are more than `units` holds, or some over 0xff.
 */
export function readUnits(
  bytes: Uint8Array,
  start: number,
  end: number,
  units: Uint8Array,
): number {
  const last = end - 1;
  let at = start + 1;
  let length = 0;
  while (at < last) {
    const byte = bytes[at];
    let unit = byte;
    if (byte === BACKSLASH) {
      const isUnit = bytes[at + 1] === LETTER_U;
      unit = isUnit ? hexUnit(bytes, at + 2) : (ESCAPES.get(bytes[at + 1]) ?? -1);
      at += isUnit ? 6 : 2;
    } else if (byte < 0x80) at++;
    else {
      // Two bytes of UTF-8, the first c2 or c3, are 0x80 to 0xff.
      unit = byte <= 0xc3 ? ((byte & 0x03) << 6) | (bytes[at + 1] & 0x3f) : -1;
      at += 2;
    }
    if (unit < 0 || unit > 0xff || length === units.length) return -1;
    units[length++] = unit;
  }
  return length;
}

function hexUnit(bytes: Uint8Array, at: number): number {
  let unit = 0;
  for (let i = at; i < at + 4; i++) unit = (unit << 4) | hexDigit(bytes[i]);
  return unit;
}
