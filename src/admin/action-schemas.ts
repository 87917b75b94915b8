/** What a minder can be told, and what it answers. Requests are strict: a wrong name is an error. */
import { z } from 'zod';
import { component, count, infoHash, moment, text } from './api-schema.js';

const TOKEN_TTL_SECONDS_MAX = 366 * 86_400;
const TOKEN_USES_MAX = 100_000;
const PAGE_MAX = 1_000;

export const tokenGrantSchema = component(
  'TokenGrant',
  z.strictObject({
    role: z.enum(['tracker', 'minder']).default('tracker').describe('What may join with it.'),
    ttlSeconds: z.int().min(1).max(TOKEN_TTL_SECONDS_MAX).default(3_600),
    uses: z.int().min(1).max(TOKEN_USES_MAX).default(1).describe('How many nodes may join.'),
    cidr: z.string().max(64).default('').describe('Network of those who may; empty for all.'),
  }),
);

export const newTokenSchema = component(
  'NewToken',
  z.looseObject({
    id: text,
    token: text.describe('Shown this once; the minder keeps only its hash.'),
    command: text.describe('The line to paste on the new machine.'),
  }),
);

const token = component(
  'Token',
  z.looseObject({
    id: text,
    role: z.enum(['tracker', 'minder']),
    state: z.enum(['valid', 'used', 'expired', 'revoked']),
    createdMs: moment,
    expiresMs: moment,
    uses: count,
    usesMax: count,
    cidr: text,
  }),
);
export const tokensSchema = component('Tokens', z.looseObject({ tokens: z.array(token) }));
export const tokenParams = z.strictObject({
  id: z
    .string()
    .regex(/^[0-9a-f]{12}$/)
    .describe('12 hexadecimal digits.'),
});
export const tokenGoneSchema = component('TokenGone', z.looseObject({ id: text }));

export const nodeParams = z.strictObject({
  id: z.string().min(1).max(255).describe('Id of a node, or a name that one node has.'),
});

export const drainSchema = component(
  'Drain',
  z
    .looseObject({
      id: text,
      name: text,
      draining: z.boolean().describe('What the operator wants.'),
      state: text.describe('What the tracker says, or the minder of it.'),
      reason: text.nullable(),
      requestsPerSecond: z.number().nullable(),
      quietSeconds: z
        .number()
        .nullable()
        .describe('How long no client has announced itself there.'),
      inDns: z.boolean().nullable().describe("Whether the cluster's name still leads there."),
      healthyOthers: count.describe('Trackers to which clients can go.'),
    })
    .describe('How a drain goes.'),
);

export const revocationSchema = component(
  'Revocation',
  z.looseObject({
    id: text,
    live: z.boolean().describe('Whether the bus has cut it off already.'),
    effectiveMs: moment.describe(
      'By when it is cut off in any case, and the keys that it had are replaced; ms since 1970.',
    ),
  }),
);

const list = z.enum(['deny', 'allow']);
export const listParams = z.strictObject({ list });
export const entryParams = z.strictObject({ list, info_hash: infoHash });
export const listQuery = z.strictObject({
  order: z.enum(['newest', 'hash']).default('newest'),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(100),
  prefix: z.exactOptional(
    z
      .string()
      .regex(/^[0-9a-fA-F]{0,40}$/)
      .describe('With order=hash: how hashes begin.'),
  ),
  after: z.exactOptional(infoHash.describe('With order=hash: the last one of the page before.')),
});
export const listChangeSchema = component(
  'ListChange',
  z.strictObject({
    reason: z.exactOptional(z.string().max(1_000).describe('For operators; shortened if need be.')),
    expiresMs: z.exactOptional(z.int().min(0).describe('Milliseconds since 1970; absent: never.')),
  }),
);
export const listEntrySchema = component(
  'ListEntry',
  z.looseObject({
    info_hash: infoHash,
    reason: text,
    sinceMs: moment.describe('When it was said, ms since 1970.'),
    by: text.describe('The minder that said it.'),
    expiresMs: moment.nullable().describe('Null: never.'),
  }),
);
export const listPageSchema = component(
  'ListPage',
  z.looseObject({
    total: count.describe('Entries of the list, whatever was asked for.'),
    entries: z.array(listEntrySchema),
    more: z.boolean(),
  }),
);
export const listRemovalSchema = component(
  'ListRemoval',
  z.looseObject({ info_hash: infoHash, removed: z.boolean().describe('Whether it was there.') }),
);

export const settingsSchema = component(
  'Settings',
  z
    .looseObject({
      intervalSeconds: count.nullable(),
      numwantMax: count.nullable(),
      listMode: z.enum(['open', 'deny', 'allow']).nullable(),
    })
    .describe('What all trackers are told; null: as each is configured.'),
);
export const settingsChangeSchema = component(
  'SettingsChange',
  z
    .strictObject({
      intervalSeconds: z.exactOptional(z.int().min(1).max(28_800).nullable()),
      numwantMax: z.exactOptional(z.int().min(0).max(200).nullable()),
      listMode: z.exactOptional(z.enum(['open', 'deny', 'allow']).nullable()),
    })
    .describe('What is left out stays as it is; null: as each tracker is configured.'),
);
