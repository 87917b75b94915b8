import type { AdminSource, DigestView, Health, SwarmView, TrackerStats } from './admin-source.js';

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
    errors: 50,
    drops: { too_short: 11, bad_magic: 12 },
  },
  http: {
    requests: 800,
    announces: 500,
    scrapes: 150,
    failures: 40,
    drops: { header_too_large: 13 },
    connections: 9,
    connectionsTotal: 99,
    connectionsRefused: 1,
  },
  save: { lastAt: 1_700_000_000_500, lastSeconds: 0.25, bytes: 12_345, failures: 2 },
  memory: { rss: 77_777 },
};

/** A source for tests: says what it was told to say, and remembers what it was asked. */
export class FakeSource implements AdminSource {
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
}
