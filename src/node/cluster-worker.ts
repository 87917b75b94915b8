/**
 * The cluster worker: the thread that tells other trackers what this one heard, takes in what they
 * heard, and keeps this node a member. It wires the replicator to the bus, to the minder and to the
 * files that must outlive the process.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChallengeTaker } from '../cluster/challenge-taker.js';
import { TuningKeeper } from '../cluster/cluster-tuning.js';
import { COUNTER_KEY_BYTES, type DownloadCounters } from '../cluster/download-counters.js';
import { loadDownloads, saveDownloads } from '../cluster/downloads-file.js';
import type { Identity } from '../cluster/identity.js';
import { IdentityKeeper } from '../cluster/identity-keeper.js';
import { type BusAccess, NatsTransport } from '../cluster/nats-transport.js';
import type { Origins } from '../cluster/origins.js';
import { openOrigins } from '../cluster/origins-file.js';
import { Replicator } from '../cluster/replicator.js';
import { TUNING_FILE } from '../cluster/tuning-file.js';
import { assert } from '../lib/assert.js';
import { Prng } from '../lib/prng.js';
import { reasonOf } from '../lib/reason.js';
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
import { canTellAddress } from '../protocol/cluster/heartbeat.js';
import { ChangeRingReader } from '../swarm/change-ring.js';
import type { ReplicationMemory } from '../swarm/replication-memory.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { KeyRingWriter } from '../tracker/key-ring.js';
import { LiveSettings } from '../tracker/live-settings.js';
import { PeerLife } from '../tracker/peer-life.js';
import { clusterReport, type ReportSources } from './cluster-report.js';
import { ClusterSignals } from './cluster-signals.js';
import { MemberLists } from './member-lists.js';
import { ringKeys } from './membership.js';
import type { MainMessage } from './message.js';
import { peerLifeOptions } from './peer-life-options.js';
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
/** Without any bus for so long, minders are asked where it is; then ever more rarely. */
const BUS_AWAY_MS = 30_000;
const BUS_AWAY_MS_MAX = 600_000;
const REPORT_MS = 1_000;
/** Lists may take this much of a tick: changes of peers are not to wait for longer. */
const LISTS_MS = 2;

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
  readonly #tuning: TuningKeeper;
  readonly #lists: MemberLists;
  readonly #challenges: ChallengeTaker;
  readonly #signals: ClusterSignals;
  readonly #downloadsPath: string;
  #timer: NodeJS.Timeout | undefined;
  #reportMs = 0;
  /** When something was last told or heard. */
  #busyMs = 0;
  #isStopped = false;
  /** Times that the bus turned us away, when we last asked why; and when we may ask again. */
  #unauthorized = 0;
  #membershipMs = 0;
  /** When minders are asked where the bus is, on the monotonic clock, unless it is there by then. */
  #lostMs: number;
  /** How long after that again. */
  #awayMs = BUS_AWAY_MS;
  #isRevoked = false;
  #saidCaughtUp = false;

  constructor(task: ClusterTask, context: WorkerContext) {
    const { identity, settings } = task;
    const { clock, log } = context;
    const { replication, lists, probeAnswers } = task.memory;
    assert(replication !== undefined, 'a member has memory for replication');
    assert(lists !== undefined && probeAnswers !== undefined, 'and for what minders say');
    this.#task = task;
    this.#context = context;
    this.#lostMs = clock.monotonicMs() + BUS_AWAY_MS;
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
    this.#tuning = this.#openTuning();
    this.#signals = new ClusterSignals(
      { id: identity.nodeId, bytesPerSecond: task.signalBytesPerSecond },
      { transport: this.#transport, clock },
    );
    this.#challenges = new ChallengeTaker({ memory: probeAnswers }, { clock });
    this.#lists = new MemberLists(
      {
        id: identity.nodeId,
        directory: task.directory,
        mode: task.listMode,
        clusterMode: this.#tuning.listMode,
      },
      {
        store,
        memory: lists,
        transport: this.#transport,
        clock,
        random: new Prng(randomSeed()),
        log,
      },
    );
    this.#tuning.onListMode = (mode) => this.#lists.setMode(mode);
    this.#replicator = new Replicator(
      {
        id: identity.nodeId,
        name: task.node.name,
        software: task.node.software,
        epoch: task.startedMs,
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
        service: this.#tuning,
      },
    );
    this.#replicator.announceState(this.#tuning.state);
    this.#tuning.onState = (state) => this.#replicator.announceState(state);
    this.#sources = {
      replicator: this.#replicator,
      transport: this.#transport,
      origins: this.#origins,
      memory: replication,
      signals: this.#signals,
    };
    this.#keeper = new IdentityKeeper(
      { path: task.identityPath, identity, node: task.node, joinUrl: settings.join },
      {
        clock,
        log,
        onRenewed: (renewed) => this.#transport.update(accessOf(renewed)),
        onServers: ({ bus, directory }) =>
          this.#transport.setServers(bus.urls, groupsOf(directory)),
        onRefused: () => this.#leave(),
      },
    );
  }

  start(): void {
    const { nodeId } = this.#task.identity;
    const hear = (subject: string, payload: Uint8Array) => {
      if (this.#lists.hear(subject, payload) || this.#challenges.take(payload)) return;
      this.#takeSettings(payload);
    };
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
    if (message.type === 'signals') this.#signals.connect(message.thread, message.end);
    if (message.type === 'addresses') this.#tell(message.addresses);
    if (message.type === 'leave') this.#replicator.leave();
    // At the next start these counts are believed over the store's: they must not be older.
    if (message.type === 'storeSaved') this.#saveDownloads();
  }

  /** Some paths cannot be told, `/{key}/announce` for one: nobody would hear of the other addresses. */
  #tell(addresses: readonly string[]): void {
    this.#addresses.push(...addresses.filter(canTellAddress));
    const left = addresses.filter((address) => !canTellAddress(address));
    if (left.length === 0) return;
    const text =
      'the cluster is not told of addresses that are too long or have unusual characters';
    this.#context.log.log('warn', text, { addresses: left.join(' ') });
  }

  async stop(): Promise<void> {
    await sleep(this.#replicator.leave());
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#signals.close();
    this.#replicator.stop();
    this.#saveDownloads();
    await Promise.all([this.#transport.close(), this.#keeper.stop(), this.#lists.close()]);
  }

  #plan(ms: number): void {
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#tick(), ms);
  }

  #tick(): void {
    const { clock } = this.#context;
    const { counters: tally } = this.#replicator;
    const before = tally.changes + tally.batchesReceived;
    const hasWork = this.#replicator.tick();
    const hasMore = this.#lists.tick(LISTS_MS) || hasWork;
    const nowMs = clock.monotonicMs();
    if (hasMore || tally.changes + tally.batchesReceived !== before) this.#busyMs = nowMs;
    const hasNews = this.#replicator.caughtUp && this.#lists.isKnown && !this.#saidCaughtUp;
    if (nowMs >= this.#reportMs || hasNews) this.#report();
    this.#checkMembership(nowMs);
    // Between two ticks messages are let in, however much there is to do.
    const isIdle = nowMs - this.#busyMs > IDLE_AFTER_MS;
    this.#plan(hasMore ? 0 : isIdle ? IDLE_TICK_MS : TICK_MS);
  }

  #report(): void {
    this.#reportMs = this.#context.clock.monotonicMs() + REPORT_MS;
    this.#tuning.tick();
    const report = clusterReport(this.#sources, {
      isRevoked: this.#isRevoked,
      listsKnown: this.#lists.isKnown,
      certificateEndMs: this.#keeper.identity.expiresWallMs,
    });
    this.#saidCaughtUp = report.caughtUp;
    this.#context.send({ type: 'cluster', report });
  }

  #takeSettings(payload: Uint8Array): void {
    const settings = decodeSettings(payload);
    if (settings === undefined) return;
    // Whatever the revision: peers of a node that was revoked while we were away may lie in our files.
    for (const id of settings.revoked) this.#replicator.revoke(id);
    // Its parts have versions of their own.
    this.#tuning.take(settings);
    this.#lists.hearSettings(settings);
    const isNewRing = this.#keeper.noteSettings(settings);
    // A node that was thrown out keeps keys of its own.
    if (isNewRing && !this.#isRevoked) this.#keyRing.install(ringKeys(settings.keyRing));
  }

  /**
   * Asks whether we are still a member when the bus turns us away: we may have been revoked. And
   * where the bus is when none has been there for a while: it may have moved, with its minder.
   */
  #checkMembership(nowMs: number): void {
    // It knows: asking again would only change its keys again.
    if (this.#isRevoked) return;
    const { connected, counters } = this.#transport;
    const { lost, turnedAway } = counters;
    // A node that was away when it was revoked, or starts again, has no connection to lose.
    const unauthorized = lost.unauthorized + turnedAway;
    if (connected) {
      this.#lostMs = nowMs + BUS_AWAY_MS;
      this.#awayMs = BUS_AWAY_MS;
    }
    const isLost = nowMs >= this.#lostMs;
    if ((unauthorized === this.#unauthorized && !isLost) || nowMs < this.#membershipMs) return;
    this.#unauthorized = unauthorized;
    // What fails is tried again by the keeper; an answer that was no help is not worth many more.
    if (isLost) {
      this.#awayMs = Math.min(BUS_AWAY_MS_MAX, 2 * this.#awayMs);
      this.#lostMs = nowMs + this.#awayMs;
    }
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
      revision: this.#keeper.identity.revision,
    };
    const subject = controlRequestSubject(this.#task.identity.nodeId);
    this.#transport.publish(subject, encodeControl(request));
  }

  #openTuning(): TuningKeeper {
    const { live, announce, memory, directory, identity } = this.#task;
    const { clock, log } = this.#context;
    const control = new Int32Array(memory.control);
    return new TuningKeeper(
      { path: join(directory, TUNING_FILE), nodeId: identity.nodeId },
      {
        live: new LiveSettings(live, announce),
        life: new PeerLife(peerLifeOptions({ announce }, memory), { control, clock }),
        clock,
        log,
      },
    );
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
      const reason = reasonOf(error);
      this.#context.log.log('error', 'saving the download counts failed', { reason });
    }
  }
}

/** How an identity reaches the bus. */
function accessOf({ bus, ca, certificate, key, directory }: Identity): BusAccess {
  return {
    servers: bus.urls,
    groups: groupsOf(directory),
    tls: bus.external ? {} : { ca, cert: certificate, key, minder: true },
    credentials: { jwt: bus.jwt, seed: bus.seed },
  };
}

/** Addresses that lead to one bus server. */
function groupsOf(directory: Identity['directory']): string[][] {
  return (directory ?? []).map(({ bus }) => bus);
}

/** The reading ends of all threads' rings. */
function changeRings(replication: ReplicationMemory): ChangeRingReader[] {
  const threads = Array.from({ length: replication.threads }, (_, i) => i + 1);
  return threads.map((thread) => new ChangeRingReader(replication, thread));
}
