/**
 * Percent-decoding straight from bytes to bytes (RFC 3986). `+` stays a plus: BitTorrent escapes
 * binary data, not forms. Bytes outside ASCII stand for themselves, as some clients send them.
 */

/** A broken escape: `%` without two hexadecimal digits behind it. */
export const ESCAPE_BROKEN = -1;

/**
 * Decodes `bytes[start..end)` into `out[at..at + size)`. Returns the number of decoded bytes, which
 * is `size + 1` for anything longer than `size`, or `ESCAPE_BROKEN`. Writes `size` bytes at most.
 */
export function decodePercent(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
  size: number,
): number {
  let count = 0;
  let i = start;
  for (; i < end && count < size; i++) {
    let byte = bytes[i];
    if (byte === PERCENT) {
      byte = i + 2 < end ? (HEX[bytes[i + 1]] << 4) | HEX[bytes[i + 2]] : ESCAPE_BROKEN;
      if (byte < 0) return ESCAPE_BROKEN;
      i += 2;
    }
    out[at + count++] = byte;
  }
  if (i === end) return count;
  // Too long; what is left may be broken all the same.
  for (; i < end; i++) {
    if (bytes[i] !== PERCENT) continue;
    if (i + 2 >= end || (HEX[bytes[i + 1]] | HEX[bytes[i + 2]]) < 0) return ESCAPE_BROKEN;
    i += 2;
  }
  return size + 1;
}

const PERCENT = 37;
/** Values of hexadecimal digits in either case; -1 for all other bytes. */
const HEX = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}
