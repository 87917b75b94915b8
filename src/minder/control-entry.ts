/**
 * One entry of what minders share, and what makes two of them comparable: a version, a canonical
 * text, a digest.
 *
 * ```
 * {"kind": "node", "id": "n...", "stamp": 1769860800000, "by": "n...", "value": {...} or null}
 * ```
 *
 * `stamp` is wall time in milliseconds, `by` the minder that wrote it; `value` is null when the record
 * was removed. A kind that this version does not know is kept and passed on, and never interpreted:
 * a neighbouring version may have brought it.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { NODE_ID_PATTERN } from '../protocol/cluster/node-id.js';
import {
  type ControlRecord,
  RECORD_ID_PATTERNS,
  RECORD_SCHEMAS,
  type RecordKind,
} from './control-record.js';

/** An entry of any kind, also of one that only a later version knows. */
export interface VersionedEntry {
  readonly kind: string;
  readonly id: string;
  readonly stamp: number;
  readonly by: string;
  readonly value: unknown;
}

/** An entry of a kind that we know. */
export interface ControlEntry<K extends RecordKind = RecordKind> extends VersionedEntry {
  readonly kind: K;
  readonly value: ControlRecord<K> | null;
}

/** The longest value, in characters of its canonical text: a minder with all its addresses has half of it. */
const VALUE_LENGTH_MAX = 64 * 1024;

/** What an entry is made of, before its value is looked at. */
export const entrySchema = z.object({
  kind: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/),
  id: z.string().regex(/^[\w.:-]{1,64}$/),
  stamp: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  by: z.string().regex(NODE_ID_PATTERN),
  value: z.unknown(),
});

function isRecordKind(kind: string): kind is RecordKind {
  return Object.hasOwn(RECORD_SCHEMAS, kind);
}

/** Whether an entry is what its kind wants; of an unknown kind, whether it is within bounds. */
export function isEntry(entry: unknown): entry is VersionedEntry {
  if (!entrySchema.safeParse(entry).success) return false;
  const { kind, id, value } = entry as VersionedEntry;
  if (value === undefined) return false;
  if (isRecordKind(kind)) {
    if (!RECORD_ID_PATTERNS[kind].test(id)) return false;
    if (value !== null && !RECORD_SCHEMAS[kind].safeParse(value).success) return false;
  }
  return value === null || isShort(value);
}

function isShort(value: unknown): boolean {
  try {
    return canonical(value).length <= VALUE_LENGTH_MAX;
  } catch {
    // Too many levels deep.
    return false;
  }
}

/** The name of an entry among all. */
export function entryKey({ kind, id }: { kind: string; id: string }): string {
  return `${kind}/${id}`;
}

/** Order of versions: positive when `a` is the newer. */
export function compareVersions(
  a: { readonly stamp: number; readonly by: string },
  b: { readonly stamp: number; readonly by: string },
): number {
  if (a.stamp !== b.stamp) return a.stamp - b.stamp;
  return a.by < b.by ? -1 : a.by > b.by ? 1 : 0;
}

/** JSON with keys in order: the same text on every minder. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Entries are compared in so many buckets, by the hash of kind and id. */
export const BUCKETS = 256;
export const DIGEST_BYTES = 8;

interface Mark {
  readonly bucket: number;
  /** SHA-256 of the whole entry, its first bytes. */
  readonly digest: Buffer;
}

/** Entries are never changed, so that each is hashed once. */
const marks = new WeakMap<VersionedEntry, Mark>();

/** Where an entry is compared, and by what. */
export function markOf(entry: VersionedEntry): Mark {
  let mark = marks.get(entry);
  if (mark === undefined) {
    const { kind, id, stamp, by, value } = entry;
    const text = canonical([kind, id, stamp, by, value]);
    mark = {
      bucket: sha256(entryKey(entry))[0],
      digest: sha256(text).subarray(0, DIGEST_BYTES),
    };
    marks.set(entry, mark);
  }
  return mark;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
