/** Examples of what nodes show, for the OpenAPI document. A test holds them against the schemas. */
import { type AdminCounters, noCounts } from './admin-counters.js';
import type { MinderStats, TrackerStats } from './admin-source.js';

type Counted = { readonly admin: AdminCounters };

const NOW_MS = 1_767_225_600_000;
const HASH = '0123456789abcdef0123456789abcdef01234567';
const LATENCY = { count: 9, sumSeconds: 0.0005, bounds: [0.0001, 0.001], counts: [8, 1, 0] };

export const trackerStats = {
  name: 'tracker-a',
  version: '0.1.0',
  role: 'tracker',
  uptimeSeconds: 86_400,
  store: {
    peers: 60,
    peers4: 40,
    peers6: 15,
    webPeers: 5,
    seeders: 25,
    leechers: 35,
    partialSeeds: 5,
    swarms: 7,
    peersMax: 10_000_000,
    swarmsMax: 2_000_000,
    droppedFull: 0,
    bytesCommitted: 65_536,
    bytesReserved: 1_073_741_824,
  },
  udp: {
    packets: 900,
    connects: 200,
    announces: 500,
    scrapes: 100,
    connects6: 50,
    announces6: 120,
    scrapes6: 20,
    errors: 3,
    bytesIn: 88000,
    bytesOut: 120000,
    drops: { junk: 2 },
  },
  http: {
    requests: 300,
    announces: 250,
    scrapes: 40,
    announces6: 60,
    scrapes6: 10,
    failures: 1,
    responsesOk: 290,
    responsesClientError: 9,
    responsesServerError: 0,
    bytesIn: 75000,
    bytesOut: 96000,
    handedOver: 4,
    drops: { not_found: 9 },
    connections: 12,
    connectionsTotal: 90,
    connectionsRefused: 0,
    handshakes: 20,
    handshakesResumed: 8,
    handshakesOpen: 0,
  },
  websocket: {
    messages: 80,
    announces: 60,
    scrapes: 5,
    failures: 0,
    offersMade: 40,
    offersDelivered: 38,
    answersDelivered: 30,
    bytesIn: 61000,
    bytesOut: 58000,
    pauses: 0,
    drops: { idle: 1 },
    connections: 5,
    connectionsTotal: 9,
    connectionsRefused: 0,
  },
  load: {
    busyShare: 0.02,
    requestsPerSecond: 9.5,
    stretch: 1,
    intervalSeconds: 1_800,
    draining: false,
    reason: '',
  },
  latency: { udp: LATENCY, http: LATENCY, websocket: LATENCY },
  listen: { http: ['0.0.0.0:6969'], https: [], udp: ['0.0.0.0:6969'] },
  announceUrls: ['http://192.0.2.1:6969/announce', 'udp://192.0.2.1:6969/announce'],
  lists: { mode: 'open', denied: 0, allowed: 0, refused: { udp: 0, http: 0, websocket: 0 } },
  save: { lastAt: NOW_MS, lastSeconds: 0.2, bytes: 4_096, failures: 0 },
  certificates: { httpsExpiresAt: 0, clusterExpiresAt: NOW_MS },
  memory: { rss: 90_000_000 },
  admin: noCounts(),
} as const satisfies TrackerStats & Counted;

export const minderStats = {
  name: 'minder-a',
  version: '0.1.0',
  role: 'minder',
  uptimeSeconds: 86_400,
  nodes: { healthy: 4, unreachable: 1 },
  tokens: 1,
  enrolments: { accepted: 5, renewed: 2, refused: { used: 1 } },
  bus: { connected: true, restarts: 0 },
  probes: { sent: 900, failed: 3, attempts: 12 },
  dns: { trackers: 3, addresses4: 3, addresses6: 2 },
  memory: { rss: 90_000_000 },
  admin: noCounts(),
} as const satisfies MinderStats & Counted;

export const cluster = {
  self: 'n7f3k2m9q4x8',
  busConnected: true,
  nodes: [
    {
      id: 'n7f3k2m9q4x8',
      name: 'tracker-a',
      role: 'tracker',
      version: '0.1.0',
      state: 'unreachable',
      reason: 'probes',
      addresses: ['udp://192.0.2.1:6969/announce'],
      probes: [{ address: 'udp://192.0.2.1:6969', state: 'dead', rttMs: null, error: 'timeout' }],
      lagMs: 2,
      recordsIn: 500,
      recordsOut: 400,
      gaps: 0,
      clockOffsetMs: 1,
      lastHeartbeatMs: 400,
      digest: '00ff00ff00ff00ff',
      peers: 60,
      swarms: 7,
    },
  ],
  links: [{ from: 'n2b4', to: 'n7f3k2m9q4x8', recordsPerSecond: 5.5, lagMs: 2 }],
  counters: { batch_damaged: 0 },
} as const;

export const dns = {
  zone: 'tracker.example.org',
  revision: 1_767_225_600,
  addresses4: ['192.0.2.1'],
  addresses6: ['2001:db8::1'],
  services: [{ protocol: 'udp', port: 6_969 }],
  trackers: [
    {
      id: 'n7f3k2m9q4x8',
      name: 'tracker-a',
      state: 'healthy',
      addresses: ['udp://192.0.2.1:6969/announce'],
    },
  ],
  since: NOW_MS,
} as const;

export const digest = { peers: 60, swarms: 7, digest: '00ff00ff00ff00ff' };

export const swarm = {
  info_hash: HASH,
  seeders: 1,
  leechers: 2,
  partial_seeds: 0,
  downloads: 4,
  web_peers: 0,
  peers: [{ ip: '2001:db8::1', port: 6_881, seeder: true, ageSeconds: 30, origin: 'tracker-a' }],
};

const busySwarm = { info_hash: HASH, seeders: 3, leechers: 2, web_peers: 1, downloads: 9 };
export const busiest = { swarms: [busySwarm], atMs: NOW_MS };

export const trackerTick = {
  atMs: NOW_MS,
  values: { announces_udp4: 9.5, latency_p99_us: 80, peers: 60, scrapes_web: null },
  stats: trackerStats,
  cluster,
  busiest: busiest.swarms,
};

export const minderTick = {
  atMs: NOW_MS,
  values: { trackers_healthy: 3, nodes: 4, peers: 60, requests: 30, records: 11 },
  stats: minderStats,
  cluster,
  dns,
};

export const trackerHistory = {
  stepSeconds: 5,
  atMs: [NOW_MS - 5_000, NOW_MS],
  series: { announces_udp4: [null, 9.5], peers: [58, 60] },
};

export const minderHistory = {
  stepSeconds: 5,
  atMs: [NOW_MS - 5_000, NOW_MS],
  series: { trackers_healthy: [3, 3], requests: [28.4, 30] },
};

export const metrics = '# HELP trackerbt_ready 1 while clients are served.\ntrackerbt_ready 1\n';
