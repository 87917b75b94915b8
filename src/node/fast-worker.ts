/** Puts a tracker behind both protocols in one loop of system calls, and runs it to its end. */
import { randomBytes } from 'node:crypto';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { FrontendCounters } from '../frontend/counters.js';
import { FastHttp } from '../frontend/fast/fast-http.js';
import { FastUdp } from '../frontend/fast/fast-udp.js';
import { HandOverGate, type HandOverWay } from '../frontend/fast/hand-over-gate.js';
import { SocketLoop } from '../frontend/fast/socket-loop.js';
import type { BoundAddress } from '../frontend/frontend.js';
import type { BindAddress } from '../frontend/listen-address.js';
import { CidrSet } from '../lib/cidr-set.js';
import { createHttpHandler, createTracker, createUdpHandler } from './handlers.js';
import { headParserOf } from './left-head.js';
import { fastSys, localOf } from './system-listener.js';
import type { FastTask, HandOverWayEnd } from './task.js';
import type { WorkerContext } from './worker-context.js';

/** Connections that may be in the middle of a request or a reply, 112 KiB each at most when used. */
const BLOCKS_MAX = 4_096;

/** Serves until the main thread says stop. Throws a `ListenError` when an address cannot be bound. */
export function runFast(task: FastTask, context: WorkerContext, port: MessagePort): void {
  const sys = fastSys();
  let stop = (): void => {};
  const onWake = (): void => {
    if (receiveMessageOnPort(port) !== undefined) stop();
  };
  const loop = new SocketLoop({ sys, onWake });
  const counters = new FrontendCounters(task.frontendCounts);
  const tracker = createTracker(task, context);
  const udp = new FastUdp(
    {
      addresses: task.udp.map((bind) => ({ ...localOf(sys, bind), wildcard: bind.wildcard })),
      receiveBufferBytes: task.receiveBufferBytes,
    },
    { sys, loop, handler: createUdpHandler(task, tracker), counters },
  );
  const proxies = new CidrSet(task.trustedProxies);
  const handOver = new HandOverGate(
    {
      pendingMax: task.handOverPendingMax,
      perAddressPerSecondMax: task.handOverPerAddress,
      seed: randomBytes(4).readInt32LE(),
      proxyProtocol: task.proxyProtocol,
    },
    {
      ways: task.handOver.map((end) => handOverWay(end, context)),
      isProxy: (source) => proxies.has(source),
      nowMs: () => performance.now(),
    },
  );
  const http = new FastHttp(
    {
      addresses: task.http.map((bind) => localOf(sys, bind)),
      connectionsMax: task.limits.connectionsMax,
      backlog: task.limits.backlog,
      headerBytesMax: task.limits.headerBytesMax,
      requestTimeoutMs: task.limits.requestTimeoutMs,
      keepAliveMs: task.limits.keepAliveTimeoutMs,
      sendTimeoutMs: task.limits.sendTimeoutMs,
      requestsPerConnectionMax: task.limits.requestsPerConnectionMax,
      blocksMax: BLOCKS_MAX,
    },
    {
      sys,
      loop,
      handler: createHttpHandler(task, tracker),
      parser: headParserOf(task),
      handOver,
      counters,
      open: new Int32Array(task.connectionsOpen),
    },
  );
  stop = () => {
    udp.close();
    http.drain();
    loop.drain(task.limits.stopTimeoutMs, () => http.connections === 0);
  };
  const started = { udp: bound(task.udp), http: bound(task.http), wakeFd: loop.wakeFd };
  context.send({ type: 'started', started });
  loop.run();
  http.close();
  loop.close();
  for (const { port: way } of task.handOver) way.close();
}

function handOverWay(
  { port, pending, worker, frontendCounts }: HandOverWayEnd,
  context: WorkerContext,
): HandOverWay {
  const counters = new FrontendCounters(frontendCounts);
  let saidSo = false;
  return {
    post: (message) => {
      // What is posted waits at the port for the thread that takes it, which may not run yet.
      port.postMessage(message, [message.bytes.buffer]);
      if (!saidSo) context.send({ type: 'handOver', worker });
      saidSo = true;
    },
    pending: new Int32Array(pending),
    open: () => counters.get('httpConnectionsOpen') + counters.get('wsConnectionsOpen'),
  };
}

function bound(binds: readonly BindAddress[]): BoundAddress[] {
  return binds.map(({ address, family, port }) => ({ address, family, port }));
}
