/**
 * The info hashes of a load: a function of seed and index, so that nobody has to remember them and a
 * tracker's allow list can be written beforehand.
 */

/** Writes the 20 bytes of torrent `index` at `at`. */
export function writeInfoHash(seed: number, index: number, out: Uint8Array, at: number): void {
  let state = mix(Math.imul(seed, 0x9e3779b1) ^ mix(index + 1));
  for (let word = 0; word < 20; word += 4) {
    state = mix(state + 0x6d2b79f5);
    out[at + word] = state >>> 24;
    out[at + word + 1] = state >>> 16;
    out[at + word + 2] = state >>> 8;
    out[at + word + 3] = state;
  }
}

/** Forty hexadecimal digits. */
export function infoHashText(seed: number, index: number): string {
  const bytes = Buffer.alloc(20);
  writeInfoHash(seed, index, bytes, 0);
  return bytes.toString('hex');
}

/** The finalizer of MurmurHash3: every bit in changes half of the bits out. */
export function mix(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return z ^ (z >>> 16);
}
