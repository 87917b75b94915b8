/**
 * Two browsers share a file through this tracker and no other machine: WebTorrent's own bundle in
 * headless Chromium, each peer in a page with a context of its own.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { TestBrowser, type WatchedPage } from '../support/browser.js';
import { Cluster, viewOf } from '../support/cluster.js';
import { until, within } from '../support/deadline.js';
import { scrapeCounts } from '../support/swarms.js';
import { REPOSITORY, TrackerProcess } from '../support/tracker-process.js';
import { WebPages } from '../support/web-page.js';

const CONTENT_BYTES = 4_000_000 + 321;
const LIMIT_MS = 60_000;

/** A lost offer is made again soon: a browser that starts may be slow at first. */
const OPTIONS = { config: { websocket: { intervalSeconds: 5 } } };

const content = randomBytes(CONTENT_BYTES);
let browser: TestBrowser;
let pages: WebPages;

beforeAll(async () => {
  const bundle = join(REPOSITORY, 'node_modules/webtorrent/dist/webtorrent.min.js');
  pages = await WebPages.start({
    '/index.html':
      '<!doctype html><title>peer</title><script type="module" src="/peer.js"></script>',
    '/peer.js': readFileSync(new URL('peer-page.js', import.meta.url)),
    '/webtorrent.min.js': readFileSync(bundle),
    '/content.bin': content,
  });
  browser = await TestBrowser.start();
});
afterAll(async () => {
  await browser?.close();
  await pages?.close();
});

const announceUrl = ({ http4 }: TrackerProcess) => `ws://${formatAddressPort(http4)}/announce`;

async function openPeer(): Promise<WatchedPage> {
  const peer = await browser.open();
  await peer.page.goto(pages.url, { waitUntil: 'load' });
  return peer;
}

/** Calls a function of the page. */
async function call(peer: WatchedPage, name: string, ...args: string[]): Promise<unknown> {
  const list = args.map((arg) => JSON.stringify(arg)).join(', ');
  return within(peer.page.evaluate(`globalThis.${name}(${list})`), LIMIT_MS, name);
}

/** Waits until the tracker counts so many seeders and leechers. */
async function counted(
  tracker: TrackerProcess,
  infoHash: Buffer,
  complete: number,
  incomplete: number,
): Promise<void> {
  await until(
    async () => {
      const counts = await scrapeCounts(tracker.http4, infoHash);
      return counts.complete === complete && counts.incomplete === incomplete ? true : undefined;
    },
    LIMIT_MS,
    `${complete} seeders and ${incomplete} leechers`,
  );
}

/** One page seeds at a tracker, another downloads at the same one or another. */
async function share(seederAt: TrackerProcess, leecherAt: TrackerProcess): Promise<void> {
  const [seeder, leecher] = [await openPeer(), await openPeer()];
  const both = [seeder, leecher];
  try {
    const hex = String(await call(seeder, 'seed', '/content.bin', announceUrl(seederAt)));
    const infoHash = Buffer.from(hex, 'hex');
    // The leecher's first offers are to find the seeder: the next ones are minutes away.
    await counted(leecherAt, infoHash, 1, 0);
    // It is told no more than that: even the list of pieces comes from the other page.
    const magnet = `magnet:?xt=urn:btih:${hex}&tr=${encodeURIComponent(announceUrl(leecherAt))}`;
    const got = await call(leecher, 'download', magnet);
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(got).toEqual({ length: content.length, sha256 });
    await counted(seederAt, infoHash, 2, 0);
    for (const peer of both) {
      expect(await call(peer, 'state')).toMatchObject({ warnings: [], kinds: ['webrtc'] });
      peer.expectClean();
    }
    // Each asked the page's server and its own tracker, and nobody else; and the bytes that the
    // leecher has did not come from the page's server.
    const allowed = (tracker: TrackerProcess) =>
      [pages.address, tracker.http4].map(formatAddressPort).toSorted();
    expect(seeder.hosts().toSorted()).toEqual(allowed(seederAt));
    expect(leecher.hosts().toSorted()).toEqual(allowed(leecherAt));
    expect(leecher.requests.filter((url) => url.endsWith('/content.bin'))).toEqual([]);
    // A page that is closed says nothing; its connection ends, and so it is gone.
    await leecher.leave();
    await counted(seederAt, infoHash, 1, 0);
    await seeder.leave();
    await counted(leecherAt, infoHash, 0, 0);
  } catch (error) {
    const states = await Promise.all(both.map((peer) => call(peer, 'state').catch(String)));
    const what = both.map((peer, i) => [JSON.stringify(states[i]), ...peer.problems].join('\n'));
    throw new Error([(error as Error).message, ...what, leecherAt.output()].join('\n-----\n'));
  } finally {
    for (const peer of both) await peer.leave();
  }
}

describe('two pages', () => {
  it('share a file through one tracker', async () => {
    const tracker = await TrackerProcess.start(OPTIONS);
    try {
      await share(tracker, tracker);
    } finally {
      await tracker.remove();
    }
  });

  it('share a file through two trackers of a cluster', async () => {
    const cluster = await Cluster.start({ trackers: 2, tracker: OPTIONS });
    try {
      const [a, b] = cluster.trackers;
      await share(a, b);
      // It was the bus that brought them together.
      const { counters } = await viewOf(b);
      expect(counters.signals_sent).toBeGreaterThan(0);
    } finally {
      await cluster.close();
    }
  });
});
