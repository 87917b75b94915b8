/**
 * Who this node is in its cluster, and what proves it: a file of mode 0600 in the data directory
 * (`tracker/identity.json` of a tracker). With it a node starts again without a token.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { readPrivateFile, writePrivateFile } from '../lib/private-file.js';
import { controlVersionSchema, keyRingSchema } from '../protocol/cluster/control.js';
import { NODE_ROLES } from '../protocol/cluster/enrolment.js';
import { NODE_ID_PATTERN } from '../protocol/cluster/node-id.js';
import { directorySchema } from './minder-directory.js';

const identitySchema = z.object({
  version: z.literal(1),
  nodeId: z.string().regex(NODE_ID_PATTERN),
  role: z.enum(NODE_ROLES),
  /** PEM: the node's certificate and its key, the CA's certificate. */
  certificate: z.string().min(1),
  key: z.string().min(1),
  ca: z.string().min(1),
  /** When the certificate was received and when it ends, by this machine's wall clock. */
  issuedWallMs: z.number(),
  expiresWallMs: z.number(),
  bus: z.object({
    /** `tls://host:port` */
    urls: z.array(z.string()).min(1),
    /** Somebody else's bus server, whose certificate names its host and is not of our CA. */
    external: z.boolean(),
    jwt: z.string().min(1),
    /** Seed of the user nkey. */
    seed: z.string().min(1),
  }),
  /** `https://host:port`; the one that answered last comes first. */
  minders: z.array(z.string()).min(1),
  /** Whose the addresses are, as far as minders have said it. */
  directory: directorySchema.optional(),
  /** 16 bytes, hexadecimal. */
  digestKey: z.string().regex(/^[0-9a-f]{32}$/),
  /** What was current when the node last heard; see `ClusterSettings`. */
  keyRing: keyRingSchema,
  /** Absent when a minder that does not say it, or a renewal, gave the ring. */
  keyRingVersion: controlVersionSchema.optional(),
  revision: z.number().int().min(0),
  /** This node's address as a minder saw it. */
  sourceAddress: z.string(),
});

export type Identity = Readonly<z.output<typeof identitySchema>>;

/** The identity file is cut short, altered, or of a later version. `message` is for the operator. */
export class IdentityError extends Error {
  override name = 'IdentityError';
  readonly code = 'identity_damaged';
}

/** Where a tracker keeps its identity. */
export function identityPath(dataDirectory: string): string {
  return join(dataDirectory, 'tracker', 'identity.json');
}

/** Reads an identity; undefined when there is none. Throws `IdentityError` or `PrivateFileError`. */
export function loadIdentity(path: string): Identity | undefined {
  const text = readPrivateFile(path);
  if (text === undefined) return undefined;
  const identity = parse(text);
  if (identity !== undefined) return identity;
  throw new IdentityError(
    `the identity ${path} is damaged: remove it, revoke the node, and join again with a new token`,
  );
}

/** Writes an identity in one step. Throws `PrivateFileError`. */
export function saveIdentity(path: string, identity: Identity): void {
  writePrivateFile(path, `${JSON.stringify(identity, null, 2)}\n`);
}

function parse(text: string): Identity | undefined {
  try {
    const result = identitySchema.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
