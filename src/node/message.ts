/** What workers and the main thread say to each other while they run. */
import type { ClusterView } from '../admin/cluster-view.js';
import type { BoundAddress } from '../frontend/frontend.js';
import type { LogLine } from '../lib/log-sink.js';
import type { BoundSockets } from './bound-sockets.js';
import type { SignalEnd } from './signal-end.js';
import type { HandOverEnd } from './task.js';

/** From a worker to the main thread. */
export type WorkerMessage =
  /** Serving. */
  | { readonly type: 'started'; readonly started: Started }
  | { readonly type: 'log'; readonly line: LogLine }
  | { readonly type: 'saved'; readonly report: SaveReport }
  /** From the keeper, after each pass over the store. */
  | { readonly type: 'busiest'; readonly report: BusiestReport }
  /** From a fast worker, once for each: a connection waits for that portable HTTP worker. */
  | { readonly type: 'handOver'; readonly worker: string }
  /** From the cluster worker: each second, and when it has caught up. */
  | { readonly type: 'cluster'; readonly report: ClusterReport }
  /** Did what `stop` asks for; the thread ends by itself. */
  | { readonly type: 'stopped' }
  /** Cannot go on. `code` is that of an expected failure, such as a port in use. */
  | { readonly type: 'failed'; readonly message: string; readonly code?: string };

export interface Started {
  readonly udp?: readonly BoundAddress[];
  readonly http?: readonly BoundAddress[];
  readonly https?: readonly BoundAddress[];
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

/** The swarms with the most peers. */
export interface BusiestReport {
  /** 20 bytes each, the busiest first. */
  readonly infoHashes: Uint8Array;
  /** When they were found, in ms since 1970. */
  readonly atMs: number;
}

/** How the cluster looks from here. */
export interface ClusterReport {
  readonly view: ClusterView;
  /** Names of nodes by origin slot; the first is this one. */
  readonly originNames: readonly string[];
  /** This tracker holds what the others hold, as far as it can know. */
  readonly caughtUp: boolean;
  /** When this node's certificate ends, in ms since 1970. */
  readonly certificateEndMs: number;
}

/** From the main thread to a worker. */
export type MainMessage =
  /** Finish what is in flight (a keeper: save), then say so. */
  | { readonly type: 'stop' }
  /** To an HTTP worker, once it serves: where connections come from that others accepted. */
  | { readonly type: 'adopt'; readonly ends: readonly HandOverEnd[] }
  /** To a worker with web peers, and to the cluster worker: one end of the way to another of them. */
  | { readonly type: 'signals'; readonly thread: number; readonly end: SignalEnd }
  /** To an HTTP worker: read the certificate again. */
  | { readonly type: 'reload' }
  /** To an HTTP worker: the answers to an authority that are good now, by token. */
  | { readonly type: 'challenges'; readonly answers: ReadonlyMap<string, string> }
  /** To an HTTP worker: what all workers together bound. */
  | { readonly type: 'bound'; readonly bound: BoundSockets }
  /** To the cluster worker: this tracker is about to stop, which the others should know. */
  | { readonly type: 'leave' }
  /** To the cluster worker: the store was saved, so save what belongs to it. */
  | { readonly type: 'storeSaved' }
  /** To the cluster worker, once: URLs at which clients reach this tracker. */
  | { readonly type: 'addresses'; readonly addresses: readonly string[] };
