/**
 * What happened since the page opened, the latest first: nodes, the bus, and the set of addresses that
 * DNS gives out. Bounded: the oldest go.
 */
import type { DnsView } from '../tick.js';
import type { MapEvent } from './model.js';

export const LOG_EVENTS_MAX = 200;

export interface LoggedEvent extends MapEvent {
  /** Grows by one with each event: the list's key. */
  readonly number: number;
}

export interface EventLog {
  readonly events: readonly LoggedEvent[];
  /** How many there were in all. */
  readonly count: number;
}

export const EMPTY_LOG: EventLog = { events: [], count: 0 };

export function logged(log: EventLog, events: readonly MapEvent[]): EventLog {
  if (events.length === 0) return log;
  const fresh = events.map((event, i) => ({ ...event, number: log.count + i })).reverse();
  return {
    events: [...fresh, ...log.events].slice(0, LOG_EVENTS_MAX),
    count: log.count + events.length,
  };
}

/** What the cluster as a whole is like: the rest that the log tells of. */
export interface ClusterFacts {
  readonly busConnected: boolean | null;
  readonly dns: DnsView | undefined;
}

export function factEvents(
  before: ClusterFacts | undefined,
  now: ClusterFacts,
  atMs: number,
): MapEvent[] {
  if (before === undefined) return [];
  const events: MapEvent[] = [];
  if (before.busConnected !== now.busConnected && now.busConnected !== null) {
    events.push(
      now.busConnected
        ? { atMs, tone: 'good', text: 'bus: connected' }
        : { atMs, tone: 'bad', text: 'bus: away; trackers serve, but exchange nothing' },
    );
  }
  if (before.dns !== undefined && now.dns !== undefined && setOf(before.dns) !== setOf(now.dns)) {
    const { addresses4, addresses6, revision } = now.dns;
    const count = addresses4.length + addresses6.length;
    const words = `${count} ${count === 1 ? 'address' : 'addresses'}, revision ${revision}`;
    const isSmaller = count < before.dns.addresses4.length + before.dns.addresses6.length;
    events.push({ atMs, tone: isSmaller ? 'warning' : 'info', text: `DNS set: ${words}` });
  }
  return events;
}

function setOf({ revision, addresses4, addresses6 }: DnsView): string {
  return `${revision} ${addresses4.length} ${addresses6.length}`;
}
