/** Puts a tracker behind the portable HTTP frontend in a worker thread. */
import { FrontendCounters } from '../frontend/counters.js';
import type { HandOverMessage } from '../frontend/fast/hand-over-gate.js';
import type { HttpConnection } from '../frontend/http/http-connection.js';
import {
  PortableHttp,
  type PortableHttpDependencies,
  type ProxyTrust,
} from '../frontend/http/portable-http.js';
import { TlsDoor } from '../frontend/tls/tls-door.js';
import type { TlsIdentity } from '../frontend/tls/tls-identity.js';
import { CidrSet } from '../lib/cidr-set.js';
import type { Endpoint } from '../lib/endpoint.js';
import { decodeProxyHeader } from '../protocol/proxy/proxy-header.js';
import { clientFromForwardedFor } from '../protocol/proxy/x-forwarded-for.js';
import { ChallengeHandler } from './challenge-handler.js';
import { createHttpHandler, createTracker } from './handlers.js';
import { createPublicPage } from './public-pages.js';
import { openListener } from './system-listener.js';
import type { HandOverEnd, HttpsTask, HttpTask } from './task.js';
import { TlsFiles } from './tls-files.js';
import { createWebSockets } from './web-sockets.js';
import type { RunningWorker, WorkerContext } from './worker-context.js';

export async function startHttp(task: HttpTask, context: WorkerContext): Promise<RunningWorker> {
  const { listen, shared, limits } = task;
  const proxies = proxyTrust(task);
  const tracker = createTracker(task, context);
  const counters = new FrontendCounters(task.frontendCounts);
  const webSockets = createWebSockets(task, context, tracker, counters);
  const handler = createHttpHandler(task, tracker);
  const page = createPublicPage(task, tracker);
  const challenges = task.answersChallenges ? new ChallengeHandler(handler) : undefined;
  const dependencies = {
    handler: challenges ?? handler,
    onFatal: context.fail,
    counters,
    ...(webSockets === undefined ? {} : { upgrades: webSockets.upgrades }),
    ...(proxies === undefined ? {} : { proxies }),
    ...(page === undefined ? {} : { pages: page.pages }),
  };
  const frontend = new PortableHttp({ listen, shared, limits }, dependencies);
  const secure =
    task.https === undefined ? undefined : createHttps(task.https, dependencies, context);
  const http = await frontend.start();
  const https = (await secure?.frontend.start()) ?? [];
  const adopted: HandOverEnd[] = [];
  context.send({ type: 'started', started: { http, https } });
  return {
    hear: (message) => {
      webSockets?.hear(message);
      if (message.type === 'reload') {
        for (const files of secure?.files ?? []) files.look(true);
      } else if (message.type === 'bound') page?.setBound(message.bound);
      else if (message.type === 'challenges') challenges?.set(message.answers);
      else if (message.type === 'adopt') {
        adopted.push(...message.ends);
        for (const end of message.ends) adoptFrom(end, frontend);
      }
    },
    stop: async () => {
      for (const { port } of adopted) port.close();
      for (const files of secure?.files ?? []) files.stop();
      await Promise.all([webSockets?.stop(), frontend.stop(), secure?.frontend.stop()]);
    },
  };
}

/** The same again behind TLS. Throws TlsIdentityError when there is no certificate for it. */
function createHttps(
  task: HttpsTask,
  dependencies: PortableHttpDependencies & { readonly counters: FrontendCounters },
  context: WorkerContext,
): { readonly frontend: PortableHttp; readonly files: readonly TlsFiles[] } {
  const { listen, shared, limits, certFile, keyFile, mayBeMissing, more } = task;
  const door = new TlsDoor<HttpConnection>(
    { ...task, handshakeGraceMs: limits.halfOpenGraceMs, isForMore: more.length > 0 },
    dependencies.counters,
  );
  const others = more.map((pair) => ({ ...pair, mayBeMissing: false }));
  const files = [{ certFile, keyFile, mayBeMissing }, ...others].map((pair, place) => {
    const use = (identity: TlsIdentity) => door.use(identity, place);
    return new TlsFiles(pair, { use, log: context.log, now: () => Date.now() });
  });
  for (const each of files) each.start();
  const openSharedListener = task.bySystemCalls ? openListener : undefined;
  const options = { listen, shared, limits };
  const frontend = new PortableHttp(options, { ...dependencies, tls: door, openSharedListener });
  return { frontend, files };
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
