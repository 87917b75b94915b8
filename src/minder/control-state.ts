/**
 * What a minder knows about its cluster, in one crash-safe file (`minder/state.json`, mode 0600).
 *
 * ```
 * {"version": 1,
 *  "minder": "n0123456789abcdef",       whose file it is
 *  "entries": [{"kind": "node", "id": "n...", "stamp": 1769860800000, "by": "n...", "value": {...}}]}
 * ```
 *
 * Each record is an entry of its own with a stamp and the minder that wrote it, and two words about
 * one record are joined by rules that do not care who spoke first (`control-merge.ts`): so minders can
 * exchange entries in any order and end up alike. A stamp is wall time in milliseconds, or one more
 * than the highest known when the clock lags behind: it always grows. Stamps more than a day ahead are
 * not taken from others: a clock that is wrong must not own the future.
 *
 * A removed record leaves an entry without a value for 30 days, so that another minder's older copy
 * does not bring it back. All minders forget it at the same time, as a day begins. Whoever was away
 * for longer may bring the record back; it was of a node or token that had run out.
 *
 * Bounds: 65,536 entries. Tokens fill at most half of them, everything but revocations all but 4,096,
 * so that there is always room to throw somebody out. What another minder has beyond that is not
 * taken, and counted.
 */
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../lib/clock.js';
import { readPrivateFile, type WriteStep, writePrivateFile } from '../lib/private-file.js';
import { NODE_ID_PATTERN } from '../protocol/cluster/node-id.js';
import {
  BUCKETS,
  type ControlEntry,
  DIGEST_BYTES,
  entryKey,
  entrySchema,
  isEntry,
  markOf,
  type VersionedEntry,
} from './control-entry.js';
import { isOfOurCluster, joinEntries } from './control-merge.js';
import type { ControlRecord, RecordKind } from './control-record.js';

export type { ControlEntry, VersionedEntry } from './control-entry.js';

export type ControlChange = {
  readonly [K in RecordKind]: {
    readonly kind: K;
    readonly id: string;
    /** Null removes the record. */
    readonly value: ControlRecord<K> | null;
  };
}[RecordKind];

export const CONTROL_STATE_ERROR_CODES = [
  /** The file is no state: altered, or of a later version. */
  'state_damaged',
  /** There are as many records as may be. */
  'state_full',
] as const;
export type ControlStateErrorCode = (typeof CONTROL_STATE_ERROR_CODES)[number];

/** The state cannot be loaded or changed. `message` is for the operator. */
export class ControlStateError extends Error {
  override name = 'ControlStateError';
  constructor(
    readonly code: ControlStateErrorCode,
    message: string,
  ) {
    super(message);
  }
}

export interface ControlStateLimits {
  /** Entries, removed records included. A cluster of thousands of nodes is far below. */
  readonly entriesMax: number;
  /** How long a removed record is remembered as removed. */
  readonly removedMs: number;
}

const LIMITS: ControlStateLimits = { entriesMax: 65_536, removedMs: 30 * 86_400_000 };
const DAY_MS = 86_400_000;
/** How far ahead of our clock another minder's stamp may be. */
export const AHEAD_MS_MAX = DAY_MS;
/** Entries that only revocations may fill; less in a state of few. */
const RESERVE_MAX = 4_096;
const RESERVE_SHARE = 16;
/** A token that ran out so long ago gives way when there is no room. */
const DEAD_TOKEN_MS = DAY_MS;

const fileSchema = z.object({
  version: z.literal(1),
  minder: z.string().regex(NODE_ID_PATTERN),
  entries: z.array(entrySchema),
});

export interface ControlStateOptions {
  readonly path: string;
  readonly limits?: Partial<ControlStateLimits>;
  /** Of a minder that has joined others and has its id from them; used when there is no file yet. */
  readonly minderId?: string;
}

export interface ControlStateDependencies {
  readonly clock: Clock;
  /** Told of each step of a write; only tests listen. */
  readonly onStep?: (step: WriteStep) => void;
}

/** Who made a change: this minder, or others whose entries were merged. */
export type ChangeSource = 'own' | 'merged';
export type ChangeListener = (entries: readonly VersionedEntry[], source: ChangeSource) => void;

export class ControlState {
  /** This minder's id, made with the file. */
  readonly minderId: string;
  /** Entries of others that were not taken, by reason. */
  readonly counters = {
    refusedInvalid: 0,
    refusedAhead: 0,
    refusedFull: 0,
    /** Of another cluster. */
    refusedForeign: 0,
  };
  readonly #path: string;
  readonly #limits: ControlStateLimits;
  readonly #clock: Clock;
  readonly #onStep: ((step: WriteStep) => void) | undefined;
  readonly #entries = new Map<string, VersionedEntry>();
  readonly #listeners: ChangeListener[] = [];
  #stamp = 0;
  /** As counted last, until something changes. */
  #digests: { readonly oldest: number; readonly bytes: Buffer } | undefined;

  /** Loads the file, or makes it. Throws `ControlStateError` or `PrivateFileError`. */
  constructor(
    { path, limits, minderId }: ControlStateOptions,
    { clock, onStep }: ControlStateDependencies,
  ) {
    this.#path = path;
    this.#limits = { ...LIMITS, ...limits };
    this.#clock = clock;
    this.#onStep = onStep;
    const text = readPrivateFile(path);
    if (text === undefined) {
      this.minderId = minderId ?? newNodeId();
      this.#save();
      return;
    }
    const file = parseFile(text);
    if (file === undefined) {
      throw new ControlStateError(
        'state_damaged',
        `the state ${path} is damaged or of a later version: restore it from a backup`,
      );
    }
    this.minderId = file.minder;
    for (const entry of file.entries) {
      const key = entryKey(entry);
      const known = this.#entries.get(key);
      this.#entries.set(key, known === undefined ? entry : joinEntries(known, entry));
    }
    this.#stamp = this.#highestStamp();
  }

  /** Grows with every change, over restarts too. */
  get revision(): number {
    return this.#stamp;
  }

  get<K extends RecordKind>(kind: K, id: string): ControlRecord<K> | undefined {
    return (this.entry(kind, id)?.value as ControlRecord<K> | null | undefined) ?? undefined;
  }

  /** A record with its version. */
  entry<K extends RecordKind>(kind: K, id: string): ControlEntry<K> | undefined {
    return this.#entries.get(entryKey({ kind, id })) as ControlEntry<K> | undefined;
  }

  /** All records of a kind, by id. */
  list<K extends RecordKind>(kind: K): [id: string, record: ControlRecord<K>][] {
    const found: [string, ControlRecord<K>][] = [];
    for (const entry of this.#entries.values()) {
      if (entry.kind !== kind || entry.value === null) continue;
      found.push([entry.id, entry.value as ControlRecord<K>]);
    }
    return found;
  }

  /**
   * Makes changes, all or none: when this returns they are on the disk. Throws and changes nothing
   * when they cannot be written or are too many.
   */
  commit(changes: readonly ControlChange[]): void {
    const stamp = Math.max(this.#clock.wallMs(), this.#stamp + 1);
    const entries = changes.map((change) => ({ ...change, stamp, by: this.minderId }));
    const added = entries.filter((entry) => !this.#entries.has(entryKey(entry)));
    const dropped = this.#makeRoom(added.length);
    const room = this.#room(dropped);
    for (const entry of added) {
      if (room.take(entry.kind)) continue;
      const { entriesMax } = this.#limits;
      throw new ControlStateError('state_full', `the state holds ${entriesMax} records already`);
    }
    this.#apply(entries, 'own', dropped);
  }

  /** Every entry, for another minder. */
  entries(): VersionedEntry[] {
    return [...this.#entries.values()];
  }

  /**
   * Takes over what is new in another minder's entries, all in one write, and returns how many that
   * changed. What is no entry, too far ahead, or beyond the bounds is left out and counted.
   */
  merge(entries: readonly unknown[]): number {
    const changed = new Map<string, VersionedEntry>();
    const news = entries.flatMap((entry) => this.#acceptable(entry) ?? []).sort(byImportance);
    const added = news.filter((entry) => !this.#entries.has(entryKey(entry)));
    const dropped = this.#makeRoom(added.length);
    const room = this.#room(dropped);
    for (const entry of news) {
      const key = entryKey(entry);
      const known = changed.get(key) ?? (dropped.has(key) ? undefined : this.#entries.get(key));
      if (!isOfOurCluster(known, entry)) {
        this.counters.refusedForeign++;
      } else if (known !== undefined) {
        const joined = joinEntries(known, entry);
        if (joined !== known) changed.set(key, joined);
      } else if (!room.take(entry.kind)) {
        this.counters.refusedFull++;
      } else {
        changed.set(key, entry);
      }
    }
    if (changed.size > 0) this.#apply([...changed.values()], 'merged', dropped);
    return changed.size;
  }

  /** Calls back after every change. */
  onChange(listener: ChangeListener): void {
    this.#listeners.push(listener);
  }

  /**
   * `BUCKETS` times `DIGEST_BYTES`: equal on two minders for each bucket in which they agree. Not to
   * be changed.
   */
  digests(): Buffer {
    const oldest = this.#forgottenBefore();
    if (this.#digests?.oldest === oldest) return this.#digests.bytes;
    const digests = Buffer.alloc(BUCKETS * DIGEST_BYTES);
    for (const entry of this.#entries.values()) {
      if (isForgotten(entry, oldest)) continue;
      const { bucket, digest } = markOf(entry);
      const at = bucket * DIGEST_BYTES;
      for (let i = 0; i < DIGEST_BYTES; i++) digests[at + i] ^= digest[i];
    }
    this.#digests = { oldest, bytes: digests };
    return digests;
  }

  /** One digest of all, 16 hexadecimal digits. */
  root(): string {
    return createHash('sha256').update(this.digests()).digest('hex').slice(0, 16);
  }

  /** The entries of some buckets. */
  entriesOf(buckets: ReadonlySet<number>): VersionedEntry[] {
    const oldest = this.#forgottenBefore();
    return this.entries().filter(
      (entry) => !isForgotten(entry, oldest) && buckets.has(markOf(entry).bucket),
    );
  }

  /**
   * Stamps anew what this minder wrote while its clock was far ahead, so that others take it. To be
   * called when the clock is known to be right. Returns how many that were.
   */
  restamp(): number {
    const nowMs = this.#clock.wallMs();
    const late = this.entries().filter(({ stamp }) => stamp > nowMs + AHEAD_MS_MAX);
    if (late.length === 0) return 0;
    const present = this.entries().filter(({ stamp }) => stamp <= nowMs + AHEAD_MS_MAX);
    // Counted anew from what is left: it may go down.
    this.#stamp = present.reduce((most, { stamp }) => Math.max(most, stamp), 0);
    const stamp = Math.max(nowMs, this.#stamp + 1);
    this.#apply(
      late.map((entry) => ({ ...entry, stamp, by: this.minderId })),
      'own',
      new Set(),
    );
    return late.length;
  }

  /** The entry as we would keep it; undefined and counted when we would not. */
  #acceptable(entry: unknown): VersionedEntry | undefined {
    if (!isEntry(entry)) {
      this.counters.refusedInvalid++;
      return undefined;
    }
    if (entry.stamp > this.#clock.wallMs() + AHEAD_MS_MAX) {
      this.counters.refusedAhead++;
      return undefined;
    }
    if (isForgotten(entry, this.#forgottenBefore())) return undefined;
    const { kind, id, stamp, by, value } = entry;
    return { kind, id, stamp, by, value };
  }

  /** Tokens that ran out long ago and must give way to `count` new entries. */
  #makeRoom(count: number): ReadonlySet<string> {
    const dropped = new Set<string>();
    if (count === 0 || this.#entries.size + count <= this.#limits.entriesMax / 2) return dropped;
    const before = this.#clock.wallMs() - DEAD_TOKEN_MS;
    for (const [key, { kind, value }] of this.#entries) {
      const token = kind === 'token' ? (value as ControlRecord<'token'> | null) : undefined;
      if (token !== undefined && (token === null || token.expiresMs < before)) dropped.add(key);
    }
    return dropped;
  }

  /** Gives out what room there is. */
  #room(dropped: ReadonlySet<string>): { take(kind: string): boolean } {
    const { entriesMax } = this.#limits;
    let left = entriesMax - (this.#entries.size - dropped.size);
    const reserve = Math.min(RESERVE_MAX, Math.floor(entriesMax / RESERVE_SHARE));
    let tokensLeft = Math.ceil(entriesMax / 2) + dropped.size;
    for (const { kind } of this.#entries.values()) if (kind === 'token') tokensLeft--;
    return {
      take: (kind) => {
        if (left <= (kind === 'revocation' ? 0 : reserve)) return false;
        if (kind === 'token' && --tokensLeft < 0) return false;
        left--;
        return true;
      },
    };
  }

  #apply(
    entries: readonly VersionedEntry[],
    source: ChangeSource,
    dropped: ReadonlySet<string>,
  ): void {
    const before = new Map(this.#entries);
    const stampBefore = this.#stamp;
    this.#digests = undefined;
    try {
      for (const key of dropped) this.#entries.delete(key);
      for (const entry of entries) this.#entries.set(entryKey(entry), entry);
      this.#stamp = Math.max(this.#stamp, this.#highestStamp());
      this.#forgetRemoved();
      this.#save();
    } catch (error) {
      this.#entries.clear();
      for (const [key, entry] of before) this.#entries.set(key, entry);
      this.#stamp = stampBefore;
      throw error;
    }
    for (const listener of this.#listeners) listener(entries, source);
  }

  #highestStamp(): number {
    let highest = 0;
    for (const { stamp } of this.#entries.values()) highest = Math.max(highest, stamp);
    return highest;
  }

  /** All minders forget at once, as a day begins: until then they would not agree. */
  #forgottenBefore(): number {
    const { removedMs } = this.#limits;
    const stepMs = Math.max(1, Math.min(DAY_MS, removedMs));
    return Math.floor((this.#clock.wallMs() - removedMs) / stepMs) * stepMs;
  }

  #forgetRemoved(): void {
    const oldest = this.#forgottenBefore();
    for (const [key, entry] of this.#entries) {
      // The newest stays: with it gone, a restart would begin again at a lower revision.
      if (isForgotten(entry, oldest) && entry.stamp < this.#stamp) this.#entries.delete(key);
    }
  }

  #save(): void {
    const file = { version: 1, minder: this.minderId, entries: this.entries() };
    const onStep = this.#onStep;
    writePrivateFile(
      this.#path,
      `${JSON.stringify(file, null, 1)}\n`,
      onStep === undefined ? {} : { onStep },
    );
  }
}

/** A new node's id: random, so that two minders need not ask each other. */
export function newNodeId(): string {
  return `n${randomBytes(8).toString('hex')}`;
}

function isForgotten({ value, stamp }: VersionedEntry, before: number): boolean {
  return value === null && stamp < before;
}

/** What must find room before anything else does. */
const IMPORTANCE = ['revocation', 'setting', 'minder', 'node', 'drain', 'tuning'];

function byImportance(a: VersionedEntry, b: VersionedEntry): number {
  const rank = ({ kind }: VersionedEntry) => {
    const at = IMPORTANCE.indexOf(kind);
    return at < 0 ? IMPORTANCE.length : at;
  };
  return rank(a) - rank(b);
}

function parseFile(text: string): { minder: string; entries: VersionedEntry[] } | undefined {
  try {
    const { success, data } = fileSchema.safeParse(JSON.parse(text));
    if (!success || !data.entries.every((entry) => isEntry(entry))) return undefined;
    return { minder: data.minder, entries: data.entries as VersionedEntry[] };
  } catch {
    return undefined;
  }
}
