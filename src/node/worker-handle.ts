/** The main thread's end of a worker thread: starts it, hears it, stops it, notices its death. */
import { writeSync } from 'node:fs';
import { type MessagePort, Worker } from 'node:worker_threads';
import type { LoggerSink } from '../lib/log-sink.js';
import type {
  BusiestReport,
  ClusterReport,
  MainMessage,
  SaveReport,
  Started,
  WorkerMessage,
} from './message.js';
import type { WorkerData, WorkerTask } from './task.js';
import { VERSION } from './version.js';

/** A worker ended that should not have. `code` is that of an expected failure, if it was one. */
export class WorkerFailedError extends Error {
  override name = 'WorkerFailedError';
  constructor(
    readonly worker: string,
    readonly reason: string,
    readonly code?: string,
  ) {
    super(`${worker}: ${reason}`);
  }
}

/** What an eventfd counts up by. */
const WAKE = Buffer.from(BigUint64Array.of(1n).buffer);

/**
 * For threads that allocate next to nothing once they run: the store lies outside the heap, and a
 * young generation of the usual size would only ever hold what starting up left behind.
 */
const SMALL_HEAP = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 256 };

/** WebSockets live in it, some 5 KB of objects each, and their messages are short-lived text. */
const WEB_SOCKET_HEAP = { maxYoungGenerationSizeMb: 32, maxOldGenerationSizeMb: 4_096 };

/** Undefined: what node gives a thread by itself. */
function heapOf(task: WorkerTask) {
  if (task.kind === 'fast' || task.kind === 'keeper') return SMALL_HEAP;
  // A portable HTTP worker allocates little when it serves only what fast ones leave.
  if (task.kind !== 'http' || task.adopt.length === 0 || task.https !== undefined) return undefined;
  return task.webSockets === undefined ? SMALL_HEAP : WEB_SOCKET_HEAP;
}

/** What the worker is started with. */
function dataOf(task: WorkerTask): WorkerData {
  const data = { ...task, version: VERSION };
  return data.kind === 'http' ? { ...data, adopt: [] } : data;
}

/** Ports that go to the worker with its task. */
function portsOf(task: WorkerTask): MessagePort[] {
  return task.kind === 'fast' ? task.handOver.map(({ port }) => port) : [];
}

export interface WorkerListeners {
  readonly log: LoggerSink;
  readonly onSaved?: (report: SaveReport) => void;
  readonly onBusiest?: (report: BusiestReport) => void;
  /** A fast worker left a connection to a portable HTTP worker, for the first time. */
  readonly onHandOver?: (worker: string) => void;
  readonly onCluster?: (report: ClusterReport) => void;
  /** Called once at most, also when the worker fails to start. */
  readonly onFailed: (error: WorkerFailedError) => void;
}

export class WorkerHandle {
  readonly task: WorkerTask;
  /** Resolves to what the worker bound; rejects with WorkerFailedError. */
  readonly started: Promise<Started>;
  readonly #worker: Worker;
  readonly #listeners: WorkerListeners;
  /** Resolves when the thread is gone, or when it said that it is done. */
  readonly #ended: Promise<void>;
  #wakeFd: number | undefined;
  #failed = false;
  #stopping = false;
  #stopped: Promise<boolean> | undefined;

  /** `script` is what the thread runs: built JavaScript, in tests too. */
  constructor(
    task: WorkerTask,
    listeners: WorkerListeners,
    script = new URL('./worker.js', import.meta.url),
  ) {
    this.task = task;
    this.#listeners = listeners;
    const resourceLimits = heapOf(task);
    this.#worker = new Worker(script, {
      workerData: dataOf(task),
      name: task.name,
      transferList: portsOf(task),
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
    this.started = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'started') {
          this.#wakeFd = message.started.wakeFd;
          this.#giveHandOvers();
          resolve(message.started);
        } else if (message.type === 'failed') reject(this.#fail(message.message, message.code));
        else this.#hear(message);
      });
      this.#worker.once('error', (error) => reject(this.#fail(String(error.stack ?? error))));
      this.#worker.once('exit', (code) => {
        if (!this.#stopping) reject(this.#fail(`ended with code ${code}`));
      });
    });
    // Whoever waits for the start hears of a failure there; later ones go to onFailed alone.
    this.started.catch(() => {});
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => resolve());
      this.#worker.on('message', ({ type }: WorkerMessage) => {
        if (type === 'stopped') resolve();
      });
    });
  }

  /** Says something to the worker that it need not answer; `ports` go to it with that. */
  tell(message: MainMessage, ports: readonly MessagePort[] = []): void {
    this.#worker.postMessage(message, ports);
  }

  /**
   * Asks the worker to finish and waits until it did, at most `timeoutMs`. Returns whether it ended
   * by itself. Asks once: what a worker is woken by is closed when it ends, and may be a number that
   * stands for something else by then.
   */
  stop(timeoutMs: number): Promise<boolean> {
    this.#stopped ??= this.#stop(timeoutMs);
    return this.#stopped;
  }

  async #stop(timeoutMs: number): Promise<boolean> {
    this.#stopping = true;
    this.#worker.postMessage({ type: 'stop' } satisfies MainMessage);
    if (this.#wakeFd !== undefined) writeSync(this.#wakeFd, WAKE);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    const inTime = await Promise.race([this.#ended.then(() => true), late]);
    clearTimeout(timer);
    // A thread that is blocked in the system cannot be terminated: the process will end with it.
    if (!inTime && this.#wakeFd === undefined) await this.#worker.terminate();
    return inTime;
  }

  /** Ends the worker at once. */
  async kill(): Promise<true> {
    this.#stopping = true;
    await this.#worker.terminate();
    return true;
  }

  /** Gives an HTTP worker that serves the connections that wait for it, and those that follow. */
  #giveHandOvers(): void {
    const { task } = this;
    if (task.kind !== 'http' || task.adopt.length === 0 || this.#stopping) return;
    const ports = task.adopt.map(({ port }) => port);
    const message: MainMessage = { type: 'adopt', ends: task.adopt };
    this.#worker.postMessage(message, ports);
  }

  #hear(message: WorkerMessage): void {
    if (message.type === 'log') this.#listeners.log.take(message.line);
    else if (message.type === 'saved') this.#listeners.onSaved?.(message.report);
    else if (message.type === 'busiest') this.#listeners.onBusiest?.(message.report);
    else if (message.type === 'handOver') this.#listeners.onHandOver?.(message.worker);
    else if (message.type === 'cluster') this.#listeners.onCluster?.(message.report);
  }

  #fail(reason: string, code?: string): WorkerFailedError {
    const error = new WorkerFailedError(this.task.name, reason, code);
    if (!this.#failed) {
      this.#failed = true;
      this.#listeners.onFailed(error);
    }
    return error;
  }
}
