import type {
  BusiestView,
  DigestView,
  Health,
  MinderAdminSource,
  MinderStats,
  SwarmView,
  TrackerAdminSource,
  TrackerStats,
} from './admin-source.js';
import type { ClusterView } from './cluster-view.js';
import type { DnsView } from './dns-view.js';

/** Every number differs, so that a test sees which one ended up where. */
export const FAKE_STATS: TrackerStats = {
  name: 'tracker <1>',
  version: '0.1.0',
  role: 'tracker',
  uptimeSeconds: 12.5,
  store: {
    peers: 60,
    peers4: 30,
    peers6: 20,
    webPeers: 10,
    seeders: 25,
    leechers: 35,
    partialSeeds: 5,
    swarms: 7,
    peersMax: 1_000,
    swarmsMax: 100,
    droppedFull: 3,
    bytesCommitted: 4_096,
    bytesReserved: 8_192,
  },
  udp: {
    packets: 900,
    connects: 200,
    announces: 400,
    scrapes: 100,
    connects6: 20,
    announces6: 41,
    scrapes6: 10,
    errors: 50,
    bytesIn: 9100,
    bytesOut: 9200,
    drops: { too_short: 11, bad_magic: 12 },
  },
  http: {
    requests: 800,
    announces: 500,
    scrapes: 150,
    announces6: 51,
    scrapes6: 15,
    failures: 40,
    responsesOk: 430,
    responsesClientError: 41,
    responsesServerError: 6,
    bytesIn: 7100,
    bytesOut: 7200,
    handedOver: 5,
    drops: { header_too_large: 13 },
    connections: 9,
    connectionsTotal: 99,
    connectionsRefused: 1,
    handshakes: 21,
    handshakesResumed: 12,
    handshakesOpen: 3,
  },
  websocket: {
    messages: 700,
    announces: 600,
    scrapes: 70,
    failures: 30,
    offersMade: 81,
    offersDelivered: 82,
    answersDelivered: 83,
    bytesIn: 6100,
    bytesOut: 6200,
    pauses: 17,
    drops: { slow_reader: 14 },
    connections: 8,
    connectionsTotal: 88,
    connectionsRefused: 2,
  },
  load: {
    busyShare: 0.75,
    requestsPerSecond: 321.5,
    stretch: 1.5625,
    intervalSeconds: 2_812,
    draining: true,
    reason: 'requests',
  },
  latency: {
    udp: { count: 6, sumSeconds: 0.5, bounds: [0.001, 0.01], counts: [1, 2, 3] },
    http: { count: 9, sumSeconds: 0.25, bounds: [0.001, 0.01], counts: [4, 5, 0] },
    websocket: { count: 0, sumSeconds: 0, bounds: [0.001, 0.01], counts: [0, 0, 0] },
  },
  listen: { http: ['0.0.0.0:6969'], https: [], udp: ['0.0.0.0:6969', '[::]:6969'] },
  announceUrls: ['http://192.0.2.1:6969/announce', 'udp://192.0.2.1:6969'],
  lists: { mode: 'deny', denied: 61, allowed: 62, refused: { udp: 63, http: 64, websocket: 65 } },
  save: { lastAt: 1_700_000_000_500, lastSeconds: 0.25, bytes: 12_345, failures: 2 },
  certificates: { httpsExpiresAt: 1_800_000_000_500, clusterExpiresAt: 0 },
  memory: { rss: 77_777 },
};

const NODE = {
  name: 'a',
  role: 'tracker',
  version: '0.1.0',
  reason: null,
  addresses: ['udp://192.0.2.1:6969'],
  recordsOut: 501,
  digest: '00ff',
  peers: 60,
  swarms: 7,
} as const;

export const FAKE_CLUSTER: ClusterView = {
  self: 'n1',
  busConnected: true,
  nodes: [
    {
      ...NODE,
      id: 'n1',
      state: 'healthy',
      lagMs: null,
      recordsIn: 0,
      gaps: 0,
      clockOffsetMs: null,
      lastHeartbeatMs: null,
    },
    {
      ...NODE,
      id: 'n2',
      state: 'unreachable',
      reason: 'clock',
      lagMs: 12,
      recordsIn: 502,
      gaps: 3,
      clockOffsetMs: -300_000,
      lastHeartbeatMs: 400,
      probes: [
        { address: 'udp://192.0.2.1:6969', state: 'dead', rttMs: null, error: 'timeout' },
        { address: 'udp://192.0.2.2:6969', state: 'well', rttMs: 1.5, error: null },
      ],
    },
  ],
  links: [{ from: 'n2', to: 'n1', recordsPerSecond: 5.5, lagMs: 12 }],
  counters: { batch_damaged: 4 },
};

export const FAKE_MINDER_STATS: MinderStats = {
  name: 'minder',
  version: '0.1.0',
  role: 'minder',
  uptimeSeconds: 3.5,
  nodes: { healthy: 1, unreachable: 1 },
  tokens: 2,
  enrolments: { accepted: 5, renewed: 6, refused: { token_used: 7 } },
  bus: { connected: true, restarts: 8 },
  probes: { sent: 900, failed: 91, attempts: 92 },
  dns: { trackers: 3, addresses4: 4, addresses6: 5 },
  memory: { rss: 88_888 },
};

export const FAKE_DNS: DnsView = {
  zone: 'tracker.example.org',
  revision: 1_700_000_000,
  addresses4: ['192.0.2.1'],
  addresses6: ['2001:db8::1'],
  services: [{ protocol: 'udp', port: 6969 }],
  trackers: [{ id: 'n1', name: 'a', state: 'healthy', addresses: ['udp://192.0.2.1:6969'] }],
  since: 1_700_000_000_123,
};

/** The same for a minder. */
export class FakeMinderSource implements MinderAdminSource {
  readonly role = 'minder';

  ready(): boolean {
    return true;
  }

  healthy(): Health {
    return { ok: true };
  }

  stats(): MinderStats {
    return FAKE_MINDER_STATS;
  }

  dns(): DnsView {
    return FAKE_DNS;
  }

  cluster(): ClusterView {
    return FAKE_CLUSTER;
  }
}

/** A source for tests: says what it was told to say, and remembers what it was asked. */
export class FakeSource implements TrackerAdminSource {
  readonly role = 'tracker';
  isReady = true;
  health: Health = { ok: true };
  statistics: TrackerStats = FAKE_STATS;
  readonly swarms = new Map<string, SwarmView>();
  lastLimit = 0;

  ready(): boolean {
    return this.isReady;
  }

  healthy(): Health {
    return this.health;
  }

  stats(): TrackerStats {
    return this.statistics;
  }

  cluster(): ClusterView {
    return FAKE_CLUSTER;
  }

  swarm(infoHash: Uint8Array, withPeers: boolean, limit: number): SwarmView | undefined {
    this.lastLimit = limit;
    const view = this.swarms.get(Buffer.from(infoHash).toString('hex'));
    if (view === undefined || withPeers) return view;
    const { peers: _, ...counts } = view;
    return counts;
  }

  digest(): DigestView {
    return { peers: 60, swarms: 7, digest: '00ff' };
  }

  busiest(): BusiestView {
    const counts = { seeders: 3, leechers: 2, webPeers: 1, downloads: 9 };
    return { atMs: 1_700_000_000_000, swarms: [{ infoHash: 'ab'.repeat(20), ...counts }] };
  }
}
