/** What workers and the main thread say to each other while they run. */
import type { BoundAddress } from '../frontend/frontend.js';
import type { LogLine } from '../lib/log-sink.js';

/** From a worker to the main thread. */
export type WorkerMessage =
  /** Serving. */
  | { readonly type: 'started'; readonly started: Started }
  | { readonly type: 'log'; readonly line: LogLine }
  | { readonly type: 'saved'; readonly report: SaveReport }
  /** Did what `stop` asks for; the thread ends by itself. */
  | { readonly type: 'stopped' }
  /** Cannot go on. `code` is that of an expected failure, such as a port in use. */
  | { readonly type: 'failed'; readonly message: string; readonly code?: string };

export interface Started {
  readonly udp?: readonly BoundAddress[];
  readonly http?: readonly BoundAddress[];
  /** An eventfd: 8 bytes written to it make a worker that blocks in the system look for messages. */
  readonly wakeFd?: number;
}

export interface SaveReport {
  readonly ok: boolean;
  readonly peers: number;
  readonly bytes: number;
  readonly seconds: number;
  /** When it ended, in ms since 1970. */
  readonly atMs: number;
  /** Why it failed. */
  readonly reason?: string;
}

/** From the main thread to a worker: finish what is in flight (a keeper: save), then say so. */
export type MainMessage = { readonly type: 'stop' };
