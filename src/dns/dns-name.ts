/**
 * Domain names as they travel, and as keys.
 *
 * ```
 * wire: length, label, length, label, ..., 0        the length of a label is 1 to 63, all 255 at most
 * key:  the same bytes, A-Z in lower case, as a latin1 string
 * ```
 *
 * The wire form keeps apart what text blurs (a dot inside a label), and a key compares as DNS wants
 * it: without regard to case.
 */
import { LABEL_BYTES_MAX, NAME_BYTES_MAX } from './codes.js';

/** Wire form of an ASCII name, its last dot optional, in lower case; undefined when it is no name. */
export function nameToWire(text: string): Uint8Array | undefined {
  const plain = text.endsWith('.') ? text.slice(0, -1) : text;
  const labels = plain === '' ? [] : plain.split('.');
  const bytes: number[] = [];
  for (const label of labels) {
    if (!/^[!-~]+$/.test(label) || label.length > LABEL_BYTES_MAX) return undefined;
    bytes.push(label.length, ...Buffer.from(label.toLowerCase(), 'latin1'));
  }
  bytes.push(0);
  return bytes.length > NAME_BYTES_MAX ? undefined : Uint8Array.from(bytes);
}

/** The key of a name in wire form. */
export function wireKey(wire: Uint8Array): string {
  // Letters of ASCII alone: toLowerCase() knows more of latin1 than DNS does.
  const key = Buffer.from(wire).toString('latin1');
  return key.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Key of the name one label up; the root's own for the root. */
export function parentKey(key: string): string {
  return key.length <= 1 ? key : key.slice(1 + key.charCodeAt(0));
}

/** Whether `key` is `zoneKey` or a name below it. */
export function isWithin(key: string, zoneKey: string): boolean {
  let rest = key;
  while (rest.length > zoneKey.length) rest = parentKey(rest);
  return rest === zoneKey;
}

/**
 * Where the name that starts at `at` ends: after its root or its first pointer. -1 when it leaves
 * `bytes[0..end)`. Follows no pointer, so it cannot loop.
 */
export function skipName(bytes: Uint8Array, at: number, end: number): number {
  for (let next = at; next < end; ) {
    const length = bytes[next];
    if (length === 0) return next + 1;
    if ((length & 0xc0) === 0xc0) return next + 2 <= end ? next + 2 : -1;
    if ((length & 0xc0) !== 0) return -1;
    next += 1 + length;
  }
  return -1;
}
