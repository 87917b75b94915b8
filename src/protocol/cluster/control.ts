/**
 * What minders tell the cluster over the bus, and what nodes ask them. JSON, at most 64 KB.
 *
 * ```
 * ctl.all            settings, from a minder to everybody: each 10 s and on every change
 * ctl.<id>           settings, to the node that asked
 * ctl.minder.<self>  request, from a node to whichever minders hear it
 * ```
 *
 * Settings are whole, never differences: a receiver takes a message when its revision is higher
 * than what it holds, and drops it otherwise.
 */
import { z } from 'zod';
import { NODE_ID_PATTERN } from './node-id.js';

export const CONTROL_VERSION = 1;
export const CONTROL_BYTES_MAX = 64 * 1024;
/** Revoked nodes that one message names: those of the last days first. */
export const REVOKED_MAX = 1_024;
export const MINDERS_MAX = 32;
const REVISION_MAX = Number.MAX_SAFE_INTEGER;

export const CONTROL_ALL = 'ctl.all';
export const controlSubject = (nodeId: string) => `ctl.${nodeId}`;
export const controlRequestSubject = (nodeId: string) => `ctl.minder.${nodeId}`;

const nodeId = z.string().regex(NODE_ID_PATTERN);
/** 16 bytes of key in hexadecimal. */
const keyHex = z.string().regex(/^[0-9a-f]{32}$/);

/**
 * The keys of connection ids. Ids made with any of the three are good; new ones are made with
 * `current`. `next` is known everywhere before any tracker uses it, so that no tracker ever sees an
 * id that it cannot check.
 *
 * The key of `current` has the number `generation`, its neighbours one less and one more. A
 * revocation replaces all three and moves on by three, so that no number ever means two keys.
 */
export const keyRingSchema = z.object({
  generation: z.number().int().min(1).max(REVISION_MAX),
  previous: keyHex,
  current: keyHex,
  next: keyHex,
});
export type ClusterKeyRing = z.output<typeof keyRingSchema>;

export const minderAddressesSchema = z.object({
  id: nodeId,
  /** `https://host:port` of enrolment and renewal. */
  urls: z.array(z.string().max(512)).max(16),
  /** `tls://host:port` of its bus. Empty when its host is known only to whoever dialled it. */
  bus: z.array(z.string().max(512)).max(16),
});
export type MinderAddresses = z.output<typeof minderAddressesSchema>;

export const settingsSchema = z.object({
  version: z.literal(CONTROL_VERSION),
  type: z.literal('settings'),
  /** Grows with every change, over restarts of the minder too. */
  revision: z.number().int().min(0).max(REVISION_MAX),
  /** The minder that speaks. */
  minder: nodeId,
  keyRing: keyRingSchema,
  revoked: z.array(nodeId).max(REVOKED_MAX),
  minders: z.array(minderAddressesSchema).max(MINDERS_MAX),
});
export type ClusterSettings = z.output<typeof settingsSchema>;

export const controlRequestSchema = z.object({
  version: z.literal(CONTROL_VERSION),
  type: z.literal('settings_wanted'),
  /** The revision that the node holds; 0 for none. */
  revision: z.number().int().min(0).max(REVISION_MAX),
});
export type ControlRequest = z.output<typeof controlRequestSchema>;

export function encodeControl(message: ClusterSettings | ControlRequest): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}

/** Undefined for what is no settings message of our version. Never throws. */
export function decodeSettings(payload: Uint8Array): ClusterSettings | undefined {
  return decode(settingsSchema, payload);
}

/** Undefined for what is no request of our version. Never throws. */
export function decodeControlRequest(payload: Uint8Array): ControlRequest | undefined {
  return decode(controlRequestSchema, payload);
}

function decode<T>(schema: z.ZodType<T>, payload: Uint8Array): T | undefined {
  if (payload.length > CONTROL_BYTES_MAX) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString());
  } catch {
    return undefined;
  }
  const result = schema.safeParse(value);
  return result.success ? result.data : undefined;
}
