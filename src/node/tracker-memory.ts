/** The store's memory as a tracker's configuration wants it, with what replication needs or without. */
import type { Config } from '../config/index.js';
import { reserveHashList } from '../swarm/hash-list.js';
import { Global, reserveStore, type StoreMemory } from '../swarm/layout.js';
import { reserveProbeAnswers } from '../swarm/probe-answers.js';
import { reserveReplication } from '../swarm/replication-memory.js';
import { type Io, threadsMax } from './plan.js';
import { initialListMode } from './tracker-lists.js';

/** The system has no room for what the limits ask for. `message` is for the operator. */
export class MemoryError extends Error {
  override name = 'MemoryError';
  readonly code = 'memory_unavailable';
}

/**
 * `digestKey` is the cluster's; without one the tracker stands alone. Throws MemoryError: address
 * space can be bounded (`ulimit -v`) where memory is plenty.
 */
export function reserveTrackerMemory(config: Config, io: Io, digestKey?: Uint8Array): StoreMemory {
  try {
    return reserve(config, io, digestKey);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const { peersMax, swarmsMax } = config.limits;
    throw new MemoryError(
      `the memory for limits.peersMax (${peersMax}) and limits.swarmsMax (${swarmsMax}) cannot be reserved: ${error.message}; lower them, or allow this process more address space (ulimit -v)`,
    );
  }
}

function reserve(config: Config, io: Io, digestKey?: Uint8Array): StoreMemory {
  const { limits, announce, cluster, store } = config;
  const lists = { deny: reserveHashList(config.lists), allow: reserveHashList(config.lists) };
  const memory = { ...reserveStore({ ...limits, shards: store.shards }), lists };
  new Int32Array(memory.control)[Global.listMode] = initialListMode(config.lists);
  if (digestKey === undefined) return memory;
  const replication = reserveReplication({
    limits: memory.limits,
    threads: threadsMax(config, io),
    digestKey,
    tombstonesMax: cluster.tombstonesMax,
    ringRecords: cluster.changesMax,
    peerTtlSeconds: announce.peerTtlSeconds,
    // Only every second refresh is told, and the second one may come late.
    remoteExtraSeconds: Math.ceil(announce.intervalSeconds * (1 + announce.intervalJitter)),
    // Otherwise digests would differ by every client that died, for an interval.
    alignsExpiry: true,
  });
  return { ...memory, replication, probeAnswers: reserveProbeAnswers() };
}
