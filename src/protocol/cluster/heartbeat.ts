/**
 * What a node says of itself each second, on `hb.<id>`: JSON, at most 16 KB.
 *
 * Every text and list in it has a bound, and a message of the largest ones is smaller than 16 KB:
 * 256 links are 11 KB of that. Keys that we do not know are ignored, so that a later version can add
 * some; a later `version` is refused.
 */
import { z } from 'zod';
import { Decoded } from './envelope.js';
import { NODE_ID_PATTERN } from './node-id.js';

export const HEARTBEAT_VERSION = 1;
export const HEARTBEAT_BYTES_MAX = 16 * 1024;
/** Heartbeats of one node that are read: it sends one, and what was held up may come at once. */
export const HEARTBEATS_PER_SECOND_MAX = 20;
/** Nodes that a heartbeat can speak of. */
export const LINKS_MAX = 256;
export const ADDRESSES_MAX = 16;
export const COUNTERS_MAX = 32;
/** Of a node, in UTF-16 units. */
export const NODE_NAME_LENGTH_MAX = 64;

export const NODE_STATES = ['joining', 'healthy', 'draining', 'unreachable', 'revoked'] as const;
export type NodeState = (typeof NODE_STATES)[number];

const nodeId = z.string().regex(NODE_ID_PATTERN);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** A lag beyond these milliseconds, almost three hours, is told as this. */
export const LAG_MS_MAX = 9_999_999;
const ADDRESS_PATTERN = /^[A-Za-z0-9:/._[\]-]{1,100}$/;
const address = z.string().regex(ADDRESS_PATTERN);
const sequence = z.number().int().min(0).max(0xffff_ffff);
const digest = z.string().regex(/^[0-9a-f]{16}$/);
/** Printable text, so that it cannot draw on an operator's terminal. */
const printable = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u);

export const heartbeatSchema = z.object({
  version: z.literal(HEARTBEAT_VERSION),
  id: nodeId,
  name: printable(NODE_NAME_LENGTH_MAX),
  role: z.enum(['tracker', 'minder']),
  state: z.enum(NODE_STATES),
  /** Why the state is not `healthy`; else empty. */
  reason: printable(64),
  /** When the process started, ms since 1970: names its stream of batches. */
  epoch: count,
  /** Of the last batch that was published in this epoch; 0 for none. */
  sequence,
  /** Wall clock, ms since 1970, as the machine has it. */
  wallMs: count,
  /** Replication's clock, corrected, 1/64 s modulo 2^32. */
  stamp: sequence,
  /** Digest of all peers that have an address, 16 hexadecimal digits; zeros where there are none. */
  root: digest,
  /** The same of web peers; nodes of the first versions do not know any. */
  webRoot: digest.optional(),
  peers: count,
  swarms: count,
  /** Version of the software; nodes of the first version do not say. */
  software: printable(64).optional(),
  /** `udp://host:port` and the like, by which clients reach it. */
  addresses: z.array(address).max(ADDRESSES_MAX),
  counters: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,39}$/), count)
    .refine((counters) => Object.keys(counters).length <= COUNTERS_MAX),
  /** Of each node that it hears: id, last sequence up to which nothing is missing, lag in ms. */
  links: z
    .array(z.tuple([nodeId, sequence, z.number().int().min(0).max(LAG_MS_MAX)]))
    .max(LINKS_MAX),
});
export type Heartbeat = z.output<typeof heartbeatSchema>;

/**
 * The last word of a node that ends in order, so that nobody has to wait for its silence. Versions that
 * do not know the reason know the state.
 */
export const STOPPED = { state: 'unreachable', reason: 'stopped' } as const;

export function isStopped({
  state,
  reason,
}: {
  readonly state: NodeState;
  readonly reason: string | null;
}): boolean {
  return state === STOPPED.state && reason === STOPPED.reason;
}

/** The digest of all peers of a node, web peers included: the exclusive or of both. */
export function wholeRoot({ root, webRoot }: Pick<Heartbeat, 'root' | 'webRoot'>): string {
  if (webRoot === undefined) return root;
  return (BigInt(`0x${root}`) ^ BigInt(`0x${webRoot}`)).toString(16).padStart(16, '0');
}

/** Takes what the schema allows; what is over its bounds must have been cut by the caller. */
export function encodeHeartbeat(heartbeat: Heartbeat): Uint8Array {
  return Buffer.from(JSON.stringify(heartbeat));
}

/** True for an address that a heartbeat can hold: for one that it cannot, all of it is refused. */
export function canTellAddress(text: string): boolean {
  return ADDRESS_PATTERN.test(text);
}

/** Reads a heartbeat; a `Decoded` code for what is none. Never throws. */
export function decodeHeartbeat(payload: Uint8Array): Heartbeat | Exclude<Decoded, 0> {
  if (payload.length > HEARTBEAT_BYTES_MAX) return Decoded.length;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString());
  } catch {
    return Decoded.foreign;
  }
  if (typeof value !== 'object' || value === null || !('version' in value)) return Decoded.foreign;
  if (value.version !== HEARTBEAT_VERSION) return Decoded.version;
  const result = heartbeatSchema.safeParse(value);
  return result.success ? result.data : Decoded.body;
}
