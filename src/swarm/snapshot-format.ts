/**
 * The file that a store is saved to. All integers little endian, except info hashes and peers, which
 * are as they travel.
 *
 * ```
 * file     header, chunk*, end chunk
 * header   0  8  magic "TBTSTORE"
 *          8  4  version (1)
 *         12  4  CRC-32 of the 16 bytes from offset 16
 *         16  8  milliseconds since 1970 when the save began
 *         24  8  zero
 * chunk    0  4  payload bytes        4  4  CRC-32 of the payload        8  payload: entries
 * entry    tag 1, swarm    1 + 20 info hash + 4 downloads
 *          tag 2, peers    1 + 1 kind + 2 count, then count times
 *                          wire (6 or 18 bytes) + 4 stamp + 2 age in seconds + 2 flags
 *          tag 3, end      1 + 8 swarm entries + 8 peers
 * ```
 *
 * Web peers are not saved. Peers belong to the swarm before them in their chunk; a chunk begins with a swarm. A swarm can
 * come more than once. The end chunk holds the end entry alone: a file without it is cut off.
 */
export const HEADER_BYTES = 32;
export const CHUNK_HEAD_BYTES = 8;
/** Entries are gathered until a chunk has this size; one leaf more may follow. */
export const CHUNK_BYTES = 1 << 20;
/** Largest chunk that is believed: the gathered entries and one largest leaf. */
export const CHUNK_BYTES_MAX = CHUNK_BYTES + (1 << 17);
export const MAGIC = Buffer.from('TBTSTORE', 'latin1');
export const VERSION = 1;
export const Tag = { swarm: 1, peers: 2, end: 3 } as const;
export const SWARM_ENTRY_BYTES = 25;
export const PEERS_HEAD_BYTES = 4;
export const END_ENTRY_BYTES = 17;
/** Bytes of a peer besides its wire form. */
export const PEER_META_BYTES = 8;
/** Peers in one entry. */
export const ENTRY_PEERS_MAX = 0xffff;

/** A snapshot that cannot be believed. `offset` is where in the file that showed. */
export class SnapshotDamagedError extends Error {
  override name = 'SnapshotDamagedError';
  readonly code = 'snapshot_damaged';
  constructor(
    what: string,
    readonly offset: number,
  ) {
    super(`${what} at byte ${offset}`);
  }
}
