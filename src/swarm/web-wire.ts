/**
 * A web peer in the store and on the bus: not an address, but who holds its connection.
 *
 * ```
 * bytes  0..7   node id of the tracker that holds the connection; zeros: one that stands alone
 *        8..11  connection, big endian: unique in one run of that process, over all its threads
 *       12..15  epoch, big endian: second since 1970 in which that process started
 *       16..17  zero
 * ```
 *
 * As long as an IPv6 peer, and never equal to one: nobody announces port 0. The 20-byte peer id is not
 * in it. Whoever holds the connection knows it, and nobody else has a use for it.
 */
import { readNodeId, writeNodeId } from '../protocol/cluster/node-id.js';

export const WEB_WIRE_BYTES = 18;
const CONNECTION = 8;
const EPOCH = 12;
const ZERO = 16;

/** The epoch of a process that started at `startedMs`, ms since 1970. */
export function webEpoch(startedMs: number): number {
  return Math.floor(startedMs / 1000) >>> 0;
}

/** Writes a wire at `at`. `node` is a node id, or NO_NODE (the empty text) for a tracker alone. */
export function writeWebWire(
  bytes: Uint8Array,
  at: number,
  { node, connection, epoch }: { node: string; connection: number; epoch: number },
): void {
  writeNodeId(bytes, at, node);
  writeU32BE(bytes, at + CONNECTION, connection);
  writeU32BE(bytes, at + EPOCH, epoch);
  bytes[at + ZERO] = 0;
  bytes[at + ZERO + 1] = 0;
}

/** The node that holds the connection; NO_NODE (the empty text) for a tracker that stands alone. */
export function webNode(bytes: Uint8Array, at: number): string {
  return readNodeId(bytes, at);
}

export function webConnection(bytes: Uint8Array, at: number): number {
  return readU32BE(bytes, at + CONNECTION);
}

export function webEpochOf(bytes: Uint8Array, at: number): number {
  return readU32BE(bytes, at + EPOCH);
}

function readU32BE(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function writeU32BE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
