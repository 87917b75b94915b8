/** What the main thread gives a worker at its start. Plain data and shared memory only. */

import type { HttpLimits } from '../frontend/http/http-limits.js';
import type { ListenAddress } from '../frontend/listen-address.js';
import type { LogLevel } from '../lib/log.js';
import type { StoreMemory } from '../swarm/layout.js';
import type { TrackerOptions } from '../tracker/tracker.js';

interface CommonTask {
  /** Names the worker in logs: `udp-1`. */
  readonly name: string;
  /** Names it in the store's locks: over 1, which is the main thread's. */
  readonly thread: number;
  readonly memory: StoreMemory;
  readonly logLevel: LogLevel | 'silent';
}

/** What both kinds of socket worker need. */
export interface SocketTask extends CommonTask {
  readonly listen: readonly ListenAddress[];
  /** Several workers share the addresses. */
  readonly shared: boolean;
  readonly tracker: TrackerOptions;
  readonly trustedIpSources: readonly string[];
  /** Cells of TrackerCounter. */
  readonly trackerCounts: SharedArrayBuffer;
  /** Cells of FrontendCounter. */
  readonly frontendCounts: SharedArrayBuffer;
}

export interface UdpTask extends SocketTask {
  readonly kind: 'udp';
  readonly keyRing: SharedArrayBuffer;
  readonly receiveBufferBytes: number;
}

export interface HttpTask extends SocketTask {
  readonly kind: 'http';
  readonly limits: Partial<HttpLimits>;
  readonly announcePaths: readonly string[];
  readonly scrapeHashesMax: number;
  readonly trustedProxies: readonly string[];
  readonly proxyProtocol: boolean;
}

export interface KeeperTask extends CommonTask {
  readonly kind: 'keeper';
  readonly snapshotPath: string;
  readonly saveSeconds: number;
  readonly peerTtlSeconds: number;
  readonly emptySwarmSeconds: number;
}

export type WorkerTask = UdpTask | HttpTask | KeeperTask;
export type WorkerKind = WorkerTask['kind'];
