/**
 * What operators can do with the deny and the allow list, from the commands on a minder's machine.
 *
 * ```
 * list.add     {list, hashes: [{hash, reason?, expiresMs?}...], keep?}  -> {added, changed, unchanged}
 * list.remove  {list, hashes: [hash...]}                                -> {removed, absent: [hash...]}
 * list.show    {list, hash}                                             -> ListedHash
 * list.list    {list, order: 'newest', limit}                           -> {total, entries, more}
 *              {list, order: 'hash', limit, prefix?, after?}
 * ```
 *
 * Hashes are 40 hexadecimal digits. A change is on the disk before it is made, then it is told to
 * everybody, and then the command is answered. With `keep` an entry that says the same already is left
 * as it is: an import that is repeated costs nothing.
 */
import { z } from 'zod';
import type { ClusterLists } from '../cluster/cluster-lists.js';
import type { Clock } from '../lib/clock.js';
import { PrivateFileError } from '../lib/private-file.js';
import { type HashList, LIST_NAMES, type ListEntry, type ListName } from '../swarm/hash-list.js';
import { cleanReason, REASON_LENGTH_MAX } from '../swarm/list-reasons.js';
import { ControlError } from './control-socket.js';

/** Hashes of one request: a few milliseconds of the minder's only thread. */
export const LIST_HASHES_MAX = 1_000;
/** Entries of one answer. */
export const LIST_PAGE_MAX = 1_000;
const EXPIRES_SECONDS_MAX = 0xffff_ffff;
/** Buckets that are looked through before others have their turn: 4,000 entries of a million. */
const BUCKETS_AT_ONCE = 16;

const HASH = /^[0-9a-fA-F]{40}$/;
const list = z.enum(LIST_NAMES);
const hash = z.string().regex(HASH);
const addSchema = z.strictObject({
  list,
  hashes: z.array(z.unknown()).min(1).max(LIST_HASHES_MAX),
  keep: z.boolean().optional(),
});
const removeSchema = z.strictObject({ list, hashes: z.array(hash).min(1).max(LIST_HASHES_MAX) });
const showSchema = z.strictObject({ list, hash });
const limit = z.number().int().min(1).max(LIST_PAGE_MAX);
const listSchema = z.discriminatedUnion('order', [
  z.strictObject({ list, order: z.literal('newest'), limit }),
  z.strictObject({
    list,
    order: z.literal('hash'),
    limit,
    prefix: z
      .string()
      .regex(/^[0-9a-fA-F]{0,40}$/)
      .optional(),
    /** The last hash of the page before. */
    after: hash.optional(),
  }),
]);

/** An entry as commands see it. */
export interface ListedHash {
  readonly hash: string;
  readonly reason: string;
  /** When it was said, and by which minder. */
  readonly sinceMs: number;
  readonly by: string;
  /** Null: never. */
  readonly expiresMs: number | null;
}

export interface ListPage {
  /** Entries of the list, whatever was asked for. */
  readonly total: number;
  readonly entries: readonly ListedHash[];
  readonly more: boolean;
}

export interface ListDeskDependencies {
  readonly lists: ClusterLists;
  readonly clock: Clock;
}

export class ListDesk {
  /** This minder's id. */
  readonly #id: string;
  readonly #dependencies: ListDeskDependencies;
  /** Of the change before: each has a stamp of its own, so that the later one always wins. */
  #stamp = 0;
  /** Entries that will be new to a list, and are on their way to the disk. */
  readonly #pending = { deny: 0, allow: 0 };

  constructor({ id }: { readonly id: string }, dependencies: ListDeskDependencies) {
    this.#id = id;
    this.#dependencies = dependencies;
  }

  /** Does a command of those above. Throws `ControlError` for what can be explained. */
  async handle(method: string, params: unknown): Promise<unknown> {
    switch (method) {
      case 'list.add':
        return this.#add(parse(addSchema, params));
      case 'list.remove':
        return this.#remove(parse(removeSchema, params));
      case 'list.show':
        return this.#show(parse(showSchema, params));
      case 'list.list':
        return this.#list(parse(listSchema, params));
      default:
        throw new ControlError(
          'control_unknown',
          'the minder that runs here does not know this command: it has another version',
        );
    }
  }

  async #add({ list, hashes, keep = false }: z.output<typeof addSchema>) {
    const known = this.#dependencies.lists.lists[list];
    const nowMs = this.#dependencies.clock.wallMs();
    const entries = new Map<string, ListEntry>();
    const counts = { added: 0, changed: 0, unchanged: 0 };
    let fresh = 0;
    this.#stamp = Math.max(nowMs, this.#stamp + 1);
    for (const item of hashes) {
      const entry = this.#entryOf(item, nowMs);
      const before = known.get(entry.hash);
      const isThere = before !== undefined && isInForce(before, nowMs);
      if (keep && isThere && isSame(before, entry)) {
        counts.unchanged++;
        continue;
      }
      // Of two lines about one hash the last counts.
      entries.set(Buffer.from(entry.hash).toString('latin1'), newerThan(before, entry));
      if (before === undefined) fresh++;
      counts[isThere ? 'changed' : 'added']++;
    }
    if (known.known + this.#pending[list] + fresh > known.entriesMax) {
      throw new ControlError(
        'control_failed',
        `the list is full: it has room for ${known.entriesMax} hashes, see lists.entriesMax`,
      );
    }
    this.#pending[list] += fresh;
    try {
      await this.#commit(list, [...entries.values()]);
    } finally {
      this.#pending[list] -= fresh;
    }
    return counts;
  }

  async #remove({ list, hashes }: z.output<typeof removeSchema>) {
    const known = this.#dependencies.lists.lists[list];
    const nowMs = this.#dependencies.clock.wallMs();
    const entries: ListEntry[] = [];
    const absent: string[] = [];
    this.#stamp = Math.max(nowMs, this.#stamp + 1);
    const named = new Set(hashes.map((each) => each.toLowerCase()));
    for (const text of named) {
      const before = known.get(Buffer.from(text, 'hex'));
      if (before?.present !== true) absent.push(text);
      // Also one that this minder does not know, while there is room to remember that: since it was
      // restored from a backup, trackers may hold what it was told later.
      if (before === undefined ? known.known >= known.entriesMax : !before.present) continue;
      const hash = before?.hash ?? Buffer.from(text, 'hex');
      const gone = { hash, present: false, expiresSeconds: 0, reason: '' };
      entries.push(newerThan(before, { ...gone, stamp: this.#stamp, by: this.#id }));
    }
    await this.#commit(list, entries);
    return { removed: named.size - absent.length, absent };
  }

  /** First the disk, then the list, then everybody. */
  async #commit(list: ListName, entries: readonly ListEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const { lists } = this.#dependencies;
    try {
      await lists.file.append(list, entries);
    } catch (error) {
      if (error instanceof PrivateFileError)
        throw new ControlError('control_failed', error.message);
      throw error;
    }
    for (const entry of entries) lists.lists[list].put(entry);
    lists.exchange.publish(list, entries);
  }

  #show({ list, hash }: z.output<typeof showSchema>): ListedHash {
    const entry = this.#dependencies.lists.lists[list].get(Buffer.from(hash, 'hex'));
    if (entry !== undefined && isInForce(entry, this.#dependencies.clock.wallMs()))
      return viewOf(entry);
    throw new ControlError('control_not_found', `${hash.toLowerCase()} is not on the ${list} list`);
  }

  async #list(wanted: z.output<typeof listSchema>): Promise<ListPage> {
    const known = this.#dependencies.lists.lists[wanted.list];
    const nowMs = this.#dependencies.clock.wallMs();
    const found =
      wanted.order === 'newest'
        ? await newest(known, wanted.limit + 1, nowMs)
        : await byHash(known, wanted, nowMs);
    const entries = found.slice(0, wanted.limit).map(viewOf);
    return { total: known.size, entries, more: found.length > wanted.limit };
  }

  /** Checked by hand: the schema of a thousand objects takes longer than all the rest. */
  #entryOf(item: unknown, nowMs: number): ListEntry {
    const { hash, reason = '', expiresMs } = (item ?? {}) as Record<string, unknown>;
    if (typeof hash !== 'string' || !HASH.test(hash)) throw invalid();
    if (typeof reason !== 'string' || reason.length > 16 * REASON_LENGTH_MAX) throw invalid();
    const expiresSeconds = expiresMs === undefined ? 0 : Math.ceil(Number(expiresMs) / 1000);
    if (expiresMs !== undefined && !(expiresSeconds <= EXPIRES_SECONDS_MAX)) throw invalid();
    if (expiresMs !== undefined && !(Number(expiresMs) > nowMs)) {
      throw new ControlError('control_invalid', 'an entry cannot expire in the past');
    }
    return {
      hash: Buffer.from(hash, 'hex'),
      stamp: this.#stamp,
      by: this.#id,
      present: true,
      expiresSeconds,
      reason: reason === '' ? '' : cleanReason(reason),
    };
  }
}

/** Present, and not expired. */
function isInForce({ present, expiresSeconds }: ListEntry, nowMs: number): boolean {
  return present && (expiresSeconds === 0 || expiresSeconds * 1000 > nowMs);
}

function isSame(a: ListEntry, b: ListEntry): boolean {
  return a.expiresSeconds === b.expiresSeconds && a.reason === b.reason;
}

/** What we say now is newer than what we know, whatever the clocks of those say who said it. */
function newerThan(before: ListEntry | undefined, entry: ListEntry): ListEntry {
  if (before === undefined || before.stamp < entry.stamp) return entry;
  return { ...entry, stamp: before.stamp + 1 };
}

/** The latest, the latest first. */
async function newest(known: HashList, count: number, nowMs: number): Promise<ListEntry[]> {
  let found: ListEntry[] = [];
  const shorten = () => {
    found = found.sort((a, b) => b.stamp - a.stamp || compareHashes(a, b)).slice(0, count);
  };
  for (let bucket = 0; bucket < known.buckets; bucket++) {
    for (const entry of known.entriesOf(bucket)) if (isInForce(entry, nowMs)) found.push(entry);
    if (bucket % BUCKETS_AT_ONCE !== BUCKETS_AT_ONCE - 1) continue;
    shorten();
    await othersTurn();
  }
  shorten();
  return found;
}

/** Those with a prefix, in the order of their hashes, from behind one on. One more than fits a page. */
async function byHash(
  known: HashList,
  {
    prefix = '',
    after,
    limit,
  }: { prefix?: string | undefined; after?: string | undefined; limit: number },
  nowMs: number,
): Promise<ListEntry[]> {
  const found: ListEntry[] = [];
  const start = prefix.toLowerCase();
  const behind = after?.toLowerCase() ?? '';
  const first = Math.max(bucketOf(start, '0'), bucketOf(behind, '0'));
  const last = bucketOf(start, 'f');
  for (let bucket = first; bucket <= last && found.length <= limit; bucket++) {
    const entries = known.entriesOf(bucket).filter((entry) => {
      if (!isInForce(entry, nowMs)) return false;
      const text = hexOf(entry);
      return text.startsWith(start) && text > behind;
    });
    found.push(...entries.sort(compareHashes));
    if (bucket % BUCKETS_AT_ONCE === BUCKETS_AT_ONCE - 1) await othersTurn();
  }
  return found;
}

/** The bucket of the first or the last hash that begins so. */
function bucketOf(prefix: string, padding: string): number {
  return Number.parseInt(prefix.slice(0, 3).padEnd(3, padding), 16);
}

function othersTurn(): Promise<void> {
  return new Promise((done) => {
    setImmediate(done);
  });
}

function compareHashes(a: ListEntry, b: ListEntry): number {
  return Buffer.compare(a.hash, b.hash);
}

function hexOf({ hash }: ListEntry): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('hex');
}

function viewOf(entry: ListEntry): ListedHash {
  const { reason, stamp, by, expiresSeconds } = entry;
  const expiresMs = expiresSeconds === 0 ? null : 1000 * expiresSeconds;
  return { hash: hexOf(entry), reason, sinceMs: stamp, by, expiresMs };
}

function parse<T>(schema: z.ZodType<T>, params: unknown): T {
  const result = schema.safeParse(params);
  if (result.success) return result.data;
  throw invalid();
}

function invalid(): ControlError {
  return new ControlError(
    'control_invalid',
    'this is no request about a list: 40 hexadecimal digits a hash',
  );
}
