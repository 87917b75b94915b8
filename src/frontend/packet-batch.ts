import type { Endpoint } from '../lib/endpoint.js';
import type { DatagramBuffer } from './handler.js';

/** Packets that came together, and room for a reply to each. Allocated once, filled again and again. */
export interface PacketBatch {
  /** Packets in this batch: slots 0 to count - 1. */
  count: number;
  readonly packets: readonly Uint8Array[];
  /** Bytes of each packet, which may be none; PACKET_IGNORED for one that is to be ignored. */
  readonly lengths: Int32Array;
  readonly sources: readonly Endpoint[];
  readonly replies: readonly DatagramBuffer[];
  /** Set by the handler: bytes of each reply, 0 for none. */
  readonly replyLengths: Int32Array;
}

/** Stands in place of a packet's length. */
export const PACKET_IGNORED = -1;

/** Most packets in a batch: what 32 of them touch stays in the first-level cache. */
export const BATCH_PACKETS_MAX = 32;

/** Understands datagrams by the batch. Never throws for bad input. */
export interface PacketBatchHandler {
  /** Handles packets 0 to count - 1 and sets each one's `replyLengths`. */
  handleBatch(batch: PacketBatch): void;
}
