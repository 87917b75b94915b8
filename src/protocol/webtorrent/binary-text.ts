/**
 * Binary strings, the way WebTorrent carries 20 bytes in JSON: each code unit is a byte.
 *
 * ```
 * bytes    00 7f 80 ff ...
 * text     U+0000 U+007F U+0080 U+00FF ...     in a JSON frame as UTF-8, or escaped (\u0000)
 * ```
 */

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
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[at + i]);
  return text;
}
