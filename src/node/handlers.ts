/** What stands behind the sockets of a worker: its view of the store, the tracker, the handlers. */
import { HTTP_BATCH_MAX } from '../frontend/handler.js';
import { BATCH_PACKETS_MAX } from '../frontend/packet-batch.js';
import { CidrSet } from '../lib/cidr-set.js';
import { HttpRoutes } from '../protocol/http/route.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { WarmUp } from '../swarm/warm-up.js';
import { ConnectionIds } from '../tracker/connection-id.js';
import { HttpTrackerHandler } from '../tracker/http-handler.js';
import { HttpWarmUp } from '../tracker/http-warm-up.js';
import { KeyRingReader } from '../tracker/key-ring.js';
import { LiveSettings } from '../tracker/live-settings.js';
import { Tracker } from '../tracker/tracker.js';
import { UdpHandler } from '../tracker/udp-handler.js';
import { UdpWarmUp } from '../tracker/udp-warm-up.js';
import { randomSeed } from './random-seed.js';
import { systemThread } from './system-thread.js';
import type { FastTask, HttpTask, SocketTask, UdpTask } from './task.js';
import type { WorkerContext } from './worker-context.js';

/** A tracker and the thread's view of the store that it works on. */
export interface ThreadTracker {
  readonly tracker: Tracker;
  readonly store: SwarmStore;
}

export function createTracker(task: SocketTask, { clock }: WorkerContext): ThreadTracker {
  const store = new SwarmStore(task.memory, { thread: task.thread, seed: randomSeed() });
  const trustedIpSources = new CidrSet(task.trustedIpSources);
  const live = new LiveSettings(task.live, task.tracker);
  const dependencies = { store, clock, trustedIpSources, seed: randomSeed(), live };
  new Int32Array(task.systemThread)[0] = systemThread();
  return { store, tracker: new Tracker(task.tracker, dependencies) };
}

export function createUdpHandler(
  task: UdpTask | FastTask,
  { tracker, store }: ThreadTracker,
): UdpHandler {
  return new UdpHandler(tracker, {
    ids: new ConnectionIds(new KeyRingReader(task.keyRing)),
    counts: new Float64Array(task.trackerCounts),
    warmUp: new UdpWarmUp(new WarmUp(task.memory, store.index, BATCH_PACKETS_MAX)),
  });
}

export function createHttpHandler(
  task: HttpTask | FastTask,
  { tracker, store }: ThreadTracker,
): HttpTrackerHandler {
  return new HttpTrackerHandler(
    { scrapeHashesMax: task.scrapeHashesMax },
    {
      tracker,
      routes: new HttpRoutes({ announcePaths: task.announcePaths }),
      counts: new Float64Array(task.trackerCounts),
      warmUp: new HttpWarmUp(new WarmUp(task.memory, store.index, HTTP_BATCH_MAX)),
    },
  );
}
