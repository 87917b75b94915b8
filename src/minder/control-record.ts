/**
 * What a minder remembers of its cluster: the kinds of record and their shapes.
 *
 * Keys that a shape does not name are kept as they are: a neighbouring version may have added some,
 * and what one minder tells another must not lose them on the way.
 */
import { z } from 'zod';
import { keyRingSchema } from '../protocol/cluster/control.js';
import { NODE_ROLES } from '../protocol/cluster/enrolment.js';
import { routePinSchema } from '../protocol/cluster/minder-admission.js';
import { NODE_ID_PATTERN } from '../protocol/cluster/node-id.js';
import { TOKEN_ID_PATTERN } from '../protocol/cluster/token.js';

const wallMs = z.number().int().min(0);
const text = (max: number) => z.string().max(max);

/** Who spent a token last: as many are remembered. */
export const SPENT_BY_MAX = 16;
/** Minders that counted uses of one token. */
export const USES_BY_MAX = 64;

/** A node that has enrolled, by its id. */
const node = z.object({
  role: z.enum(NODE_ROLES),
  name: text(255),
  software: text(64),
  /** Public nkey of its bus user. */
  busPublicKey: text(64),
  /** Hosts by which others should reach it, as it says itself. */
  advertise: z.array(text(253)).max(16),
  /** Where it came from when it enrolled or renewed last. */
  sourceAddress: text(253),
  enrolledMs: wallMs,
  renewedMs: wallMs,
  /** End of its certificate. */
  expiresMs: wallMs,
  tokenId: text(12),
});

/** A node that was thrown out, by its id. Its `node` record stays beside it. */
const revocation = z.object({
  revokedMs: wallMs,
  /** From when on it can hear nothing on the bus: keys that it may have heard before are replaced. */
  effectiveMs: wallMs,
  busPublicKey: text(64),
});

/** A join token, by its id. */
const token = z.object({
  role: z.enum(NODE_ROLES),
  /** SHA-256 of the secret, hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  createdMs: wallMs,
  expiresMs: wallMs,
  usesMax: z.number().int().min(1),
  uses: z.number().int().min(0),
  /** Network that may use it, as `ADDRESS/BITS`; empty for any. */
  cidr: text(64),
  revoked: z.boolean(),
  /** Who got in with it last: the same node may ask again when the reply was lost on the way. */
  spentBy: z
    .array(z.object({ busPublicKey: text(64), nodeId: text(17), atMs: wallMs.optional() }))
    .max(SPENT_BY_MAX),
  /**
   * Uses by the minder that let somebody in: so that what two minders spent while apart adds up.
   * `uses` is at least their sum; the rest was spent before minders counted apart.
   */
  usesBy: z
    .array(z.tuple([z.string().regex(NODE_ID_PATTERN), z.number().int().min(1)]))
    .max(USES_BY_MAX)
    .optional(),
});

/** A minder of the cluster, by its node id: where nodes find it. Written by that minder itself. */
const minder = z.object({
  /** It answers DNS queries for the name of the cluster. */
  dns: z.boolean().optional(),
  /** `https://host:port` of enrolment and renewal. */
  urls: z.array(text(512)).max(16),
  /** `tls://host:port` of its bus; empty where somebody else's bus is used. */
  bus: z.array(text(512)).max(16),
  /** `nats-route://host:port` for the bus servers of other minders. */
  routes: z.array(text(512)).max(16),
  /** The key of its bus server's routes (`OwnKeys.routePin`): servers let in no other. */
  routePin: routePinSchema.optional(),
});

/** A tracker that the operator drains, or has brought back, by its node id. */
const drain = z.object({
  draining: z.boolean(),
  /** When that was said. */
  sinceMs: wallMs,
});

/** What all trackers are told to do; id `cluster`. Null: as each is configured. */
const tuning = z.object({
  intervalSeconds: z.number().int().min(1).max(28_800).nullable(),
  numwantMax: z.number().int().min(0).max(200).nullable(),
  listMode: z.enum(['open', 'deny', 'allow']).nullable(),
});

/** One of each: id `cluster`. */
const setting = z.object({
  /** 16 bytes, hexadecimal; never changes. */
  digestKey: z.string().regex(/^[0-9a-f]{32}$/),
  keyRing: keyRingSchema,
  /** When the ring last moved on. */
  rotatedMs: wallMs,
});

export const RECORD_SCHEMAS = { node, revocation, token, minder, drain, tuning, setting } as const;
export type RecordKind = keyof typeof RECORD_SCHEMAS;
export type ControlRecord<K extends RecordKind> = Readonly<z.output<(typeof RECORD_SCHEMAS)[K]>>;

export const RECORD_ID_PATTERNS: Readonly<Record<RecordKind, RegExp>> = {
  node: NODE_ID_PATTERN,
  revocation: NODE_ID_PATTERN,
  token: TOKEN_ID_PATTERN,
  minder: NODE_ID_PATTERN,
  drain: NODE_ID_PATTERN,
  tuning: /^cluster$/,
  setting: /^cluster$/,
};
export const CLUSTER_SETTING = 'cluster';
