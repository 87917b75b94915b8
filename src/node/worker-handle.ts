/** The main thread's end of a worker thread: starts it, hears it, stops it, notices its death. */
import { Worker } from 'node:worker_threads';
import type { BoundAddress } from '../frontend/frontend.js';
import type { LoggerSink } from '../lib/log-sink.js';
import type { MainMessage, SaveReport, WorkerMessage } from './message.js';
import type { WorkerTask } from './task.js';

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

export interface WorkerListeners {
  readonly log: LoggerSink;
  readonly onSaved?: (report: SaveReport) => void;
  /** Called once at most, also when the worker fails to start. */
  readonly onFailed: (error: WorkerFailedError) => void;
}

export class WorkerHandle {
  readonly task: WorkerTask;
  /** Resolves to the bound addresses; rejects with WorkerFailedError. */
  readonly started: Promise<readonly BoundAddress[]>;
  readonly #worker: Worker;
  readonly #listeners: WorkerListeners;
  /** Resolves when the thread is gone, or when it said that it is done. */
  readonly #ended: Promise<void>;
  #failed = false;
  #stopping = false;

  /** `script` is what the thread runs: built JavaScript, in tests too. */
  constructor(
    task: WorkerTask,
    listeners: WorkerListeners,
    script = new URL('./worker.js', import.meta.url),
  ) {
    this.task = task;
    this.#listeners = listeners;
    this.#worker = new Worker(script, { workerData: task, name: task.name });
    this.started = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'started') resolve(message.addresses);
        else if (message.type === 'failed') reject(this.#fail(message.message, message.code));
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

  /**
   * Asks the worker to finish and waits until it did, at most `timeoutMs`. Returns whether it ended
   * by itself.
   */
  async stop(timeoutMs: number): Promise<boolean> {
    this.#stopping = true;
    this.#worker.postMessage({ type: 'stop' } satisfies MainMessage);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    const inTime = await Promise.race([this.#ended.then(() => true), late]);
    clearTimeout(timer);
    if (!inTime) await this.#worker.terminate();
    return inTime;
  }

  /** Ends the worker at once. */
  async kill(): Promise<true> {
    this.#stopping = true;
    await this.#worker.terminate();
    return true;
  }

  #hear(message: WorkerMessage): void {
    if (message.type === 'log') this.#listeners.log.take(message.line);
    else if (message.type === 'saved') this.#listeners.onSaved?.(message.report);
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
