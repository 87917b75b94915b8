/** Workers that start when a connection waits for them: most trackers never need them. */
import type { Logger } from '../lib/log.js';
import { reasonOf } from '../lib/reason.js';
import type { WorkerTask } from './task.js';
import type { WorkerFailedError, WorkerHandle } from './worker-handle.js';

/** From a start that failed to the next one; each failure doubles it. */
const WAIT_MS = 1_000;
const WAIT_MS_MAX = 10_000;

export type WorkerFailed = (error: WorkerFailedError) => void;

export interface LateWorkersDependencies {
  readonly logger: Logger;
  /** Throws when no thread is to be had. */
  readonly start: (task: WorkerTask, onFailed: WorkerFailed) => WorkerHandle;
  /** A thread is on its way: messages to it wait until it hears them. */
  readonly onStart: (worker: WorkerHandle) => void;
  /** That one did not come so far as to serve. */
  readonly onLost: (worker: WorkerHandle) => void;
  /** One that served has died. */
  readonly onFailed: (task: WorkerTask, error: WorkerFailedError) => void;
}

export class LateWorkers {
  /** Not started, by name. */
  readonly #tasks = new Map<string, WorkerTask>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #deps: LateWorkersDependencies;
  #isStopped = false;

  constructor(dependencies: LateWorkersDependencies) {
    this.#deps = dependencies;
  }

  add(task: WorkerTask): void {
    this.#tasks.set(task.name, task);
  }

  /** Starts the worker that a connection waits for, if it does not run; `waitMs` after a failure. */
  start(name: string, waitMs = WAIT_MS): void {
    const task = this.#tasks.get(name);
    if (task === undefined || this.#isStopped) return;
    this.#tasks.delete(name);
    let worker: WorkerHandle | undefined;
    let serves = false;
    const onFailed = (error: WorkerFailedError): void => {
      if (serves) this.#deps.onFailed(task, error);
      else this.#tryAgain(task, error.reason, waitMs, worker);
    };
    try {
      worker = this.#deps.start(task, onFailed);
    } catch (error) {
      this.#tryAgain(task, reasonOf(error), waitMs);
      return;
    }
    const hasStarted = () => {
      serves = true;
    };
    worker.started.then(hasStarted, () => {});
    this.#deps.onStart(worker);
  }

  /** Nothing starts any more. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  /**
   * When it starts is up to strangers, and there may be no descriptors or memory for it just then:
   * they must not end by that those who are served. Connections wait for it, a bounded number.
   */
  #tryAgain(task: WorkerTask, reason: string, waitMs: number, worker?: WorkerHandle): void {
    if (this.#isStopped) return;
    if (worker !== undefined) {
      this.#deps.onLost(worker);
      void worker.kill();
    }
    const { name } = task;
    const text = 'the server for unusual HTTP connections does not start: trying again';
    this.#deps.logger.error({ worker: name, reason, seconds: waitMs / 1000 }, text);
    this.#tasks.set(name, task);
    const nextMs = Math.min(2 * waitMs, WAIT_MS_MAX);
    this.#timers.set(name, setTimeout(() => this.start(name, nextMs), waitMs).unref());
  }
}
