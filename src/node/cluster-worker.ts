/**
 * The cluster worker: the thread that tells other trackers what this one heard, takes in what they
 * heard, and keeps this node a member. It wires the replicator to the bus, to the minder and to the
 * files that must outlive the process.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { COUNTER_KEY_BYTES, type DownloadCounters } from '../cluster/download-counters.js';
import { loadDownloads, saveDownloads } from '../cluster/downloads-file.js';
import type { Identity } from '../cluster/identity.js';
import { IdentityKeeper } from '../cluster/identity-keeper.js';
import { type BusAccess, NatsTransport } from '../cluster/nats-transport.js';
import type { Origins } from '../cluster/origins.js';
import { openOrigins } from '../cluster/origins-file.js';
import { Replicator } from '../cluster/replicator.js';
import { assert } from '../lib/assert.js';
import { Prng } from '../lib/prng.js';
import { inboxPrefix } from '../minder/bus-permissions.js';
import {
  CONTROL_ALL,
  CONTROL_VERSION,
  type ControlRequest,
  controlRequestSubject,
  controlSubject,
  decodeSettings,
  encodeControl,
} from '../protocol/cluster/control.js';
import { ChangeRingReader } from '../swarm/change-ring.js';
import type { ReplicationMemory } from '../swarm/replication-memory.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { KeyRingWriter } from '../tracker/key-ring.js';
import { clusterReport, type ReportSources } from './cluster-report.js';
import { ringKeys } from './membership.js';
import type { MainMessage } from './message.js';
import { randomSeed } from './random-seed.js';
import type { ClusterTask } from './task.js';
import type { RunningWorker, WorkerContext } from './worker-context.js';

/** A change waits for half of this on average before it joins a batch. */
const TICK_MS = 5;
/** The same where nothing has changed for a while: 200 looks a second would be most of its work. */
const IDLE_TICK_MS = 20;
const IDLE_AFTER_MS = 1_000;
/** How often the minder is asked at most whether we are still a member. */
const MEMBERSHIP_MS = 30_000;
const REPORT_MS = 1_000;

export async function startCluster(
  task: ClusterTask,
  context: WorkerContext,
): Promise<RunningWorker> {
  // Otherwise loaded at the first renewal: it is 10 MB.
  if (task.preload) await import('../cluster/enrolment-keys.js');
  const worker = new ClusterWorker(task, context);
  worker.start();
  return worker;
}

class ClusterWorker implements RunningWorker {
  readonly #task: ClusterTask;
  readonly #context: WorkerContext;
  readonly #origins: Origins;
  readonly #counters: DownloadCounters;
  readonly #transport: NatsTransport;
  readonly #replicator: Replicator;
  readonly #keeper: IdentityKeeper;
  readonly #sources: ReportSources;
  /** Of this tracker; the replicator tells them from when they are known. */
  readonly #addresses: string[] = [];
  readonly #keyRing: KeyRingWriter;
  readonly #downloadsPath: string;
  /** Of the settings that were taken last. */
  #revision: number;
  #timer: NodeJS.Timeout | undefined;
  #reportMs = 0;
  /** When something was last told or heard. */
  #busyMs = 0;
  #isStopped = false;
  /** Times that the bus turned us away, when we last asked why; and when we may ask again. */
  #unauthorized = 0;
  #membershipMs = 0;
  #isRevoked = false;
  #saidCaughtUp = false;

  constructor(task: ClusterTask, context: WorkerContext) {
    const { identity, settings } = task;
    const { clock, log } = context;
    const { replication } = task.memory;
    assert(replication !== undefined, 'a member has memory for replication');
    this.#task = task;
    this.#context = context;
    this.#revision = identity.revision;
    this.#keyRing = new KeyRingWriter(task.keyRing);
    this.#downloadsPath = join(task.directory, 'downloads');
    this.#origins = this.#openOrigins();
    this.#counters = this.#loadDownloads();
    this.#transport = new NatsTransport(
      {
        ...accessOf(identity),
        name: identity.nodeId,
        inboxPrefix: inboxPrefix(identity.nodeId),
        // The replicator pauses earlier; this is for what does not wait.
        unconfirmedBytesMax: 2 * settings.unconfirmedBytesMax,
      },
      { log },
    );
    const store = new SwarmStore(task.memory, { thread: task.thread, seed: randomSeed() });
    this.#replicator = new Replicator(
      {
        id: identity.nodeId,
        name: task.node.name,
        epoch: clock.wallMs(),
        addresses: this.#addresses,
        flushMs: settings.flushMs,
        batchRingBytesMax: settings.recentBytesMax,
        unconfirmedBytesMax: settings.unconfirmedBytesMax,
        clockOffsetMaxMs: settings.clockOffsetMaxMs,
      },
      {
        store,
        changeRings: changeRings(replication),
        transport: this.#transport,
        clock,
        random: new Prng(randomSeed()),
        origins: this.#origins,
        counters: this.#counters,
        log,
      },
    );
    this.#sources = {
      replicator: this.#replicator,
      transport: this.#transport,
      origins: this.#origins,
      memory: replication,
    };
    this.#keeper = new IdentityKeeper(
      { path: task.identityPath, identity, node: task.node },
      {
        clock,
        log,
        onRenewed: (renewed) => this.#transport.update(accessOf(renewed)),
        onRefused: () => this.#leave(),
      },
    );
  }

  start(): void {
    const { nodeId } = this.#task.identity;
    const hear = (_subject: string, payload: Uint8Array) => this.#takeSettings(payload);
    this.#transport.subscribe(CONTROL_ALL, hear);
    this.#transport.subscribe(controlSubject(nodeId), hear);
    this.#transport.onConnection((connected) => {
      if (connected) this.#askForSettings();
    });
    this.#replicator.start();
    this.#keeper.start();
    this.#plan(TICK_MS);
    this.#report();
    this.#context.send({ type: 'started', started: {} });
  }

  hear(message: MainMessage): void {
    if (message.type === 'addresses') this.#addresses.push(...message.addresses);
    // At the next start these counts are believed over the store's: they must not be older.
    if (message.type === 'storeSaved') this.#saveDownloads();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#replicator.stop();
    this.#saveDownloads();
    await Promise.all([this.#transport.close(), this.#keeper.stop()]);
  }

  #plan(ms: number): void {
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#tick(), ms);
  }

  #tick(): void {
    const { clock } = this.#context;
    const { counters: tally } = this.#replicator;
    const before = tally.changes + tally.batchesReceived;
    const hasMore = this.#replicator.tick();
    const nowMs = clock.monotonicMs();
    if (hasMore || tally.changes + tally.batchesReceived !== before) this.#busyMs = nowMs;
    const hasNews = this.#replicator.caughtUp && !this.#saidCaughtUp;
    if (nowMs >= this.#reportMs || hasNews) this.#report();
    this.#checkMembership(nowMs);
    // Between two ticks messages are let in, however much there is to do.
    const isIdle = nowMs - this.#busyMs > IDLE_AFTER_MS;
    this.#plan(hasMore ? 0 : isIdle ? IDLE_TICK_MS : TICK_MS);
  }

  #report(): void {
    this.#reportMs = this.#context.clock.monotonicMs() + REPORT_MS;
    const report = clusterReport(this.#sources, { isRevoked: this.#isRevoked });
    this.#saidCaughtUp = report.caughtUp;
    this.#context.send({ type: 'cluster', report });
  }

  #takeSettings(payload: Uint8Array): void {
    const settings = decodeSettings(payload);
    if (settings === undefined) return;
    // Whatever the revision: peers of a node that was revoked while we were away may lie in our files.
    for (const id of settings.revoked) this.#replicator.revoke(id);
    if (settings.revision <= this.#revision) return;
    this.#revision = settings.revision;
    this.#keyRing.install(ringKeys(settings.keyRing));
    this.#keeper.noteSettings(settings);
  }

  /** Asks whether we are still a member when the bus turns us away: we may have been revoked. */
  #checkMembership(nowMs: number): void {
    // It knows: asking again would only change its keys again.
    if (this.#isRevoked) return;
    const { lost, turnedAway } = this.#transport.counters;
    // A node that was away when it was revoked, or starts again, has no connection to lose.
    const unauthorized = lost.unauthorized + turnedAway;
    if (unauthorized === this.#unauthorized || nowMs < this.#membershipMs) return;
    this.#unauthorized = unauthorized;
    this.#membershipMs = nowMs + MEMBERSHIP_MS;
    void this.#keeper.renewNow();
  }

  /** This node was thrown out. It serves on by itself, with keys that only it knows. */
  #leave(): void {
    this.#isRevoked = true;
    this.#keyRing.rotate();
    this.#keyRing.rotate();
    this.#report();
  }

  #askForSettings(): void {
    const request: ControlRequest = {
      version: CONTROL_VERSION,
      type: 'settings_wanted',
      revision: this.#revision,
    };
    const subject = controlRequestSubject(this.#task.identity.nodeId);
    this.#transport.publish(subject, encodeControl(request));
  }

  #openOrigins(): Origins {
    const path = join(this.#task.directory, 'origins.json');
    const self = this.#task.identity.nodeId;
    const wallMs = this.#context.clock.wallMs();
    const { origins, aside } = openOrigins(path, { self, wallMs }, this.#context);
    if (aside !== undefined) {
      this.#context.log.log(
        'error',
        'the table of origins is damaged: set aside, and who heard the saved peers is not known',
        { path, aside },
      );
    }
    return origins;
  }

  #loadDownloads(): DownloadCounters {
    const path = this.#downloadsPath;
    const { counters, damaged } = loadDownloads(
      path,
      {
        countersMax: this.#task.settings.downloadCountsMax,
        freshKey: randomBytes(COUNTER_KEY_BYTES),
        wallMs: this.#context.clock.wallMs(),
      },
      { origins: this.#origins },
    );
    if (damaged !== undefined) {
      this.#context.log.log(
        'error',
        'the download counts are damaged: set aside, and learnt anew from the other trackers',
        { path, ...damaged },
      );
    }
    return counters;
  }

  #saveDownloads(): void {
    try {
      saveDownloads(this.#counters, this.#downloadsPath, { origins: this.#origins });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#context.log.log('error', 'saving the download counts failed', { reason });
    }
  }
}

/** How an identity reaches the bus. */
function accessOf({ bus, ca, certificate, key }: Identity): BusAccess {
  return {
    servers: bus.urls,
    tls: bus.external ? {} : { ca, cert: certificate, key, minder: true },
    credentials: { jwt: bus.jwt, seed: bus.seed },
  };
}

/** The reading ends of all threads' rings. */
function changeRings(replication: ReplicationMemory): ChangeRingReader[] {
  const threads = Array.from({ length: replication.threads }, (_, i) => i + 1);
  return threads.map((thread) => new ChangeRingReader(replication, thread));
}
