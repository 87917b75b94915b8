/**
 * The request of a dynamic update (RFC 2136).
 *
 * ```
 * offset size
 * 0      2    id
 * 2      2    opcode 5 (UPDATE)
 * 4      8    zones: 1, prerequisites: 0, updates, additionals: 0
 * 12     z    name of the zone, type SOA, class IN
 * 12+z        updates, all for one name:
 *             A, AAAA, TXT: class ANY, TTL 0, no data        delete what there is
 *             A, AAAA, TXT: class IN, TTL, data              add; one record for each
 * ```
 *
 * A server takes all updates of a message or none, so nobody sees the name without addresses.
 */
import type { Answer } from 'dns-packet';
import { HEADER_BYTES, OPCODE_SHIFT, Opcode, RecordClass, RecordType } from './codes.js';
import { encodePiece } from './record-set.js';
import { bittorrentText, type TrackerSet } from './tracker-set.js';

export interface UpdateRequest {
  readonly id: number;
  /** Wire forms; the name is the zone's or lies below it. */
  readonly zone: Uint8Array;
  readonly name: Uint8Array;
  readonly ttlSeconds: number;
  readonly set: TrackerSet;
}

const POINTER = 0xc000;

/** Encodes the request, without a signature. */
export function encodeUpdate({ id, zone, name, ttlSeconds: ttl, set }: UpdateRequest): Buffer {
  const text = bittorrentText(set.services);
  const added: Answer[] = [
    ...set.addresses4.map((data) => ({ type: 'A', name: '.', ttl, data }) as const),
    ...set.addresses6.map((data) => ({ type: 'AAAA', name: '.', ttl, data }) as const),
  ];
  if (text !== undefined) added.push({ type: 'TXT', name: '.', ttl, data: [text] });
  const pieces = [
    ...[RecordType.a, RecordType.aaaa, RecordType.txt].map(deletion),
    ...added.map(encodePiece),
  ];
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(Opcode.update << OPCODE_SHIFT, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(pieces.length, 8);
  const zoneTail = Buffer.from([0, RecordType.soa, 0, RecordClass.in]);
  const nameAt = HEADER_BYTES + zone.length + zoneTail.length;
  const pointer = Buffer.alloc(2);
  pointer.writeUInt16BE(POINTER | nameAt);
  const updates = pieces.flatMap((piece, i) => [i === 0 ? name : pointer, piece]);
  return Buffer.concat([header, zone, zoneTail, ...updates]);
}

/** "Delete an RRset": RFC 2136, section 2.5.2. */
function deletion(type: number): Uint8Array {
  return Uint8Array.from([0, type, 0, RecordClass.any, 0, 0, 0, 0, 0, 0]);
}
