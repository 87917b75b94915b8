/**
 * Memory that the kernel reads and writes: it lies outside the garbage-collected heap and never
 * moves, so its address may be kept in structs.
 *
 * Lifetime: an address is good for as long as this object is referenced. Whoever writes an address
 * into a struct keeps the `PinnedMemory` behind it in a field next to the struct.
 */

/** Knows where views lie: `Sys`. */
export interface AddressBook {
  addressOf(view: Uint8Array): number;
}

export class PinnedMemory {
  /** Zeros at first. Views over shared memory: copy before `TextDecoder` or `crypto` see them. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Where `bytes[0]` lies, a whole number below 2^53; a multiple of 64. */
  readonly address: number;

  constructor(sys: AddressBook, byteCount: number) {
    // A shared buffer is never moved or detached. A cache line more leaves room to align.
    const buffer = new SharedArrayBuffer(roundUp(byteCount, 8) + ALIGNMENT);
    const start = sys.addressOf(new Uint8Array(buffer));
    const skip = roundUp(start, ALIGNMENT) - start;
    this.bytes = new Uint8Array(buffer, skip, byteCount);
    this.words = new Int32Array(buffer, skip, byteCount >>> 2);
    this.address = start + skip;
  }

  /** Writes 64 bits at `at` (a multiple of 4) as two words. */
  writeAddress(at: number, address: number): void {
    this.words[at >>> 2] = address | 0;
    this.words[(at >>> 2) + 1] = Math.floor(address / 4_294_967_296);
  }

  /** Reads 64 unsigned bits at `at` (a multiple of 4); exact below 2^53. */
  readUnsigned64(at: number): number {
    const low = this.words[at >>> 2] >>> 0;
    return (this.words[(at >>> 2) + 1] >>> 0) * 4_294_967_296 + low;
  }
}

const ALIGNMENT = 64;

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
