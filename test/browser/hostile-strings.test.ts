/**
 * What clients, nodes and operators of other machines can put into a page, as text and nothing else.
 * The pages are shown without their content security policy: escaping has to do alone.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestBrowser, type WatchedPage } from '../support/browser.js';
import { Cluster } from '../support/cluster.js';
import { announceTarget, HttpWire, httpGet, percent } from '../support/http-wire.js';
import { sized } from '../support/long.js';
import type { MinderProcess } from '../support/minder-process.js';
import { adminToken, OperatorPage, shows } from '../support/operator-page.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

const IMAGE = '<img src=x onerror="globalThis.pwned=1">';
const SCRIPT = '"><script>globalThis.pwned=1</script>';
const ATTRIBUTE = `'" onfocus=globalThis.pwned=1 autofocus x='`;
const HANDLER = '</text><svg onload=globalThis.pwned=1>';
const LINK = 'javascript:globalThis.pwned=1';
/** Written from right to left, and with characters that turn what follows around. */
const TURNED = `\u202e\u2066مرحبا${IMAGE}`;
const LONG = `${IMAGE}${'w'.repeat(5_000)}`;
const ALL = [
  IMAGE,
  SCRIPT,
  ATTRIBUTE,
  HANDLER,
  LINK,
  TURNED,
  LONG,
  '\0\u0007\u001b[31m',
  '__proto__',
  'constructor',
  '',
];

/** Anything that the page's own code never makes. */
const FOREIGN = `JSON.stringify({
  pwned: globalThis.pwned ?? null,
  foreign: [...document.querySelectorAll('*')]
    .filter((element) =>
      element.matches('img, iframe, object, embed, base, video, audio, [href^=javascript]') ||
      [...element.attributes].some(({ name }) => /^on/i.test(name) || name === 'autofocus') ||
      (element.localName === 'script' && element.src === '' && element !== document.body.lastElementChild))
    .map((element) => element.outerHTML.slice(0, 200)),
})`;

let browser: TestBrowser;
let cluster: Cluster;
const open: WatchedPage[] = [];

beforeAll(async () => {
  [browser, cluster] = await Promise.all([
    TestBrowser.start(),
    Cluster.start({ trackers: 0, minder: { args: ['--name', SCRIPT] } }),
  ]);
  const token = await cluster.minder.token('--uses', '8');
  const join = ['--join', `https://${cluster.minder.enrol}`, '--token', token];
  const names = [IMAGE, ATTRIBUTE, `${HANDLER}${'م'.repeat(20)}`];
  cluster.trackers.push(
    ...(await Promise.all(
      names.map((name) => TrackerProcess.start({ args: [...join, '--name', name] })),
    )),
  );
});
afterEach(async () => {
  for (const page of open.splice(0)) await page.leave();
});
afterAll(async () => {
  await browser?.close();
  await cluster?.close();
});

async function openPage(node: TrackerProcess | MinderProcess): Promise<OperatorPage> {
  const page = await OperatorPage.open(browser, node, { bypassCSP: true });
  open.push(page.watched);
  return page;
}

async function expectHarmless({ page }: Pick<OperatorPage, 'page'>): Promise<void> {
  // A handler that was planted is to run: move over everything, and focus it.
  await page.evaluate(`for (const element of document.querySelectorAll('*')) {
    element.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
    element.focus?.();
  }`);
  expect(JSON.parse(await page.evaluate(FOREIGN))).toEqual({ pwned: null, foreign: [] });
}

describe('strings of the network', () => {
  it('are text on the page of a tracker', async () => {
    const [tracker] = cluster.trackers;
    const hash = Buffer.from('<img src=x onerror=>');
    const target = announceTarget(hash, {
      peer_id: percent(Buffer.from('<script>pwned=1</scr')),
      key: percent(Buffer.from(IMAGE)),
      trackerid: percent(Buffer.from(SCRIPT)),
      port: 9_001,
    });
    const headers = [`User-Agent: ${SCRIPT}`, `Referer: http://x/${IMAGE}`];
    expect((await httpGet(tracker.http4, target, { headers })).status).toBe(200);
    const page = await openPage(tracker);
    await page.shows('node-name', IMAGE);
    expect(await page.page.title()).toContain(IMAGE);
    const input = page.page.locator('#info-hash');
    for (const text of [IMAGE, SCRIPT, HANDLER, `magnet:?xt=urn:btih:${SCRIPT}`]) {
      await input.fill(text);
      await input.press('Enter');
      await shows(page.page.getByRole('alert'), /no info hash/);
    }
    await input.fill(hash.toString('hex'));
    await input.press('Enter');
    await page.part('swarm').getByRole('button', { name: 'Show peers' }).click();
    await shows(page.part('swarm-peers').locator('tbody th'), '127.0.0.1:9001');
    await expectHarmless(page);
    page.expectClean();
  });

  it('are text on the map, in its list and in its dialogs', async () => {
    const { minder } = cluster;
    const page = await openPage(minder);
    await page.shows('node-name', SCRIPT);
    const [image, attribute] = await Promise.all(
      [IMAGE, ATTRIBUTE].map(async (name) => {
        const node = (await minder.nodes()).find((each) => each.name === name);
        return node?.id ?? '';
      }),
    );
    for (const [id, name] of [
      [image, IMAGE],
      [attribute, ATTRIBUTE],
    ]) {
      await page.isNode(id, 'healthy');
      await shows(page.row('node-table', id).locator('th'), `tracker ${name}`);
      expect(await page.node(id).getAttribute('aria-label')).toContain(`tracker ${name}, healthy`);
    }
    await page.row('node-table', image).locator('.node-name').click();
    await shows(page.part('node-details').locator('h3'), IMAGE);
    await expectHarmless(page);
    // What happens to it is told with its name.
    await page.part('drain').click();
    await page.giveToken(adminToken(minder, 'minder'));
    await page.isNode(image, 'draining');
    await page.shows('events', (text) => text.includes(IMAGE));
    await page.part('revoke').click();
    await shows(page.part('revoke-dialog').locator('strong'), IMAGE);
    await expectHarmless(page);
    await page.page.keyboard.press('Escape');
    // Reasons that an operator wrote, for all who look at the list.
    const reasons = [IMAGE, SCRIPT, ATTRIBUTE, 'مرحبا'];
    await page.part('deny-list').click();
    const dialog = page.part('deny-dialog');
    for (const reason of reasons) {
      const hex = newHash().toString('hex');
      await dialog.getByLabel('Info hash or magnet link').fill(hex);
      await dialog.getByLabel('Reason (optional)').fill(reason);
      await dialog.getByRole('button', { name: 'Deny', exact: true }).click();
      await shows(page.row('deny-table', hex).locator('[data-column=reason]'), reason);
      await dialog.getByLabel('Info hash or magnet link').fill(hex);
      await dialog.getByRole('button', { name: 'Look up', exact: true }).click();
      await page.shows('deny-answer', (text) => text.endsWith(`: ${reason}`));
    }
    await expectHarmless(page);
    page.expectClean(/status of 401/);
  });
});

/** A value whose strings are hostile, one after the other, but for those that the page goes by. */
function spoilt(value: unknown, kept: RegExp, hostile: () => string, key = ''): unknown {
  if (typeof value === 'string') return kept.test(key) ? value : hostile();
  if (Array.isArray(value)) return value.map((each) => spoilt(each, kept, hostile, key));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, each]) => [
    name,
    spoilt(each, kept, hostile, name),
  ]);
  // Where names are the network's too.
  const named = /^(drops|counters)$/.test(key) ? ALL.map((name, i) => [name, i + 1]) : [];
  return Object.fromEntries([...entries, ...named]);
}

/** Answers each stream with one tick, as a node might that somebody else has taken over. */
async function openSpoilt(
  node: TrackerProcess | MinderProcess,
  kept: RegExp,
  first: number,
): Promise<OperatorPage> {
  const tick = await node.adminJson('/api/v1/now');
  let next = first;
  const data = JSON.stringify(spoilt(tick, kept, () => ALL[next++ % ALL.length]));
  const watched = await browser.open({ bypassCSP: true });
  open.push(watched);
  const reply = { contentType: 'text/event-stream', body: `event: tick\ndata: ${data}\n\n` };
  await watched.page.route('**/api/v1/live', (route) => route.fulfill(reply));
  return await OperatorPage.load(browser, node, {}, watched);
}

/** Nothing of it ran, nothing was made of it, and no object has got what it did not have. */
async function expectUnspoilt(page: OperatorPage): Promise<void> {
  await expectHarmless(page);
  expect(await page.page.evaluate('Object.keys(Object.prototype)')).toEqual([]);
  page.expectClean();
}

/** So many turns that every place of a tick gets several of them. */
const TURNS = sized([0, 4, 8], [...ALL.keys()]);

describe('a node that lies', () => {
  it.each([
    ['what it likes', /^(role|self|id|from|to|state)$/],
    ['even ids and states', /^role$/],
  ])('says %s, and a minder shows it as text', async (_what, kept) => {
    for (const turn of TURNS) {
      const page = await openSpoilt(cluster.minder, kept, turn);
      await page.part('node-table').waitFor();
      for (const button of await page.part('node-table').locator('.node-name').all()) {
        await button.dispatchEvent('click');
        await page.part('node-details').waitFor();
      }
      await expectUnspoilt(page);
      await page.leave();
    }
  });

  it('says what it likes, and its own page shows it as text', async () => {
    for (const turn of TURNS) {
      const page = await openSpoilt(cluster.trackers[0], /^role$/, turn);
      await page.part('peers').waitFor();
      await expectUnspoilt(page);
      await page.leave();
    }
  });

  it('answers questions with what it likes', async () => {
    const page = await openPage(cluster.trackers[0]);
    const refusal = { type: IMAGE, title: SCRIPT, status: 400, code: HANDLER, detail: IMAGE };
    const peers = [{ ip: IMAGE, port: 1, seeder: true, ageSeconds: 1, origin: SCRIPT }];
    const counts = { seeders: 1, leechers: 1, partial_seeds: 0, downloads: 0, web_peers: 0 };
    await page.page.route('**/api/v1/swarms/**', (route) =>
      route.request().url().endsWith('peers=1')
        ? route.fulfill({ json: { info_hash: IMAGE, ...counts, peers } })
        : route.fulfill({ json: { info_hash: IMAGE, ...counts } }),
    );
    const input = page.page.locator('#info-hash');
    await input.fill(newHash().toString('hex'));
    await input.press('Enter');
    await page.part('swarm').getByRole('button', { name: 'Show peers' }).click();
    await shows(page.part('swarm-peers').locator('tbody th'), `${IMAGE}:1`);
    await expectHarmless(page);
    await page.page.route('**/api/v1/swarms/**', (route) =>
      route.fulfill({ status: 400, json: refusal }),
    );
    await page.part('swarm').getByRole('button', { name: 'Look again' }).click();
    await shows(page.part('swarm').locator('.notice'), IMAGE);
    await expectHarmless(page);
    page.expectClean(/status of 400/);
  });
});

describe('the public page', () => {
  it('shows what was sent as Host as text, or not at all', async () => {
    const tracker = await TrackerProcess.start({ args: ['--public-page', '--name', IMAGE] });
    try {
      const { host, port } = tracker.http4;
      const hosts = [IMAGE, SCRIPT, ATTRIBUTE, HANDLER, `x"${IMAGE}`, `a.example:80${SCRIPT}`];
      const watched = await browser.open({ bypassCSP: true });
      open.push(watched);
      let reply = await askWithHost(tracker, 'tracker.example');
      await watched.page.route('**/*', (route) => route.fulfill(reply));
      let shown = 0;
      for (const hostile of hosts.flatMap((each) => [each, each.replace(/ /g, '/')])) {
        reply = await askWithHost(tracker, hostile);
        if (reply.status !== 200) continue;
        shown++;
        await watched.page.goto(`http://${host}:${port}/`, { waitUntil: 'load' });
        await watched.page.getByRole('heading', { level: 1 }).waitFor();
        await expectHarmless(watched);
        expect(await watched.page.locator('script').count()).toBe(1);
        // What is read out as code is an announce URL of this tracker, whatever was asked for.
        for (const url of await watched.page.locator('li code').allTextContents()) {
          expect(url).toMatch(/^(https?|udp|wss?):\/\//);
        }
        expect(await watched.page.content()).not.toContain('onerror="globalThis');
        watched.expectClean();
      }
      // Not all of them may be refused, or nothing was tried.
      expect(shown).toBeGreaterThan(0);
    } finally {
      await tracker.remove();
    }
  });
});

async function askWithHost(
  { http4 }: TrackerProcess,
  host: string,
): Promise<{ status: number; headers: Record<string, string>; body: string }> {
  const wire = await HttpWire.open(http4);
  try {
    const forwarded = `X-Forwarded-Host: ${host}\r\nX-Forwarded-Proto: ${host}\r\nForwarded: host="${host}"`;
    wire.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n${forwarded}\r\nConnection: close\r\n\r\n`);
    const { status, headers, body } = await wire.reply();
    const type = headers.get('content-type') ?? '';
    return { status, headers: { 'content-type': type }, body: body.toString('latin1') };
  } finally {
    wire.close();
  }
}
