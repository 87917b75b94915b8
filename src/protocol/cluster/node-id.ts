/**
 * The name of a node in its cluster: `n` and 16 hexadecimal digits, fit for a token of a subject, a
 * file name and a host name. The minder makes it at enrolment and no other node ever has it.
 *
 * ```
 * in text       n0123456789abcdef
 * in messages   01 23 45 67 89 ab cd ef       eight bytes; all zero: no node (the empty text)
 * ```
 *
 * Ids are ordered as texts, which is the order of their bytes.
 */
export const NODE_ID_PATTERN = /^n[0-9a-f]{16}$/;
/** Bytes of an id in a message. */
export const NODE_ID_BYTES = 8;
/** Stands for a node that cannot be named any more. It ranks below all others. */
export const NO_NODE = '';

const DIGITS = '0123456789abcdef';
const ZEROS = `n${'0'.repeat(2 * NODE_ID_BYTES)}`;

export function isNodeId(text: string): boolean {
  return NODE_ID_PATTERN.test(text) && text !== ZEROS;
}

/** Writes an id, or `NO_NODE`. */
export function writeNodeId(bytes: Uint8Array, at: number, id: string): void {
  for (let i = 0; i < NODE_ID_BYTES; i++) {
    const high = id === NO_NODE ? 0 : DIGITS.indexOf(id[1 + 2 * i]);
    const low = id === NO_NODE ? 0 : DIGITS.indexOf(id[2 + 2 * i]);
    bytes[at + i] = (high << 4) | low;
  }
}

/** Reads an id; `NO_NODE` for zeros. */
export function readNodeId(bytes: Uint8Array, at: number): string {
  let id = 'n';
  for (let i = 0; i < NODE_ID_BYTES; i++) {
    id += DIGITS[bytes[at + i] >>> 4] + DIGITS[bytes[at + i] & 15];
  }
  return id === ZEROS ? NO_NODE : id;
}
