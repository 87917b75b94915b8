/**
 * The page of a minder: the live map and its list show each node as it is, and operators act there.
 * One cluster for all of it, whose story the tests tell in order: a tracker dies and returns, another
 * is drained, a fourth joins and is put out.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser } from '../support/browser.js';
import { Cluster } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { announcePorts, announceTarget, httpDict } from '../support/http-wire.js';
import { measured, sized } from '../support/long.js';
import { adminToken, OperatorPage, SHOW_LIMIT_MS, shows } from '../support/operator-page.js';
import { failureOf, newHash, portRange } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

/** A node that died is shown so within 10 s: so said the promise, of a machine that is not too busy. */
const UNREACHABLE_LIMIT_MS = sized(SHOW_LIMIT_MS, 10_000);

let browser: TestBrowser;
let cluster: Cluster;
let page: OperatorPage;
let joined: TrackerProcess | undefined;
const ids = new Map<string, string>();

beforeAll(async () => {
  [browser, cluster] = await Promise.all([
    TestBrowser.start(),
    Cluster.start({ trackers: 3, minder: { args: ['--name', 'eye'] } }),
  ]);
  await learnIds();
  page = await OperatorPage.open(browser, cluster.minder, {
    viewport: { width: 1440, height: 900 },
  });
});
afterAll(async () => {
  await browser?.close();
  await joined?.remove();
  await cluster?.close();
});

async function learnIds(): Promise<void> {
  for (const { name, id } of await cluster.minder.nodes()) ids.set(name, id);
}

function idOf(name: string): string {
  const id = ids.get(name);
  if (id === undefined) throw new Error(`${name} is not known: ${[...ids.keys()]}`);
  return id;
}

/** Waits until map and list say the same of a node. */
async function isShown(name: string, state: string, limitMs = SHOW_LIMIT_MS): Promise<number> {
  const atMs = await page.isNode(idOf(name), state, limitMs);
  const cell = page.row('node-table', idOf(name)).locator('[data-column=state]');
  await shows(cell, (text) => text.startsWith(state));
  return atMs;
}

async function openDetails(name: string): Promise<void> {
  await page.row('node-table', idOf(name)).locator('.node-name').click();
  await page.page.locator(`[data-testid=node-details][data-node-id="${idOf(name)}"]`).waitFor();
}

async function closeDetails(): Promise<void> {
  await page.part('node-details').getByRole('button', { name: 'Close details' }).click();
  await page.part('node-details').waitFor({ state: 'detached' });
}

describe('the page of a minder', () => {
  it('shows every node, on the map and in the list', async () => {
    for (const name of ['eye', 'a', 'b', 'c']) await isShown(name, 'healthy');
    expect(await page.part('map-node').count()).toBe(4);
    expect(await page.part('node-table').locator('tbody tr').count()).toBe(4);
    expect(await page.node(idOf('a')).getAttribute('aria-label')).toMatch(/^tracker a, healthy/);
    page.expectClean();
  });

  it('shows what trackers hold as clients announce, and who hears it from whom', async () => {
    const hash = newHash();
    await announcePorts(cluster.trackers[0].http4, hash, portRange(8_001, 9), { left: 0 });
    // The others hear of them through the bus.
    for (const name of ['a', 'b', 'c']) {
      await shows(page.row('node-table', idOf(name)).locator('[data-column=peers]'), '9');
    }
    await openDetails('a');
    await page.shows('links-out', /b.*c|c.*b/);
    await shows(page.part('node-details').locator('[data-fact=peers]'), '9');
    await closeDetails();
    page.expectClean();
  });

  it('shows a tracker that was killed as unreachable, and as healthy when it is back', async () => {
    const killedMs = performance.now();
    await cluster.trackers[1].kill9();
    const seenMs = await isShown('b', 'unreachable', UNREACHABLE_LIMIT_MS);
    measured(
      `a killed tracker is unreachable on the map after ${Math.round(seenMs - killedMs)} ms`,
    );
    await page.shows('events', /b.*unreachable/);
    await isShown('a', 'healthy');
    await isShown('c', 'healthy');
    const backMs = performance.now();
    await cluster.restart(cluster.trackers[1]);
    const returnedMs = await isShown('b', 'healthy');
    measured(`it is healthy again ${Math.round(returnedMs - backMs)} ms after its start`);
    await page.shows('events', /b.*healthy/);
    page.expectClean();
  });

  it('drains a tracker with the admin token, and with no other', async () => {
    await openDetails('c');
    await page.part('drain').click();
    const dialog = page.part('token-dialog');
    await dialog.waitFor();
    // Who would rather not is told why nothing happened.
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.shows('failure', /token/);
    await page.part('drain').click();
    await dialog.waitFor();
    await page.giveToken('0'.repeat(43));
    await shows(dialog.getByRole('alert'), 'That token was refused.');
    await page.isNode(idOf('c'), 'healthy');
    await page.giveToken(adminToken(cluster.minder, 'minder'));
    await dialog.waitFor({ state: 'detached' });
    await isShown('c', 'draining');
    await page.shows('drain', 'End drain');
    await page.part('drain').click();
    await isShown('c', 'healthy');
    await closeDetails();
    page.expectClean(/status of 401/);
  });

  it('makes a token and a command, with which a tracker joins', async () => {
    await page.part('add-node').click();
    const dialog = page.part('token-create-dialog');
    await dialog.getByLabel('Uses').fill('none');
    await shows(dialog.locator('.is-problem'), /whole number/);
    await dialog.getByLabel('Uses').fill('1');
    await dialog.getByRole('button', { name: 'Create token' }).click();
    const command = await page.shows('secret-command', /--token/);
    const token = await page.shows('secret-token', /\S/);
    expect(command).toContain(token);
    await dialog.getByRole('button', { name: 'Done' }).click();
    const [, , role, ...args] = command.split(' ');
    expect(role).toBe('tracker');
    joined = await TrackerProcess.start({ args: [...args, '--name', 'new'] });
    await learnIds();
    await isShown('new', 'healthy');
    await page.shows('events', /new/);
    // It is used up, and the list of tokens says so; the secret itself is nowhere.
    await page.part('tokens').click();
    await page.shows('tokens-table', /used1\/1/);
    expect(await page.page.content()).not.toContain(token);
    await page.page.keyboard.press('Escape');
    await page.part('tokens-dialog').waitFor({ state: 'detached' });
    page.expectClean();
  });

  it('puts an info hash on the deny list of all trackers, and takes it off', async () => {
    const hash = newHash();
    const hex = hash.toString('hex');
    await page.part('deny-list').click();
    const dialog = page.part('deny-dialog');
    await dialog.getByLabel('Info hash or magnet link').fill(hex);
    await dialog.getByLabel('Reason (optional)').fill('a court said so');
    await dialog.getByRole('button', { name: 'Deny', exact: true }).click();
    await shows(page.row('deny-table', hex), /a court said so/);
    const trackers = [...cluster.trackers, joined as TrackerProcess];
    await areRefused(trackers, hash, true);
    await dialog.getByRole('button', { name: `Remove ${hex}` }).click();
    await page.row('deny-table', hex).waitFor({ state: 'detached' });
    await areRefused(trackers, hash, false);
    await page.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    page.expectClean();
  });

  it('revokes a node only after its name was typed', async () => {
    await openDetails('new');
    await page.part('revoke').click();
    const dialog = page.part('revoke-dialog');
    const button = dialog.getByRole('button', { name: 'Revoke', exact: true });
    expect(await button.isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill('ne');
    expect(await button.isDisabled()).toBe(true);
    await dialog.getByRole('textbox').press('Enter');
    await page.isNode(idOf('new'), 'healthy');
    await dialog.getByRole('textbox').fill('new');
    await button.click();
    await dialog.waitFor({ state: 'detached' });
    await isShown('new', 'revoked');
    await closeDetails();
    page.expectClean();
  });

  it('keeps the map while the minder is away, and goes on when it is back', async () => {
    const { host, port } = cluster.minder.admin;
    await page.page.evaluate('globalThis.isThisPage = true');
    await cluster.killMinder();
    await page.isConnection('lost');
    await page.shows('connection-bar', /^Disconnected.*Last heard/);
    for (const name of ['a', 'b', 'c']) await page.isNode(idOf(name), 'healthy');
    const { options } = cluster.minder;
    Object.assign(options, { args: [...(options.args ?? []), '--admin', `${host}:${port}`] });
    await cluster.restartMinder();
    await page.isConnection('live');
    for (const name of ['a', 'b', 'c']) await isShown(name, 'healthy');
    expect(await page.page.evaluate('globalThis.isThisPage')).toBe(true);
    page.expectClean(/Failed to load resource: net::/);
  });
});

/** Waits until all of the trackers refuse an info hash, or none. */
async function areRefused(
  trackers: readonly TrackerProcess[],
  hash: Buffer,
  wanted: boolean,
): Promise<void> {
  for (const tracker of trackers) {
    await until(
      async () => {
        const reply = await httpDict(tracker.http4, announceTarget(hash));
        return reply.has('failure reason') === wanted ? true : undefined;
      },
      SHOW_LIMIT_MS,
      `an announce that is ${wanted ? 'refused' : 'taken'}`,
    );
    if (!wanted) continue;
    const reply = await httpDict(tracker.http4, announceTarget(hash));
    expect(failureOf(reply)).toBe('this info_hash is not served here');
  }
}
