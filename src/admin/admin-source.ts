/**
 * What the admin listener shows, and who knows it. The listener asks; whoever wires the process
 * together answers from the store, the workers' counters and the keeper.
 */

import type { ClusterView } from './cluster-view.js';
import type { DnsView } from './dns-view.js';
import type { LatencyView } from './latency-view.js';

/** How busy a tracker is, and what it does about that. */
export interface LoadView {
  /** Share of the last second that the busiest worker was busy. */
  readonly busyShare: number;
  /** Announces and scrapes answered in the last second. */
  readonly requestsPerSecond: number;
  /** How many times the interval is longer than it would be. */
  readonly stretch: number;
  /** Interval that clients are told, before it varies. */
  readonly intervalSeconds: number;
  /** Clients are to move to other trackers. */
  readonly draining: boolean;
  /** Why the interval is stretched: `busy`, `requests`, `calming`; empty while it is not. */
  readonly reason: string;
}

/** Everything that an operator may count. Totals count from the start of the process. */
export interface TrackerStats {
  readonly name: string;
  readonly version: string;
  readonly role: 'tracker';
  readonly uptimeSeconds: number;
  readonly store: {
    /** All peers: the sum of the next three. */
    readonly peers: number;
    readonly peers4: number;
    readonly peers6: number;
    readonly webPeers: number;
    readonly seeders: number;
    /** Everybody who is not a seeder, partial seeds included. */
    readonly leechers: number;
    readonly partialSeeds: number;
    readonly swarms: number;
    readonly peersMax: number;
    readonly swarmsMax: number;
    /** Announces whose peer was not stored because the store was full. */
    readonly droppedFull: number;
    /** Memory that has been touched and so counts as resident. */
    readonly bytesCommitted: number;
    /** Address space set aside at the start. */
    readonly bytesReserved: number;
  };
  readonly udp: {
    /** Datagrams read. */
    readonly packets: number;
    readonly connects: number;
    readonly announces: number;
    readonly scrapes: number;
    /** Of the three before, those that came over IPv6. */
    readonly connects6: number;
    readonly announces6: number;
    readonly scrapes6: number;
    /** Error packets sent. */
    readonly errors: number;
    /** Of datagrams, their headers not included. */
    readonly bytesIn: number;
    readonly bytesOut: number;
    /** Datagrams not answered, by reason in snake case. */
    readonly drops: Readonly<Record<string, number>>;
  };
  readonly http: {
    readonly requests: number;
    readonly announces: number;
    readonly scrapes: number;
    /** Of the two before, those of clients with an IPv6 address. */
    readonly announces6: number;
    readonly scrapes6: number;
    /** Bencoded failures sent. */
    readonly failures: number;
    /** Responses with a status from 200, 400 and 500 on. */
    readonly responsesOk: number;
    readonly responsesClientError: number;
    readonly responsesServerError: number;
    /** Not those of connections that became WebSockets, from then on. */
    readonly bytesIn: number;
    readonly bytesOut: number;
    /** Connections that fast workers left to others. */
    readonly handedOver: number;
    /** Requests refused before the tracker saw them, by reason in snake case. */
    readonly drops: Readonly<Record<string, number>>;
    /** Connections open now. */
    readonly connections: number;
    readonly connectionsTotal: number;
    /** Connections closed at once because there were too many. */
    readonly connectionsRefused: number;
    /** TLS handshakes that were done; how many of them continued a session; those under way now. */
    readonly handshakes: number;
    readonly handshakesResumed: number;
    readonly handshakesOpen: number;
  };
  /** WebTorrent clients. */
  readonly websocket: {
    readonly messages: number;
    readonly announces: number;
    readonly scrapes: number;
    readonly failures: number;
    /** Offers made to others; passed on to peers here, whoever made them; answers to those of peers here. */
    readonly offersMade: number;
    readonly offersDelivered: number;
    readonly answersDelivered: number;
    /** Of messages, frames not included. */
    readonly bytesIn: number;
    readonly bytesOut: number;
    /** Times that a connection was not read for a while, because it sent too much. */
    readonly pauses: number;
    /** Offers and answers that reached nobody, and what closed or refused connections, by reason. */
    readonly drops: Readonly<Record<string, number>>;
    /** WebSockets open now. */
    readonly connections: number;
    readonly connectionsTotal: number;
    /** Upgrades refused because there were too many. */
    readonly connectionsRefused: number;
  };
  readonly load: LoadView;
  /**
   * Time inside the tracker of every request that was answered: from when the tracker knew of it to
   * when its reply was handed to the system. HTTP has HTTPS in it.
   */
  readonly latency: {
    readonly udp: LatencyView;
    readonly http: LatencyView;
    readonly websocket: LatencyView;
  };
  /** What was bound, each as `ADDRESS:PORT`. */
  readonly listen: {
    readonly http: readonly string[];
    readonly https: readonly string[];
    readonly udp: readonly string[];
  };
  /** URLs for clients, as far as this tracker can know them. */
  readonly announceUrls: readonly string[];
  /** Info hashes that are denied or allowed. */
  readonly lists: {
    /** Which of them count: open is none. */
    readonly mode: 'open' | 'deny' | 'allow';
    readonly denied: number;
    readonly allowed: number;
    /** Announces refused because of them, by protocol; they count as failures as well. */
    readonly refused: {
      readonly udp: number;
      readonly http: number;
      readonly websocket: number;
    };
  };
  readonly save: {
    /** When the last save ended, in milliseconds since 1970; 0 when there was none. */
    readonly lastAt: number;
    /** How long it took. */
    readonly lastSeconds: number;
    /** How large it was. */
    readonly bytes: number;
    readonly failures: number;
  };
  /** When certificates end, in milliseconds since 1970; 0 for one that is not there. */
  readonly certificates: {
    readonly httpsExpiresAt: number;
    /** Of this node in its cluster; it is renewed by itself. */
    readonly clusterExpiresAt: number;
  };
  readonly memory: {
    /** Resident set of the process in bytes. */
    readonly rss: number;
  };
}

/** A swarm among those with the most peers. */
export interface BusiestSwarm {
  /** 40 hexadecimal digits. */
  readonly infoHash: string;
  readonly seeders: number;
  readonly leechers: number;
  readonly webPeers: number;
  readonly downloads: number;
}

export interface BusiestView {
  /** When these were found to be the busiest, in ms since 1970; 0 for not yet. Counts are of now. */
  readonly atMs: number;
  /** The busiest first. */
  readonly swarms: readonly BusiestSwarm[];
}

export interface PeerView {
  /** Address in text form, without port. */
  readonly ip: string;
  readonly port: number;
  readonly seeder: boolean;
  /** Seconds since the peer was last heard of. */
  readonly ageSeconds: number;
  /** Name of the node that heard it. */
  readonly origin: string;
}

export interface SwarmView {
  readonly seeders: number;
  readonly leechers: number;
  readonly partialSeeds: number;
  readonly downloads: number;
  readonly webPeers: number;
  /** Given when asked for. */
  readonly peers?: readonly PeerView[];
}

export interface DigestView {
  readonly peers: number;
  readonly swarms: number;
  /** Equal on two trackers that hold the same peers; null while a tracker does not compare itself. */
  readonly digest: string | null;
}

export interface Health {
  readonly ok: boolean;
  /** For the operator, in a few words, when `ok` is false. */
  readonly reason?: string;
}

/** What an operator may count about a minder. */
export interface MinderStats {
  readonly name: string;
  readonly version: string;
  readonly role: 'minder';
  readonly uptimeSeconds: number;
  /** Nodes by state. */
  readonly nodes: Readonly<Record<string, number>>;
  /** Join tokens that are good. */
  readonly tokens: number;
  readonly enrolments: {
    readonly accepted: number;
    readonly renewed: number;
    /** Refusals by reason in snake case. */
    readonly refused: Readonly<Record<string, number>>;
  };
  readonly bus: {
    readonly connected: boolean;
    /** Times that the bus's server was started again. */
    readonly restarts: number;
  };
  /** Probes of trackers' addresses. */
  readonly probes: {
    readonly sent: number;
    /** Of addresses that had been proven. */
    readonly failed: number;
    /** Of those sent: of addresses that had not. */
    readonly attempts: number;
  };
  /** The set of trackers that clients are sent to. */
  readonly dns: {
    readonly trackers: number;
    readonly addresses4: number;
    readonly addresses6: number;
  };
  readonly memory: { readonly rss: number };
}

/** Answers from the main thread, without waiting for a worker. */
interface CommonSource {
  /** True while clients are served. */
  ready(): boolean;
  healthy(): Health;
  cluster(): ClusterView;
}

export interface MinderAdminSource extends CommonSource {
  readonly role: 'minder';
  stats(): MinderStats;
  dns(): DnsView;
}

export interface TrackerAdminSource extends CommonSource {
  readonly role: 'tracker';
  stats(): TrackerStats;
  /**
   * @param infoHash 20 bytes
   * @param limit most peers to list
   * @returns undefined for a swarm that the store does not know
   */
  swarm(infoHash: Uint8Array, withPeers: boolean, limit: number): SwarmView | undefined;
  digest(): DigestView;
  /** The swarms with the most peers, up to `admin.busiestSwarms`; none when that is 0. */
  busiest(): BusiestView;
}

export type AdminSource = TrackerAdminSource | MinderAdminSource;
