/** The metrics of a tracker, from the numbers of `/stats.json`. */
import type { TrackerStats } from './admin-source.js';
import {
  COMMON_GAUGES,
  type HistogramMetric,
  type Labels,
  type Metric,
  type MetricGroup,
  type Sample,
} from './metric.js';

const GAUGES: readonly Metric<TrackerStats>[] = [
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
    name: 'http_connections_open',
    help: 'HTTP connections open now.',
    read: ({ http }) => http.connections,
  },
  {
    name: 'websocket_connections_open',
    help: 'WebSockets open now.',
    read: ({ websocket }) => websocket.connections,
  },
  {
    name: 'tls_handshakes_open',
    help: 'TLS handshakes under way.',
    read: ({ http }) => http.handshakesOpen,
  },
  {
    name: 'worker_busy_ratio',
    help: 'Share of the last second that the busiest worker was busy.',
    read: ({ load }) => load.busyShare,
  },
  {
    name: 'interval_stretch_ratio',
    help: 'How many times the interval is longer because of load; 1 when it is not.',
    read: ({ load }) => load.stretch,
  },
  {
    name: 'announce_interval_seconds',
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
    name: 'snapshot_last_success_timestamp_seconds',
    help: 'When the last save ended, in seconds since 1970; 0 for never.',
    read: ({ save }) => save.lastAt / 1000,
  },
  {
    name: 'snapshot_last_duration_seconds',
    help: 'How long the last save took.',
    read: ({ save }) => save.lastSeconds,
  },
  {
    name: 'snapshot_last_size_bytes',
    help: 'Size of the last save.',
    read: ({ save }) => save.bytes,
  },
  {
    name: 'certificate_expiry_timestamp_seconds',
    help: 'When a certificate ends, in seconds since 1970: that of HTTPS, and that of this node in its cluster.',
    labels: ['use'],
    read: ({ certificates: { httpsExpiresAt, clusterExpiresAt } }) => [
      ...expiry('https', httpsExpiresAt),
      ...expiry('cluster', clusterExpiresAt),
    ],
  },
];

const COUNTERS: readonly Metric<TrackerStats>[] = [
  {
    name: 'store_dropped_full_total',
    help: 'Announces whose peer was not stored because the store was full.',
    read: ({ store }) => store.droppedFull,
  },
  {
    name: 'udp_packets_received_total',
    help: 'Datagrams read.',
    read: ({ udp }) => udp.packets,
  },
  {
    name: 'http_requests_received_total',
    help: 'HTTP requests read.',
    read: ({ http }) => http.requests,
  },
  {
    name: 'websocket_messages_received_total',
    help: 'Messages of WebTorrent clients read.',
    read: ({ websocket }) => websocket.messages,
  },
  {
    name: 'received_bytes_total',
    help: 'Bytes read from clients: of datagrams, HTTP requests and WebSocket messages.',
    labels: ['protocol'],
    read: ({ udp, http, websocket }) => [
      [{ protocol: 'udp' }, udp.bytesIn],
      [{ protocol: 'http' }, http.bytesIn],
      [{ protocol: 'websocket' }, websocket.bytesIn],
    ],
  },
  {
    name: 'sent_bytes_total',
    help: 'Bytes sent to clients: of datagrams, HTTP responses and WebSocket messages.',
    labels: ['protocol'],
    read: ({ udp, http, websocket }) => [
      [{ protocol: 'udp' }, udp.bytesOut],
      [{ protocol: 'http' }, http.bytesOut],
      [{ protocol: 'websocket' }, websocket.bytesOut],
    ],
  },
  {
    name: 'http_responses_total',
    help: 'HTTP responses by the first digit of their status.',
    labels: ['status'],
    read: ({ http }) => [
      [{ status: '2xx' }, http.responsesOk],
      [{ status: '4xx' }, http.responsesClientError],
      [{ status: '5xx' }, http.responsesServerError],
    ],
  },
  {
    name: 'http_connections_handed_over_total',
    help: 'HTTP connections that fast workers left to others.',
    read: ({ http }) => http.handedOver,
  },
  {
    name: 'websocket_pauses_total',
    help: 'Times that a WebSocket was not read for a while, because it sent too much.',
    read: ({ websocket }) => websocket.pauses,
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
    name: 'requests_total',
    help: 'Requests of clients that the tracker answered; HTTP has HTTPS in it.',
    labels: ['protocol', 'action', 'family'],
    read: ({ udp, http, websocket }) => [
      ...byFamily({ protocol: 'udp', action: 'connect' }, udp.connects, udp.connects6),
      ...byFamily({ protocol: 'udp', action: 'announce' }, udp.announces, udp.announces6),
      ...byFamily({ protocol: 'udp', action: 'scrape' }, udp.scrapes, udp.scrapes6),
      ...byFamily({ protocol: 'http', action: 'announce' }, http.announces, http.announces6),
      ...byFamily({ protocol: 'http', action: 'scrape' }, http.scrapes, http.scrapes6),
      [{ protocol: 'websocket', action: 'announce', family: 'web' }, websocket.announces],
      [{ protocol: 'websocket', action: 'scrape', family: 'web' }, websocket.scrapes],
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
  {
    name: 'snapshot_failures_total',
    help: 'Saves that failed.',
    read: ({ save }) => save.failures,
  },
];

const HISTOGRAMS: readonly HistogramMetric<TrackerStats>[] = [
  {
    name: 'request_duration_seconds',
    help: 'Time inside the tracker of requests that it answered; those answered together count together.',
    labels: ['protocol'],
    read: ({ latency }) => [
      [{ protocol: 'udp' }, latency.udp],
      [{ protocol: 'http' }, latency.http],
      [{ protocol: 'websocket' }, latency.websocket],
    ],
  },
];

export const TRACKER_METRICS: MetricGroup<TrackerStats> = {
  gauges: GAUGES,
  counters: COUNTERS,
  histograms: HISTOGRAMS,
};

/** `six` of the `total` came over IPv6. */
function byFamily(labels: Labels, total: number, six: number): Sample[] {
  return [
    [{ ...labels, family: 'ipv4' }, total - six],
    [{ ...labels, family: 'ipv6' }, six],
  ];
}

/** Nothing of a certificate that is not there. */
function expiry(use: string, atMs: number): Sample[] {
  return atMs === 0 ? [] : [[{ use }, atMs / 1000]];
}

function byReason(protocol: string, drops: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(drops).map(([reason, count]) => [{ protocol, reason }, count]);
}
