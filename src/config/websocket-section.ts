/** The settings of WebSocket clients (WebTorrent). */
import { z } from 'zod';
import * as leaves from './leaves.js';

export const websocket = z.strictObject({
  enabled: leaves
    .yesNo()
    .default(true)
    .describe(
      'Whether connections to / and the announce paths may become WebSockets (WebTorrent).',
    ),
  connectionsMax: leaves
    .whole(1, 1_000_000)
    .default(50_000)
    .describe('Open WebSockets, all workers together.'),
  connectionsPerAddressMax: leaves
    .whole(0, 1_000_000, '; 0 sets no bound')
    .default(1_000)
    .describe(
      'Open WebSockets of one address, or of one IPv6 network (/64); loopback is not counted.',
    ),
  workers: leaves
    .whole(0, 256, '; 0 takes half as many as there are processors')
    .default(0)
    .describe(
      'Threads for WebSockets, HTTPS and unusual HTTP connections beside fast workers; each starts when it is needed.',
    ),
  intervalSeconds: leaves
    .whole(1, 28_800)
    .default(120)
    .describe(
      'Longest time between two announces that web peers are asked for, in seconds: they find each other by announcing.',
    ),
  messagesPerSecond: leaves
    .whole(1, 100_000)
    .default(20)
    .describe('Messages a second on one WebSocket, on average; ten seconds of them at once.'),
  subscriptionsMax: leaves
    .whole(1, 100_000)
    .default(1_000)
    .describe('Swarms that one WebSocket may be in.'),
  relayBytesPerSecond: leaves
    .whole(1_024, 1_073_741_824)
    .default(131_072)
    .describe('Bytes of offers and answers a second passed on for one WebSocket, on average.'),
  nodeRelayBytesPerSecond: leaves
    .whole(1_024, 1_073_741_824)
    .default(8_388_608)
    .describe('Bytes of offers and answers a second taken from one other tracker, on average.'),
  offersMax: leaves
    .whole(16, 10_000_000)
    .default(100_000)
    .describe('Offers of one worker that wait for an answer.'),
  pingSeconds: leaves
    .whole(1, 600)
    .default(60)
    .describe(
      'How often a WebSocket is pinged, in seconds; it is closed when nothing came until the next time.',
    ),
  idleSeconds: leaves
    .whole(1, 3_600)
    .default(60)
    .describe('How long a WebSocket may be open without being in a swarm, in seconds.'),
  origins: leaves
    .originList()
    .default([])
    .describe('Sites whose pages may connect, such as https://example.org; empty is all of them.'),
});
