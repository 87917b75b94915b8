/**
 * One tracker process, from its configuration to its end: locks the data directory, reserves and
 * loads the store, starts the workers, serves the admin listener; stops in reverse order.
 */
import { dirname, join } from 'node:path';
import type { AdminServer } from '../admin/admin-server.js';
import { TUNING_FILE } from '../cluster/tuning-file.js';
import type { Config } from '../config/index.js';
import { inTurn } from '../frontend/port-turn.js';
import { assert } from '../lib/assert.js';
import { SystemClock } from '../lib/clock.js';
import { type DataLock, lockDataDirectory } from '../lib/data-lock.js';
import type { Logger } from '../lib/log.js';
import { LoggerSink } from '../lib/log-sink.js';
import { ProgressLine } from '../lib/progress-line.js';
import { NO_NODE } from '../protocol/cluster/node-id.js';
import { Shard, type StoreMemory, shardBase } from '../swarm/layout.js';
import type { SwarmStore } from '../swarm/swarm-store.js';
import { webEpoch } from '../swarm/web-wire.js';
import { adviseHugePages } from '../sys/huge-pages.js';
import { loadSys } from '../sys/load-sys.js';
import { createKeyRing, KeyRingWriter } from '../tracker/key-ring.js';
import type { AcmeKeeper } from './acme-keeper.js';
import { announceUrls, likelyAddresses } from './announce-urls.js';
import { type BoundSockets, boundSockets } from './bound-sockets.js';
import { LateWorkers } from './late-workers.js';
import { LiveTuning } from './live-tuning.js';
import { makeAdmin } from './make-admin.js';
import { loadMemberLists } from './member-lists.js';
import { Membership } from './membership.js';
import type { BusiestReport, ClusterReport, MainMessage, SaveReport } from './message.js';
import {
  type Io,
  isIdleAtFirst,
  keeperTask,
  listenPorts,
  type PlanInputs,
  socketTasks,
} from './plan.js';
import { becomeUser, findUser, type UserIds } from './privileges.js';
import { SignalHub } from './signal-hub.js';
import { loadSavedStore, prepareSnapshotPath } from './snapshot-file.js';
import { startAcme } from './start-acme.js';
import { giveTrackerState, refuseLinks } from './state-paths.js';
import type { SocketTask, WorkerTask } from './task.js';
import { TrackerLists } from './tracker-lists.js';
import { reserveTrackerMemory } from './tracker-memory.js';
import { TrackerSource } from './tracker-source.js';
import { WorkerFailedError, WorkerHandle } from './worker-handle.js';

/** Connection ids are good for at most 210 s, and for as long as their key is one of the last two. */
const KEY_ROTATION_MS = 10 * 60 * 1000;
/** How often a start looks for free ports, where it may choose them. */
const PORT_TRIES = 5;
/** How long socket workers may take to finish what is in flight; the frontends' own bound is less. */
const SOCKET_STOP_MS = 8_000;
/** How long the cluster worker may take to tell what it has, and to save its own. */
const CLUSTER_STOP_MS = 5_000;
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
  /** Of a tracker that stands alone. */
  #lists: TrackerLists | undefined;
  #admin: AdminServer | undefined;
  #acme: AcmeKeeper | undefined;
  #sockets: WorkerHandle[] = [];
  #tasks: readonly SocketTask[] = [];
  #tuning: LiveTuning | undefined;
  #keeper: WorkerHandle | undefined;
  #cluster: WorkerHandle | undefined;
  /** Between the threads that have something to say about web peers. */
  readonly #signals = new SignalHub();
  /** Called with each report of the cluster worker. */
  #onCluster: (report: ClusterReport) => void = () => {};
  /** Ends the wait for the cluster, if there is one. */
  #endWait: () => void = () => {};
  readonly #late: LateWorkers;
  /** What HTTP workers were told last of it: one that starts later has to know as well. */
  #challenges: MainMessage | undefined;
  /** The last save, if there was one, did what it should. */
  #saved = true;
  #startFailure: WorkerFailedError | undefined;
  /** `#stop` runs: nothing new begins. */
  #ending = false;
  /** Told to HTTP workers, those that start later too. */
  #bound: MainMessage | undefined;
  #keyTimer: NodeJS.Timeout | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #end: ((exitCode: number) => void) | undefined;
  /** Resolves to the exit code when the node has ended, for whatever reason. */
  readonly ended = new Promise<number>((resolve) => {
    this.#end = resolve;
  });

  constructor(config: Config, { logger, workerScript }: TrackerNodeDependencies) {
    this.#config = config;
    this.#logger = logger;
    this.#workerScript = workerScript;
    this.#late = new LateWorkers({
      logger,
      start: (task, onFailed) => this.#startWorker(task, onFailed),
      onStart: (worker) => this.#joinLate(worker),
      onLost: (worker) => {
        this.#sockets = this.#sockets.filter((other) => other !== worker);
      },
      onFailed: (task, error) => this.#workerFailed(task, error),
    });
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
    this.#endWait();
    return this.#stopping;
  }

  /** Reads again what an operator may change while it runs: lists of info hashes, the certificate. */
  reload(): void {
    if (this.#ending) return;
    const readsCertificate = this.#config.https.listen.length > 0;
    if (readsCertificate) this.#tellHttp({ type: 'reload' });
    else if (this.#lists === undefined) this.#logger.info('nothing is read again here');
    void this.#lists?.reload();
  }

  #tellHttp(message: MainMessage): void {
    if (message.type === 'challenges') this.#challenges = message;
    for (const worker of this.#sockets) if (worker.task.kind === 'http') worker.tell(message);
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
    if (user !== undefined) refuseLinks(config.data);
    const snapshotPath = prepareSnapshotPath(config.data);
    const membership = await Membership.find(config, { clock: this.#clock, logger: this.#logger });
    const io = this.#chooseIo();
    const memory = reserveTrackerMemory(config, io, membership?.digestKey);
    if (io === 'fast') this.#adviseHugePages(memory);
    const keyRing = createKeyRing();
    membership?.installKeys(keyRing);
    const source = new TrackerSource(config.name, { memory, clock: this.#clock });
    this.#source = source;
    await this.#loadLists(source.store, memory, membership !== undefined);
    this.#tuning = new LiveTuning(config, join(dirname(snapshotPath), TUNING_FILE), {
      memory,
      clock: this.#clock,
      logger: this.#logger,
    });
    this.#tuning.restore();
    source.load = () => this.#tuning?.view();
    loadSavedStore(source.store, snapshotPath, config.announce.peerTtlSeconds, {
      clock: this.#clock,
      logger: this.#logger,
    });
    const live = this.#tuning.memory;
    const startedMs = this.#clock.wallMs();
    const origin = { node: membership?.identity.nodeId ?? NO_NODE, epoch: webEpoch(startedMs) };
    const inputs: PlanInputs = { config, memory, keyRing, live, snapshotPath, origin };
    if (membership !== undefined) {
      // Before clients are served: what they change from then on is told to others.
      this.#cluster = this.#startWorker(membership.task(memory, { keyRing, live, startedMs }));
      await this.#cluster.started;
    }
    // The threads load their modules while this one loads those of the admin listener.
    this.#keeper = this.#startWorker(keeperTask(inputs));
    const serve = () => this.#serve(inputs, io, user);
    const sockets = inTurn(listenPorts(config), serve);
    sockets.catch(() => {});
    const admin = await this.#startAdmin(source);
    const bound = await sockets;
    this.#tuning.watch(this.#tasks, { alone: membership === undefined });
    await this.#keeper.started;
    const told = membership?.addresses(bound);
    if (told !== undefined) this.#cluster?.tell({ type: 'addresses', addresses: told });
    this.#bound = { type: 'bound', bound };
    this.#tellHttp(this.#bound);
    source.setAddresses(bound, told ?? announceUrls(bound, config, likelyAddresses()));
    const means = { clock: this.#clock, logger: this.#logger };
    this.#acme = await startAcme(config, { ...means, tellHttp: (word) => this.#tellHttp(word) });
    if (user !== undefined) {
      // Afterwards our files may be out of reach.
      await this.#admin?.load();
      this.#becomeUser(user);
    }
    if (membership === undefined) {
      const ring = new KeyRingWriter(keyRing);
      this.#keyTimer = setInterval(() => ring.rotate(), KEY_ROTATION_MS).unref();
    } else {
      await this.#catchUp(config.cluster.readyWaitSeconds * 1000);
    }
    // A worker that started may have died while the others did.
    if (this.#startFailure !== undefined) throw this.#startFailure;
    if (this.#stopping !== undefined) return;
    source.serving = true;
    this.#logger.info({ ...bound, admin, io, pid: process.pid, data: config.data }, 'ready');
  }

  /** Before the saved store: what it has of denied swarms is not to come back. */
  async #loadLists(store: SwarmStore, memory: StoreMemory, inCluster: boolean): Promise<void> {
    const { lists } = this.#config;
    assert(memory.lists !== undefined, 'a tracker has lists');
    if (inCluster) {
      const means = { clock: this.#clock, log: new LoggerSink(this.#logger) };
      await loadMemberLists(join(this.#config.data, 'tracker'), memory.lists, means);
      if (lists.denyFile === '' && lists.allowFile === '') return;
      const text =
        'lists.denyFile and lists.allowFile are not read: in a cluster, minders keep the lists';
      this.#logger.warn(text);
      return;
    }
    const means = { store, memory: memory.lists, clock: this.#clock, logger: this.#logger };
    this.#lists = new TrackerLists(lists, means);
    await this.#lists.load();
  }

  /** What the configuration wants and the machine has. */
  #chooseIo(): Io {
    if (this.#config.io === 'portable') return 'portable';
    const loaded = loadSys();
    if (loaded.ok) return 'fast';
    const { reason } = loaded;
    this.#logger.warn({ reason }, 'no fast socket path here: the portable one serves');
    return 'portable';
  }

  /** With system calls at hand, the store is asked to lie in large pages, before it is touched. */
  #adviseHugePages({ index, records, segments }: StoreMemory): void {
    const loaded = loadSys();
    if (!loaded.ok) return;
    for (const part of [index, records, ...segments]) adviseHugePages(loaded.sys, part);
  }

  /** Waits until this tracker holds what the others hold, or no longer than that. */
  async #catchUp(timeoutMs: number): Promise<void> {
    if (this.#source?.caughtUp === true || this.#stopping !== undefined) return;
    const startMs = performance.now();
    const progress = new ProgressLine('joining the cluster', { output: process.stderr });
    let timer: NodeJS.Timeout | undefined;
    const caughtUp = await new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, false);
      this.#onCluster = ({ caughtUp: done, view }) => {
        // What the others hold is the end, as far as anybody knows it.
        const [own = 0, ...others] = view.nodes.map(({ peers }) => peers);
        progress.show(`${own} peers`, own / Math.max(1, own, ...others));
        if (done) resolve(true);
      };
      this.#endWait = () => resolve(false);
    });
    clearTimeout(timer);
    this.#onCluster = () => {};
    progress.clear();
    this.#endWait = () => {};
    if (this.#stopping !== undefined || this.#startFailure !== undefined) return;
    const seconds = Math.round(performance.now() - startMs) / 1000;
    if (caughtUp) this.#logger.info({ seconds }, 'caught up with the cluster');
    else this.#logger.warn({ seconds }, 'serving without having caught up with the cluster');
  }

  /**
   * Starts the socket workers and returns what they bound. A port that the system chose is free when
   * it is chosen, and may be somebody else's a moment later: then another is chosen.
   */
  async #serve(inputs: PlanInputs, io: Io, user: UserIds | undefined): Promise<BoundSockets> {
    for (let left = listenPorts(inputs.config).includes(0) ? PORT_TRIES : 1; ; left--) {
      const tasks = await socketTasks(inputs, io);
      // Most clients are plain, and a thread is 15 MB. As another user we might not read its files.
      const isLate = (task: WorkerTask) => user === undefined && isIdleAtFirst(task);
      try {
        const bound = await this.#startSockets(
          tasks.filter((task) => !isLate(task)),
          left > 1,
        );
        this.#source?.setWorkers(tasks);
        this.#tasks = tasks;
        for (const task of tasks.filter(isLate)) this.#late.add(task);
        return bound;
      } catch (error) {
        if (left === 1 || !isPortTaken(error)) throw error;
        await Promise.all(this.#sockets.map((worker) => worker.stop(EMERGENCY_SOCKET_STOP_MS)));
      }
    }
  }

  /** Starts the socket workers and returns what they bound, for the `ready` line. */
  async #startSockets(tasks: readonly WorkerTask[], mayTryAgain: boolean): Promise<BoundSockets> {
    this.#sockets = tasks.map((task) =>
      this.#startWorker(task, (error) => {
        if (mayTryAgain && isPortTaken(error)) return;
        this.#workerFailed(task, error);
      }),
    );
    const results = await Promise.allSettled(this.#sockets.map((worker) => worker.started));
    return boundSockets(
      results.map((result) => {
        if (result.status === 'rejected') throw result.reason;
        return result.value;
      }),
    );
  }

  #startWorker(
    task: WorkerTask,
    onFailed = (error: WorkerFailedError) => this.#workerFailed(task, error),
  ): WorkerHandle {
    const listeners = {
      log: new LoggerSink(this.#logger),
      onSaved: (report: SaveReport) => this.#noteSave(report),
      onBusiest: (report: BusiestReport) => this.#source?.noteBusiest(report),
      onHandOver: (name: string) => this.#late.start(name),
      onCluster: (report: ClusterReport) => {
        this.#source?.noteCluster(report);
        this.#onCluster(report);
      },
      onFailed,
    };
    const worker = new WorkerHandle(task, listeners, this.#workerScript);
    this.#signals.join(worker);
    return worker;
  }

  #joinLate(worker: WorkerHandle): void {
    if (this.#challenges !== undefined) worker.tell(this.#challenges);
    if (this.#bound !== undefined) worker.tell(this.#bound);
    this.#sockets.push(worker);
  }

  async #startAdmin(source: TrackerSource): Promise<string> {
    if (this.#config.admin.listen === 'off') return 'off';
    this.#admin = await makeAdmin(this.#config, 'tracker', { logger: this.#logger, source });
    return this.#admin.start();
  }

  #becomeUser(user: UserIds): void {
    giveTrackerState(user, this.#config.data);
    becomeUser(user);
    // A key that this user may not read is to be told of now, not when it is renewed.
    if (this.#config.https.listen.length > 0) this.#tellHttp({ type: 'reload' });
  }

  #noteSave(report: SaveReport): void {
    this.#source?.noteSave(report);
    const { ok, reason, ...figures } = report;
    this.#saved = ok;
    if (ok) {
      this.#cluster?.tell({ type: 'storeSaved' });
      this.#logger.debug(figures, 'saved');
    } else this.#logger.error({ reason }, 'saving the store failed; the last good file is kept');
  }

  /** A worker died: the process goes down, with its name and reason, after saving what can be saved. */
  #workerFailed(task: WorkerTask, error: WorkerFailedError): void {
    // While starting, `start` throws the error; while stopping, nothing is left to lose.
    if (this.#stopping !== undefined) return;
    if (this.#source?.serving !== true) {
      this.#startFailure ??= error;
      this.#endWait();
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

  /** Once: a signal may come while a start that failed is undone. `keeperMs` 0: without a last save. */
  #stop(limits: { socketsMs: number; keeperMs: number }): Promise<void> {
    this.#stopped ??= this.#stopAll(limits);
    return this.#stopped;
  }

  /** Everything in reverse order. */
  async #stopAll({ socketsMs, keeperMs }: { socketsMs: number; keeperMs: number }): Promise<void> {
    if (this.#source !== undefined) this.#source.serving = false;
    // Before anybody is refused: no client is to be sent here any more.
    this.#cluster?.tell({ type: 'leave' });
    clearInterval(this.#keyTimer);
    this.#tuning?.stop();
    this.#late.stop();
    this.#ending = true;
    this.#acme?.stop();
    await this.#lists?.stop();
    const inTime = await Promise.all(this.#sockets.map((worker) => worker.stop(socketsMs)));
    const stuck = this.#sockets.some(({ task }, i) => !inTime[i] && this.#diedInsideStore(task));
    if (stuck) this.#logger.error('a worker is stuck inside the store: it is not saved');
    // After the sockets, so that it tells everything, and before the last save.
    await this.#cluster?.stop(Math.min(CLUSTER_STOP_MS, socketsMs));
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

/** True when a worker found its port in use. */
function isPortTaken(error: unknown): boolean {
  return error instanceof WorkerFailedError && error.code === 'address_in_use';
}
