import { formatBytes, formatCount, formatPart, formatRate, formatShare } from '../format.js';
import type { History } from '../history.js';
import { Stat } from '../kit/index.js';
import type { SeriesName, SeriesValues, TrackerStats } from '../tick.js';

/** Five minutes in steps of the history. */
const TREND_POINTS = 60;

const ANNOUNCES: readonly SeriesName[] = [
  'announces_udp4',
  'announces_udp6',
  'announces_http4',
  'announces_http6',
  'announces_web',
];

interface NumbersProps {
  readonly stats: TrackerStats;
  readonly values: SeriesValues;
  readonly history: History;
}

/** What an operator wants to know at a glance. */
export function Numbers({ stats, values, history }: NumbersProps) {
  history.version.value;
  const { store, memory, load } = stats;
  const announces = sum(ANNOUNCES.map((name) => values[name]));
  const fill = Math.max(store.peers / store.peersMax, store.swarms / store.swarmsMax);
  const fullest = store.peers / store.peersMax >= store.swarms / store.swarmsMax;
  const peers = store.peers || 1;
  return (
    <dl class="numbers" aria-label="Now">
      <Stat
        label="Announces"
        value={formatRate(announces)}
        unit="/s"
        note={`busiest thread ${formatShare(load.busyShare)}`}
        trend={sumTrend(history, ANNOUNCES)}
        testId="announces"
      />
      <Stat
        label="Peers"
        value={formatCount(store.peers)}
        note={`${formatShare(store.peers6 / peers)} over IPv6`}
        trend={history.tail('peers', TREND_POINTS)}
        testId="peers"
      />
      <Stat
        label="Swarms"
        value={formatCount(store.swarms)}
        note={`${formatRate(store.peers / (store.swarms || 1))} peers each`}
        trend={history.tail('swarms', TREND_POINTS)}
        testId="swarms"
      />
      <Stat
        label="Seeders"
        value={formatCount(store.seeders)}
        note={`${formatShare(store.seeders / peers)} of peers`}
        trend={history.tail('seeders', TREND_POINTS)}
        testId="seeders"
      />
      <Stat
        label="Leechers"
        value={formatCount(store.leechers)}
        note={`${formatShare(store.leechers / peers)} of peers`}
        trend={history.tail('leechers', TREND_POINTS)}
        testId="leechers"
      />
      <Stat
        label="Web peers"
        value={formatCount(store.webPeers)}
        note={`${formatCount(stats.websocket.connections)} connections`}
        trend={history.tail('web_peers', TREND_POINTS)}
        testId="web-peers"
      />
      <Stat
        label="Store used"
        value={formatShare(fill)}
        note={
          fullest
            ? `of ${formatCount(store.peersMax)} peers`
            : `of ${formatCount(store.swarmsMax)} swarms`
        }
        share={fill}
        testId="store"
      />
      <Stat
        label="Memory"
        value={formatBytes(memory.rss)}
        note={`store ${formatPart(store.bytesCommitted, store.bytesReserved)}`}
        share={store.bytesCommitted / store.bytesReserved}
        testId="memory"
      />
    </dl>
  );
}

/** Null while none of them is known. */
function sum(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

function sumTrend(history: History, names: readonly SeriesName[]): number[] {
  const columns = names.map((name) => history.column(name).slice(-TREND_POINTS));
  return columns[0]
    .map((_, i) => sum(columns.map((column) => column[i])))
    .filter((value) => value !== null);
}
