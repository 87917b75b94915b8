/**
 * What a minder knows about its cluster, in one crash-safe file (`minder/state.json`, mode 0600).
 *
 * ```
 * {"version": 1,
 *  "minder": "n0123456789abcdef",       whose file it is
 *  "entries": [{"kind": "node", "id": "n...", "stamp": 1769860800000, "by": "n...", "value": {...}}]}
 * ```
 *
 * Each record is an entry of its own with a stamp and the minder that wrote it, and the greater
 * (stamp, minder) wins: so that minders can exchange entries in any order and end up alike. A stamp
 * is wall time in milliseconds, or one more than the highest known when the clock lags behind: it
 * always grows. A removed record leaves an entry without a value for a while, so that another
 * minder's older copy does not bring it back.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../lib/clock.js';
import { readPrivateFile, type WriteStep, writePrivateFile } from '../lib/private-file.js';
import { NODE_ID_PATTERN } from '../protocol/cluster/node-id.js';
import {
  type ControlRecord,
  RECORD_ID_PATTERNS,
  RECORD_SCHEMAS,
  type RecordKind,
} from './control-record.js';

/** One versioned entry. `value` is null when the record was removed. */
export interface ControlEntry<K extends RecordKind = RecordKind> {
  readonly kind: K;
  readonly id: string;
  readonly stamp: number;
  readonly by: string;
  readonly value: ControlRecord<K> | null;
}

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

const fileSchema = z.strictObject({
  version: z.literal(1),
  minder: z.string().regex(NODE_ID_PATTERN),
  entries: z.array(
    z.strictObject({
      kind: z.enum(['node', 'revocation', 'token', 'setting']),
      id: z.string(),
      stamp: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
      by: z.string().regex(NODE_ID_PATTERN),
      value: z.unknown(),
    }),
  ),
});

export interface ControlStateOptions {
  readonly path: string;
  readonly limits?: Partial<ControlStateLimits>;
}

export interface ControlStateDependencies {
  readonly clock: Clock;
  /** Told of each step of a write; only tests listen. */
  readonly onStep?: (step: WriteStep) => void;
}

export class ControlState {
  /** This minder's id, made with the file. */
  readonly minderId: string;
  readonly #path: string;
  readonly #limits: ControlStateLimits;
  readonly #clock: Clock;
  readonly #onStep: ((step: WriteStep) => void) | undefined;
  readonly #entries = new Map<string, ControlEntry>();
  readonly #listeners: (() => void)[] = [];
  #stamp = 0;

  /** Loads the file, or makes it. Throws `ControlStateError` or `PrivateFileError`. */
  constructor({ path, limits }: ControlStateOptions, { clock, onStep }: ControlStateDependencies) {
    this.#path = path;
    this.#limits = { ...LIMITS, ...limits };
    this.#clock = clock;
    this.#onStep = onStep;
    const text = readPrivateFile(path);
    if (text === undefined) {
      this.minderId = newNodeId();
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
    for (const entry of file.entries) this.#take(entry);
  }

  /** Grows with every change, over restarts too. */
  get revision(): number {
    return this.#stamp;
  }

  get<K extends RecordKind>(kind: K, id: string): ControlRecord<K> | undefined {
    const entry = this.#entries.get(keyOf(kind, id));
    return (entry?.value as ControlRecord<K> | null | undefined) ?? undefined;
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
    this.#apply(changes.map((change) => ({ ...change, stamp, by: this.minderId }) as ControlEntry));
  }

  /** Every entry, for another minder. */
  entries(): ControlEntry[] {
    return [...this.#entries.values()];
  }

  /** Takes over what is newer of another minder's entries, and returns how many that were. */
  merge(entries: readonly ControlEntry[]): number {
    const newer = entries.filter((entry) => {
      const own = this.#entries.get(keyOf(entry.kind, entry.id));
      return isEntry(entry) && (own === undefined || wins(entry, own));
    });
    if (newer.length > 0) this.#apply(newer);
    return newer.length;
  }

  /** Calls back after every change. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #apply(entries: readonly ControlEntry[]): void {
    const before = new Map(this.#entries);
    const stampBefore = this.#stamp;
    try {
      for (const entry of entries) this.#take(entry);
      this.#forgetRemoved();
      if (this.#entries.size > this.#limits.entriesMax) {
        const { entriesMax } = this.#limits;
        throw new ControlStateError('state_full', `the state holds ${entriesMax} records already`);
      }
      this.#save();
    } catch (error) {
      this.#entries.clear();
      for (const [key, entry] of before) this.#entries.set(key, entry);
      this.#stamp = stampBefore;
      throw error;
    }
    for (const listener of this.#listeners) listener();
  }

  #take(entry: ControlEntry): void {
    const key = keyOf(entry.kind, entry.id);
    const known = this.#entries.get(key);
    // One message may hold a record twice.
    if (known === undefined || !wins(known, entry)) this.#entries.set(key, entry);
    this.#stamp = Math.max(this.#stamp, entry.stamp);
  }

  #forgetRemoved(): void {
    const oldest = this.#clock.wallMs() - this.#limits.removedMs;
    for (const [key, { value, stamp }] of this.#entries) {
      // The newest stays: with it gone, a restart would begin again at a lower revision.
      if (value === null && stamp < oldest && stamp < this.#stamp) this.#entries.delete(key);
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

function keyOf(kind: string, id: string): string {
  return `${kind}/${id}`;
}

function wins(a: ControlEntry, b: ControlEntry): boolean {
  return a.stamp !== b.stamp ? a.stamp > b.stamp : a.by > b.by;
}

/** Whether an entry's id and value are what its kind wants. */
function isEntry({ kind, id, value }: { kind: RecordKind; id: string; value?: unknown }): boolean {
  if (!RECORD_ID_PATTERNS[kind].test(id)) return false;
  return value === null || RECORD_SCHEMAS[kind].safeParse(value).success;
}

function parseFile(text: string): { minder: string; entries: ControlEntry[] } | undefined {
  try {
    const { success, data } = fileSchema.safeParse(JSON.parse(text));
    if (!success || !data.entries.every(isEntry)) return undefined;
    return { minder: data.minder, entries: data.entries as ControlEntry[] };
  } catch {
    return undefined;
  }
}
