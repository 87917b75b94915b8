/**
 * What minders tell each other of the state that they share. JSON, at most 256 KB, on subjects that
 * no tracker hears.
 *
 * ```
 * ctl.sync.state.<from>        to all minders     entries  what has just changed
 *                                                 root     digest of all that the speaker holds
 * ctl.sync.state.<to>.<from>   to one             root     "we differ: begin"
 *                                                 digests  of each of 256 buckets
 *                                                 wanted   buckets whose entries to send
 *                                                 entries  of buckets that differ
 * ```
 *
 * Entries are opaque here: the receiver checks each, and skips what it does not know.
 */
import { z } from 'zod';
import { NODE_ID_PATTERN } from './node-id.js';

export const SYNC_VERSION = 1;
export const SYNC_BYTES_MAX = 256 * 1024;
/** Entries of one message. */
export const SYNC_ENTRIES_MAX = 4_096;
export const SYNC_BUCKETS = 256;
const DIGESTS_BYTES = SYNC_BUCKETS * 8;

export const syncSubject = (from: string) => `ctl.sync.state.${from}`;
export const syncReplySubject = (to: string, from: string) => `ctl.sync.state.${to}.${from}`;

const head = {
  version: z.literal(SYNC_VERSION),
  /** The minder that speaks. */
  from: z.string().regex(NODE_ID_PATTERN),
};
const syncSchema = z.discriminatedUnion('type', [
  z.object({
    ...head,
    type: z.literal('entries'),
    entries: z.array(z.unknown()).max(SYNC_ENTRIES_MAX),
  }),
  z.object({
    ...head,
    type: z.literal('root'),
    root: z.string().regex(/^[0-9a-f]{16}$/),
    /** The speaker's clock. */
    wallMs: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  }),
  z.object({
    ...head,
    type: z.literal('digests'),
    /** 256 times 8 bytes, base64. */
    digests: z
      .string()
      .max(4 * Math.ceil(DIGESTS_BYTES / 3))
      .transform((text) => Buffer.from(text, 'base64'))
      .refine((bytes) => bytes.length === DIGESTS_BYTES),
  }),
  z.object({
    ...head,
    type: z.literal('wanted'),
    buckets: z
      .array(
        z
          .number()
          .int()
          .min(0)
          .max(SYNC_BUCKETS - 1),
      )
      .max(SYNC_BUCKETS),
  }),
]);
export type SyncMessage = z.output<typeof syncSchema>;
/** A message without its head. */
export type SyncBody =
  | { readonly type: 'entries'; readonly entries: readonly unknown[] }
  | { readonly type: 'root'; readonly root: string; readonly wallMs: number }
  | { readonly type: 'digests'; readonly digests: Uint8Array }
  | { readonly type: 'wanted'; readonly buckets: readonly number[] };

export function encodeSync(from: string, body: SyncBody): Uint8Array {
  const message = { version: SYNC_VERSION, from, ...body };
  const shown =
    body.type === 'digests'
      ? { ...message, digests: Buffer.from(body.digests).toString('base64') }
      : message;
  return Buffer.from(JSON.stringify(shown));
}

/** Messages with all the entries, each within the bounds. An entry that alone is too large is left out. */
export function encodeEntries(from: string, entries: readonly unknown[]): Uint8Array[] {
  const room = SYNC_BYTES_MAX - encodeSync(from, { type: 'entries', entries: [] }).length;
  const messages: Uint8Array[] = [];
  let batch: unknown[] = [];
  let bytes = 0;
  const finish = () => {
    if (batch.length > 0) messages.push(encodeSync(from, { type: 'entries', entries: batch }));
    batch = [];
    bytes = 0;
  };
  for (const entry of entries) {
    const size = Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (size > room) continue;
    if (bytes + size > room || batch.length === SYNC_ENTRIES_MAX) finish();
    batch.push(entry);
    bytes += size;
  }
  finish();
  return messages;
}

/** Undefined for what is no such message of our version. Never throws. */
export function decodeSync(payload: Uint8Array): SyncMessage | undefined {
  if (payload.length > SYNC_BYTES_MAX) return undefined;
  try {
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString();
    const result = syncSchema.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
