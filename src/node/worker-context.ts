import type { SystemClock } from '../lib/clock.js';
import type { PostedLog } from '../lib/log-sink.js';
import type { MainMessage, WorkerMessage } from './message.js';

/** A worker that runs. */
export interface RunningWorker {
  /** Takes what the main thread says besides `stop`. */
  hear?(message: MainMessage): void;
  stop(): Promise<void>;
}

/** What a task needs of the thread that it runs in. */
export interface WorkerContext {
  readonly log: PostedLog;
  readonly clock: SystemClock;
  send(message: WorkerMessage): void;
  /** Ends the worker, and with it the process, for a reason that is not its own. */
  fail(error: Error): void;
}
