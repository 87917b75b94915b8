/** What a replicator can be told, what it needs, and what it does unless told otherwise. */
import type { Clock } from '../lib/clock.js';
import type { LogSink } from '../lib/log-sink.js';
import type { Prng } from '../lib/prng.js';
import { BATCH_BYTES_MAX } from '../protocol/cluster/batch.js';
import { MESSAGE_BYTES_MAX } from '../protocol/cluster/envelope.js';
import { LINKS_MAX } from '../protocol/cluster/heartbeat.js';
import type { ChangeRingReader } from '../swarm/change-ring.js';
import type { SwarmStore } from '../swarm/swarm-store.js';
import type { DownloadCounters } from './download-counters.js';
import type { Origins } from './origins.js';
import type { ReplicationTransport } from './transport.js';

/** Time as replication needs it: ages in seconds, timers in milliseconds that never go back. */
export interface ReplicationClock extends Clock {
  monotonicMs(): number;
}

/** What heartbeats carry besides replication: how clients are served, here and elsewhere. */
export interface ServiceReport {
  /** Whole numbers to tell of this node, a dozen at most. */
  counters(): Readonly<Record<string, number>>;
  /** What another tracker told, anything that a heartbeat may hold among it. */
  heard(counters: Readonly<Record<string, number | undefined>>): void;
}

export interface ReplicatorDependencies {
  /** The replicator's own thread's view of a store whose memory has replication. */
  readonly store: SwarmStore;
  /** One for each thread that announces. */
  readonly changeRings: readonly ChangeRingReader[];
  readonly transport: ReplicationTransport;
  readonly clock: ReplicationClock;
  readonly random: Prng;
  readonly origins: Origins;
  readonly counters: DownloadCounters;
  readonly log: LogSink;
  readonly service?: ServiceReport;
}

/** Who this node is. */
export interface ReplicatorIdentity {
  readonly id: string;
  readonly name: string;
  /** Version of the software, told to the others. */
  readonly software: string;
  /** When the process started, ms since 1970: later than at its start before. */
  readonly epoch: number;
  /** Told to the others, at most 16. */
  readonly addresses: readonly string[];
}

export interface ReplicatorLimits {
  /** How long a change waits for others to travel with, ms. */
  readonly flushMs: number;
  readonly batchBytesMax: number;
  /** Batches kept for whoever missed them, bytes: minutes of a busy tracker. */
  readonly batchRingBytesMax: number;
  /** Bytes that the bus may not have confirmed before publishing pauses. */
  readonly unconfirmedBytesMax: number;
  /** Received and not yet applied, from all nodes together, bytes. */
  readonly inboxBytesMax: number;
  /** Nodes known at a time, this one not counted. */
  readonly nodesMax: number;
  /** Changes drained, and words applied, in one tick: each about 2 ms of work at most. */
  readonly changesPerTick: number;
  readonly wordsPerTick: number;
  /** Peers that a tick may look at for walks of all kinds. */
  readonly walkPeersPerTick: number;

  readonly heartbeatMs: number;
  /** A node that was silent for so long is unreachable. */
  readonly silentMs: number;
  /** A node that was silent for so long is forgotten; its peers are not. */
  readonly forgetMs: number;

  /** How long a gap may be the bus's disorder, ms. */
  readonly gapGraceMs: number;
  /** How long to wait for batches that were asked for. */
  readonly resendTimeoutMs: number;
  /** Batches asked for at a time. */
  readonly resendBatchesMax: number;
  /** How often a range is asked for before a walk is. */
  readonly resendTries: number;
  /** How far before a gap a walk begins, ms of the origin's clock: changes wait before they travel. */
  readonly walkMarginMs: number;

  /** Walks served at a time. */
  readonly walksMax: number;
  /** Size of a walk's messages: at most MESSAGE_BYTES_MAX. */
  readonly chunkBytesMax: number;
  /** Chunks of a walk that may be on their way. */
  readonly walkCredits: number;
  /** A walk in which nothing happened for so long has failed. */
  readonly walkTimeoutMs: number;
  /** When a node that has no walk to spare should be asked again. */
  readonly busyRetryMs: number;

  /** A node that hears no tracker for so long, while connected, is the first one. */
  readonly aloneMs: number;
  /** How long to look for a healthy tracker to learn from before any will do. */
  readonly donorPatienceMs: number;

  /** How long roots differ, in silence, before cells are compared. */
  readonly settleMs: number;
  /** How long cells must differ in the same way to be repaired. */
  readonly recheckMs: number;
  /** Cells are compared with some node this often, whatever the load. */
  readonly compareMs: number;
  /** Peers, about, that one repair may bring here: of a large store that differs much, a part. */
  readonly repairPeersMax: number;
  /** Longest pause after repairs that mended nothing. */
  readonly backoffMsMax: number;

  /** Words stamped later than this ahead of our clock are taken as stamped so. */
  readonly stampAheadMs: number;
  /** A clock that is off by more, as most other nodes have it, is corrected for stamps. */
  readonly clockOffsetMs: number;
  /** A node whose clock is off by more, as most have it, is shown as unreachable. */
  readonly clockOffsetMaxMs: number;
  /** How long it takes to look at the downloads of all swarms, and to tell this node's again. */
  readonly countPassMs: number;
}

export type ReplicatorOptions = ReplicatorIdentity & Partial<ReplicatorLimits>;

export const REPLICATOR_DEFAULTS: ReplicatorLimits = {
  flushMs: 20,
  batchBytesMax: BATCH_BYTES_MAX,
  batchRingBytesMax: 64 * 1024 * 1024,
  unconfirmedBytesMax: 8 * 1024 * 1024,
  inboxBytesMax: 64 * 1024 * 1024,
  nodesMax: LINKS_MAX,
  changesPerTick: 4_096,
  wordsPerTick: 2_048,
  walkPeersPerTick: 4_096,
  heartbeatMs: 1_000,
  silentMs: 5_000,
  forgetMs: 3_600_000,
  gapGraceMs: 250,
  resendTimeoutMs: 1_000,
  resendBatchesMax: 64,
  resendTries: 3,
  walkMarginMs: 5_000,
  walksMax: 2,
  chunkBytesMax: MESSAGE_BYTES_MAX,
  walkCredits: 8,
  walkTimeoutMs: 10_000,
  busyRetryMs: 1_000,
  aloneMs: 3_000,
  donorPatienceMs: 2_000,
  settleMs: 3_000,
  recheckMs: 2_000,
  compareMs: 60_000,
  repairPeersMax: 1_000_000,
  backoffMsMax: 600_000,
  stampAheadMs: 10_000,
  clockOffsetMs: 1_000,
  clockOffsetMaxMs: 10_000,
  countPassMs: 1_800_000,
};
