/** Puts a tracker behind the portable HTTP frontend in a worker thread. */
import { FrontendCounters } from '../frontend/counters.js';
import type { HandOverMessage } from '../frontend/fast/hand-over-gate.js';
import { PortableHttp, type ProxyTrust } from '../frontend/http/portable-http.js';
import { CidrSet } from '../lib/cidr-set.js';
import type { Endpoint } from '../lib/endpoint.js';
import { decodeProxyHeader } from '../protocol/proxy/proxy-header.js';
import { clientFromForwardedFor } from '../protocol/proxy/x-forwarded-for.js';
import { createHttpHandler, createTracker } from './handlers.js';
import type { HandOverEnd, HttpTask } from './task.js';
import type { RunningWorker, WorkerContext } from './worker-context.js';

export async function startHttp(task: HttpTask, context: WorkerContext): Promise<RunningWorker> {
  const { listen, shared, limits } = task;
  const proxies = proxyTrust(task);
  const frontend = new PortableHttp(
    { listen, shared, limits },
    {
      handler: createHttpHandler(task, createTracker(task, context)),
      onFatal: context.fail,
      counters: new FrontendCounters(task.frontendCounts),
      ...(proxies === undefined ? {} : { proxies }),
    },
  );
  const http = await frontend.start();
  const adopted: HandOverEnd[] = [];
  context.send({ type: 'started', started: { http } });
  return {
    hear: (message) => {
      if (message.type !== 'adopt') return;
      adopted.push(...message.ends);
      for (const end of message.ends) adoptFrom(end, frontend);
    },
    stop: async () => {
      for (const { port } of adopted) port.close();
      await frontend.stop();
    },
  };
}

function adoptFrom({ port, pending }: HandOverEnd, frontend: PortableHttp): void {
  const waiting = new Int32Array(pending);
  port.on('message', ({ fd, bytes }: HandOverMessage) => {
    Atomics.sub(waiting, 0, 1);
    frontend.adopt(fd, bytes);
  });
}

function proxyTrust(task: HttpTask): ProxyTrust | undefined {
  if (task.trustedProxies.length === 0) return undefined;
  const proxies = new CidrSet(task.trustedProxies);
  const isTrusted = (source: Endpoint): boolean => proxies.has(source);
  return {
    isTrusted,
    forwardedClient: (header, client) => clientFromForwardedFor(header, isTrusted, client),
    ...(task.proxyProtocol ? { decodeProxyHeader } : {}),
  };
}
