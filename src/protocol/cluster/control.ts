/**
 * What minders tell the cluster over the bus, and what nodes ask them. JSON, at most 64 KB.
 *
 * ```
 * ctl.all            settings, from a minder to everybody: each 10 s and on every change
 * ctl.<id>           settings, to the node that asked
 * ctl.minder.<self>  request, from a node to whichever minders hear it
 * ```
 *
 * Settings are whole, never differences. Each part has a version of its own, and a receiver takes the
 * parts that are newer than what it holds; of a minder of the first version, which says none, all
 * when the revision is higher.
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

/** When something was said and by which minder: of two words the greater one counts. */
export const controlVersionSchema = z.tuple([z.number().int().min(0).max(REVISION_MAX), nodeId]);
export type ControlVersion = z.output<typeof controlVersionSchema>;

/** A stamp further ahead of our clock is of a minder whose clock is wrong, or ours is. */
const AHEAD_MS_MAX = 86_400_000;

/**
 * Which of two words counts, to a node whose clock says `wallMs`. One of a clock that was days ahead
 * must not count until then: any that is not ahead beats it.
 */
export function isNewer(fresh: ControlVersion, known: ControlVersion, wallMs: number): boolean {
  const [isPresent, wasPresent] = [fresh, known].map(([stamp]) => stamp <= wallMs + AHEAD_MS_MAX);
  if (isPresent !== wasPresent) return isPresent;
  return fresh[0] !== known[0] ? fresh[0] > known[0] : fresh[1] > known[1];
}

export const LIST_MODES = ['open', 'deny', 'allow'] as const;

/** Null: as the tracker is configured. */
export const tuningSchema = z.object({
  version: controlVersionSchema,
  intervalSeconds: z.number().int().min(1).max(28_800).nullable(),
  numwantMax: z.number().int().min(0).max(200).nullable(),
  // One that a later version knows is none to us; the rest of the message counts all the same.
  listMode: z.enum(LIST_MODES).nullable().catch(null),
});
export type ClusterTuning = z.output<typeof tuningSchema>;

/** Drains, and ends of drains, that one message names: the latest first. */
export const DRAINS_MAX = 512;
const digestHex = z.string().regex(/^[0-9a-f]{16}$/);

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
  // What follows came later; minders of the first version do not say it. Each part has a version of
  // its own: two minders that have not met yet may say different things under one revision.
  keyRingVersion: controlVersionSchema.optional(),
  tuning: tuningSchema.optional(),
  /** Node, when that was said, and whether it is to drain. */
  drains: z
    .array(z.tuple([nodeId, z.number().int().min(0), z.boolean()]))
    .max(DRAINS_MAX)
    .optional(),
  /** Digests of the lists (`HashList.root`). */
  lists: z.object({ deny: digestHex, allow: digestHex }).optional(),
});
export type ClusterSettings = z.output<typeof settingsSchema>;

/**
 * From a minder to one node, on `ctl.<id>`: a scrape of `hash` is to be answered with `counts`
 * (complete, downloaded, incomplete) for as long as `ttlSeconds`. Whoever answers so at an address has
 * heard this, and is that node.
 */
export const challengeSchema = z.object({
  version: z.literal(CONTROL_VERSION),
  type: z.literal('challenge'),
  minder: nodeId,
  /** 20 random bytes, hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{40}$/),
  counts: z.array(z.number().int().min(0).max(0x7fff_ffff)).length(3),
  ttlSeconds: z.number().int().min(1).max(3_600),
});
export type ControlChallenge = z.output<typeof challengeSchema>;

export const controlRequestSchema = z.object({
  version: z.literal(CONTROL_VERSION),
  type: z.literal('settings_wanted'),
  /** The revision that the node holds; 0 for none. */
  revision: z.number().int().min(0).max(REVISION_MAX),
});
export type ControlRequest = z.output<typeof controlRequestSchema>;

export function encodeControl(
  message: ClusterSettings | ControlRequest | ControlChallenge,
): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}

/** Undefined for what is no settings message of our version. Never throws. */
export function decodeSettings(payload: Uint8Array): ClusterSettings | undefined {
  return decode(settingsSchema, payload);
}

/** Undefined for what is no challenge of our version. Never throws. */
export function decodeChallenge(payload: Uint8Array): ControlChallenge | undefined {
  return decode(challengeSchema, payload);
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
