/**
 * A tracker of a cluster in this process: the real store, tracker and portable frontends on loopback,
 * and whoever takes challenges off the bus. `answersProbes: false` makes it deaf to challenges.
 */
import { ChallengeTaker } from '../cluster/challenge-taker.js';
import type { ReplicationTransport } from '../cluster/transport.js';
import type { BoundAddress } from '../frontend/frontend.js';
import { HTTP_BATCH_MAX } from '../frontend/handler.js';
import { PortableHttp } from '../frontend/http/portable-http.js';
import { BATCH_PACKETS_MAX } from '../frontend/packet-batch.js';
import { PortableUdp } from '../frontend/udp/portable-udp.js';
import { CidrSet } from '../lib/cidr-set.js';
import { SystemClock } from '../lib/clock.js';
import { controlSubject } from '../protocol/cluster/control.js';
import { HttpRoutes } from '../protocol/http/route.js';
import { reserveStore } from '../swarm/layout.js';
import { reserveProbeAnswers } from '../swarm/probe-answers.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { WarmUp } from '../swarm/warm-up.js';
import { ConnectionIds } from '../tracker/connection-id.js';
import { TRACKER_COUNTER_COUNT } from '../tracker/counters.js';
import { HttpTrackerHandler } from '../tracker/http-handler.js';
import { HttpWarmUp } from '../tracker/http-warm-up.js';
import { createKeyRing, KeyRingReader } from '../tracker/key-ring.js';
import { Tracker } from '../tracker/tracker.js';
import { UdpHandler } from '../tracker/udp-handler.js';
import { UdpWarmUp } from '../tracker/udp-warm-up.js';

export interface TrackerStandOptions {
  readonly nodeId: string;
  readonly hosts?: readonly string[];
  readonly answersProbes?: boolean;
}

export class TrackerStand {
  private constructor(
    readonly nodeId: string,
    readonly store: SwarmStore,
    readonly udp: readonly BoundAddress[],
    readonly http: readonly BoundAddress[],
    private readonly frontends: readonly (PortableUdp | PortableHttp)[],
  ) {}

  static async start(
    { nodeId, hosts = ['127.0.0.1'], answersProbes = true }: TrackerStandOptions,
    transport: ReplicationTransport,
  ): Promise<TrackerStand> {
    const clock = new SystemClock();
    const probeAnswers = reserveProbeAnswers();
    const limits = { peersMax: 1_000, swarmsMax: 100, shards: 1 };
    const memory = { ...reserveStore(limits), probeAnswers };
    const store = new SwarmStore(memory, { thread: 1, seed: 1 });
    const tracker = new Tracker(
      {
        intervalSeconds: 1_800,
        minIntervalSeconds: 900,
        intervalJitter: 0,
        numwantDefault: 50,
        numwantMax: 200,
      },
      { store, clock, trustedIpSources: new CidrSet([]), seed: 1 },
    );
    const counts = new Float64Array(TRACKER_COUNTER_COUNT);
    const listen = hosts.map((host) => ({ host, port: 0 }));
    const onFatal = (error: Error) => {
      throw error;
    };
    const udp = new PortableUdp(
      { listen },
      {
        handler: new UdpHandler(tracker, {
          ids: new ConnectionIds(new KeyRingReader(createKeyRing())),
          counts,
          warmUp: new UdpWarmUp(new WarmUp(memory, store.index, BATCH_PACKETS_MAX)),
        }),
        onFatal,
      },
    );
    const http = new PortableHttp(
      { listen },
      {
        handler: new HttpTrackerHandler(
          { scrapeHashesMax: 64 },
          {
            tracker,
            routes: new HttpRoutes({ announcePaths: ['/announce'] }),
            counts,
            warmUp: new HttpWarmUp(new WarmUp(memory, store.index, HTTP_BATCH_MAX)),
          },
        ),
        onFatal,
      },
    );
    const taker = new ChallengeTaker({ memory: probeAnswers }, { clock });
    transport.subscribe(controlSubject(nodeId), (_subject, payload) => {
      if (answersProbes) taker.take(payload);
    });
    const bound = { udp: await udp.start(), http: await http.start() };
    return new TrackerStand(nodeId, store, bound.udp, bound.http, [udp, http]);
  }

  /** As its heartbeat has them. */
  get addresses(): string[] {
    const host = ({ address, family, port }: BoundAddress) =>
      family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
    return [
      ...this.udp.map((bound) => `udp://${host(bound)}`),
      ...this.http.map((bound) => `http://${host(bound)}/announce`),
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.frontends.map((frontend) => frontend.stop()));
  }
}
