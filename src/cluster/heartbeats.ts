/** Says each second how this node is, and hears how the others are. */
import {
  ADDRESSES_MAX,
  decodeHeartbeat,
  encodeHeartbeat,
  HEARTBEAT_VERSION,
  type Heartbeat,
  LAG_MS_MAX,
  LINKS_MAX,
  type NodeState,
} from '../protocol/cluster/heartbeat.js';
import type { DigestReader } from '../swarm/digest.js';
import { storeTotals } from '../swarm/totals.js';
import type { NodeTable } from './node-table.js';
import type { RemoteNode } from './remote-node.js';
import type { ReplicationContext } from './replication-context.js';
import type { TallyName } from './replication-tally.js';

/** What of the tally is told to all: a picture of each node's health. */
const TOLD: readonly TallyName[] = [
  'changes',
  'changesLost',
  'batchesUnpublished',
  'inboxDropped',
  'wordsNewer',
  'wordsFull',
  'gaps',
  'walksFailed',
  'repairs',
  'refusedDamaged',
  'refusedVersion',
];

export interface OwnState {
  readonly state: NodeState;
  readonly reason: string;
}

export class Heartbeats {
  readonly #context: ReplicationContext;
  readonly #nodes: NodeTable;
  readonly #digest: DigestReader;
  #sentMs = Number.NEGATIVE_INFINITY;
  #isHastened = false;

  constructor(
    context: ReplicationContext,
    { nodes, digest }: { readonly nodes: NodeTable; readonly digest: DigestReader },
  ) {
    this.#context = context;
    this.#nodes = nodes;
    this.#digest = digest;
  }

  /** True once an interval. */
  isDue(): boolean {
    const { nowMs, means } = this.#context;
    // The first one goes out before anything is asked of others: they must know what we know.
    if (!means.transport.connected || nowMs - this.#sentMs < this.#pauseMs) return false;
    this.#sentMs = nowMs;
    this.#isHastened = false;
    return true;
  }

  /** Has the next one go out sooner; returns in how many ms that is, 0 for now. */
  hasten(): number {
    this.#isHastened = true;
    return Math.max(0, this.#sentMs + this.#pauseMs - this.#context.nowMs);
  }

  send(own: OwnState, sequence: number): void {
    const { means, options } = this.#context;
    if (!means.transport.connected) return;
    const totals = storeTotals(means.store);
    const heartbeat: Heartbeat = {
      version: HEARTBEAT_VERSION,
      id: options.id,
      name: options.name,
      role: 'tracker',
      ...own,
      epoch: options.epoch,
      sequence,
      wallMs: Math.max(0, Math.floor(means.clock.wallMs())),
      stamp: means.store.stamp >>> 0,
      root: this.#digest.root('addresses'),
      webRoot: this.#digest.root('web'),
      peers: totals.peers,
      swarms: totals.swarms,
      software: options.software,
      addresses: options.addresses.slice(0, ADDRESSES_MAX),
      counters: this.#counters(),
      links: this.#links(),
    };
    means.transport.publish(`hb.${options.id}`, encodeHeartbeat(heartbeat));
  }

  /** Takes a heartbeat; undefined for one that is of no use. */
  take(from: string, payload: Uint8Array): RemoteNode | undefined {
    const { tally, nowMs, means } = this.#context;
    const node = this.#nodes.hear(from);
    if (node === undefined) return undefined;
    // Reading one costs more than sending it, also when there is no sense in it.
    if (!node.heartbeats.take(means.clock.monotonicSeconds())) {
      tally.heartbeatsRefused++;
      return undefined;
    }
    const heartbeat = decodeHeartbeat(payload);
    if (typeof heartbeat === 'number') {
      this.#context.refuse(heartbeat, from);
      return undefined;
    }
    if (heartbeat.id !== from) {
      tally.refusedSender++;
      return undefined;
    }
    tally.heartbeats++;
    const before = node.heartbeat;
    // The bus may be out of order; what is older says nothing new.
    const isOlder = before?.epoch === heartbeat.epoch && before.sequence > heartbeat.sequence;
    // Its batches may go on: they remind of downloads, which no digest holds.
    node.isQuiet =
      before?.epoch === heartbeat.epoch && before.counters.changes === heartbeat.counters.changes;
    if (!isOlder) node.heartbeat = heartbeat;
    const records = (heartbeat.counters.changes ?? 0) - (before?.counters.changes ?? 0);
    const ms = heartbeat.wallMs - (before?.wallMs ?? heartbeat.wallMs);
    if (ms > 0) node.recordsPerSecond = Math.max(0, (1000 * records) / ms);
    node.heartbeatMs = nowMs;
    if (heartbeat.role === 'tracker') means.service?.heard(heartbeat.counters);
    node.lag.heartbeat(heartbeat.wallMs, means.clock.wallMs());
    return node;
  }

  /** The first versions read none that comes right behind another. */
  get #pauseMs(): number {
    const { heartbeatMs } = this.#context.options;
    return this.#isHastened ? heartbeatMs / 4 : heartbeatMs;
  }

  #counters(): Heartbeat['counters'] {
    const { tally, means } = this.#context;
    let recordsIn = 0;
    for (const node of this.#nodes.values()) recordsIn += node.recordsIn;
    const told = Object.fromEntries(TOLD.map((name) => [name, tally[name]]));
    const service = means.service?.counters() ?? {};
    // `web`: this version takes words about web peers.
    return { ...told, ...service, recordsIn, recordsOut: tally.changes, web: 1 };
  }

  #links(): Heartbeat['links'] {
    const links: Heartbeat['links'] = [];
    for (const node of this.#nodes.trackers()) {
      if (links.length === LINKS_MAX) break;
      const lag = Math.min(LAG_MS_MAX, Math.round(node.lag.quantile(0.5) ?? 0));
      links.push([node.id, node.stream.ranges.through, lag]);
    }
    return links;
  }
}
