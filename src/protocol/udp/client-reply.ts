/**
 * Replies of the UDP tracker protocol as a client reads them; layouts stand in `reply.ts` (BEP 15).
 * Strict: a reply that is not exactly one of the four shapes is invalid.
 */
import { formatAddress } from '../../lib/endpoint.js';
import type { ConnectionId } from './client-request.js';
import {
  ANNOUNCE_REPLY_HEADER_BYTES,
  CONNECT_REPLY_BYTES,
  SCRAPE_REPLY_ENTRY_BYTES,
  SCRAPE_REPLY_HEADER_BYTES,
} from './reply.js';

/** A datagram that is no reply of this protocol. */
export class InvalidReplyError extends Error {
  override name = 'InvalidReplyError';
  readonly code = 'invalidReply';
}

/** Where a peer listens, with its address in text. */
export interface PeerAddress {
  readonly ip: string;
  readonly port: number;
}

export interface UdpScrapeEntry {
  readonly seeders: number;
  readonly downloads: number;
  readonly leechers: number;
}

export type UdpReply =
  | { readonly kind: 'connect'; readonly transactionId: number; readonly id: ConnectionId }
  | {
      readonly kind: 'announce';
      readonly transactionId: number;
      readonly intervalSeconds: number;
      readonly leechers: number;
      readonly seeders: number;
      readonly peers: readonly PeerAddress[];
    }
  | {
      readonly kind: 'scrape';
      readonly transactionId: number;
      readonly entries: readonly UdpScrapeEntry[];
    }
  | { readonly kind: 'error'; readonly transactionId: number; readonly message: string };

/**
 * Reads a reply. Its peers are of the family over which it came. Throws an `InvalidReplyError`
 * for anything else; the first 8 bytes may still tell whose it is (`replyTransactionId`).
 */
export function decodeUdpReply(packet: Uint8Array, family: 4 | 6): UdpReply {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  if (bytes.length < 8) throw new InvalidReplyError(`${bytes.length} bytes are no reply`);
  const action = bytes.readInt32BE(0);
  const transactionId = bytes.readInt32BE(4);
  if (action === 0) {
    expectShape(bytes, CONNECT_REPLY_BYTES, 0);
    const id = { hi: bytes.readInt32BE(8), lo: bytes.readInt32BE(12) };
    return { kind: 'connect', transactionId, id };
  }
  if (action === 1) {
    expectShape(bytes, ANNOUNCE_REPLY_HEADER_BYTES, family === 4 ? 6 : 18);
    return {
      kind: 'announce',
      transactionId,
      intervalSeconds: bytes.readUInt32BE(8),
      leechers: bytes.readUInt32BE(12),
      seeders: bytes.readUInt32BE(16),
      peers: compactPeers(bytes.subarray(ANNOUNCE_REPLY_HEADER_BYTES), family),
    };
  }
  if (action === 2) {
    expectShape(bytes, SCRAPE_REPLY_HEADER_BYTES, SCRAPE_REPLY_ENTRY_BYTES);
    const entries: UdpScrapeEntry[] = [];
    for (let at = SCRAPE_REPLY_HEADER_BYTES; at < bytes.length; at += SCRAPE_REPLY_ENTRY_BYTES) {
      entries.push({
        seeders: bytes.readUInt32BE(at),
        downloads: bytes.readUInt32BE(at + 4),
        leechers: bytes.readUInt32BE(at + 8),
      });
    }
    return { kind: 'scrape', transactionId, entries };
  }
  if (action !== 3) throw new InvalidReplyError(`action ${action} is unknown`);
  return { kind: 'error', transactionId, message: bytes.toString('utf8', 8) };
}

/** The transaction id of a datagram, or undefined where it is too short to carry one. */
export function replyTransactionId(packet: Uint8Array): number | undefined {
  if (packet.length < 8) return undefined;
  return (packet[4] << 24) | (packet[5] << 16) | (packet[6] << 8) | packet[7];
}

/** Peers in wire form, 6 or 18 bytes each. The caller has checked the stride. */
export function compactPeers(bytes: Uint8Array, family: 4 | 6): PeerAddress[] {
  const size = family === 4 ? 4 : 16;
  const peers: PeerAddress[] = [];
  for (let at = 0; at + size + 2 <= bytes.length; at += size + 2) {
    const port = (bytes[at + size] << 8) | bytes[at + size + 1];
    peers.push({ ip: formatAddress(bytes, at, size), port });
  }
  return peers;
}

/** A head of so many bytes, and entries of `stride` bytes behind it (0: nothing may follow). */
function expectShape(bytes: Uint8Array, head: number, stride: number): void {
  const rest = bytes.length - head;
  if (rest < 0 || (stride === 0 ? rest > 0 : rest % stride !== 0)) {
    throw new InvalidReplyError(`${bytes.length} bytes are no reply of this kind`);
  }
}
