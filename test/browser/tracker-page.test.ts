/** The page of a tracker: what it shows, how heavy it is, and what it does while nobody answers. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { TestBrowser } from '../support/browser.js';
import { announcePorts } from '../support/http-wire.js';
import { adminToken, OperatorPage, shows } from '../support/operator-page.js';
import type { Peer } from '../support/population.js';
import { newHash, portRange } from '../support/swarms.js';
import { REPOSITORY, type TrackerOptions, TrackerProcess } from '../support/tracker-process.js';
import { UdpVoice } from '../support/udp-voice.js';

const PAGE_BYTES_MAX = 200 * 1024;

let browser: TestBrowser;
const trackers: TrackerProcess[] = [];
let shown: OperatorPage | undefined;

beforeAll(async () => {
  browser = await TestBrowser.start();
});
afterEach(async () => {
  await shown?.leave();
  shown = undefined;
  for (const tracker of trackers.splice(0)) await tracker.remove();
});
afterAll(async () => {
  await browser?.close();
});

async function start(options: TrackerOptions = {}): Promise<TrackerProcess> {
  const tracker = await TrackerProcess.start(options);
  trackers.push(tracker);
  return tracker;
}

async function open(tracker: TrackerProcess): Promise<OperatorPage> {
  shown = await OperatorPage.open(browser, tracker);
  return shown;
}

/** Leechers over UDP, from `ports`. */
async function announceUdp(
  tracker: TrackerProcess,
  infoHash: Buffer,
  ports: readonly number[],
): Promise<void> {
  const voice = await UdpVoice.open(tracker.udp4, '127.0.0.1');
  try {
    for (const port of ports) {
      const peer: Peer = {
        infoHash,
        host: '127.0.0.1',
        port,
        role: 'leecher',
        completed: false,
        hasCompleted: false,
        tracker: 0,
        answeredMs: 0,
        isBusy: false,
      };
      await voice.say({ peer, event: 'started', left: 1 });
    }
  } finally {
    voice.close();
  }
}

describe('the page of a tracker', () => {
  it('shows who it is and where it serves, and asks nobody but its listener', async () => {
    const tracker = await start();
    const page = await open(tracker);
    await page.shows('node-state', /ready/);
    await page.shows('role', 'tracker');
    const { host, port } = tracker.http4;
    const urls = await page.part('announce-url').allTextContents();
    expect(urls).toContain(`http://${host}:${port}/announce`);
    expect(urls).toContain(`udp://${formatAddressPort(tracker.udp4)}/announce`);
    expect(await page.page.title()).toContain('trackerbt');
    page.expectClean();
  });

  it('shows numbers that change as peers announce over UDP and HTTP', async () => {
    const tracker = await start();
    const page = await open(tracker);
    await page.shows('peers-value', '0');
    const hash = newHash();
    await announceUdp(tracker, hash, portRange(7_001, 3));
    await page.shows('peers-value', '3');
    await page.shows('swarms-value', '1');
    await page.shows('leechers-value', '3');
    await announcePorts(tracker.http4, hash, [7_101, 7_102], { left: 0 });
    await announcePorts(tracker.http6, newHash(), [7_103], { left: 0 });
    await page.shows('peers-value', '6');
    await page.shows('seeders-value', '3');
    await page.shows('swarms-value', '2');
    await page.shows('peers', /17\s?%.*IPv6/u);
    // Until a second is shown in which somebody announced.
    let busy = true;
    const announcing = (async () => {
      while (busy) await announcePorts(tracker.http4, hash, [7_101], { left: 0 });
    })();
    try {
      await page.shows('announces-value', (text) => Number.parseFloat(text) > 0);
    } finally {
      busy = false;
      await announcing;
    }
    await page.shows('announces-value', '0');
    page.expectClean();
  });

  it('looks up a swarm, with its peers', async () => {
    const tracker = await start();
    const page = await open(tracker);
    const hash = newHash();
    await announcePorts(tracker.http4, hash, [7_201, 7_202], { left: 0 });
    await announcePorts(tracker.http6, hash, [7_203], { left: 9 });
    const input = page.page.locator('#info-hash');
    await input.fill(`magnet:?xt=urn:btih:${hash.toString('hex').toUpperCase()}&dn=x`);
    await input.press('Enter');
    const counts = page.part('swarm').locator('.swarm-counts');
    await shows(counts, (text) => text.startsWith('Seeders2Leechers1'));
    await page.part('swarm').getByRole('button', { name: 'Show peers' }).click();
    const peers = page.part('swarm-peers').locator('tbody th');
    await shows(peers, '127.0.0.1:7201');
    expect((await peers.allTextContents()).toSorted()).toEqual([
      '127.0.0.1:7201',
      '127.0.0.1:7202',
      '[::1]:7203',
    ]);
    // More of them, when asked again.
    await announcePorts(tracker.http4, hash, [7_204], { left: 0 });
    await page.part('swarm').getByRole('button', { name: 'Look again' }).click();
    await shows(counts, (text) => text.startsWith('Seeders3'));
    page.expectClean();
  });

  it('says so when it does not know a swarm, or when it is asked for no info hash', async () => {
    const page = await open(await start());
    const input = page.page.locator('#info-hash');
    await input.fill(newHash().toString('hex'));
    await input.press('Enter');
    await page.shows('swarm', /does not know the swarm/);
    for (const text of ['garbage', '../../api', `${newHash().toString('hex')}0`, '<b>x</b>']) {
      await input.fill(text);
      await input.press('Enter');
      await page.page.getByRole('alert').waitFor();
      await shows(page.page.getByRole('alert'), /no info hash/);
      expect(await page.part('swarm').count()).toBe(0);
    }
    // The browser itself reports each reply of 404.
    page.expectClean(/status of 404/);
  });

  it('keeps its numbers while the tracker is away, and goes on without a reload', async () => {
    const tracker = await start();
    const { host, port } = tracker.admin;
    const admin = `${host}:${port}`;
    const page = await open(tracker);
    await announcePorts(tracker.http4, newHash(), portRange(7_301, 5), { left: 0 });
    await page.shows('peers-value', '5');
    await page.page.evaluate('globalThis.isThisPage = true');
    await tracker.kill9();
    await page.isConnection('lost');
    await page.shows('connection-bar', /^Disconnected/);
    await page.shows('last-heard', /^Last heard \S.* ago/);
    expect(await page.part('peers-value').textContent()).toBe('5');
    // What it heard last it says as that, and not as the state of now.
    await page.shows('connection-bar', /Trying again/);
    const next = await tracker.restart({ ...tracker.options, admin });
    trackers.push(next);
    await page.isConnection('live');
    expect(await page.part('connection-bar').count()).toBe(0);
    await announcePorts(next.http4, newHash(), portRange(7_401, 7), { left: 0 });
    await page.shows('peers-value', (text) => Number(text) >= 7);
    expect(await page.page.evaluate('globalThis.isThisPage')).toBe(true);
    page.expectClean(/Failed to load resource: net::/);
  });

  it('pauses, and goes on', async () => {
    const tracker = await start();
    const page = await open(tracker);
    await page.part('pause').click();
    await page.isConnection('paused');
    await announcePorts(tracker.http4, newHash(), [7_501], { left: 0 });
    await page.shows('connection-bar', /^Paused/);
    expect(await page.part('peers-value').textContent()).toBe('0');
    await page.part('pause').click();
    await page.shows('peers-value', '1');
    page.expectClean();
  });

  it('asks for the token where reading needs it, and refuses a wrong one', async () => {
    const tracker = await start({ admin: '0.0.0.0:0' });
    shown = await OperatorPage.load(browser, tracker);
    const dialog = shown.part('token-dialog');
    await dialog.waitFor();
    await shown.giveToken('not-the-token');
    await shows(dialog.getByRole('alert'), 'That token was refused.');
    expect(await shown.part('peers-value').count()).toBe(0);
    await shown.giveToken(adminToken(tracker, 'tracker'));
    await shown.isConnection('live');
    await shown.shows('peers-value', '0');
    expect(await dialog.count()).toBe(0);
    // It stays in this tab, and in no address.
    expect(shown.watched.requests.join(' ')).not.toContain(adminToken(tracker, 'tracker'));
    await shown.page.reload();
    await shown.isConnection('live');
    shown.expectClean(/status of 401/);
  });
});

describe('the weight of the page', () => {
  it('is 200 KB at most, as it is shipped and as it is loaded', async () => {
    const folder = join(REPOSITORY, 'dist', 'web');
    const shipped = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.br'))
      .reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0);
    expect(shipped).toBeGreaterThan(10_000);
    expect(shipped).toBeLessThanOrEqual(PAGE_BYTES_MAX);
    const page = await open(await start());
    const loaded = await page.page.evaluate(`[
      ...performance.getEntriesByType('navigation'),
      ...performance.getEntriesByType('resource'),
    ].filter(({ name }) => !name.includes('/api/')).reduce((sum, e) => sum + e.encodedBodySize, 0)`);
    expect(loaded).toBeGreaterThan(10_000);
    expect(loaded).toBeLessThanOrEqual(PAGE_BYTES_MAX);
    page.expectClean();
  });
});
