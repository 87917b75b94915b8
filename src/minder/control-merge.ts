/**
 * What two minders' words about one record mean together. Every rule gives the same in whatever
 * order the words come, so that minders that have heard the same hold the same.
 *
 * ```
 * most kinds    the newer word
 * token         spent by both: uses add up; revoked or removed once is so for good
 * revocation    never taken back; the newer word about when it takes effect
 * setting       the ring with the higher generation, then the newer one; another digest key is of
 *               another cluster, and refused
 * ```
 */

import { canonical, compareVersions, type VersionedEntry } from './control-entry.js';
import { type ControlRecord, SPENT_BY_MAX, USES_BY_MAX } from './control-record.js';

type Token = ControlRecord<'token'>;
type Setting = ControlRecord<'setting'>;

/** Whether an entry belongs to our cluster at all. */
export function isOfOurCluster(own: VersionedEntry | undefined, other: VersionedEntry): boolean {
  if (other.kind !== 'setting' || own === undefined || own.value === null) return true;
  if (other.value === null) return false;
  return (own.value as Setting).digestKey === (other.value as Setting).digestKey;
}

/** What holds after both have been heard: `own` itself when the other brings nothing new. */
export function joinEntries(own: VersionedEntry, other: VersionedEntry): VersionedEntry {
  if (own.kind === 'token') return joinTokens(own, other);
  if (own.kind === 'setting') return joinSettings(own, other);
  if (own.kind === 'revocation') {
    return preferred(own, other, Number(own.value !== null) - Number(other.value !== null));
  }
  return preferred(own, other, 0);
}

/** `own` when `preference` is positive, the other when it is negative, else the newer one. */
function preferred(own: VersionedEntry, other: VersionedEntry, preference: number): VersionedEntry {
  const order = preference || compareVersions(own, other) || compareValues(own, other);
  return order >= 0 ? own : other;
}

/** The ring that has moved on further, as newly said: whoever has heard the other must take it now. */
function joinSettings(own: VersionedEntry, other: VersionedEntry): VersionedEntry {
  const chosen = preferred(own, other, generationOf(own) - generationOf(other));
  return withLaterVersion(own, other, chosen.value);
}

/** A value with the later of two versions: one of the two where it is just that. */
function withLaterVersion(
  own: VersionedEntry,
  other: VersionedEntry,
  value: unknown,
): VersionedEntry {
  const order = compareVersions(own, other);
  const text = canonical(value);
  if (order >= 0 && canonical(own.value) === text) return own;
  if (order <= 0 && canonical(other.value) === text) return other;
  return { ...(order >= 0 ? own : other), value };
}

function generationOf({ value }: VersionedEntry): number {
  return (value as Setting | null)?.keyRing.generation ?? 0;
}

function joinTokens(own: VersionedEntry, other: VersionedEntry): VersionedEntry {
  const isNewer = preferred(own, other, 0) === own;
  const [newer, older] = isNewer ? [own, other] : [other, own];
  const a = newer.value as Token | null;
  const b = older.value as Token | null;
  // Ids are random, so whoever removed it meant this one.
  const value = a === null || b === null ? null : joinTokenRecords(a, b);
  return withLaterVersion(own, other, value);
}

function joinTokenRecords(newer: Token, older: Token): Token {
  const usesBy = new Map<string, number>();
  for (const [minder, uses] of [...(newer.usesBy ?? []), ...(older.usesBy ?? [])]) {
    usesBy.set(minder, Math.max(uses, usesBy.get(minder) ?? 0));
  }
  const counted = [...usesBy]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, USES_BY_MAX)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const before = Math.max(uncounted(newer), uncounted(older));
  const uses = before + sum(counted);
  const spentBy = new Map([...older.spentBy, ...newer.spentBy].map((by) => [canonical(by), by]));
  return {
    ...newer,
    revoked: newer.revoked || older.revoked,
    uses,
    spentBy: [...spentBy]
      .sort(([textA, a], [textB, b]) => {
        return (a.atMs ?? 0) - (b.atMs ?? 0) || (textA < textB ? -1 : 1);
      })
      .slice(-SPENT_BY_MAX)
      .map(([, by]) => by),
    ...(counted.length === 0 ? {} : { usesBy: counted }),
  };
}

/** Uses from before minders counted apart. */
function uncounted({ uses, usesBy = [] }: Token): number {
  return Math.max(0, uses - sum(usesBy));
}

function sum(usesBy: readonly (readonly [string, number])[]): number {
  return usesBy.reduce((total, [, uses]) => total + uses, 0);
}

/** One minder gives a stamp once; unless it was set back to a copy of itself. */
function compareValues(a: VersionedEntry, b: VersionedEntry): number {
  const [textA, textB] = [canonical(a.value), canonical(b.value)];
  return textA < textB ? -1 : textA > textB ? 1 : 0;
}
