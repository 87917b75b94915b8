/**
 * Reads `count` info hashes of 20 bytes, one behind the other from `at` on, as five big-endian
 * integers each, into `words` from `first` on.
 */
export function readInfoHashes(
  bytes: Uint8Array,
  at: number,
  words: Int32Array,
  first: number,
  count: number,
): void {
  for (let w = first; w < first + 5 * count; w++, at += 4) {
    words[w] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
}

/** How a peer is reached: by an address of IPv4 or IPv6, or over a WebSocket (web-wire.ts). */
export const PeerFamily = { ipv4: 4, ipv6: 6, web: 8 } as const;
export type PeerFamily = (typeof PeerFamily)[keyof typeof PeerFamily];

/** What the store is asked about one peer of one swarm. One instance is filled again and again. */
export class PeerQuery {
  /** The info hash as five big-endian integers. */
  readonly infoHash = new Int32Array(5);
  /** The peer as it travels: address and port in network order, or a web peer's wire. */
  readonly wireBytes = new Uint8Array(18);
  /** The same bytes as the store keeps them. */
  readonly wire = new Uint16Array(this.wireBytes.buffer);
  family: PeerFamily = PeerFamily.ipv4;
  /** The peer leaves. */
  stopped = false;
  /** It has everything (`left` is 0). */
  seeder = false;
  /** It is incomplete and wants nothing more (BEP 21). */
  partialSeed = false;
  /** It says that it just completed. */
  completed = false;
  /** It says that it begins: known or not, it may have stopped elsewhere meanwhile. */
  started = false;
  /** Peers wanted in the reply: both families of addresses together, and as many web peers. */
  numwant = 0;
  /** Families wanted: bit 0 IPv4, bit 1 IPv6, bit 2 web. */
  families = WantFamily.both as number;

  /** Takes an info hash of 20 bytes at `at`. */
  setInfoHash(bytes: Uint8Array, at: number): void {
    readInfoHashes(bytes, at, this.infoHash, 0, 1);
  }
}

export const WantFamily = { none: 0, ipv4: 1, ipv6: 2, both: 3, web: 4 } as const;

/** How an announce ended for the store. */
export const Outcome = {
  /** Stored, refreshed, moved or removed. */
  done: 0,
  /** A new peer that found no room: answered, not stored. */
  full: 1,
  /** The lists forbid the swarm: not answered. */
  denied: 2,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];
