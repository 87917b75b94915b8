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
  for (let i = start; i < end; i++) {
    let byte = bytes[i];
    if (byte === 37) {
      if (i + 2 >= end) return ESCAPE_BROKEN;
      const high = hexValue(bytes[i + 1]);
      const low = hexValue(bytes[i + 2]);
      if ((high | low) < 0) return ESCAPE_BROKEN;
      byte = (high << 4) | low;
      i += 2;
    }
    if (count < size) out[at + count] = byte;
    if (count <= size) count++;
  }
  return count;
}

/** Value of a hexadecimal digit in either case, or -1. */
function hexValue(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
