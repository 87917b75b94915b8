/** Puts the public page into an HTTP worker. */
import type { PageTaker } from '../frontend/http/page-taker.js';
import { storeTotals } from '../swarm/totals.js';
import { PublicPage } from '../tracker/public-page.js';
import type { BoundSockets } from './bound-sockets.js';
import type { ThreadTracker } from './handlers.js';
import { pageUrls } from './page-urls.js';
import type { HttpTask } from './task.js';

export interface PublicPages {
  readonly pages: PageTaker;
  /** What all workers bound, once that is known. */
  setBound(bound: BoundSockets): void;
}

/** Undefined where there is to be none. */
export function createPublicPage(
  task: HttpTask,
  { store }: ThreadTracker,
): PublicPages | undefined {
  if (!task.publicPage) return undefined;
  const { advertise, announcePaths } = task;
  const webSockets = task.webSockets !== undefined;
  let bound: BoundSockets | undefined;
  const page = new PublicPage({
    totals: () => {
      const { swarms, seeders, leechers, webPeers } = storeTotals(store);
      return { swarms, seeders, leechers, webPeers: webSockets ? webPeers : undefined };
    },
    urls: (request) => pageUrls({ advertise, announcePaths, webSockets }, bound, request),
    nowMs: () => performance.now(),
  });
  return {
    pages: page,
    setBound: (sockets) => {
      bound = sockets;
      page.refresh();
    },
  };
}
