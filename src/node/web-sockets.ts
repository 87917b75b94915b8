/** Puts WebTorrent behind the upgrades of an HTTP frontend, in its thread. */
import type { FrontendCounters } from '../frontend/counters.js';
import type { UpgradeTaker } from '../frontend/http/portable-http.js';
import { WebSocketFrontend } from '../frontend/websocket/web-socket-frontend.js';
import { HttpRoute, HttpRoutes } from '../protocol/http/route.js';
import { WebHandler } from '../tracker/web-handler.js';
import type { ThreadTracker } from './handlers.js';
import type { MainMessage } from './message.js';
import { SignalRouter } from './signal-router.js';
import type { HttpTask } from './task.js';
import type { WorkerContext } from './worker-context.js';

export interface WebSockets {
  /** For the HTTP frontend. */
  readonly upgrades: UpgradeTaker;
  hear(message: MainMessage): void;
  /** Says good bye to all clients: their peers leave. Before the HTTP frontend stops, or beside it. */
  stop(): Promise<void>;
}

/** Undefined where there are to be none. */
export function createWebSockets(
  task: HttpTask,
  { clock }: WorkerContext,
  { tracker }: ThreadTracker,
  counters: FrontendCounters,
): WebSockets | undefined {
  const { webSockets, thread, scrapeHashesMax } = task;
  if (webSockets === undefined) return undefined;
  const counts = new Float64Array(task.trackerCounts);
  const router: SignalRouter = new SignalRouter(
    { origin: webSockets.origin, thread },
    { handler: () => handler, counts },
  );
  const handler = new WebHandler(
    { ...webSockets, thread, scrapeHashesMax },
    {
      tracker,
      clock,
      counts,
      route: (signal) => router.route(signal),
      later: (work) => void setImmediate(work),
    },
  );
  const upgrades = new WebSocketFrontend(webSockets.limits, {
    handler,
    counters,
    addresses: webSockets.addresses,
    takes: webSocketTargets(task.announcePaths),
  });
  return {
    upgrades,
    hear: (message) => {
      if (message.type === 'signals') router.connect(message.thread, message.end);
    },
    stop: async () => {
      await upgrades.stop();
      handler.finish();
      router.close();
    },
  };
}

/**
 * The announce paths, whatever their query; and `/`, which clients use that were given no path. Where
 * only paths are served that are hard to guess, nothing else is.
 */
export function webSocketTargets(announcePaths: readonly string[]): (target: string) => boolean {
  const routes = new HttpRoutes({ announcePaths });
  const takesRoot = announcePaths.includes('/announce');
  return (target) => {
    if (takesRoot && (target === '/' || target.startsWith('/?'))) return true;
    const bytes = Buffer.from(target, 'latin1');
    return routes.match(bytes, 0, bytes.length) === HttpRoute.announce;
  };
}
