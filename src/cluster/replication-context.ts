/** What all parts of a replicator share: who this node is, its bounds, its means, what it counts. */
import { Decoded } from '../protocol/cluster/envelope.js';
import { NO_NODE } from '../protocol/cluster/node-id.js';
import { ORIGINS_MAX, OTHER_SLOT } from './origins.js';
import { newTally, type ReplicationTally } from './replication-tally.js';
import {
  REPLICATOR_DEFAULTS,
  type ReplicatorDependencies,
  type ReplicatorIdentity,
  type ReplicatorLimits,
  type ReplicatorOptions,
} from './replicator-options.js';

/** Units of a stamp in a millisecond. */
export const STAMPS_PER_MS = 64 / 1000;
/** Unknown nodes that entries may name, before they count as nobody: a donor could make them up. */
const NAMED_ORIGINS_MAX = 1_024;
/** Slots beyond this many are for nodes that speak themselves: slots are never taken back. */
const NAMED_SLOTS_MAX = ORIGINS_MAX / 2;
const VERSION_LINE_MS = 60_000;

export class ReplicationContext {
  readonly options: ReplicatorIdentity & ReplicatorLimits;
  readonly tally: ReplicationTally = newTally();
  readonly means: ReplicatorDependencies;
  /** Ids of revoked nodes. */
  readonly revoked = new Set<string>();
  #namedOrigins = 0;
  #versionSaidMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReplicatorOptions, means: ReplicatorDependencies) {
    this.options = { ...REPLICATOR_DEFAULTS, ...options };
    this.means = means;
  }

  /** Milliseconds on the monotonic clock. */
  get nowMs(): number {
    return this.means.clock.monotonicMs();
  }

  /** Sends a message of the repair. */
  send(to: string, message: Uint8Array): void {
    this.means.transport.publish(`rep.${to}.${this.options.id}`, message);
  }

  /** True while there is room on the bus for bulk: what it does not carry now is sent later. */
  get mayPublish(): boolean {
    const { transport } = this.means;
    return transport.connected && transport.unconfirmedBytes < this.options.unconfirmedBytesMax;
  }

  /** The slot of an origin that another node named. */
  slotOfNamed(id: string): number {
    const { origins } = this.means;
    const slot = origins.find(id);
    if (slot >= 0) return slot;
    if (id === NO_NODE) return OTHER_SLOT;
    if (this.#namedOrigins >= NAMED_ORIGINS_MAX || origins.size >= NAMED_SLOTS_MAX) {
      this.tally.originsRefused++;
      return OTHER_SLOT;
    }
    this.#namedOrigins++;
    return origins.slotOf(id);
  }

  /** Counts a message that could not be used, and says once a minute that versions differ. */
  refuse(reason: Exclude<Decoded, 0>, from: string): void {
    const { tally } = this;
    if (reason === Decoded.foreign) tally.refusedForeign++;
    else if (reason === Decoded.length || reason === Decoded.checksum) tally.refusedDamaged++;
    else if (reason !== Decoded.version) tally.refusedBody++;
    else {
      tally.refusedVersion++;
      if (this.nowMs - this.#versionSaidMs < VERSION_LINE_MS) return;
      this.#versionSaidMs = this.nowMs;
      this.means.log.log(
        'warn',
        'a node of the cluster speaks another version of the bus protocol and is not understood: run the same version everywhere',
        { node: from },
      );
    }
  }
}
