/** Decimal numbers as ASCII bytes, written and read in place without a string between. */

/** Most digits of an integer that a double holds exactly. */
const DIGITS_MAX = 16;
const scratch = new Uint8Array(DIGITS_MAX);
/** Largest number that `readDecimal` gives; anything beyond counts as this. */
export const DECIMAL_READ_MAX = 0x7fffffff;

/** Writes the integer `value` (0 to 2^53 - 1) at `at`; returns the offset behind it. */
export function writeDecimal(out: Uint8Array, at: number, value: number): number {
  let digits = 0;
  let rest = value;
  while (rest > DECIMAL_READ_MAX) {
    const next = Math.floor(rest / 10);
    scratch[digits++] = 48 + (rest - next * 10);
    rest = next;
  }
  // Nearly every number is down here, where dividing is integer work.
  rest |= 0;
  do {
    const next = (rest / 10) | 0;
    scratch[digits++] = 48 + (rest - next * 10);
    rest = next;
  } while (rest > 0);
  while (digits > 0) out[at++] = scratch[--digits];
  return at;
}

/** Reads `bytes[start..end)`: digits only, capped; -1 when empty or anything else. */
export function readDecimal(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > DECIMAL_READ_MAX) value = DECIMAL_READ_MAX;
  }
  return value;
}
