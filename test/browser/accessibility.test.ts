/**
 * Pages for everybody: what axe-core finds, in light and dark, and that keys alone are enough. Axe is
 * put into a page through the debugger, which no policy of the page forbids.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { TestBrowser } from '../support/browser.js';
import { Cluster } from '../support/cluster.js';
import { announcePorts } from '../support/http-wire.js';
import { adminToken, OperatorPage } from '../support/operator-page.js';
import { newHash, portRange } from '../support/swarms.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** More stops than any page here has. */
const TABS_MAX = 200;

let browser: TestBrowser;
let cluster: Cluster;
let page: OperatorPage | undefined;

beforeAll(async () => {
  [browser, cluster] = await Promise.all([
    TestBrowser.start(),
    Cluster.start({ trackers: 2, tracker: { args: ['--public-page'] } }),
  ]);
  for (const tracker of cluster.trackers) {
    await announcePorts(tracker.http4, newHash(), portRange(7_001, 3), { left: 0 });
  }
});
afterEach(async () => {
  await page?.leave();
  page = undefined;
});
afterAll(async () => {
  await browser?.close();
  await cluster?.close();
});

/** What axe holds for serious, as readable lines. */
async function findings(shown: Page): Promise<string[]> {
  await shown.evaluate(AXE);
  const { violations } = await shown.evaluate<AxeResults>('axe.run(document)');
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${help}\n${html}\n${failureSummary}`),
    );
}

async function openMinder(colorScheme: 'light' | 'dark' = 'light'): Promise<OperatorPage> {
  page = await OperatorPage.open(browser, cluster.minder, { colorScheme });
  await page.page.evaluate(
    `sessionStorage.setItem('trackerbt-admin-token', '${adminToken(cluster.minder, 'minder')}')`,
  );
  await page.page.reload();
  await page.part('node-table').waitFor();
  return page;
}

/** Says where the focus is; elements are told apart by a number that they get. */
const FOCUSED = `(() => {
  const element = document.activeElement;
  if (element === null || element === document.body) return null;
  globalThis.stops ??= new Map();
  if (!stops.has(element)) stops.set(element, stops.size);
  return stops.get(element);
})()`;

/** What can be pressed or filled in, is seen, and is not among those that Tab came to. */
const FORGOTTEN = `[...document.querySelectorAll('button, a[href], input, select, textarea, [role=button]')]
  .filter((element) => !stops.has(element) && !element.disabled && element.checkVisibility())
  // Of the nodes of the map one is a stop, and arrows lead to the others.
  .filter((element) => element.getAttribute('tabindex') !== '-1')
  .map((element) => element.outerHTML.slice(0, 120))`;

/** Presses Tab until it comes around; returns what it never came to. */
async function tabAround({ page: shown }: OperatorPage): Promise<string[]> {
  const seen = new Set<unknown>();
  for (let i = 0; i < TABS_MAX; i++) {
    await shown.keyboard.press('Tab');
    const stop = await shown.evaluate(FOCUSED);
    if (stop === null || seen.has(stop)) break;
    seen.add(stop);
  }
  expect(seen.size).toBeGreaterThan(3);
  return await shown.evaluate<string[]>(FORGOTTEN);
}

const DIALOGS = [
  { opener: 'add-node', dialog: 'token-create-dialog' },
  { opener: 'tokens', dialog: 'tokens-dialog' },
  { opener: 'deny-list', dialog: 'deny-dialog' },
];

describe.each(['light', 'dark'] as const)('axe finds nothing serious, %s', (colorScheme) => {
  it('on the page of a tracker', async () => {
    page = await OperatorPage.open(browser, cluster.trackers[0], { colorScheme });
    await page.part('serves').waitFor();
    await page.page.locator('#info-hash').fill('garbage');
    await page.page.locator('#info-hash').press('Enter');
    expect(await findings(page.page)).toEqual([]);
    page.expectClean();
  });

  it('on the map and in its dialogs', async () => {
    const shown = await openMinder(colorScheme);
    expect(await findings(shown.page)).toEqual([]);
    for (const { opener, dialog } of DIALOGS) {
      await shown.part(opener).click();
      await shown.part(dialog).waitFor();
      expect(await findings(shown.page)).toEqual([]);
      await shown.page.keyboard.press('Escape');
      await shown.part(dialog).waitFor({ state: 'detached' });
    }
    const [a] = (await cluster.minder.nodes()).filter(({ role }) => role === 'tracker');
    await shown.row('node-table', a.id).locator('.node-name').click();
    await shown.part('node-details').waitFor();
    expect(await findings(shown.page)).toEqual([]);
    await shown.part('revoke').click();
    await shown.part('revoke-dialog').waitFor();
    expect(await findings(shown.page)).toEqual([]);
    shown.expectClean();
  });

  it('where the token is asked for', async () => {
    page = await OperatorPage.open(browser, cluster.minder, { colorScheme });
    await page.part('tokens').click();
    await page.part('token-dialog').waitFor();
    expect(await findings(page.page)).toEqual([]);
    page.expectClean(/status of 401/);
  });

  it('on the public page', async () => {
    const watched = await browser.open({ colorScheme });
    await watched.page.goto(`http://${formatAddressPort(cluster.trackers[0].http4)}/`);
    expect(await findings(watched.page)).toEqual([]);
    watched.expectClean();
    expect(watched.hosts()).toEqual([formatAddressPort(cluster.trackers[0].http4)]);
    await watched.leave();
  });
});

describe('keys alone', () => {
  it('reach everything on the page of a tracker', async () => {
    page = await OperatorPage.open(browser, cluster.trackers[0]);
    expect(await tabAround(page)).toEqual([]);
    page.expectClean();
  });

  it('reach everything on the map, and what is known of a node', async () => {
    const shown = await openMinder();
    expect(await tabAround(shown)).toEqual([]);
    const first = shown.page.locator('[data-testid=map-node] [role=button][tabindex="0"]');
    await first.focus();
    const before = await shown.page.evaluate('document.activeElement.ariaLabel');
    // From one node to another with arrows, whichever way that one lies.
    for (const key of ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']) {
      await shown.page.keyboard.press(key);
      if ((await shown.page.evaluate('document.activeElement.ariaLabel')) !== before) break;
    }
    const name = await shown.page.evaluate('document.activeElement.ariaLabel');
    expect(name).not.toBe(before);
    await shown.page.keyboard.press('Enter');
    await shown.part('node-details').waitFor();
    await shown.page.locator('[data-testid=node-details] button').first().focus();
    await shown.page.keyboard.press('Escape');
    await shown.part('node-details').waitFor({ state: 'detached' });
    expect(await shown.page.evaluate('document.activeElement.ariaLabel')).toBe(name);
    shown.expectClean();
  });

  it.each(DIALOGS)(
    'stay in $dialog, leave it with Escape, and are where they were',
    async (each) => {
      const shown = await openMinder();
      await shown.part(each.opener).focus();
      await shown.page.keyboard.press('Enter');
      const dialog = shown.part(each.dialog);
      await dialog.waitFor();
      const isInside = `document.activeElement === document.body ||
      document.activeElement.closest('dialog') !== null`;
      expect(await shown.page.evaluate("document.activeElement.closest('dialog') !== null")).toBe(
        true,
      );
      for (let i = 0; i < 20; i++) {
        await shown.page.keyboard.press(i % 3 === 2 ? 'Shift+Tab' : 'Tab');
        expect(await shown.page.evaluate(isInside)).toBe(true);
      }
      await shown.page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      expect(await shown.page.evaluate('document.activeElement.dataset.testid')).toBe(each.opener);
      shown.expectClean();
    },
  );
});
