/** What the main thread gives a worker at its start. Plain data and shared memory only. */

import type { MessagePort } from 'node:worker_threads';
import type { NodeDescription } from '../cluster/enrolment-client.js';
import type { Identity } from '../cluster/identity.js';
import type { Config } from '../config/index.js';
import type { HttpLimits } from '../frontend/http/http-limits.js';
import type { BindAddress, ListenAddress } from '../frontend/listen-address.js';
import type { LogLevel } from '../lib/log.js';
import type { StoreMemory } from '../swarm/layout.js';
import type { TrackerOptions } from '../tracker/tracker.js';
import type { WebSocketSettings } from './web-socket-settings.js';

interface CommonTask {
  /** Names the worker in logs: `udp-1`. */
  readonly name: string;
  /** Names it in the store's locks: over 1, which is the main thread's. */
  readonly thread: number;
  readonly memory: StoreMemory;
  readonly logLevel: LogLevel | 'silent';
}

/** What every worker that speaks with clients needs. */
export interface SocketTask extends CommonTask {
  readonly tracker: TrackerOptions;
  readonly trustedIpSources: readonly string[];
  /** Cells of TrackerCounter. */
  readonly trackerCounts: SharedArrayBuffer;
  /** What may change while it runs (live-settings.ts): one for all threads. */
  readonly live: SharedArrayBuffer;
  /** One word: the system's number of the worker's thread, written by it; 0 where it has none. */
  readonly systemThread: SharedArrayBuffer;
  /** Cells of FrontendCounter. */
  readonly frontendCounts: SharedArrayBuffer;
}

/** What the portable frontends bind. */
interface ListenTask {
  readonly listen: readonly ListenAddress[];
  /** Several workers share the addresses. */
  readonly shared: boolean;
}

export interface UdpTask extends SocketTask, ListenTask {
  readonly kind: 'udp';
  /** Whether this worker hears what was sent to no address that an interface names. */
  readonly catchAll: boolean;
  readonly keyRing: SharedArrayBuffer;
  readonly receiveBufferBytes: number;
}

interface HttpSettings {
  readonly limits: HttpLimits;
  readonly announcePaths: readonly string[];
  readonly scrapeHashesMax: number;
  readonly trustedProxies: readonly string[];
  readonly proxyProtocol: boolean;
  /** Portable HTTP workers answer the challenges of a certificate authority. */
  readonly answersChallenges: boolean;
  /** Portable HTTP workers have a page for people at `/`. */
  readonly publicPage: boolean;
}

/** The same over TLS, in a portable HTTP worker. */
export interface HttpsTask extends ListenTask {
  /** Beside fast workers: shared listeners are opened by system calls, as theirs are. */
  readonly bySystemCalls: boolean;
  readonly limits: HttpLimits;
  readonly handshakesMax: number;
  readonly handshakeTimeoutMs: number;
  readonly certFile: string;
  readonly keyFile: string;
  /** Of other names, which clients ask for. */
  readonly more: readonly { readonly certFile: string; readonly keyFile: string }[];
  /** ACME makes the files, some time later: the first pair alone. */
  readonly mayBeMissing: boolean;
  /** Of session tickets, one for all workers, and when it was made. */
  readonly ticketSecret: Uint8Array;
  readonly ticketStartMs: number;
}

export interface HttpTask extends SocketTask, ListenTask, HttpSettings {
  readonly kind: 'http';
  readonly https?: HttpsTask;
  /** Absent where none are served. */
  readonly webSockets?: WebSocketSettings | undefined;
  /** Hosts that the operator named for clients. */
  readonly advertise: readonly string[];
  /**
   * Where connections come from that fast workers accepted and do not serve. The worker hears of it
   * when it serves (`adopt`): one that never comes so far must not take with it what waits there.
   */
  readonly adopt: readonly HandOverEnd[];
}

/** One end of the way that connections take from a fast worker to the portable HTTP server. */
export interface HandOverEnd {
  readonly port: MessagePort;
  /** Connections on their way: one word. */
  readonly pending: SharedArrayBuffer;
}

/** The other end, with what tells how busy the HTTP worker is. */
export interface HandOverWayEnd extends HandOverEnd {
  /** The name of the HTTP worker. */
  readonly worker: string;
  /** Its cells of FrontendCounter. */
  readonly frontendCounts: SharedArrayBuffer;
}

/** A worker that serves both protocols from one loop of system calls. */
export interface FastTask extends SocketTask, HttpSettings {
  readonly kind: 'fast';
  readonly keyRing: SharedArrayBuffer;
  readonly receiveBufferBytes: number;
  readonly udp: readonly BindAddress[];
  readonly http: readonly BindAddress[];
  /** To each HTTP worker. */
  readonly handOver: readonly HandOverWayEnd[];
  readonly handOverPendingMax: number;
  readonly handOverPerAddress: number;
  /** Connections open in all fast workers: one word. */
  readonly connectionsOpen: SharedArrayBuffer;
}

export interface KeeperTask extends CommonTask {
  readonly kind: 'keeper';
  readonly snapshotPath: string;
  readonly saveSeconds: number;
  readonly peerTtlSeconds: number;
  readonly emptySwarmSeconds: number;
  /** Swarms to be named that have the most peers; 0: nobody asks. */
  readonly busiestMax: number;
}

/** The worker that tells other trackers what this one heard, and hears from them. */
export interface ClusterTask extends CommonTask {
  readonly kind: 'cluster';
  readonly identity: Identity;
  /** Where the identity is kept. */
  readonly identityPath: string;
  /** Directory for what it keeps itself. */
  readonly directory: string;
  readonly node: NodeDescription;
  readonly keyRing: SharedArrayBuffer;
  readonly live: SharedArrayBuffer;
  /** When this process began, in ms since 1970: what its changes and its web peers are told by. */
  readonly startedMs: number;
  /** Bytes a second of offers and answers taken from one other tracker. */
  readonly signalBytesPerSecond: number;
  readonly settings: Config['cluster'];
  readonly announce: Config['announce'];
  readonly listMode: Config['lists']['mode'];
  /** Our own files will be out of reach later. */
  readonly preload: boolean;
}

export type SocketWorkerTask = UdpTask | HttpTask | FastTask;
export type WorkerTask = SocketWorkerTask | KeeperTask | ClusterTask;
export type WorkerKind = WorkerTask['kind'];

/** What a thread is started with. */
export type WorkerData = WorkerTask & {
  /** Of the main thread: one that starts late must not come from newer files. */
  readonly version: string;
};
