/** Brings together the threads that have something to say about web peers; lives in the main thread. */
import { createSignalEnds } from './signal-end.js';
import type { WorkerHandle } from './worker-handle.js';

/** True for workers that signals go to: those with web peers, and the one that speaks with others. */
function takesSignals({ task }: WorkerHandle): boolean {
  if (task.kind === 'http') return task.webSockets !== undefined;
  return task.kind === 'cluster';
}

export class SignalHub {
  /** By thread: one that starts again takes the place of the one that did not. */
  readonly #workers = new Map<number, WorkerHandle>();

  /** Connects a worker, once it has started, with each that did before. */
  join(worker: WorkerHandle): void {
    if (!takesSignals(worker)) return;
    worker.started.then(
      () => this.#connect(worker),
      () => {},
    );
  }

  #connect(worker: WorkerHandle): void {
    const { thread } = worker.task;
    this.#workers.delete(thread);
    for (const [otherThread, other] of this.#workers) {
      const [here, there] = createSignalEnds();
      worker.tell({ type: 'signals', thread: otherThread, end: here }, [here.port]);
      other.tell({ type: 'signals', thread, end: there }, [there.port]);
    }
    this.#workers.set(thread, worker);
  }
}
