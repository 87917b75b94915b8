/** What nodes say in numbers. Objects are open: later versions may say more. */
import { z } from 'zod';
import type { AdminCounters } from './admin-counters.js';
import type { MinderStats, TrackerStats } from './admin-source.js';
import { component, count, counts, moment, text } from './api-schema.js';
import type { LatencyView } from './latency-view.js';

const number = z.number();
const texts = z.array(text);

const adminCounters = component(
  'AdminCounters',
  z
    .looseObject({
      connectionsRefused: count.describe('Closed because as many were open as may be.'),
      liveListeners: count.describe('Who listens to ticks now.'),
      liveRefused: count,
      liveCut: count.describe('Listeners that read nothing for too long.'),
      liveSkipped: count.describe('Ticks not sent to one that had not read the one before.'),
      limitedReads: count.describe('Requests of an address that had asked too often.'),
      limitedChanges: count,
      tokensWrong: count,
      limitedTokens: count.describe('Of the wrong tokens, those after too many of an address.'),
      actions: count.describe('Changes that were made.'),
      actionsRefused: count,
    })
    .describe('The admin listener about itself.') satisfies z.ZodType<AdminCounters>,
);

const latency = component(
  'Latency',
  z
    .looseObject({
      count,
      sumSeconds: number,
      bounds: z.array(number).describe('Upper ends in seconds, rising.'),
      counts: z.array(count).describe('Not cumulative; one more than bounds.'),
    })
    .describe('How long requests took inside the tracker.') satisfies z.ZodType<LatencyView>,
);

const store = z.looseObject({
  peers: count,
  peers4: count,
  peers6: count,
  webPeers: count,
  seeders: count,
  leechers: count,
  partialSeeds: count,
  swarms: count,
  peersMax: count,
  swarmsMax: count,
  droppedFull: count,
  bytesCommitted: count,
  bytesReserved: count,
});

const udp = z.looseObject({
  packets: count,
  connects: count,
  announces: count,
  scrapes: count,
  connects6: count.describe('Of the connects, those over IPv6.'),
  announces6: count,
  scrapes6: count,
  errors: count,
  bytesIn: count.describe('Of datagrams, without their headers.'),
  bytesOut: count,
  drops: counts,
});

const http = z.looseObject({
  requests: count,
  announces: count,
  scrapes: count,
  announces6: count.describe('Of the announces, those of clients with an IPv6 address.'),
  scrapes6: count,
  failures: count,
  responsesOk: count.describe('With a status of 2xx.'),
  responsesClientError: count.describe('With a status of 4xx.'),
  responsesServerError: count.describe('With a status of 5xx.'),
  bytesIn: count.describe('Not those of WebSockets.'),
  bytesOut: count,
  handedOver: count.describe('Connections that fast workers left to others.'),
  drops: counts,
  connections: count,
  connectionsTotal: count,
  connectionsRefused: count,
  handshakes: count.describe('TLS handshakes done.'),
  handshakesResumed: count,
  handshakesOpen: count,
});

const websocket = z.looseObject({
  messages: count,
  announces: count,
  scrapes: count,
  failures: count,
  offersMade: count,
  offersDelivered: count,
  answersDelivered: count,
  bytesIn: count.describe('Of messages, without frames.'),
  bytesOut: count,
  pauses: count.describe('Times that a connection was not read, because it sent too much.'),
  drops: counts,
  connections: count,
  connectionsTotal: count,
  connectionsRefused: count,
});

const load = z.looseObject({
  busyShare: number.describe('Of the busiest worker, in the last second.'),
  requestsPerSecond: number,
  stretch: number.describe('How many times the interval is longer under load.'),
  intervalSeconds: number.describe('What clients are told now.'),
  draining: z.boolean(),
  reason: text.describe('Of the stretch: busy, requests, calming, or empty.'),
});

const lists = z.looseObject({
  mode: z.enum(['open', 'deny', 'allow']),
  denied: count.describe('Info hashes on the list.'),
  allowed: count,
  refused: z.looseObject({ udp: count, http: count, websocket: count }),
});

const trackerMembers = z.looseObject({
  name: text,
  version: text,
  role: z.literal('tracker'),
  uptimeSeconds: number,
  store,
  udp,
  http,
  websocket,
  load,
  latency: z.looseObject({ udp: latency, http: latency, websocket: latency }),
  listen: z.looseObject({ http: texts, https: texts, udp: texts }),
  announceUrls: texts.describe('For clients, as far as this tracker can know them.'),
  lists,
  save: z.looseObject({ lastAt: moment, lastSeconds: number, bytes: count, failures: count }),
  certificates: z.looseObject({ httpsExpiresAt: moment, clusterExpiresAt: moment }),
  memory: z.looseObject({ rss: count }),
}) satisfies z.ZodType<TrackerStats>;

export const trackerStatsSchema = component(
  'TrackerStats',
  trackerMembers
    .extend({ admin: adminCounters })
    .describe('Totals count from the start of the process; bytes, seconds and milliseconds.'),
);

const minderMembers = z.looseObject({
  name: text,
  version: text,
  role: z.literal('minder'),
  uptimeSeconds: number,
  nodes: counts.describe('By state.'),
  tokens: count.describe('Join tokens that are good.'),
  enrolments: z.looseObject({ accepted: count, renewed: count, refused: counts }),
  bus: z.looseObject({ connected: z.boolean(), restarts: count }),
  probes: z.looseObject({
    sent: count,
    failed: count.describe('Of addresses that had been proven.'),
    attempts: count.describe('Of those sent: of addresses that had not.'),
  }),
  dns: z.looseObject({ trackers: count, addresses4: count, addresses6: count }),
  memory: z.looseObject({ rss: count }),
}) satisfies z.ZodType<MinderStats>;

export const minderStatsSchema = component(
  'MinderStats',
  minderMembers
    .extend({ admin: adminCounters })
    .describe('Totals count from the start of the process; bytes and seconds.'),
);
