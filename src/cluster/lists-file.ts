/**
 * The file that keeps the deny and the allow list over restarts, `minder/lists` and `tracker/lists`
 * (mode 0600): what was said is appended, and the file is written anew when most of it is out of date.
 * Integers are little endian.
 *
 * ```
 * header   0   8  magic "TBTLISTS"
 *          8   4  version (1)
 *         12   4  zero
 * group*   0   4  bytes of its body
 *          4   4  CRC-32 of all behind this
 *          8   1  kind (0: entries)
 *          9   1  list: 0 deny, 1 allow
 *         10   2  zero
 *         12      body: entries as in list-block.ts
 * ```
 *
 * Entries may stand there in any order and repeatedly: the last writer wins. While the file is written
 * anew, in slices and under another name, what comes goes into both. A crash in the middle of an append
 * leaves a torn group at the end, which is cut off; nobody was told that it was safe.
 */
import {
  closeSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setAside } from '../lib/damaged-file.js';
import { syncDirectory, writeAll } from '../lib/durable.js';
import type { LogSink } from '../lib/log-sink.js';
import { PrivateFileError } from '../lib/private-file.js';
import { reasonOf } from '../lib/reason.js';
import { ListBlockEncoder } from '../protocol/cluster/list-block.js';
import { LIST_NAMES, type ListEntry, type ListName } from '../swarm/hash-list.js';
import type { HashLists } from './list-intake.js';
import {
  groupOfEntries,
  LISTS_GROUP_BLOCK_BYTES,
  LISTS_HEADER,
  readListGroups,
} from './lists-format.js';
import type { ReplicationClock } from './replicator-options.js';

/** Notes wait for so long until they are written and made durable. */
const NOTE_MS = 500;
const RETRY_MS = 5_000;
/** Entries in the file beyond twice those that are known before it is written anew. */
const DEAD_MIN = 65_536;
/** Buckets that are written between two looks at the clock. */
const BUCKETS_AT_ONCE = 4;

export interface ListsFileDependencies {
  /** Filled with what the file holds. */
  readonly lists: HashLists;
  readonly clock: ReplicationClock;
  readonly log: LogSink;
  /** Writes all bytes at a place in a file; only tests give another. */
  readonly write?: ((fd: number, bytes: Uint8Array, at: number) => void) | undefined;
}

export interface ListsFileOptions {
  readonly path: string;
  /** Entries in the file beyond twice those that are known before it is written anew; 65,536. */
  readonly deadMin?: number | undefined;
  /** The lists hold already what the file does: it is only checked. */
  readonly isLoaded?: boolean | undefined;
}

interface Waiter {
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

/** The file that is to replace the other. */
interface Successor {
  readonly fd: number;
  end: number;
  entries: number;
  list: number;
  bucket: number;
  syncing: boolean;
}

export class ListsFile {
  readonly counters = { groups: 0, bytes: 0, failures: 0, rewrites: 0 };
  readonly #options: ListsFileOptions;
  readonly #dependencies: ListsFileDependencies;
  readonly #encoder = new ListBlockEncoder({ bytesMax: LISTS_GROUP_BLOCK_BYTES });
  readonly #notes = {
    deny: new ListBlockEncoder({ bytesMax: LISTS_GROUP_BLOCK_BYTES }),
    allow: new ListBlockEncoder({ bytesMax: LISTS_GROUP_BLOCK_BYTES }),
  };
  #fd: number;
  /** Where the next group goes. */
  #end: number;
  /** Entries in the file, those out of date included. */
  #entries: number;
  /** When the first note that is not durable yet came. */
  #notedMs: number | undefined;
  /** Whoever waits for what is written to be durable. */
  #waiters: Waiter[] = [];
  #syncing: Promise<void> | undefined;
  /** The file that is being made durable: whoever does that closes it, when it was replaced. */
  #syncFd: number | undefined;
  #successor: Successor | undefined;
  /** Something is missing in the file: it must be written anew, and not before `#retryMs`. */
  #isBroken = false;
  #retryMs = Number.NEGATIVE_INFINITY;
  #closed: Promise<void> | undefined;

  /**
   * Opens the file, or makes it, and puts what it holds into the lists. A torn end is cut off, a
   * damaged file is renamed and begun anew with what could be read. Throws PrivateFileError.
   */
  constructor(options: ListsFileOptions, dependencies: ListsFileDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    const { path } = options;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      // One process holds the data directory, so whatever has this name is a crash's.
      rmSync(`${path}.new`, { force: true });
      const fd = openExisting(path);
      this.#fd = fd ?? createFile(path);
      this.#end = LISTS_HEADER.length;
      this.#entries = 0;
      if (fd === undefined) syncDirectory(dirname(path));
      else this.#load();
    } catch (error) {
      throw unusable(path, error);
    }
  }

  /**
   * Appends entries. Resolves when they are on the disk; rejects with PrivateFileError when that cannot
   * be had, and then they may or may not be found there after a crash.
   */
  append(list: ListName, entries: readonly ListEntry[]): Promise<void> {
    try {
      for (let i = 0; i < entries.length; ) {
        while (i < entries.length && this.#encoder.add(entries[i])) i++;
        this.#write(groupOfEntries(list, this.#encoder));
      }
    } catch (error) {
      return Promise.reject(this.#fail(error));
    }
    return this.#durable();
  }

  /** Keeps an entry that can be had again from others: it is on the disk a second later. */
  note(list: ListName, entry: ListEntry): void {
    this.#notedMs ??= this.#dependencies.clock.monotonicMs();
    if (this.#notes[list].add(entry)) return;
    this.#writeNotes(list);
    this.#notes[list].add(entry);
  }

  /**
   * Writes notes that are due, and the file anew where it should be. Works for about `budgetMs`, and
   * returns whether there is more to do at once.
   */
  tick(budgetMs: number): boolean {
    const { clock } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    if (this.#closed !== undefined) return false;
    if (this.#notedMs !== undefined && nowMs - this.#notedMs >= NOTE_MS) this.#flush();
    if (this.#successor === undefined && nowMs >= this.#retryMs && this.#isRewriteDue) {
      this.#guard(() => this.#beginSuccessor());
    }
    const successor = this.#successor;
    if (successor === undefined || successor.syncing) return false;
    this.#guard(() => this.#advance(successor, nowMs + budgetMs));
    return this.#successor !== undefined && !this.#successor.syncing;
  }

  /** Makes everything durable. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#flush();
      await this.#syncing;
      this.#dropSuccessor();
      try {
        fsyncSync(this.#fd);
      } catch (error) {
        this.#fail(error);
      }
      closeSync(this.#fd);
    })();
    return this.#closed;
  }

  get #isRewriteDue(): boolean {
    const { deny, allow } = this.#dependencies.lists;
    const deadMin = this.#options.deadMin ?? DEAD_MIN;
    return this.#isBroken || this.#entries > 2 * (deny.known + allow.known) + deadMin;
  }

  #load(): void {
    const { path } = this.#options;
    const { lists, log, clock } = this.#dependencies;
    const { end, entries, torn, damaged } = readListGroups(
      this.#fd,
      this.#options.isLoaded === true ? undefined : (list, entry) => lists[list].put(entry),
    );
    this.#entries = entries;
    this.#end = end;
    if (damaged !== undefined) {
      closeSync(this.#fd);
      const aside = setAside(path, clock.wallMs());
      log.log(
        'error',
        'the file of the lists is damaged: set aside, and begun anew with what could be read',
        { path, aside, reason: damaged, entries },
      );
      this.#fd = createFile(path);
      syncDirectory(dirname(path));
      this.#end = LISTS_HEADER.length;
      this.#entries = 0;
      const successor = this.#openSuccessor();
      while (!this.#writeBuckets(successor)) {}
      fsyncSync(successor.fd);
      this.#succeed(successor);
    } else if (torn > 0) {
      log.log('warn', 'the end of the file of the lists is torn: cut off', { path, bytes: torn });
      ftruncateSync(this.#fd, end);
      fsyncSync(this.#fd);
    }
  }

  /** Writes a group where it belongs, at once but not durably. Throws the system's error. */
  #write(group: { readonly bytes: Uint8Array; readonly entries: number }): void {
    const { bytes, entries } = group;
    try {
      this.#writeAt(this.#fd, bytes, this.#end);
    } catch (error) {
      // What is there of it would stand before the next one, and look like damage.
      ftruncateSync(this.#fd, this.#end);
      throw error;
    }
    this.#end += bytes.length;
    this.#entries += entries;
    this.counters.groups++;
    this.counters.bytes += bytes.length;
    if (this.#successor !== undefined) {
      const successor = this.#successor;
      this.#guard(() => this.#writeGroup(successor, bytes, entries));
    }
  }

  #writeNotes(list: ListName): void {
    const encoder = this.#notes[list];
    if (encoder.count === 0) return;
    try {
      this.#write(groupOfEntries(list, encoder));
    } catch (error) {
      this.#fail(error);
    }
  }

  #flush(): void {
    for (const list of LIST_NAMES) this.#writeNotes(list);
    this.#notedMs = undefined;
    this.#durable().catch(() => {});
  }

  /** Resolves when everything written so far is on the disk. */
  #durable(): Promise<void> {
    return new Promise((done, fail) => {
      this.#waiters.push({ done, fail });
      this.#syncing ??= this.#sync();
    });
  }

  /** One after the other: whoever comes meanwhile waits for the next one, together. */
  async #sync(): Promise<void> {
    while (this.#waiters.length > 0) {
      // Others may write before it begins: let them, it is one for all.
      const waiters = this.#waiters;
      this.#waiters = [];
      const fd = this.#fd;
      this.#syncFd = fd;
      const error = await new Promise<Error | null>((done) => fdatasync(fd, done));
      this.#syncFd = undefined;
      // The file was replaced meanwhile, by one that holds the same and is durable.
      const isReplaced = fd !== this.#fd;
      if (isReplaced) closeSync(fd);
      if (error === null || isReplaced) {
        for (const { done } of waiters) done();
        continue;
      }
      const failure = this.#fail(error);
      for (const { fail } of waiters) fail(failure);
    }
    // Here and not later: whoever comes in between would wait for nobody.
    this.#syncing = undefined;
  }

  #beginSuccessor(): void {
    this.counters.rewrites++;
    this.#successor = this.#openSuccessor();
  }

  #openSuccessor(): Successor {
    const fd = createFile(`${this.#options.path}.new`);
    const successor: Successor = {
      fd,
      end: LISTS_HEADER.length,
      entries: 0,
      list: 0,
      bucket: 0,
      syncing: false,
    };
    return successor;
  }

  #advance(successor: Successor, untilMs: number): void {
    const { clock } = this.#dependencies;
    while (!this.#writeBuckets(successor)) if (clock.monotonicMs() >= untilMs) return;
    this.#finish(successor);
  }

  /** Writes some buckets; true when all are written. */
  #writeBuckets(successor: Successor): boolean {
    const { lists } = this.#dependencies;
    const name = LIST_NAMES[successor.list];
    if (name === undefined) return true;
    const encoder = this.#encoder;
    const flush = () => {
      const { bytes, entries } = groupOfEntries(name, encoder);
      this.#writeGroup(successor, bytes, entries);
    };
    const list = lists[name];
    const end = Math.min(successor.bucket + BUCKETS_AT_ONCE, list.buckets);
    for (; successor.bucket < end; successor.bucket++) {
      for (const entry of list.entriesOf(successor.bucket)) {
        if (encoder.add(entry)) continue;
        flush();
        encoder.add(entry);
      }
    }
    // The encoder is everybody's: it must be empty when others come.
    if (encoder.count > 0) flush();
    if (successor.bucket === list.buckets) {
      successor.bucket = 0;
      successor.list++;
    }
    return successor.list === LIST_NAMES.length;
  }

  #writeGroup(successor: Successor, bytes: Uint8Array, entries: number): void {
    this.#writeAt(successor.fd, bytes, successor.end);
    successor.end += bytes.length;
    successor.entries += entries;
  }

  #writeAt(fd: number, bytes: Uint8Array, at: number): void {
    (this.#dependencies.write ?? writeAll)(fd, bytes, at);
  }

  /** Makes the new file durable, and puts it in the place of the old one. */
  #finish(successor: Successor): void {
    successor.syncing = true;
    const { end } = successor;
    fdatasync(successor.fd, (error) => {
      if (this.#successor !== successor) {
        closeSync(successor.fd);
        return;
      }
      successor.syncing = false;
      this.#guard(() => {
        if (error !== null) throw error;
        // What came meanwhile is in both: of the old one it may be durable already.
        if (successor.end > end) fsyncSync(successor.fd);
        this.#succeed(successor);
      });
    });
  }

  #succeed(successor: Successor): void {
    const { path } = this.#options;
    renameSync(`${path}.new`, path);
    // From here on this is the file, also where its name could not be made durable: what is told next
    // must not go to the one that has none.
    if (this.#fd !== this.#syncFd) closeSync(this.#fd);
    this.#fd = successor.fd;
    this.#end = successor.end;
    this.#entries = successor.entries;
    this.#successor = undefined;
    syncDirectory(dirname(path));
    if (this.#isBroken) {
      this.#isBroken = false;
      this.#dependencies.log.log('info', 'the lists are saved again', { path });
    }
  }

  /** Does something about the successor; when it fails there is none, and it is tried again later. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(error);
    }
  }

  #dropSuccessor(): void {
    const successor = this.#successor;
    if (successor === undefined) return;
    this.#successor = undefined;
    if (!successor.syncing) closeSync(successor.fd);
    rmSync(`${this.#options.path}.new`, { force: true });
  }

  /** Something is not in the file that should be: the whole file is written anew in a while. */
  #fail(error: unknown): PrivateFileError {
    const { path } = this.#options;
    const failure = unusable(path, error);
    this.counters.failures++;
    this.#dropSuccessor();
    this.#retryMs = this.#dependencies.clock.monotonicMs() + RETRY_MS;
    if (!this.#isBroken) {
      const { message } = failure;
      this.#dependencies.log.log('error', 'the lists cannot be saved', { path, reason: message });
    }
    this.#isBroken = true;
    return failure;
  }
}

/** Undefined when there is none. */
function openExisting(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r+');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  if ((fstatSync(fd).mode & 0o077) === 0) return fd;
  closeSync(fd);
  throw new PrivateFileError(
    'file_exposed',
    `${path} is open to other users: run chmod 600 ${path}, and find out who has changed it`,
  );
}

function createFile(path: string): number {
  const fd = openSync(path, 'wx', 0o600);
  writeAll(fd, LISTS_HEADER, 0);
  fsyncSync(fd);
  return fd;
}

function unusable(path: string, error: unknown): PrivateFileError {
  if (error instanceof PrivateFileError) return error;
  const reason = reasonOf(error);
  return new PrivateFileError('file_unusable', `cannot use ${path}: ${reason}`);
}
