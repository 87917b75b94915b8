/**
 * The lists of info hashes of a tracker that stands alone: read from the operator's files at its start
 * and at each SIGHUP. A file that cannot be taken leaves the list as it was. All work on the running
 * tracker is done in slices: this is the main thread.
 */
import type { Config } from '../config/index.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { NO_NODE } from '../protocol/cluster/node-id.js';
import { HashList, LIST_NAMES, ListMode, type ListName } from '../swarm/hash-list.js';
import type { StoreMemory } from '../swarm/layout.js';
import { ListFile, ListFileError } from '../swarm/list-file.js';
import { ListSweep } from '../swarm/list-sweep.js';
import type { SwarmStore } from '../swarm/swarm-store.js';
import { ShardStuckError } from '../swarm/walk.js';

/** For how long the main thread works before it lets others have their turn. */
const SLICE_MS = 5;
/** How long to wait for a shard: as long as when people look into it. */
const LOCK_TIMEOUT_MS = 1_000;

/** Value of `Global.listMode` at the start. In a cluster the minders may say something else later. */
export function initialListMode({ mode }: Config['lists']): ListMode {
  return ListMode[mode === 'auto' ? 'deny' : mode];
}

export interface TrackerListsDependencies {
  /** The main thread's. */
  readonly store: SwarmStore;
  /** The store's lists; no other thread writes them. */
  readonly memory: NonNullable<StoreMemory['lists']>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What one reading of a file changed. */
interface Change {
  readonly entries: number;
  readonly removed: number;
  readonly dropped: number;
}

export class TrackerLists {
  readonly #options: Config['lists'];
  readonly #lists: Readonly<Record<ListName, HashList>>;
  readonly #store: SwarmStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #sweep: ListSweep;
  /** Of the reading before: each is later than the last, whatever the clock does. */
  #stamp = 0;
  #reading: Promise<void> | undefined;
  #again = false;
  #ending = false;

  constructor(
    options: Config['lists'],
    { store, memory, clock, logger }: TrackerListsDependencies,
  ) {
    this.#options = options;
    this.#lists = { deny: new HashList(memory.deny), allow: new HashList(memory.allow) };
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#sweep = new ListSweep(store, { lockTimeoutMs: LOCK_TIMEOUT_MS });
  }

  /** Reads the files before anything is served. Throws ListFileError: what must be denied must be. */
  async load(): Promise<void> {
    if (this.#options.mode === 'allow' && this.#options.allowFile === '') {
      this.#logger.warn('lists.mode is allow and lists.allowFile is empty: nothing is served');
    }
    this.#reading = this.#readFirst();
    try {
      await this.#reading;
    } finally {
      this.#reading = undefined;
    }
    // Somebody could not wait.
    if (this.#again) void this.reload();
  }

  /** Reads the files again. Resolves when swarms are dropped that must not be any more; never rejects. */
  reload(): Promise<void> {
    this.#again = true;
    this.#reading ??= this.#readAgain().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Ends a reading that is under way, at its next slice. */
  stop(): Promise<void> {
    this.#ending = true;
    return this.#reading ?? Promise.resolve();
  }

  async #readFirst(): Promise<void> {
    for (const name of LIST_NAMES) await this.#read(name);
  }

  async #readAgain(): Promise<void> {
    // A signal that comes meanwhile may be about a file that was read already.
    while (this.#again && !this.#ending) {
      this.#again = false;
      for (const name of LIST_NAMES) await this.#tryRead(name);
    }
  }

  async #tryRead(name: ListName): Promise<void> {
    try {
      await this.#read(name);
    } catch (error) {
      if (!(error instanceof ListFileError || error instanceof ShardStuckError)) throw error;
      const text = 'the list is not taken: what was read before stays';
      this.#logger.error({ list: name, reason: error.message }, text);
    }
  }

  async #read(name: ListName): Promise<void> {
    const path = this.#options[`${name}File`];
    if (path === '') return;
    const startMs = performance.now();
    const file = await ListFile.open(path, this.#options);
    try {
      const change = await this.#take(name, file);
      if (this.#ending) return;
      const seconds = Math.round(performance.now() - startMs) / 1000;
      this.#logger.info({ list: name, path, ...change, seconds }, 'list read');
    } finally {
      await file.close();
    }
  }

  /** Makes the list what the file says. */
  async #take(name: ListName, file: ListFile): Promise<Change> {
    const list = this.#lists[name];
    const droppedBefore = this.#sweep.swarmsDropped;
    this.#stamp = Math.max(this.#stamp + 1, Math.floor(this.#clock.wallMs()));
    const isFull = await this.#put(name, file);
    const removed = await this.#removeOlder(name);
    // The file has no more info hashes than the list has room: now all of them fit.
    if (isFull) await this.#put(name, file);
    const dropped = this.#sweep.swarmsDropped - droppedBefore;
    return { entries: list.size, removed, dropped };
  }

  /** Puts what the file names on the list; returns whether there was no room for some of it. */
  async #put(name: ListName, file: ListFile): Promise<boolean> {
    const list = this.#lists[name];
    const entry = { stamp: this.#stamp, by: NO_NODE, present: true, expiresSeconds: 0 };
    let isFull = false;
    this.#setTime();
    await file.each((hash, reason) => {
      if (this.#ending) return;
      if (list.put({ ...entry, hash, reason }) === 'full') isFull = true;
      else if (name === 'deny') this.#sweep.drop(hash);
    });
    return isFull;
  }

  /** Removes what this reading did not name. */
  async #removeOlder(name: ListName): Promise<number> {
    const list = this.#lists[name];
    let removed = 0;
    this.#setTime();
    let turnMs = performance.now();
    for (let bucket = 0; bucket < list.buckets && !this.#ending; bucket++) {
      const hashes = list.forgetOlder(this.#stamp, bucket);
      removed += hashes.length;
      if (name === 'allow') for (const hash of hashes) this.#sweep.drop(hash);
      if (performance.now() - turnMs < SLICE_MS) continue;
      await new Promise((resolve) => setImmediate(resolve));
      turnMs = performance.now();
    }
    return removed;
  }

  /** Entries of files do not expire, and what is dropped does not age: once in a while will do. */
  #setTime(): void {
    this.#store.setTime(this.#clock.monotonicSeconds(), this.#clock.wallMs());
  }
}
