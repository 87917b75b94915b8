/** Answers the admin listener's questions about a tracker from shared memory. */
import type {
  BusiestView,
  DigestView,
  Health,
  LoadView,
  SwarmView,
  TrackerAdminSource,
  TrackerStats,
} from '../admin/admin-source.js';
import { type ClusterView, UNKNOWN_NODE } from '../admin/cluster-view.js';
import { FrontendCounters, sumCounters } from '../frontend/counters.js';
import { LatencyProtocol, sumLatencyCells } from '../frontend/latency.js';
import type { Clock } from '../lib/clock.js';
import { DigestReader } from '../swarm/digest.js';
import { HashList } from '../swarm/hash-list.js';
import { Global, type StoreMemory } from '../swarm/layout.js';
import { lookUpSwarm } from '../swarm/lookup.js';
import { PeerQuery } from '../swarm/query.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { storeTotals } from '../swarm/totals.js';
import { sumTrackerCounters } from '../tracker/counters.js';
import type { BoundSockets } from './bound-sockets.js';
import { BusiestLookup } from './busiest-lookup.js';
import type { BusiestReport, ClusterReport, SaveReport } from './message.js';
import { MAIN_THREAD } from './plan.js';
import { randomSeed } from './random-seed.js';
import type { SocketTask } from './task.js';
import { VERSION } from './version.js';

/** Before the first client. */
const UNMEASURED: LoadView = {
  busyShare: 0,
  requestsPerSecond: 0,
  stretch: 1,
  intervalSeconds: 0,
  draining: false,
  reason: '',
};

export class TrackerSource implements TrackerAdminSource {
  readonly role = 'tracker';
  /** Set by the process as it goes through its life. */
  serving = false;
  failure: string | undefined;
  /** Says how busy the tracker is; set once that is measured. */
  load: () => LoadView | undefined = () => undefined;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #store: SwarmStore;
  readonly #memory: StoreMemory;
  readonly #deny: HashList | undefined;
  readonly #allow: HashList | undefined;
  readonly #startSeconds: number;
  readonly #busiest: BusiestLookup;
  readonly #query = new PeerQuery();
  #trackerCounts: Float64Array[] = [];
  #frontendCounts: FrontendCounters[] = [];
  readonly #digest: DigestReader | undefined;
  #cluster: ClusterReport | undefined;
  #listen: TrackerStats['listen'] = { http: [], https: [], udp: [] };
  #announceUrls: readonly string[] = [];
  #save: TrackerStats['save'] = { lastAt: 0, lastSeconds: 0, bytes: 0, failures: 0 };

  constructor(name: string, { memory, clock }: { memory: StoreMemory; clock: Clock }) {
    this.#name = name;
    this.#clock = clock;
    this.#memory = memory;
    this.#store = new SwarmStore(memory, { thread: MAIN_THREAD, seed: randomSeed() });
    this.#busiest = new BusiestLookup(this.#store, memory);
    const { replication, lists } = memory;
    if (lists !== undefined) {
      this.#deny = new HashList(lists.deny);
      this.#allow = new HashList(lists.allow);
    }
    this.#digest = replication === undefined ? undefined : new DigestReader(replication);
    this.#startSeconds = clock.monotonicSeconds();
  }

  /** The main thread's view of the store. */
  get store(): SwarmStore {
    return this.#store;
  }

  /** Names the workers whose counters are summed. */
  setWorkers(tasks: readonly SocketTask[]): void {
    this.#trackerCounts = tasks.map((task) => new Float64Array(task.trackerCounts));
    this.#frontendCounts = tasks.map((task) => new FrontendCounters(task.frontendCounts));
  }

  /** Names what was bound, and where clients are told to come. */
  setAddresses({ http, https, udp }: BoundSockets, announceUrls: readonly string[]): void {
    this.#listen = { http, https, udp };
    this.#announceUrls = announceUrls;
  }

  /** Takes what the cluster worker says. */
  noteCluster(report: ClusterReport): void {
    this.#cluster = report;
  }

  /** Holds what the other trackers hold; true where there are none. */
  get caughtUp(): boolean {
    return this.#digest === undefined || this.#cluster?.caughtUp === true;
  }

  noteBusiest(report: BusiestReport): void {
    this.#busiest.note(report);
  }

  noteSave(report: SaveReport): void {
    this.#save = report.ok
      ? {
          lastAt: report.atMs,
          lastSeconds: report.seconds,
          bytes: report.bytes,
          failures: this.#save.failures,
        }
      : { ...this.#save, failures: this.#save.failures + 1 };
  }

  ready(): boolean {
    return this.serving;
  }

  healthy(): Health {
    return this.failure === undefined ? { ok: true } : { ok: false, reason: this.failure };
  }

  stats(): TrackerStats {
    const tracker = sumTrackerCounters(this.#trackerCounts);
    const frontend = sumCounters(this.#frontendCounts);
    return {
      name: this.#name,
      version: VERSION,
      role: 'tracker',
      uptimeSeconds: this.#clock.monotonicSeconds() - this.#startSeconds,
      store: this.#storeStats(),
      udp: {
        packets: frontend.udpPacketsIn,
        connects: tracker.udpConnects,
        announces: tracker.udpAnnounces,
        scrapes: tracker.udpScrapes,
        connects6: tracker.udpConnects6,
        announces6: tracker.udpAnnounces6,
        scrapes6: tracker.udpScrapes6,
        errors: tracker.udpErrors,
        bytesIn: frontend.udpBytesIn,
        bytesOut: frontend.udpBytesOut,
        drops: {
          junk: tracker.udpJunk,
          bad_connection_id: tracker.udpBadConnectionIds,
          source_port: frontend.udpDropsSourcePort,
          source_address: frontend.udpDropsSource,
          group_address: frontend.udpDropsGroup,
          send_queue: frontend.udpDropsSendQueue,
          send_error: frontend.udpSendErrors,
          receive_error: frontend.udpReceiveErrors,
        },
      },
      http: {
        requests: frontend.httpRequests,
        announces: tracker.httpAnnounces,
        scrapes: tracker.httpScrapes,
        announces6: tracker.httpAnnounces6,
        scrapes6: tracker.httpScrapes6,
        failures: tracker.httpFailures,
        responsesOk: frontend.httpResponsesOk,
        responsesClientError: frontend.httpResponsesClientError,
        responsesServerError: frontend.httpResponsesServerError,
        bytesIn: frontend.httpBytesIn,
        bytesOut: frontend.httpBytesOut,
        handedOver: frontend.httpHandedOver,
        drops: {
          not_found: tracker.httpNotFound,
          malformed: frontend.httpMalformed,
          timeout: frontend.httpTimeouts,
          slow_reader: frontend.httpSlowReaders,
          evicted: frontend.httpConnectionsEvicted,
          proxy_header: frontend.httpProxyHeadersRefused,
          hand_over: frontend.httpHandOversRefused,
          accept_error: frontend.httpAcceptErrors,
          tls_failed: frontend.httpsHandshakesFailed,
          tls_timeout: frontend.httpsHandshakeTimeouts,
          tls_refused: frontend.httpsHandshakesRefused,
          tls_evicted: frontend.httpsHandshakesEvicted,
        },
        connections: frontend.httpConnectionsOpen,
        connectionsTotal: frontend.httpConnectionsTotal,
        connectionsRefused: frontend.httpConnectionsRefused,
        handshakes: frontend.httpsHandshakes,
        handshakesResumed: frontend.httpsSessionsResumed,
        handshakesOpen: frontend.httpsHandshakesOpen,
      },
      websocket: webSocketStats(frontend, tracker),
      load: this.load() ?? UNMEASURED,
      latency: this.#latencyStats(),
      listen: this.#listen,
      announceUrls: this.#announceUrls,
      lists: this.#listStats(tracker),
      save: this.#save,
      certificates: this.#certificateStats(),
      memory: { rss: process.memoryUsage.rss() },
    };
  }

  swarm(infoHash: Uint8Array, withPeers: boolean, limit: number): SwarmView | undefined {
    this.#query.setInfoHash(infoHash, 0);
    this.#store.setTime(this.#clock.monotonicSeconds(), this.#clock.wallMs());
    const found = lookUpSwarm(this.#store, this.#query.infoHash, withPeers ? limit : 0);
    if (found === undefined) return undefined;
    const { seeders, leechers, partialSeeds, downloads } = found.counts;
    const view = { seeders, leechers, partialSeeds, downloads, webPeers: found.webPeers };
    if (!withPeers) return view;
    const names = this.#cluster?.originNames ?? [this.#name];
    const peers = found.peers.map(({ ip, port, seeder, ageSeconds, originSlot }) => ({
      ip,
      port,
      seeder,
      ageSeconds,
      origin: names[originSlot] ?? 'unknown',
    }));
    return { ...view, peers };
  }

  cluster(): ClusterView {
    if (this.#cluster !== undefined) return this.#cluster.view;
    const { peers, swarms } = storeTotals(this.#store);
    const state = this.serving ? 'healthy' : 'joining';
    const own = { id: '', name: this.#name, version: VERSION, state, peers, swarms } as const;
    const node = { ...UNKNOWN_NODE, ...own };
    return { self: '', busConnected: null, nodes: [node], links: [], counters: {} };
  }

  digest(): DigestView {
    const { peers, swarms } = storeTotals(this.#store);
    return { peers, swarms, digest: this.#digest?.root() ?? null };
  }

  busiest(): BusiestView {
    this.#store.setTime(this.#clock.monotonicSeconds(), this.#clock.wallMs());
    return this.#busiest.view(this.#clock.wallMs());
  }

  #listStats({ udpDenied, httpDenied, webDenied }: ReturnType<typeof sumTrackerCounters>) {
    const { control } = this.#store;
    const number = Atomics.load(control, Global.listMode);
    const mode = (['open', 'deny', 'allow'] as const)[number];
    const denied = this.#deny?.size ?? 0;
    const allowed = this.#allow?.size ?? 0;
    const refused = { udp: udpDenied, http: httpDenied, websocket: webDenied };
    return { mode, denied, allowed, refused };
  }

  #certificateStats(): TrackerStats['certificates'] {
    const ends = this.#frontendCounts.map((counts) => counts.get('httpsCertificateEndMs'));
    // Workers follow a new certificate one after the other.
    const httpsExpiresAt = ends.reduce(
      (least, end) => (end === 0 || (least > 0 && least < end) ? least : end),
      0,
    );
    return { httpsExpiresAt, clusterExpiresAt: this.#cluster?.certificateEndMs ?? 0 };
  }

  #latencyStats(): TrackerStats['latency'] {
    const cells = this.#frontendCounts.map(({ latency }) => latency);
    const { udp, http, websocket } = LatencyProtocol;
    return {
      udp: sumLatencyCells(cells, udp),
      http: sumLatencyCells(cells, http),
      websocket: sumLatencyCells(cells, websocket),
    };
  }

  #storeStats(): TrackerStats['store'] {
    const { arenaBytes, expired: _, ...totals } = storeTotals(this.#store);
    const { peersMax, swarmsMax } = this.#memory.limits;
    const { control, index, records, segments } = this.#memory;
    const arenaReserved = segments.reduce((sum, segment) => sum + segment.byteLength, 0);
    const tables = control.byteLength + index.byteLength + records.byteLength;
    return {
      ...totals,
      peersMax,
      swarmsMax,
      bytesCommitted: arenaBytes,
      bytesReserved: arenaReserved + tables,
    };
  }
}

function webSocketStats(
  frontend: ReturnType<typeof sumCounters>,
  tracker: ReturnType<typeof sumTrackerCounters>,
): TrackerStats['websocket'] {
  return {
    messages: frontend.wsMessagesIn,
    announces: tracker.webAnnounces,
    scrapes: tracker.webScrapes,
    failures: tracker.webFailures,
    offersMade: tracker.webOffersMade,
    offersDelivered: tracker.webOffersDelivered,
    answersDelivered: tracker.webAnswersDelivered,
    bytesIn: frontend.wsBytesIn,
    bytesOut: frontend.wsBytesOut,
    pauses: frontend.wsPauses,
    drops: {
      origin: frontend.wsOriginsRefused,
      address: frontend.wsAddressesRefused,
      handshake: frontend.wsHandshakesRefused,
      ping_timeout: frontend.wsTimeouts,
      idle: frontend.wsIdleCloses,
      slow_reader: frontend.wsSlowReaders,
      rate: frontend.wsRateCloses,
      malformed_frame: frontend.wsProtocolErrors,
      signal_over_budget: tracker.webSignalsOverBudget,
      offer_lost: tracker.webOffersLost,
      offer_expired: tracker.webOffersExpired,
      offer_evicted: tracker.webOffersEvicted,
      offer_unread: tracker.webOffersUnread,
      answer_refused: tracker.webAnswersRefused,
    },
    connections: frontend.wsConnectionsOpen,
    connectionsTotal: frontend.wsConnectionsTotal,
    connectionsRefused: frontend.wsConnectionsRefused,
  };
}
