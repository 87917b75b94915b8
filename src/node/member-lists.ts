/**
 * The deny and the allow list of a tracker that belongs to a cluster, in its cluster worker: what
 * minders say is put, kept, and acted upon. The main thread has loaded the same file before the saved
 * store and before anything was served (`loadMemberLists`); from the worker's start on the worker alone
 * writes the lists.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterLists } from '../cluster/cluster-lists.js';
import type { HashLists } from '../cluster/list-intake.js';
import { ListsFile } from '../cluster/lists-file.js';
import type { ReplicationClock } from '../cluster/replicator-options.js';
import type { ReplicationTransport } from '../cluster/transport.js';
import type { Config } from '../config/index.js';
import type { LogSink } from '../lib/log-sink.js';
import type { Prng } from '../lib/prng.js';
import type { ClusterSettings, ClusterTuning } from '../protocol/cluster/control.js';
import { HashList, ListMode } from '../swarm/hash-list.js';
import type { StoreMemory } from '../swarm/layout.js';
import { ListSweep } from '../swarm/list-sweep.js';
import type { SwarmStore } from '../swarm/swarm-store.js';

type ListMemory = NonNullable<StoreMemory['lists']>;

/** A swarm whose allowance has expired goes within so long. */
const EXPIRY_MS = 60_000;

export interface MemberListsOptions {
  /** This tracker's id. */
  readonly id: string;
  /** `tracker/` in the data directory. */
  readonly directory: string;
  /** `lists.mode` of the configuration: anything but `auto` stands above the cluster's word. */
  readonly mode: Config['lists']['mode'];
  /** What the cluster said last, as far as it is remembered. */
  readonly clusterMode: ClusterTuning['listMode'];
}

export interface MemberListsDependencies {
  /** The cluster worker's own view of the store; its time is set by the replicator's ticks. */
  readonly store: SwarmStore;
  readonly memory: ListMemory;
  readonly transport: ReplicationTransport;
  readonly clock: ReplicationClock;
  readonly random: Prng;
  readonly log: LogSink;
}

export class MemberLists {
  readonly lists: ClusterLists;
  readonly sweep: ListSweep;
  readonly #mode: Config['lists']['mode'];
  readonly #clock: ReplicationClock;
  #sweepsMs: number;
  #isKnown: boolean;

  /** What the main thread has loaded is here already. Throws PrivateFileError. */
  constructor(
    { id, directory, mode, clusterMode }: MemberListsOptions,
    { store, memory, transport, clock, random, log }: MemberListsDependencies,
  ) {
    const sweep = new ListSweep(store);
    this.#isKnown = existsSync(pathIn(directory));
    this.sweep = sweep;
    this.lists = new ClusterLists(
      { id, role: 'tracker', path: pathIn(directory), isLoaded: true },
      {
        lists: viewOf(memory),
        transport,
        clock,
        random,
        log,
        onChanged: (_list, { hash }) => sweep.drop(hash),
      },
    );
    this.#mode = mode;
    this.#clock = clock;
    this.#sweepsMs = clock.monotonicMs() + EXPIRY_MS;
    this.setMode(clusterMode);
  }

  /** Takes what came on `ctl.all` or `ctl.<id>`, and says whether it was about lists. */
  hear(subject: string, payload: Uint8Array): boolean {
    return this.lists.exchange.hear(subject, payload);
  }

  /** Settings of any minder, whatever their revision. */
  hearSettings({ minder, lists }: Pick<ClusterSettings, 'minder' | 'lists'>): void {
    if (lists !== undefined) this.lists.exchange.hearRoots(minder, lists);
    // A minder of the version before ours has none.
    else this.#isKnown = true;
  }

  /**
   * The lists are those of the cluster, or were when this tracker last ran: one that joins for the
   * first time must not be taken for ready before.
   */
  get isKnown(): boolean {
    this.#isKnown ||= this.lists.exchange.requester.agrees;
    return this.#isKnown;
  }

  /** The cluster's word on the mode; null: as this tracker is configured. */
  setMode(clusterMode: ClusterTuning['listMode']): void {
    const mode = this.#mode === 'auto' ? (clusterMode ?? 'deny') : this.#mode;
    this.sweep.setMode(ListMode[mode]);
  }

  /**
   * Works for about so many milliseconds, and returns whether there is more to do at once. The store's
   * time must have been set.
   */
  tick(budgetMs: number): boolean {
    const untilMs = this.#clock.monotonicMs() + budgetMs;
    const hasMore = this.lists.tick(budgetMs);
    // Nobody says that an entry has expired: in this mode a swarm may have lost its allowance.
    if (this.#clock.monotonicMs() >= this.#sweepsMs) {
      this.#sweepsMs = this.#clock.monotonicMs() + EXPIRY_MS;
      if (this.sweep.mode === ListMode.allow) this.sweep.begin();
    }
    let isSweeping = this.sweep.step();
    while (isSweeping && this.#clock.monotonicMs() < untilMs) isSweeping = this.sweep.step();
    return hasMore || isSweeping;
  }

  /** Saves what is not on the disk yet. Idempotent. */
  close(): Promise<void> {
    return this.lists.close();
  }
}

/**
 * Fills the lists from the file, in the main thread before the saved store is loaded: what is denied is
 * then not taken from there. Throws PrivateFileError.
 */
export async function loadMemberLists(
  directory: string,
  memory: ListMemory,
  { clock, log }: { readonly clock: ReplicationClock; readonly log: LogSink },
): Promise<void> {
  // Made later, by the user that the tracker then is.
  if (!existsSync(pathIn(directory))) return;
  await new ListsFile({ path: pathIn(directory) }, { lists: viewOf(memory), clock, log }).close();
}

function pathIn(directory: string): string {
  return join(directory, 'lists');
}

function viewOf({ deny, allow }: ListMemory): HashLists {
  return { deny: new HashList(deny), allow: new HashList(allow) };
}
