/**
 * The deny and the allow list of a node of a cluster: what it knows, in the store's memory; what keeps
 * it over restarts, in a file; and the exchange with other nodes. A tracker's cluster worker and a
 * minder each have one, and it is the only writer of both lists.
 */
import type { LogSink } from '../lib/log-sink.js';
import type { Prng } from '../lib/prng.js';
import type { ListEntry, ListName } from '../swarm/hash-list.js';
import { ListExchange, type ListExchangeOptions } from './list-exchange.js';
import type { HashLists } from './list-intake.js';
import { ListsFile } from './lists-file.js';
import type { ReplicationClock } from './replicator-options.js';
import type { ReplicationTransport } from './transport.js';

/** What goes wrong with lists tends to go on: a line in so long. */
const REPORT_MS = 10_000;
/** A minder's thread works for so long before others have their turn. */
const SLICE_MS = 4;
const IDLE_MS = 20;

export interface ClusterListsOptions extends ListExchangeOptions {
  /** `minder/lists` or `tracker/lists` in the data directory. */
  readonly path: string;
  /** See `ListsFileOptions`. */
  readonly isLoaded?: boolean;
}

export interface ClusterListsDependencies {
  readonly lists: HashLists;
  readonly transport: ReplicationTransport;
  readonly clock: ReplicationClock;
  readonly random: Prng;
  readonly log: LogSink;
  /** Told of each entry that came from another node, after it was put. Its hash: copy it to keep it. */
  readonly onChanged?: ((list: ListName, entry: ListEntry) => void) | undefined;
  /** Told at most once a second that the roots have changed: minders then say their settings. */
  readonly onRoots?: (() => void) | undefined;
}

export class ClusterLists {
  readonly exchange: ListExchange;
  readonly file: ListsFile;
  readonly lists: HashLists;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  readonly #clock: ReplicationClock;
  readonly #log: LogSink;
  #reportMs = Number.NEGATIVE_INFINITY;
  #taken = 0;
  #troubles = 0;

  /** Reads the file, which takes about a second for a million entries. Throws PrivateFileError. */
  constructor(options: ClusterListsOptions, dependencies: ClusterListsDependencies) {
    const { lists, transport, clock, random, log, onChanged, onRoots } = dependencies;
    this.#clock = clock;
    this.#log = log;
    this.lists = lists;
    const { path, isLoaded } = options;
    const file = new ListsFile({ path, isLoaded }, { lists, clock, log });
    this.file = file;
    this.exchange = new ListExchange(options, {
      lists,
      transport,
      clock,
      random,
      onRoots,
      onTaken(list, entry) {
        file.note(list, entry);
        onChanged?.(list, entry);
      },
    });
  }

  /**
   * For a minder: hears what concerns lists and does what there is to do, until `close`. A tracker's
   * owner calls `tick`, and passes what it hears to `exchange.hear` and `exchange.hearRoots`.
   */
  start(): void {
    this.exchange.subscribe();
    this.#plan(false);
  }

  /** Works for about so many milliseconds; returns whether there is more to do at once. */
  tick(budgetMs: number): boolean {
    const hasMore = this.exchange.tick(budgetMs);
    const isWriting = this.file.tick(budgetMs);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#reportMs) this.#report(nowMs);
    return hasMore || isWriting;
  }

  /** Saves what is not on the disk yet. Idempotent. */
  close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    return this.file.close();
  }

  #plan(hasMore: boolean): void {
    if (this.#isClosed) return;
    const act = () => this.#plan(this.tick(SLICE_MS));
    this.#timer = setTimeout(act, hasMore ? 0 : IDLE_MS).unref();
  }

  #report(nowMs: number): void {
    this.#reportMs = nowMs + REPORT_MS;
    const { intake, counters } = this.exchange;
    const { taken, full, fromFuture } = intake.counters;
    const { deny, allow } = this.lists;
    if (taken !== this.#taken) {
      const news = { changes: taken - this.#taken, deny: deny.size, allow: allow.size };
      this.#log.log('info', 'lists changed by the cluster', news);
    }
    this.#taken = taken;
    const troubles = full + fromFuture + counters.dropped + counters.refused;
    if (troubles !== this.#troubles) {
      this.#log.log('warn', 'entries of lists were not taken', {
        full,
        fromFuture,
        messagesDropped: counters.dropped,
        messagesRefused: counters.refused,
      });
    }
    this.#troubles = troubles;
  }
}
