/**
 * Bencoded values (BEP 3) as the decoder gives them and the encoder takes them.
 *
 * ```
 * integer      i-42e            number, within +-(2^53 - 1)
 * string       4:spam           Uint8Array; never text, because most strings are binary
 * list         l ... e          array
 * dictionary   d ... e          Map, keys as binary strings (a code unit a byte), sorted
 * ```
 */
export type BencodeValue = number | Uint8Array | readonly BencodeValue[] | BencodeDictionary;
export type BencodeDictionary = ReadonlyMap<string, BencodeValue>;

/** A string's bytes as text, a code unit a byte. */
export function binaryString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

export function isDictionary(value: BencodeValue | undefined): value is BencodeDictionary {
  return value instanceof Map;
}
