/** What a client asks a tracker for, and what it gets, whichever protocol carries it. */
import type { PeerAddress } from '../protocol/udp/client-reply.js';

export type { PeerAddress };

export type EventName = 'none' | 'started' | 'stopped' | 'completed' | 'paused';

/** How to reach the tracker. */
export interface ReachOptions {
  /** Most time that the whole exchange may take. Default 20,000. */
  readonly timeoutMs?: number;
  /** Use this family only. Default: whatever the host has. */
  readonly family?: 4 | 6;
  /** UDP: first wait before a request is sent again; each further one doubles. Default 15,000. */
  readonly retryMs?: number;
}

export interface AnnounceOptions extends ReachOptions {
  /** 20 bytes. */
  readonly infoHash: Uint8Array;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  readonly port: number;
  readonly event?: EventName;
  readonly uploaded?: number;
  readonly downloaded?: number;
  readonly left?: number;
  /** Default: what the tracker gives when it is not told. */
  readonly numwant?: number;
  /** An address to announce instead of the one that the tracker sees. */
  readonly ip?: string;
  /** A number that names this client to the tracker across addresses. */
  readonly key?: number;
  /** HTTP: what the tracker gave before. */
  readonly trackerId?: string;
}

export interface AnnounceAnswer {
  readonly intervalSeconds: number;
  readonly minIntervalSeconds?: number;
  readonly seeders?: number;
  readonly leechers?: number;
  readonly downloads?: number;
  readonly externalIp?: string;
  readonly trackerId?: string;
  readonly warning?: string;
  readonly peers: readonly PeerAddress[];
}

export interface ScrapeAnswerEntry {
  /** 20 bytes. */
  readonly infoHash: Uint8Array;
  /** Undefined all three when the tracker left the swarm out. */
  readonly seeders?: number;
  readonly leechers?: number;
  readonly downloads?: number;
  /** BEP 21: leechers that still want something. */
  readonly downloaders?: number;
}

export interface ScrapeAnswer {
  /** One entry for each hash asked for, in that order. */
  readonly entries: readonly ScrapeAnswerEntry[];
}

export const TIMEOUT_MS_DEFAULT = 20_000;
