/** Puts a tracker behind the portable UDP frontend in a worker thread. */
import { FrontendCounters } from '../frontend/counters.js';
import { PortableUdp } from '../frontend/udp/portable-udp.js';
import { createTracker, createUdpHandler } from './handlers.js';
import type { UdpTask } from './task.js';
import type { RunningWorker, WorkerContext } from './worker-context.js';

export async function startUdp(task: UdpTask, context: WorkerContext): Promise<RunningWorker> {
  const handler = createUdpHandler(task, createTracker(task, context));
  const { listen, shared, catchAll, receiveBufferBytes } = task;
  const frontend = new PortableUdp(
    { listen, shared, catchAll, receiveBufferBytes },
    { handler, onFatal: context.fail, counters: new FrontendCounters(task.frontendCounts) },
  );
  const udp = await frontend.start();
  context.send({ type: 'started', started: { udp } });
  return frontend;
}
