/** The metrics of a tracker, from the numbers of `/stats.json`. */
import type { TrackerStats } from './admin-source.js';
import { COMMON_GAUGES, type Metric, type Sample } from './metric.js';

export const TRACKER_GAUGES: readonly Metric<TrackerStats>[] = [
  ...COMMON_GAUGES,
  {
    name: 'store_peers',
    help: 'Peers stored.',
    labels: ['family'],
    read: ({ store }) => [
      [{ family: 'ipv4' }, store.peers4],
      [{ family: 'ipv6' }, store.peers6],
      [{ family: 'web' }, store.webPeers],
    ],
  },
  { name: 'store_seeders', help: 'Seeders stored.', read: ({ store }) => store.seeders },
  {
    name: 'store_leechers',
    help: 'Peers stored that are not seeders, partial seeds included.',
    read: ({ store }) => store.leechers,
  },
  {
    name: 'store_partial_seeds',
    help: 'Leechers stored that want nothing more.',
    read: ({ store }) => store.partialSeeds,
  },
  { name: 'store_swarms', help: 'Swarms stored.', read: ({ store }) => store.swarms },
  { name: 'store_peers_max', help: 'Room for peers.', read: ({ store }) => store.peersMax },
  { name: 'store_swarms_max', help: 'Room for swarms.', read: ({ store }) => store.swarmsMax },
  {
    name: 'store_committed_bytes',
    help: 'Memory of the store that has been used.',
    read: ({ store }) => store.bytesCommitted,
  },
  {
    name: 'store_reserved_bytes',
    help: 'Address space of the store.',
    read: ({ store }) => store.bytesReserved,
  },
  {
    name: 'http_connections',
    help: 'HTTP connections open now.',
    read: ({ http }) => http.connections,
  },
  {
    name: 'websocket_connections',
    help: 'WebSockets open now.',
    read: ({ websocket }) => websocket.connections,
  },
  {
    name: 'tls_handshakes',
    help: 'TLS handshakes under way.',
    read: ({ http }) => http.handshakesOpen,
  },
  {
    name: 'load_busy_share',
    help: 'Share of the last second that the busiest worker was busy.',
    read: ({ load }) => load.busyShare,
  },
  {
    name: 'load_requests_per_second',
    help: 'Announces and scrapes answered in the last second.',
    read: ({ load }) => load.requestsPerSecond,
  },
  {
    name: 'load_stretch',
    help: 'How many times the interval is longer because of load.',
    read: ({ load }) => load.stretch,
  },
  {
    name: 'interval_seconds',
    help: 'Interval that clients are told.',
    read: ({ load }) => load.intervalSeconds,
  },
  {
    name: 'draining',
    help: '1 while clients are to move to other trackers.',
    read: ({ load }) => (load.draining ? 1 : 0),
  },
  {
    name: 'list_entries',
    help: 'Info hashes that are denied, or allowed.',
    labels: ['list'],
    read: ({ lists }) => [
      [{ list: 'deny' }, lists.denied],
      [{ list: 'allow' }, lists.allowed],
    ],
  },
  {
    name: 'save_timestamp_seconds',
    help: 'When the last save ended, in seconds since 1970; 0 for never.',
    read: ({ save }) => save.lastAt / 1000,
  },
  {
    name: 'save_duration_seconds',
    help: 'How long the last save took.',
    read: ({ save }) => save.lastSeconds,
  },
  { name: 'save_size_bytes', help: 'Size of the last save.', read: ({ save }) => save.bytes },
];

export const TRACKER_COUNTERS: readonly Metric<TrackerStats>[] = [
  {
    name: 'store_dropped_full_total',
    help: 'Announces whose peer was not stored because the store was full.',
    read: ({ store }) => store.droppedFull,
  },
  {
    name: 'packets_total',
    help: 'Datagrams read.',
    labels: ['protocol'],
    read: ({ udp }) => [[{ protocol: 'udp' }, udp.packets]],
  },
  {
    name: 'requests_total',
    help: 'HTTP requests read.',
    labels: ['protocol'],
    read: ({ http }) => [[{ protocol: 'http' }, http.requests]],
  },
  {
    name: 'websocket_messages_total',
    help: 'Messages of WebTorrent clients read.',
    read: ({ websocket }) => websocket.messages,
  },
  {
    name: 'websocket_signals_total',
    help: 'Offers that web peers made, and offers and answers passed on to web peers here.',
    labels: ['signal'],
    read: ({ websocket }) => [
      [{ signal: 'offer_made' }, websocket.offersMade],
      [{ signal: 'offer_delivered' }, websocket.offersDelivered],
      [{ signal: 'answer_delivered' }, websocket.answersDelivered],
    ],
  },
  {
    name: 'actions_total',
    help: 'Requests answered by the tracker.',
    labels: ['protocol', 'action'],
    read: ({ udp, http, websocket }) => [
      [{ protocol: 'udp', action: 'connect' }, udp.connects],
      [{ protocol: 'udp', action: 'announce' }, udp.announces],
      [{ protocol: 'udp', action: 'scrape' }, udp.scrapes],
      [{ protocol: 'http', action: 'announce' }, http.announces],
      [{ protocol: 'http', action: 'scrape' }, http.scrapes],
      [{ protocol: 'websocket', action: 'announce' }, websocket.announces],
      [{ protocol: 'websocket', action: 'scrape' }, websocket.scrapes],
    ],
  },
  {
    name: 'failures_total',
    help: 'Failures sent to clients.',
    labels: ['protocol'],
    read: ({ udp, http, websocket }) => [
      [{ protocol: 'udp' }, udp.errors],
      [{ protocol: 'http' }, http.failures],
      [{ protocol: 'websocket' }, websocket.failures],
    ],
  },
  {
    name: 'list_refusals_total',
    help: 'Announces refused because of the lists of info hashes.',
    labels: ['protocol'],
    read: ({ lists }) => [
      [{ protocol: 'udp' }, lists.refused.udp],
      [{ protocol: 'http' }, lists.refused.http],
      [{ protocol: 'websocket' }, lists.refused.websocket],
    ],
  },
  {
    name: 'drops_total',
    help: 'Datagrams and requests that the tracker never saw; offers and answers that reached nobody.',
    labels: ['protocol', 'reason'],
    read: ({ udp, http, websocket }) => [
      ...byReason('udp', udp.drops),
      ...byReason('http', http.drops),
      ...byReason('websocket', websocket.drops),
    ],
  },
  {
    name: 'http_connections_total',
    help: 'HTTP connections accepted.',
    read: ({ http }) => http.connectionsTotal,
  },
  {
    name: 'http_connections_refused_total',
    help: 'HTTP connections closed at once because there were too many.',
    read: ({ http }) => http.connectionsRefused,
  },
  {
    name: 'tls_handshakes_total',
    help: 'TLS handshakes done: whole ones, and those that continued a session.',
    labels: ['resumed'],
    read: ({ http }) => [
      [{ resumed: 'no' }, http.handshakes - http.handshakesResumed],
      [{ resumed: 'yes' }, http.handshakesResumed],
    ],
  },
  {
    name: 'websocket_connections_total',
    help: 'WebSockets opened.',
    read: ({ websocket }) => websocket.connectionsTotal,
  },
  {
    name: 'websocket_connections_refused_total',
    help: 'Upgrades refused because there were too many WebSockets.',
    read: ({ websocket }) => websocket.connectionsRefused,
  },
  { name: 'save_failures_total', help: 'Saves that failed.', read: ({ save }) => save.failures },
];

function byReason(protocol: string, drops: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(drops).map(([reason, count]) => [{ protocol, reason }, count]);
}
