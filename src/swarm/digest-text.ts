/** A digest of 64 bits as people and other nodes read it: 16 hexadecimal digits. */
export function digestText(low: number, high: number): string {
  return hex(high) + hex(low);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
