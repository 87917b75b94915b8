/** Puts a tracker behind a frontend in a worker thread. */
import { FrontendCounters } from '../frontend/counters.js';
import type { Frontend } from '../frontend/frontend.js';
import { PortableHttp } from '../frontend/http/portable-http.js';
import { BATCH_PACKETS_MAX } from '../frontend/packet-batch.js';
import { PortableUdp } from '../frontend/udp/portable-udp.js';
import { CidrSet } from '../lib/cidr-set.js';
import { HttpRoutes } from '../protocol/http/route.js';
import { decodeProxyHeader } from '../protocol/proxy/proxy-header.js';
import { clientFromForwardedFor } from '../protocol/proxy/x-forwarded-for.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { WarmUp } from '../swarm/warm-up.js';
import { ConnectionIds } from '../tracker/connection-id.js';
import { HttpTrackerHandler } from '../tracker/http-handler.js';
import { KeyRingReader } from '../tracker/key-ring.js';
import { Tracker } from '../tracker/tracker.js';
import { UdpHandler } from '../tracker/udp-handler.js';
import { UdpWarmUp } from '../tracker/udp-warm-up.js';
import { randomSeed } from './random-seed.js';
import type { HttpTask, SocketTask, UdpTask } from './task.js';
import type { RunningWorker, WorkerContext } from './worker-context.js';

export async function startUdp(task: UdpTask, context: WorkerContext): Promise<RunningWorker> {
  const ids = new ConnectionIds(new KeyRingReader(task.keyRing));
  const counts = new Float64Array(task.trackerCounts);
  const { tracker, warmUp } = createTracker(task, context);
  const handler = new UdpHandler(tracker, { ids, counts, warmUp });
  const { listen, shared, receiveBufferBytes } = task;
  const frontend = new PortableUdp(
    { listen, shared, receiveBufferBytes },
    { handler, onFatal: context.fail, counters: new FrontendCounters(task.frontendCounts) },
  );
  return serve(frontend, context);
}

export async function startHttp(task: HttpTask, context: WorkerContext): Promise<RunningWorker> {
  const handler = new HttpTrackerHandler(
    { scrapeHashesMax: task.scrapeHashesMax },
    {
      tracker: createTracker(task, context).tracker,
      routes: new HttpRoutes({ announcePaths: task.announcePaths }),
      counts: new Float64Array(task.trackerCounts),
    },
  );
  const proxies = new CidrSet(task.trustedProxies);
  const isTrusted = (source: Parameters<CidrSet['has']>[0]): boolean => proxies.has(source);
  const frontend = new PortableHttp(
    { listen: task.listen, shared: task.shared, limits: task.limits },
    {
      handler,
      onFatal: context.fail,
      counters: new FrontendCounters(task.frontendCounts),
      ...(task.trustedProxies.length > 0
        ? {
            proxies: {
              isTrusted,
              forwardedClient: (header, client) =>
                clientFromForwardedFor(header, isTrusted, client),
              ...(task.proxyProtocol ? { decodeProxyHeader } : {}),
            },
          }
        : {}),
    },
  );
  return serve(frontend, context);
}

function createTracker(task: SocketTask, { clock }: WorkerContext) {
  const store = new SwarmStore(task.memory, { thread: task.thread, seed: randomSeed() });
  const trustedIpSources = new CidrSet(task.trustedIpSources);
  const tracker = new Tracker(task.tracker, { store, clock, trustedIpSources, seed: randomSeed() });
  const warmUp = new UdpWarmUp(new WarmUp(task.memory, store.index, BATCH_PACKETS_MAX));
  return { tracker, warmUp };
}

async function serve(frontend: Frontend, { send }: WorkerContext): Promise<RunningWorker> {
  const addresses = await frontend.start();
  send({ type: 'started', addresses });
  return frontend;
}
