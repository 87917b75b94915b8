/**
 * What two minders say to each other over HTTPS (`POST /v1/minder`, with the certificate of a node
 * of role minder). JSON both ways; refusals are those of enrolment.
 *
 * ```
 * {"version":1, "wants":"all", "routePin":"<hex>", "external":false}     a minder that joins
 *   -> {"version":1, "nodeId":"n...", "external":false,
 *       "authorities":{"cluster":{...},"route":{...}}, "bus":{...}, "entries":[...]}
 *
 * {"version":1, "wants":"word", "routePin":"<hex>", "external":false}    one that has joined: am I
 *   -> {"version":1, "nodeId":"n...", "external":false}                  still one of you?
 * ```
 *
 * The first reply is the whole cluster: whoever has it can make any certificate. It goes to nobody
 * but a minder that is known and not revoked, is never logged, and never leaves TLS.
 */
import { z } from 'zod';
import { NODE_ID_PATTERN } from './node-id.js';

export const MINDER_PATH = '/v1/minder';
export const ADMISSION_VERSION = 1;
/** Longest reply: the control state of a cluster, which its file bounds likewise. */
export const ADMISSION_REPLY_BYTES_MAX = 64 * 1024 * 1024;

const version = z.literal(ADMISSION_VERSION);
const pem = z.string().min(1).max(8_192).startsWith('-----BEGIN ');
const seed = z.string().regex(/^S[AO][A-Z2-7]{56}$/);
const authority = z.object({ certificate: pem, key: pem });

/** SHA-256 of a public key (DER, SubjectPublicKeyInfo), hexadecimal: the key of a route. */
export const routePinSchema = z.string().regex(/^[0-9a-f]{64}$/);

/** Keys that we do not know are ignored: a newer minder may say more than we ask. */
export const admissionRequestSchema = z.object({
  version,
  /** `all`: what makes a minder. `word`: only whether we are still one. */
  wants: z.enum(['all', 'word']),
  /** Of the asking minder's bus server: the others let no other key in. */
  routePin: routePinSchema,
  /** Whether the asking minder uses somebody else's bus. */
  external: z.boolean(),
});
export type AdmissionRequest = z.output<typeof admissionRequestSchema>;

const wordSchema = z.object({
  version,
  /** Who answers. */
  nodeId: z.string().regex(NODE_ID_PATTERN),
  external: z.boolean(),
});

/** The answer to `word`. */
export type AdmissionWord = z.output<typeof wordSchema>;

export const admissionSchema = wordSchema.extend({
  authorities: z.object({ cluster: authority, route: authority }),
  /** Keys of the bus; null where somebody else runs it. */
  bus: z.object({ operatorSeed: seed, systemSeed: seed, accountSeed: seed }).nullable(),
  /** The control state's entries; each is checked by whoever takes it over. */
  entries: z.array(z.looseObject({ kind: z.string(), id: z.string() })),
});

/** The answer to `all`. Secret. */
export type Admission = z.output<typeof admissionSchema>;

export const admissionWordSchema = wordSchema;
