/**
 * A peer id on a WebSocket: what a web peer is to the tracker. A page has one for all its swarms; a
 * few may share a connection.
 *
 * ```
 * number   bit 31 .. 22   thread that holds the connection
 *              21 .. 0    counts up within the thread, and around
 * ```
 */
import { readBinaryText } from '../protocol/webtorrent/binary-text.js';
import { WEB_WIRE_BYTES, writeWebWire } from '../swarm/web-wire.js';

const COUNT_BITS = 22;
/** Highest number of a thread that web peers can name. */
export const WEB_THREAD_MAX = 2 ** (32 - COUNT_BITS) - 1;

export function webPeerNumber(thread: number, count: number): number {
  return ((thread << COUNT_BITS) | (count & (2 ** COUNT_BITS - 1))) >>> 0;
}

/** The thread that holds the connection of a web peer of this process. */
export function threadOf(number: number): number {
  return number >>> COUNT_BITS;
}

/** This process, as web peers name it. */
export interface WebOrigin {
  /** Empty for a tracker that stands alone. */
  readonly node: string;
  /** When it started, in seconds since 1970. */
  readonly epoch: number;
}

export class WebVoice {
  /** Info hashes that it is in, as binary texts. */
  readonly swarms = new Set<string>();
  /** As the store keeps it, and the same as a binary text. */
  readonly wire = new Uint8Array(WEB_WIRE_BYTES);
  readonly wireText: string;

  constructor(
    readonly peerId: string,
    readonly number: number,
    { node, epoch }: WebOrigin,
  ) {
    writeWebWire(this.wire, 0, { node, connection: number, epoch });
    this.wireText = readBinaryText(this.wire, 0, WEB_WIRE_BYTES);
  }
}
