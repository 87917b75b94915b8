import type { SystemClock } from '../lib/clock.js';
import type { PostedLog } from '../lib/log-sink.js';
import type { WorkerMessage } from './message.js';

/** A worker that runs. */
export interface RunningWorker {
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
