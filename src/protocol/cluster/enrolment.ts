/**
 * What a node and a minder say to each other over HTTPS when the node joins (`POST /v1/enrol`, with
 * a token) and when its certificate runs out (`POST /v1/renew`, with that certificate). JSON both
 * ways. Refusals are `{"error": REASON}` with a reason from a fixed list.
 */
import { z } from 'zod';
import { keyRingSchema } from './control.js';
import { NODE_ID_PATTERN } from './node-id.js';
import { TOKEN_LENGTH } from './token.js';

export const ENROL_PATH = '/v1/enrol';
export const RENEW_PATH = '/v1/renew';
/** Longest request. Most of it is the certificate request, about 400 bytes. */
export const ENROLMENT_REQUEST_BYTES_MAX = 16 * 1024;
/** Longest reply. */
export const ENROLMENT_REPLY_BYTES_MAX = 128 * 1024;
export const ENROLMENT_VERSION = 1;
export const NAME_LENGTH_MAX = 255;
export const SOFTWARE_LENGTH_MAX = 64;
export const ADVERTISE_MAX = 16;

export const NODE_ROLES = ['tracker', 'minder'] as const;
export type NodeRole = (typeof NODE_ROLES)[number];

/** What a node is told when it is turned away. `docs/operations.md` says what to do about each. */
export const ENROLMENT_REFUSALS = [
  'request_invalid',
  /** No such token, or not its secret: which of both is for the log alone. */
  'token_invalid',
  'token_used',
  'token_expired',
  'token_revoked',
  'token_role',
  'token_address',
  'certificate_invalid',
  'node_unknown',
  'node_revoked',
  'cluster_full',
  /** To a minder: one of us uses somebody else's bus, the other does not. */
  'bus_differs',
  'too_many_requests',
  'unavailable',
] as const;
export type EnrolmentRefusal = (typeof ENROLMENT_REFUSALS)[number];

const pem = (max: number) => z.string().min(1).max(max).startsWith('-----BEGIN ');
/** A name for people: printable, so that it cannot draw on an operator's terminal. */
const printable = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u);
/** A host name or an address, IPv6 without brackets. */
export const hostSchema = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[0-9A-Za-z.:_-]+$/);

/** Keys that we do not know are ignored, as in all messages: a newer node may say more than we ask. */
export const renewalRequestSchema = z.object({
  version: z.literal(ENROLMENT_VERSION),
  /** PKCS #10, PEM; only its key counts, the names come from the minder. */
  csr: pem(4_096),
  /** Public nkey of the bus user, `U...`; the seed never leaves the node. */
  busPublicKey: z.string().regex(/^U[A-Z2-7]{55}$/),
  name: printable(NAME_LENGTH_MAX),
  software: printable(SOFTWARE_LENGTH_MAX),
  /** Hosts by which others should reach the node; empty: the address it comes from. */
  advertise: z.array(hostSchema).max(ADVERTISE_MAX),
});
export type RenewalRequest = z.output<typeof renewalRequestSchema>;

export const enrolmentRequestSchema = renewalRequestSchema.extend({
  token: z.string().length(TOKEN_LENGTH),
  role: z.enum(NODE_ROLES),
});
export type EnrolmentRequest = z.output<typeof enrolmentRequestSchema>;

export const enrolmentReplySchema = z.object({
  version: z.literal(ENROLMENT_VERSION),
  nodeId: z.string().regex(NODE_ID_PATTERN),
  role: z.enum(NODE_ROLES),
  /** The node's certificate, PEM. */
  certificate: pem(8_192),
  /** The cluster CA's certificate, PEM. */
  ca: pem(8_192),
  /** How long the certificate is good, from now: no clock is compared with another. */
  validSeconds: z.number().int().min(1).max(1e9),
  bus: z.object({
    /** `tls://host:port` of the bus servers. */
    urls: z.array(z.string().min(1).max(512)).min(1).max(32),
    /**
     * True for somebody else's bus server: its certificate names its host and is not of our CA.
     */
    external: z.boolean(),
    /** User JWT: what this node may publish and hear. */
    jwt: z.string().min(1).max(16_384),
  }),
  /** `https://host:port` of the minders. */
  minders: z.array(z.string().min(1).max(512)).min(1).max(32),
  /** 16 bytes, hexadecimal: under it all nodes of the cluster hash swarms for comparison. */
  digestKey: z.string().regex(/^[0-9a-f]{32}$/),
  keyRing: keyRingSchema,
  /** Revision of the settings that the reply holds. */
  revision: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  /** The node's address as the minder saw it. */
  sourceAddress: hostSchema,
});
export type EnrolmentReply = z.output<typeof enrolmentReplySchema>;

export const enrolmentRefusalSchema = z.object({ error: z.enum(ENROLMENT_REFUSALS) });
