/** The cluster in one row of numbers. */
import { formatCount, formatRate, formatShort } from '../format.js';
import { Stat } from '../kit/index.js';
import type { PageStore } from '../store.js';
import type { MinderStats, Tick } from '../tick.js';
import type { MapModel, MapNode } from './model.js';

/** Points of the small lines: the last ten minutes. */
const TREND_POINTS = 120;

export interface SummaryProps {
  readonly store: PageStore;
  readonly tick: Tick;
  readonly model: MapModel;
}

export function Summary({ store, tick, model }: SummaryProps) {
  const { history } = store;
  history.version.value;
  const stats = tick.stats as MinderStats;
  const trackers = model.nodes.filter(({ view }) => isCounted(view, 'tracker'));
  const minders = model.nodes.filter(({ view }) => isCounted(view, 'minder'));
  const healthy = trackers.filter(({ view }) => view.state === 'healthy').length;
  const wellMinders = minders.filter(({ view }) => view.state === 'healthy').length;
  const { values, dns, cluster } = tick;
  const addresses = (dns?.addresses4.length ?? 0) + (dns?.addresses6.length ?? 0);
  const peers = values.peers ?? Math.max(0, ...trackers.map(({ view }) => view.peers));
  return (
    <dl class="summary" aria-label="The cluster at a glance" data-testid="summary">
      <Stat
        label="Trackers healthy"
        value={`${healthy} / ${trackers.length}`}
        note={othersNote(trackers)}
        testId="stat-trackers"
      />
      <Stat
        label="Peers"
        value={formatShort(peers)}
        trend={history.tail('peers', TREND_POINTS)}
        testId="stat-peers"
      />
      <Stat
        label="Requests"
        value={formatRate(values.requests)}
        unit="/s"
        trend={history.tail('requests', TREND_POINTS)}
        testId="stat-requests"
      />
      <Stat
        label="Records exchanged"
        value={formatRate(values.records)}
        unit="/s"
        trend={history.tail('records', TREND_POINTS)}
        testId="stat-records"
      />
      <Stat
        label="Addresses for clients"
        value={formatCount(addresses)}
        note={dnsNote(tick)}
        testId="stat-dns"
      />
      <Stat
        label="Bus"
        value={cluster.busConnected ? 'connected' : 'away'}
        note={`${formatCount(stats.bus.restarts)} restarts`}
        testId="stat-bus"
      />
      <Stat
        label="Minders"
        value={`${wellMinders} / ${minders.length}`}
        note={`${formatCount(stats.tokens)} join tokens good`}
        testId="stat-minders"
      />
    </dl>
  );
}

function isCounted({ role, state }: { role: string; state: string }, wanted: string): boolean {
  return role === wanted && state !== 'revoked';
}

/** What the others are. */
function othersNote(trackers: readonly MapNode[]): string {
  if (trackers.length === 0) return 'none has joined yet';
  const parts = (['unreachable', 'draining', 'joining'] as const).flatMap((state) => {
    const count = trackers.filter(({ view }) => view.state === state).length;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  return parts.length === 0 ? 'all of them' : parts.join(', ');
}

function dnsNote({ dns }: Tick): string {
  if (dns === undefined) return '';
  return dns.zone === '' ? 'no zone is served' : dns.zone;
}
