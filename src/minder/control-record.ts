/** What a minder remembers of its cluster: the kinds of record and their shapes. */
import { z } from 'zod';
import { keyRingSchema } from '../protocol/cluster/control.js';
import { NODE_ROLES } from '../protocol/cluster/enrolment.js';
import { NODE_ID_PATTERN } from '../protocol/cluster/node-id.js';
import { TOKEN_ID_PATTERN } from '../protocol/cluster/token.js';

const wallMs = z.number().int().min(0);
const text = (max: number) => z.string().max(max);

/** A node that has enrolled, by its id. */
const node = z.strictObject({
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
const revocation = z.strictObject({
  revokedMs: wallMs,
  /** From when on it can hear nothing on the bus: keys that it may have heard before are replaced. */
  effectiveMs: wallMs,
  busPublicKey: text(64),
});

/** A join token, by its id. */
const token = z.strictObject({
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
  spentBy: z.array(z.strictObject({ busPublicKey: text(64), nodeId: text(17) })).max(16),
});

/** One of each: id `cluster`. */
const setting = z.strictObject({
  /** 16 bytes, hexadecimal; never changes. */
  digestKey: z.string().regex(/^[0-9a-f]{32}$/),
  keyRing: keyRingSchema,
  /** When the ring last moved on. */
  rotatedMs: wallMs,
});

export const RECORD_SCHEMAS = { node, revocation, token, setting } as const;
export type RecordKind = keyof typeof RECORD_SCHEMAS;
export type ControlRecord<K extends RecordKind> = Readonly<z.output<(typeof RECORD_SCHEMAS)[K]>>;

export const RECORD_ID_PATTERNS: Readonly<Record<RecordKind, RegExp>> = {
  node: NODE_ID_PATTERN,
  revocation: NODE_ID_PATTERN,
  token: TOKEN_ID_PATTERN,
  setting: /^cluster$/,
};
export const CLUSTER_SETTING = 'cluster';
