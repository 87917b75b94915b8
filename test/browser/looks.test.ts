/**
 * Pages on a phone and on a desktop, in light and dark: nothing is cut off, scrolls sideways or lies
 * over something else. `TEST_PICTURES=FOLDER` keeps a picture of each, to be looked at.
 */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { TestBrowser, type WatchedPage } from '../support/browser.js';
import { Cluster } from '../support/cluster.js';
import { announcePorts } from '../support/http-wire.js';
import { adminToken, OperatorPage } from '../support/operator-page.js';
import { newHash, portRange } from '../support/swarms.js';

const { TEST_PICTURES: pictures } = process.env;
const LONG_NAME = 'tracker-with-a-rather-long-name.eu-central-1.example.org';

const hash = newHash();
let browser: TestBrowser;
let cluster: Cluster;
let watched: WatchedPage | undefined;

beforeAll(async () => {
  [browser, cluster] = await Promise.all([
    TestBrowser.start(),
    Cluster.start({ trackers: 2, tracker: { args: ['--public-page', '--name', LONG_NAME] } }),
  ]);
  for (const tracker of cluster.trackers) {
    await announcePorts(tracker.http4, hash, portRange(7_001, 30), { left: 0 });
    await announcePorts(tracker.http4, newHash(), portRange(7_001, 5));
  }
});
afterEach(async () => {
  await watched?.leave();
  watched = undefined;
});
afterAll(async () => {
  await browser?.close();
  await cluster?.close();
});

/** Neighbours in one line of the page that share more than a pixel. */
const OVERLAPS = `['.header-inner', '.header-tools', '.card-head', '.card-tools', '.dialog-head', '.dialog-actions', '.bar', '.swarm-actions']
  .flatMap((selector) => [...document.querySelectorAll(selector)])
  .flatMap((parent) => [...parent.children].flatMap((a, i) => [...parent.children].slice(i + 1).map((b) => [a, b])))
  .filter(([a, b]) => {
    const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
    const width = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const height = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    return width > 1 && height > 1;
  })
  .map((pair) => pair.map(({ outerHTML }) => outerHTML.slice(0, 100)).join(' lies over '))`;

/** What is pressed or filled in and lies beside the page, but for what scrolls by itself. */
const BESIDE = `[...document.querySelectorAll('button, a[href], input, h1, h2, h3')]
  .filter((element) => element.checkVisibility() && !element.matches('.skip-link, .visually-hidden'))
  .filter((element) => element.closest('.table-scroll, svg') === null)
  .filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return width > 0 && (left < -1 || right > innerWidth + 1);
  })
  .map(({ outerHTML }) => outerHTML.slice(0, 120))`;

async function expectInOrder(page: Page, name: string): Promise<void> {
  if (pictures !== undefined) {
    await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  }
  const [whole, seen] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  );
  expect(whole, `${name}: width`).toBeLessThanOrEqual(seen);
  expect(await page.evaluate(OVERLAPS), name).toEqual([]);
  expect(await page.evaluate(BESIDE), name).toEqual([]);
}

const SIZES = [
  { width: 360, height: 740 },
  { width: 1440, height: 900 },
];
const LOOKS = SIZES.flatMap((viewport) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ viewport, colorScheme })),
);

describe.each(LOOKS)('$viewport.width px wide, $colorScheme', (look) => {
  const name = (what: string) => `${what}-${look.viewport.width}-${look.colorScheme}`;

  it('the page of a tracker', async () => {
    const shown = await OperatorPage.open(browser, cluster.trackers[0], look);
    watched = shown.watched;
    await shown.page.locator('#info-hash').fill(hash.toString('hex'));
    await shown.page.locator('#info-hash').press('Enter');
    await shown.part('swarm').getByRole('button', { name: 'Show peers' }).click();
    await shown.part('swarm-peers').waitFor();
    await expectInOrder(shown.page, name('tracker'));
    await shown.part('pause').click();
    await shown.part('connection-bar').waitFor();
    await expectInOrder(shown.page, name('tracker-paused'));
    shown.expectClean();
  });

  it('the map and its dialogs', async () => {
    const shown = await OperatorPage.open(browser, cluster.minder, look);
    watched = shown.watched;
    await shown.part('node-table').waitFor();
    await expectInOrder(shown.page, name('map'));
    const tracker = (await cluster.minder.nodes()).find(({ role }) => role === 'tracker');
    await shown
      .row('node-table', tracker?.id ?? '')
      .locator('.node-name')
      .click();
    await shown.part('node-details').waitFor();
    await expectInOrder(shown.page, name('map-details'));
    await shown.part('tokens').click();
    await shown.part('token-dialog').waitFor();
    await expectInOrder(shown.page, name('token-dialog'));
    await shown.giveToken(adminToken(cluster.minder, 'minder'));
    await shown.part('token-dialog').waitFor({ state: 'detached' });
    await shown.part('tokens-table').waitFor();
    await expectInOrder(shown.page, name('tokens-dialog'));
    await shown.page.keyboard.press('Escape');
    await shown.part('add-node').click();
    await shown.part('token-create-dialog').waitFor();
    await expectInOrder(shown.page, name('token-create'));
    await shown.page.getByRole('button', { name: 'Create token' }).click();
    await shown.part('secret-command').waitFor();
    await expectInOrder(shown.page, name('token-made'));
    await shown.page.keyboard.press('Escape');
    await shown.part('deny-list').click();
    const deny = shown.part('deny-dialog');
    await deny.getByLabel('Info hash or magnet link').fill(newHash().toString('hex'));
    await deny.getByLabel('Reason (optional)').fill('asked for by the owner of the rights');
    await deny.getByRole('button', { name: 'Deny', exact: true }).click();
    await shown.part('deny-table').waitFor();
    await expectInOrder(shown.page, name('deny'));
    shown.expectClean(/status of 401/);
  });

  it('the public page', async () => {
    watched = await browser.open(look);
    await watched.page.goto(`http://${formatAddressPort(cluster.trackers[0].http4)}/`);
    await expectInOrder(watched.page, name('public'));
    watched.expectClean();
  });
});
