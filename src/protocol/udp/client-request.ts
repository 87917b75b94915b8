/**
 * Requests of the UDP tracker protocol as a client writes them; layouts stand in `request.ts`
 * (BEP 15, BEP 41). These allocate: they are for checks and tests.
 */
import {
  ANNOUNCE_BYTES_MIN,
  CONNECT_MAGIC_HI,
  CONNECT_MAGIC_LO,
  REQUEST_HEADER_BYTES,
  UDP_SCRAPE_HASHES_MAX,
} from './request.js';

/** A connection id in two signed 32-bit halves. */
export interface ConnectionId {
  readonly hi: number;
  readonly lo: number;
}

/** What an announce request says besides its ids. Counts of bytes are safe integers. */
export interface UdpAnnounceFields {
  readonly infoHash: Uint8Array;
  readonly peerId: Uint8Array;
  readonly downloaded: number;
  readonly left: number;
  readonly uploaded: number;
  /** An `AnnounceEvent`. */
  readonly event: number;
  /** Four bytes, or all zeros for the sender's address. */
  readonly ip: Uint8Array;
  readonly key: number;
  readonly numwant: number;
  readonly port: number;
  /** Path and query of the tracker's URL (BEP 41); '' sends none. */
  readonly urlData: string;
}

export function encodeConnectRequest(transactionId: number): Buffer {
  const out = Buffer.alloc(REQUEST_HEADER_BYTES);
  out.writeInt32BE(CONNECT_MAGIC_HI, 0);
  out.writeInt32BE(CONNECT_MAGIC_LO, 4);
  out.writeInt32BE(transactionId, 12);
  return out;
}

export function encodeAnnounceRequest(
  id: ConnectionId,
  transactionId: number,
  fields: UdpAnnounceFields,
): Buffer {
  const out = Buffer.alloc(ANNOUNCE_BYTES_MIN);
  writeHeader(out, id, 1, transactionId);
  out.set(fields.infoHash.subarray(0, 20), 16);
  out.set(fields.peerId.subarray(0, 20), 36);
  out.writeBigUInt64BE(BigInt(fields.downloaded), 56);
  out.writeBigUInt64BE(BigInt(fields.left), 64);
  out.writeBigUInt64BE(BigInt(fields.uploaded), 72);
  out.writeInt32BE(fields.event, 80);
  out.set(fields.ip.subarray(0, 4), 84);
  out.writeInt32BE(fields.key, 88);
  out.writeInt32BE(fields.numwant, 92);
  out.writeUInt16BE(fields.port, 96);
  return Buffer.concat([out, encodeUrlData(fields.urlData)]);
}

/** A scrape of up to 74 info hashes; more are left out. */
export function encodeScrapeRequest(
  id: ConnectionId,
  transactionId: number,
  hashes: readonly Uint8Array[],
): Buffer {
  const head = Buffer.alloc(REQUEST_HEADER_BYTES);
  writeHeader(head, id, 2, transactionId);
  return Buffer.concat([head, ...hashes.slice(0, UDP_SCRAPE_HASHES_MAX)]);
}

function writeHeader(out: Buffer, id: ConnectionId, action: number, transactionId: number): void {
  out.writeInt32BE(id.hi, 0);
  out.writeInt32BE(id.lo, 4);
  out.writeInt32BE(action, 8);
  out.writeInt32BE(transactionId, 12);
}

/** URLData options: pieces of up to 255 bytes, and an end. */
function encodeUrlData(urlData: string): Buffer {
  const bytes = Buffer.from(urlData, 'latin1');
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 255) {
    const piece = bytes.subarray(at, at + 255);
    parts.push(Buffer.of(2, piece.length), piece);
  }
  return Buffer.concat(bytes.length > 0 ? [...parts, Buffer.of(0)] : parts);
}
