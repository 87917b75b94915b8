/**
 * How numbers, info hashes and peers lie in the cluster's binary messages. Integers are little
 * endian; info hashes and peers are as clients send them.
 *
 * Nothing here checks bounds: whoever reads knows the length already.
 */

export function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

/** As a signed integer, which is how stamps and halves of digests are kept. */
export function readI32(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

export function readU32(bytes: Uint8Array, at: number): number {
  return readI32(bytes, at) >>> 0;
}

/** Eight bytes as a number; -1 for one over 2^53, which JavaScript could not tell from others. */
export function readU64(bytes: Uint8Array, at: number): number {
  const high = readU32(bytes, at + 4);
  return high >= 0x20_0000 ? -1 : high * 0x1_0000_0000 + readU32(bytes, at);
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Takes signed and unsigned integers alike. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, value % 0x1_0000_0000);
  writeU32(bytes, at + 4, Math.floor(value / 0x1_0000_0000));
}

export const INFO_HASH_BYTES = 20;

/** Reads an info hash as five big-endian integers, as the store keeps it. */
export function readInfoHash(bytes: Uint8Array, at: number, infoHash: Int32Array): void {
  for (let i = 0; i < 5; i++, at += 4) {
    infoHash[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
}

/** Writes the five integers from `first` on as the 20 bytes of an info hash. */
export function writeInfoHash(
  bytes: Uint8Array,
  at: number,
  words: Int32Array,
  first: number,
): void {
  for (let i = 0; i < 5; i++, at += 4) {
    const word = words[first + i];
    bytes[at] = word >>> 24;
    bytes[at + 1] = word >>> 16;
    bytes[at + 2] = word >>> 8;
    bytes[at + 3] = word;
  }
}

/** Largest count of downloads: the store keeps it in a signed word. */
export const DOWNLOADS_MAX = 0x7fff_ffff;

/** Bytes of a peer as it travels: address and port in network order; a web peer has as many as IPv6. */
export const WIRE_BYTES4 = 6;
export const WIRE_BYTES6 = 18;
/** The same in 16-bit words. */
export const WIRE_WORDS4 = 3;
export const WIRE_WORDS6 = 9;

/** What a record says about its peer. All other bits must be zero. */
export const RecordFlag = {
  /** It has everything. */
  seeder: 0x01,
  /** It is incomplete and wants nothing more (BEP 21). Never with `seeder`. */
  partialSeed: 0x02,
  /** It left: a tombstone. No other flag but that of its family stands beside this one. */
  stopped: 0x04,
  /** Its `completed` was counted: by whom, the download counts say. */
  completed: 0x08,
  /** Its wire form has 18 bytes instead of 6. */
  ipv6: 0x10,
  /**
   * A web peer: 18 bytes that name its node and connection. Never with `ipv6`. Nodes of the first
   * versions refuse a whole message that has one, so it is told only to those that say they know it
   * (`counters.web` of their heartbeats).
   */
  web: 0x20,
} as const;

/** Flags that say which family a peer is of. */
export const FAMILY_FLAGS = RecordFlag.ipv6 | RecordFlag.web;
const FLAGS_ALL = 0x3f;
const ROLES = RecordFlag.seeder | RecordFlag.partialSeed;

/** Bytes of the wire form after a record's flags; 0 when the flags contradict each other. */
export function wireBytesOf(flags: number): number {
  if ((flags & ~FLAGS_ALL) !== 0 || (flags & ROLES) === ROLES) return 0;
  if ((flags & RecordFlag.stopped) !== 0 && (flags & (ROLES | RecordFlag.completed)) !== 0)
    return 0;
  if ((flags & FAMILY_FLAGS) === FAMILY_FLAGS) return 0;
  return (flags & FAMILY_FLAGS) === 0 ? WIRE_BYTES4 : WIRE_BYTES6;
}

/**
 * Flags of a record. `kind` numbers family and role as the store does: bit 0 leecher, bit 1 IPv6, bit
 * 2 web; of a peer that left only its family is told, and of a seeder not that it is a partial seed.
 */
export function recordFlags(
  kind: number,
  stopped: boolean,
  partialSeed: boolean,
  completed: boolean,
): number {
  // Bits 1 and 2 of a kind are bits 4 and 5 of the flags.
  let flags = (kind & 6) << 3;
  if (stopped) return flags | RecordFlag.stopped;
  if ((kind & 1) === 0) flags |= RecordFlag.seeder;
  else if (partialSeed) flags |= RecordFlag.partialSeed;
  return completed ? flags | RecordFlag.completed : flags;
}

/** Family and role in a record's flags, as the store numbers them; a peer that left is a leecher. */
export function recordKind(flags: number): number {
  return ((flags & RecordFlag.seeder) === 0 ? 1 : 0) | ((flags & FAMILY_FLAGS) >> 3);
}
