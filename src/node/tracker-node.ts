/**
 * One tracker process, from its configuration to its end: locks the data directory, reserves and
 * loads the store, starts the workers, serves the admin listener; stops in reverse order.
 */
import { join } from 'node:path';
import type { AdminServer } from '../admin/admin-server.js';
import { type Config, parseListen } from '../config/index.js';
import type { BoundAddress } from '../frontend/frontend.js';
import { formatAddress } from '../frontend/listen-address.js';
import { assert } from '../lib/assert.js';
import { SystemClock } from '../lib/clock.js';
import { type DataLock, lockDataDirectory } from '../lib/data-lock.js';
import type { Logger } from '../lib/log.js';
import { LoggerSink } from '../lib/log-sink.js';
import { shardBase } from '../swarm/heap.js';
import { reserveStore, Shard, type StoreMemory } from '../swarm/layout.js';
import { adviseHugePages } from '../sys/huge-pages.js';
import { loadSys } from '../sys/load-sys.js';
import { createKeyRing, KeyRingWriter } from '../tracker/key-ring.js';
import type { SaveReport } from './message.js';
import { type Io, keeperTask, type PlanInputs, socketTasks } from './plan.js';
import { becomeUser, findUser, giveTo, type UserIds } from './privileges.js';
import { loadSavedStore, prepareSnapshotPath } from './snapshot-file.js';
import type { WorkerTask } from './task.js';
import { TrackerSource } from './tracker-source.js';
import { type WorkerFailedError, WorkerHandle } from './worker-handle.js';

/** Connection ids are good for at most 210 s, and for as long as their key is one of the last two. */
const KEY_ROTATION_MS = 10 * 60 * 1000;
/** How long socket workers may take to finish what is in flight; the frontends' own bound is less. */
const SOCKET_STOP_MS = 8_000;
/** How long the last save may take. */
const KEEPER_STOP_MS = 60_000;
/** The same when a worker died. */
const EMERGENCY_SOCKET_STOP_MS = 1_000;
const EMERGENCY_KEEPER_STOP_MS = 20_000;

export interface TrackerNodeDependencies {
  readonly logger: Logger;
  /** What the threads run instead of our worker. */
  readonly workerScript?: URL;
}

export class TrackerNode {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #workerScript: URL | undefined;
  readonly #clock = new SystemClock();
  #lock: DataLock | undefined;
  #source: TrackerSource | undefined;
  #admin: AdminServer | undefined;
  #sockets: WorkerHandle[] = [];
  #keeper: WorkerHandle | undefined;
  /** The last save, if there was one, did what it should. */
  #saved = true;
  #startFailure: WorkerFailedError | undefined;
  #keyTimer: NodeJS.Timeout | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #end: ((exitCode: number) => void) | undefined;
  /** Resolves to the exit code when the node has ended, for whatever reason. */
  readonly ended = new Promise<number>((resolve) => {
    this.#end = resolve;
  });

  constructor(config: Config, { logger, workerScript }: TrackerNodeDependencies) {
    this.#config = config;
    this.#logger = logger;
    this.#workerScript = workerScript;
  }

  /**
   * Starts everything; resolves when clients are served. When something cannot be had, that is
   * undone which was done, and the error is thrown: it says what, where, and what to do.
   */
  async start(): Promise<void> {
    this.#starting = this.#start();
    try {
      await this.#starting;
    } catch (error) {
      await this.#stop({ socketsMs: EMERGENCY_SOCKET_STOP_MS, keeperMs: 0 });
      throw error;
    }
  }

  /** Stops accepting, finishes what is in flight, saves; `ended` then resolves to 0. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopStarted();
    return this.#stopping;
  }

  async #stopStarted(): Promise<void> {
    // A start that is under way is let finish: what it holds by then can be given back in order.
    await this.#starting?.catch(() => {});
    await this.#stop({ socketsMs: SOCKET_STOP_MS, keeperMs: KEEPER_STOP_MS });
    this.#end?.(this.#saved ? 0 : 1);
  }

  async #start(): Promise<void> {
    const config = this.#config;
    const user = findUser(config.user);
    this.#lock = await lockDataDirectory(config.data);
    const snapshotPath = prepareSnapshotPath(config.data);
    const memory = reserveStore({ ...config.limits, shards: config.store.shards });
    const io = this.#chooseIo(memory);
    const keyRing = createKeyRing();
    const source = new TrackerSource(config.name, { memory, clock: this.#clock });
    this.#source = source;
    loadSavedStore(source.store, snapshotPath, config.announce.peerTtlSeconds, {
      clock: this.#clock,
      logger: this.#logger,
    });
    const inputs: PlanInputs = { config, memory, keyRing, snapshotPath };
    const tasks = await socketTasks(inputs, io);
    source.setWorkers(tasks);
    // The threads load their modules while this one loads those of the admin listener.
    this.#keeper = this.#startWorker(keeperTask(inputs));
    const sockets = this.#startSockets(tasks);
    sockets.catch(() => {});
    const admin = await this.#startAdmin(source);
    const bound = await sockets;
    await this.#keeper.started;
    if (user !== undefined) this.#becomeUser(user);
    const ring = new KeyRingWriter(keyRing);
    this.#keyTimer = setInterval(() => ring.rotate(), KEY_ROTATION_MS).unref();
    // A worker that started may have died while the others did.
    if (this.#startFailure !== undefined) throw this.#startFailure;
    source.serving = true;
    this.#logger.info({ ...bound, admin, io, pid: process.pid, data: config.data }, 'ready');
  }

  /**
   * What the configuration wants and the machine has. With system calls at hand, the store is also
   * asked to lie in large pages, before it is touched.
   */
  #chooseIo({ index, records, segments }: StoreMemory): Io {
    if (this.#config.io === 'portable') return 'portable';
    const loaded = loadSys();
    if (loaded.ok) {
      for (const part of [index, records, ...segments]) adviseHugePages(loaded.sys, part);
      return 'fast';
    }
    const { reason } = loaded;
    this.#logger.warn({ reason }, 'no fast socket path here: the portable one serves');
    return 'portable';
  }

  /** Starts the socket workers and returns what they bound, for the `ready` line. */
  async #startSockets(
    tasks: readonly WorkerTask[],
  ): Promise<{ http: string[]; udp: string[]; https: string[] }> {
    this.#sockets = tasks.map((task) => this.#startWorker(task));
    const bound = { http: new Set<string>(), udp: new Set<string>() };
    const results = await Promise.allSettled(this.#sockets.map((worker) => worker.started));
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
      for (const at of result.value.udp ?? []) bound.udp.add(addressText(at));
      for (const at of result.value.http ?? []) bound.http.add(addressText(at));
    }
    return { http: [...bound.http], udp: [...bound.udp], https: [] };
  }

  #startWorker(task: WorkerTask): WorkerHandle {
    const listeners = {
      log: new LoggerSink(this.#logger),
      onSaved: (report: SaveReport) => this.#noteSave(report),
      onFailed: (error: WorkerFailedError) => this.#workerFailed(task, error),
    };
    return new WorkerHandle(task, listeners, this.#workerScript);
  }

  async #startAdmin(source: TrackerSource): Promise<string> {
    const { listen, tokenFile } = this.#config.admin;
    if (listen === 'off') return 'off';
    const address = parseListen(listen);
    assert(address !== undefined, `the configuration checked '${listen}'`);
    const [{ createAdminServer }, { loadAdminToken }] = await Promise.all([
      import('../admin/admin-server.js'),
      import('../admin/admin-token.js'),
    ]);
    const file = tokenFile === '' ? join(this.#config.data, 'tracker', 'admin-token') : tokenFile;
    const admin = createAdminServer(
      { ...address, token: loadAdminToken(file) },
      { logger: this.#logger, source },
    );
    this.#admin = admin;
    return admin.start();
  }

  #becomeUser(user: UserIds): void {
    const { data } = this.#config;
    const tracker = join(data, 'tracker');
    giveTo(user, [data, tracker, join(tracker, 'store.snapshot'), join(tracker, 'admin-token')]);
    becomeUser(user);
  }

  #noteSave(report: SaveReport): void {
    this.#source?.noteSave(report);
    const { ok, reason, ...figures } = report;
    this.#saved = ok;
    if (ok) this.#logger.debug(figures, 'saved');
    else this.#logger.error({ reason }, 'saving the store failed; the last good file is kept');
  }

  /** A worker died: the process goes down, with its name and reason, after saving what can be saved. */
  #workerFailed(task: WorkerTask, error: WorkerFailedError): void {
    // While starting, `start` throws the error; while stopping, nothing is left to lose.
    if (this.#stopping !== undefined) return;
    if (this.#source?.serving !== true) {
      this.#startFailure ??= error;
      return;
    }
    this.#source.serving = false;
    this.#source.failure = error.message;
    this.#logger.fatal({ worker: error.worker, reason: error.reason }, 'a worker failed: stopping');
    const safe = task.kind !== 'keeper' && !this.#diedInsideStore(task);
    if (!safe) {
      this.#logger.error('the store is not saved: what is in memory cannot be trusted');
    }
    const keeperMs = safe ? EMERGENCY_KEEPER_STOP_MS : 0;
    const socketsMs = EMERGENCY_SOCKET_STOP_MS;
    this.#stopping = this.#stop({ socketsMs, keeperMs }).then(() => this.#end?.(1));
  }

  /** True when the worker held a shard's lock: that shard may be half written. */
  #diedInsideStore({ thread, memory }: WorkerTask): boolean {
    const control = new Int32Array(memory.control);
    for (let shard = 0; shard < memory.limits.shards; shard++) {
      if (control[shardBase(shard) + Shard.owner] === thread) return true;
    }
    return false;
  }

  /** Everything in reverse order. `keeperMs` 0: without a last save. */
  async #stop({ socketsMs, keeperMs }: { socketsMs: number; keeperMs: number }): Promise<void> {
    if (this.#source !== undefined) this.#source.serving = false;
    clearInterval(this.#keyTimer);
    const inTime = await Promise.all(this.#sockets.map((worker) => worker.stop(socketsMs)));
    const stuck = this.#sockets.some(({ task }, i) => !inTime[i] && this.#diedInsideStore(task));
    if (stuck) this.#logger.error('a worker is stuck inside the store: it is not saved');
    await this.#stopKeeper(stuck ? 0 : keeperMs);
    await this.#admin?.stop();
    await this.#lock?.release();
  }

  /** Has the keeper save once more; `timeoutMs` 0 ends it without. */
  async #stopKeeper(timeoutMs: number): Promise<void> {
    if (this.#keeper === undefined) return;
    if (timeoutMs === 0) {
      this.#saved = false;
      await this.#keeper.kill();
      return;
    }
    if (await this.#keeper.stop(timeoutMs)) return;
    this.#saved = false;
    this.#logger.error('the last save did not finish in time');
  }
}

function addressText({ address, port }: BoundAddress): string {
  return formatAddress(address, port);
}
