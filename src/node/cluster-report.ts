/** From what the replicator, the rings and the bus know to what main shows to operators. */
import type { NatsTransport } from '../cluster/nats-transport.js';
import type { Origins } from '../cluster/origins.js';
import type { Replicator } from '../cluster/replicator.js';
import type { SignalCounts } from '../cluster/signal-exchange.js';
import { snakeCase } from '../lib/snake-case.js';
import { type ReplicationMemory, replicationTotals } from '../swarm/replication-memory.js';
import type { ClusterReport } from './message.js';
import { VERSION } from './version.js';

export interface ReportSources {
  readonly replicator: Replicator;
  readonly transport: NatsTransport;
  readonly origins: Origins;
  readonly memory: ReplicationMemory;
  /** Of offers and answers of web peers on their way between trackers. */
  readonly signals: { readonly counts: SignalCounts };
}

export function clusterReport(
  sources: ReportSources,
  {
    isRevoked,
    listsKnown,
    certificateEndMs,
  }: { isRevoked: boolean; listsKnown: boolean; certificateEndMs: number },
): ClusterReport {
  const { replicator, transport, origins, memory, signals } = sources;
  const { counters, ...view } = replicator.view(VERSION);
  const names = new Map(view.nodes.map(({ id, name }) => [id, name]));
  const originNames = Array.from({ length: 1 + origins.size }, (_, slot) => {
    const id = origins.idOf(slot);
    return names.get(id) ?? id;
  });
  const { lost, ...bus } = transport.counters;
  const all = {
    ...counters,
    ...snakeCased(replicationTotals(memory), 'ring_'),
    ...snakeCased(bus, 'bus_'),
    ...snakeCased(lost, 'bus_lost_'),
    ...snakeCased(signals.counts, 'signals_'),
  };
  const [self, ...others] = view.nodes;
  const nodes = isRevoked
    ? [{ ...self, state: 'revoked' as const, reason: null }, ...others]
    : view.nodes;
  const caughtUp = replicator.caughtUp && listsKnown;
  return { view: { ...view, nodes, counters: all }, originNames, caughtUp, certificateEndMs };
}

function snakeCased(counters: object, prefix: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counters).map(([name, count]) => [prefix + snakeCase(name), Number(count)]),
  );
}
