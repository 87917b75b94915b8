/**
 * The keeper: the thread that expires peers a bit at a time, saves the store, and says when it is
 * full. Its walk over the store finds the busiest swarms as well.
 */
import { RateGate, SWALLOWED } from '../lib/rate-gate.js';
import { reasonOf } from '../lib/reason.js';
import { BusiestSwarms } from '../swarm/busiest.js';
import { Expiry } from '../swarm/expiry.js';
import { type SnapshotResult, saveSnapshot } from '../swarm/snapshot-writer.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { storeTotals } from '../swarm/totals.js';
import { SLOTS_PER_PEER } from '../swarm/walk.js';
import { randomSeed } from './random-seed.js';
import type { KeeperTask } from './task.js';
import type { RunningWorker, WorkerContext } from './worker-context.js';

/** A pass is spread over so many ticks, which come at least once a second. */
const TICKS_PER_PASS = 32;
const TICK_MS_MAX = 1_000;
/** Peers looked at under one lock: some tens of microseconds. */
const STEP_PEERS = 1_000;
/** A whole pass over the store takes an eighth of the time that peers live, within these bounds. */
const PASS_SECONDS_MIN = 0.5;
const PASS_SECONDS_MAX = 30;
const FULL_LOG_SECONDS = 60;
/** A shard that stays locked for so long is locked by a thread that died. */
const LOCK_TIMEOUT_MS = 5_000;

export function startKeeper(task: KeeperTask, context: WorkerContext): RunningWorker {
  const keeper = new Keeper(task, context);
  keeper.start();
  return keeper;
}

class Keeper implements RunningWorker {
  readonly #task: KeeperTask;
  readonly #context: WorkerContext;
  readonly #store: SwarmStore;
  readonly #busiest: BusiestSwarms;
  readonly #expiry: Expiry;
  readonly #fullGate: RateGate;
  readonly #passSeconds: number;
  readonly #tickMs: number;
  #timer: NodeJS.Timeout | undefined;
  #nextSaveSeconds = 0;
  #droppedFullSaid = 0;
  /** The file is that of an empty store: no need to save that again. */
  #savedEmpty = false;

  constructor(task: KeeperTask, context: WorkerContext) {
    this.#task = task;
    this.#context = context;
    this.#store = new SwarmStore(task.memory, { thread: task.thread, seed: randomSeed() });
    this.#busiest = new BusiestSwarms(task.busiestMax);
    this.#expiry = new Expiry(this.#store, task, this.#busiest);
    this.#passSeconds = Math.min(
      PASS_SECONDS_MAX,
      Math.max(PASS_SECONDS_MIN, task.peerTtlSeconds / 8),
    );
    this.#tickMs = Math.min(TICK_MS_MAX, (this.#passSeconds * 1000) / TICKS_PER_PASS);
    this.#fullGate = new RateGate({ intervalSeconds: FULL_LOG_SECONDS }, context);
  }

  start(): void {
    this.#nextSaveSeconds = this.#context.clock.monotonicSeconds() + this.#task.saveSeconds;
    this.#timer = setInterval(() => this.#tick(), this.#tickMs);
    this.#context.send({ type: 'started', started: {} });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#setTime();
    this.#save();
  }

  #tick(): void {
    this.#setTime();
    this.#expire();
    this.#sayFull();
    if (this.#store.seconds < this.#nextSaveSeconds) return;
    this.#nextSaveSeconds = this.#store.seconds + this.#task.saveSeconds;
    const { peers, swarms } = storeTotals(this.#store);
    if (peers + swarms === 0 && this.#savedEmpty) return;
    const saved = this.#save();
    this.#savedEmpty = saved?.swarms === 0;
  }

  #setTime(): void {
    const { clock } = this.#context;
    this.#store.setTime(clock.monotonicSeconds(), clock.wallMs());
  }

  /** Looks at this tick's share of the store. */
  #expire(): void {
    const { limits, index } = this.#store;
    const slots = limits.shards * index.slotsTotal;
    const peers = storeTotals(this.#store).peers + slots / SLOTS_PER_PEER;
    // A step ends with its shard, so a pass is no fewer steps than there are shards.
    const stepsPerPass = peers / STEP_PEERS + limits.shards;
    const steps = Math.ceil((stepsPerPass * this.#tickMs) / (this.#passSeconds * 1000));
    for (let i = 0; i < steps; i++) {
      if (!this.#expiry.step(STEP_PEERS)) this.#tellBusiest();
    }
  }

  /** At the end of a pass: which swarms have the most peers. */
  #tellBusiest(): void {
    if (this.#task.busiestMax === 0) return;
    const report = { infoHashes: this.#busiest.take(), atMs: this.#context.clock.wallMs() };
    this.#context.send({ type: 'busiest', report });
  }

  #sayFull(): void {
    const { droppedFull, peers, swarms } = storeTotals(this.#store);
    const refused = droppedFull - this.#droppedFullSaid;
    if (refused === 0 || this.#fullGate.pass() === SWALLOWED) return;
    this.#droppedFullSaid = droppedFull;
    const { peersMax, swarmsMax } = this.#store.limits;
    this.#context.log.log(
      'warn',
      'the swarm store is full: new peers are answered but not stored; raise limits.peersMax or limits.swarmsMax',
      { refused, peers, peersMax, swarms, swarmsMax },
    );
  }

  /** What was saved; undefined when that failed, which main is told. */
  #save(): SnapshotResult | undefined {
    const { clock, send } = this.#context;
    const startMs = performance.now();
    let saved: SnapshotResult | undefined;
    let reason = '';
    try {
      const options = { wallMs: clock.wallMs(), lockTimeoutMs: LOCK_TIMEOUT_MS };
      saved = saveSnapshot(this.#store, this.#task.snapshotPath, options);
    } catch (error) {
      reason = `${this.#task.snapshotPath}: ${reasonOf(error)}`;
    }
    const seconds = (performance.now() - startMs) / 1000;
    const { peers = 0, bytes = 0 } = saved ?? {};
    const done = { peers, bytes, seconds, atMs: Date.now() };
    send({
      type: 'saved',
      report: saved === undefined ? { ok: false, ...done, reason } : { ok: true, ...done },
    });
    return saved;
  }
}
