/** What a tracker did not serve, with reasons that an operator understands. */
import { entryOf } from '../entry.js';
import { formatName } from '../format.js';
import type { TrackerStats } from '../tick.js';

export interface Drop {
  /** `udp.junk`: stable, for telling rows apart. */
  readonly key: string;
  readonly protocol: 'UDP' | 'HTTP' | 'WebSocket' | 'store' | 'list';
  readonly name: string;
  readonly why: string;
  /** Since the start of the process. */
  readonly total: number;
}

type Words = readonly [name: string, why: string];

const UDP: Readonly<Record<string, Words>> = {
  junk: ['not a request', 'Datagrams that are no BitTorrent: scans, or another protocol.'],
  bad_connection_id: [
    'unproven address',
    'The connection id was not issued to this address, or is too old. Honest clients connect again; many of these are forged senders.',
  ],
  source_port: ['source port 0', 'Nothing can be sent back there.'],
  source_address: ['unreadable sender', 'The sender’s address could not be read.'],
  group_address: ['sent to a group', 'Sent to a multicast or broadcast address: no client does.'],
  send_queue: ['send queue full', 'The system took replies too slowly; the network is saturated.'],
  send_error: ['not sendable', 'The system refused to send the reply.'],
  receive_error: ['not readable', 'The system reported an error instead of a datagram.'],
};

const HTTP: Readonly<Record<string, Words>> = {
  not_found: ['unknown path', 'Answered 404: not announce and not scrape.'],
  malformed: ['malformed', 'Bytes that are not HTTP, or headers that are too large.'],
  timeout: ['too slow to ask', 'The request was not complete in time.'],
  slow_reader: ['too slow to read', 'The client did not read its replies.'],
  evicted: ['made room', 'Idle connections that made room at the bound on connections.'],
  proxy_header: ['no PROXY header', 'A trusted proxy connected without a valid PROXY header.'],
  hand_over: [
    'no room at the HTTP server',
    'Too many unusual requests at once, or from one address.',
  ],
  accept_error: ['not accepted', 'The system gave no connection: out of descriptors or memory.'],
  tls_failed: ['TLS failed', 'No common protocol, no certificate yet, or bytes that are not TLS.'],
  tls_timeout: ['TLS too slow', 'The handshake was not done in time.'],
  tls_refused: ['too many handshakes', 'The bound on TLS handshakes under way was reached.'],
  tls_evicted: ['handshake made room', 'A slow TLS handshake made room for a new one.'],
};

const WEBSOCKET: Readonly<Record<string, Words>> = {
  origin: ['origin not allowed', 'A page of a site that is not in websocket.origins.'],
  address: ['too many of one address', 'websocket.connectionsPerAddressMax was reached.'],
  handshake: ['no upgrade', 'The request to upgrade was not one.'],
  ping_timeout: ['gone silent', 'Nothing came between one ping and the next.'],
  idle: ['in no swarm', 'The connection was in no swarm for too long.'],
  slow_reader: ['too slow to read', 'The client did not read what it was sent.'],
  rate: ['too many messages', 'It sent far more than websocket.messagesPerSecond.'],
  malformed_frame: ['malformed', 'Frames that are none, or messages that are too large.'],
  signal_over_budget: ['relay budget', 'Offers and answers beyond the bytes that are passed on.'],
  offer_lost: ['offer without a taker', 'The peer that was offered to is gone.'],
  offer_expired: ['offer unanswered', 'The peer that was offered to did not answer in time.'],
  offer_evicted: ['offer made room', 'The oldest offers make room where there are too many.'],
  offer_unread: ['offer to a slow reader', 'The peer that was offered to does not read.'],
  answer_refused: ['answer refused', 'An answer to an offer that was not made.'],
};

/** All that is not zero, the most first. */
export function dropsOf(stats: TrackerStats): Drop[] {
  const { udp, http, websocket, store, lists } = stats;
  const all: Drop[] = [
    ...byReason('UDP', 'udp', udp.drops, UDP),
    ...byReason('HTTP', 'http', http.drops, HTTP),
    ...byReason('WebSocket', 'websocket', websocket.drops, WEBSOCKET),
    row('http.refused', 'HTTP', http.connectionsRefused, [
      'too many connections',
      'Closed at once: http.connectionsMax or https.connectionsMax was reached.',
    ]),
    row('websocket.refused', 'WebSocket', websocket.connectionsRefused, [
      'too many connections',
      'The upgrade was refused: websocket.connectionsMax was reached.',
    ]),
    row('store.full', 'store', store.droppedFull, [
      'store full',
      'The client was answered, but its peer was not stored: raise limits.peersMax or limits.swarmsMax.',
    ]),
    row('list.refused', 'list', lists.refused.udp + lists.refused.http + lists.refused.websocket, [
      'refused by a list',
      'The info hash is denied, or not among those that are allowed.',
    ]),
  ];
  return all.filter(({ total }) => total > 0).sort((a, b) => b.total - a.total);
}

function byReason(
  protocol: Drop['protocol'],
  prefix: string,
  counts: Readonly<Record<string, number>>,
  words: Readonly<Record<string, Words>>,
): Drop[] {
  return Object.entries(counts).map(([reason, total]) =>
    row(`${prefix}.${reason}`, protocol, total, entryOf(words, reason) ?? [formatName(reason), '']),
  );
}

function row(key: string, protocol: Drop['protocol'], total: number, [name, why]: Words): Drop {
  return { key, protocol, name, why, total };
}
