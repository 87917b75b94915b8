/**
 * `npm run screenshots`: the pictures of the page in `docs/images`, taken from a running demo by a
 * headless Chromium (`/usr/bin/chromium`, or what `CHROMIUM` names).
 *
 * Each picture is taken in light and dark colours, on a desk (1440 pixels wide) and on a phone (360, at
 * two pixels each). The crowd is the same every time, the numbers are nearly so: the demo runs for real.
 * Ends with code 1, and leaves the old pictures, when a page says an error, asks another host, or when
 * a picture is too heavy. No process and no folder is left, however it ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { DemoPlaces } from '../src/demo/demo.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const IMAGES = join(ROOT, 'docs/images');
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const PICTURE_BYTES_MAX = 200 * 1024;
/** Charts need some history before they show anything. */
const HISTORY_SECONDS = 40;
/** Should we be killed, the demo ends by itself. */
const DEMO_SECONDS = 300;
const LIMIT_MS = 60_000;

const THEMES = ['light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

interface Screen {
  /** In the file's name. */
  readonly suffix: string;
  readonly width: number;
  readonly height: number;
  readonly deviceScaleFactor: number;
}
const DESK = { suffix: '', width: 1440, height: 860, deviceScaleFactor: 1 };
const PHONE = { suffix: '-phone', width: 360, height: 740, deviceScaleFactor: 2 };

interface Shot {
  readonly name: string;
  readonly url: string;
  readonly screens: readonly Screen[];
  /** Resolves when the page shows what the picture is about. */
  readonly prepare: (page: Page, screen: Screen) => Promise<void>;
}

/** What is under way, and so is to be ended. */
const running: { demo?: ChildProcess; browser?: Browser; folder?: string } = {};

/** Nobody waits for anything from here on. */
const ending = new AbortController();

async function main(): Promise<void> {
  say('starting a demo ...');
  const places = await startDemo();
  running.folder = mkdtempSync(join(tmpdir(), 'trackerbt-screenshots-'));
  running.browser = await startBrowser(running.folder);
  say(`collecting ${HISTORY_SECONDS} s of history ...`);
  await sleep(1000 * HISTORY_SECONDS, undefined, { signal: ending.signal });
  const pictures = new Map<string, Buffer>();
  const [first, , last] = places.trackers;
  const all = ['minder', ...places.trackers.map(({ name }) => name)];
  const map = { url: places.map, screens: [DESK, PHONE] };
  const tracker = { url: first.page, screens: [DESK, PHONE] };
  await takeAll({ name: 'map', ...map, prepare: nodesAre(all, 'healthy') }, pictures);
  await takeAll({ name: 'tracker', ...tracker, prepare: hasCharts }, pictures);
  const people = { url: first.publicPage, screens: [DESK, PHONE], prepare: namesTracker };
  await takeAll({ name: 'public-page', ...people }, pictures);
  process.kill(last.pid, 'SIGKILL');
  const gone = { ...map, screens: [DESK], prepare: nodesAre([last.name], 'unreachable') };
  await takeAll({ name: 'map-unreachable', ...gone }, pictures);
  mkdirSync(IMAGES, { recursive: true });
  for (const [name, png] of pictures) writeFileSync(join(IMAGES, name), png);
}

/** Each theme on each screen. */
async function takeAll(shot: Shot, pictures: Map<string, Buffer>): Promise<void> {
  for (const screen of shot.screens) {
    for (const theme of THEMES) {
      const name = `${shot.name}${screen.suffix}-${theme}.png`;
      const png = await take(shot, screen, theme);
      say(`${name}: ${Math.ceil(png.length / 1024)} KB`);
      if (png.length > PICTURE_BYTES_MAX) throw new Error(`${name} is too heavy`);
      pictures.set(name, png);
    }
  }
}

async function take(shot: Shot, screen: Screen, theme: Theme): Promise<Buffer> {
  if (running.browser === undefined) throw new Error('there is no browser');
  const { width, height, deviceScaleFactor } = screen;
  const context = await running.browser.newContext({
    viewport: { width, height },
    deviceScaleFactor,
    colorScheme: theme,
    locale: 'en-GB',
  });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    const problems = watch(page, shot.url);
    await page.goto(shot.url);
    await shot.prepare(page, screen);
    const png = await page.screenshot();
    if (problems.length > 0) throw new Error(`${shot.url}: ${problems.join('; ')}`);
    return png;
  } finally {
    await context.close();
  }
}

/** What no page may do. */
function watch(page: Page, url: string): readonly string[] {
  const problems: string[] = [];
  const { host } = new URL(url);
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    if (new URL(request.url()).host !== host) problems.push(`asks ${request.url()}`);
  });
  return problems;
}

function nodesAre(names: readonly string[], state: string): Shot['prepare'] {
  return async (page, screen) => {
    for (const name of names) await nodeThatIs(page, name, state).waitFor();
    await settle(page);
    // On a phone the numbers come before the map.
    if (screen === PHONE) await toTop(page, 'map-card');
  };
}

async function hasCharts(page: Page): Promise<void> {
  await page.locator('canvas').first().waitFor();
  await settle(page);
}

async function namesTracker(page: Page): Promise<void> {
  await page.getByText('/announce').first().waitFor();
}

async function toTop(page: Page, testId: string): Promise<void> {
  await page.getByTestId(testId).evaluate((card) => card.scrollIntoView({ block: 'start' }));
}

/** A node on the map, by what a screen reader says of it. */
function nodeThatIs(page: Page, name: string, state: string) {
  return page
    .getByTestId('map')
    .getByRole('button', { name: new RegExp(`^\\w+ ${name}, ${state}`) });
}

/** Numbers come each second, and nodes slide to their places. */
async function settle(page: Page): Promise<void> {
  await page.locator('[data-testid=connection][data-state=live]').waitFor();
  await page.waitForTimeout(3_000);
}

async function startDemo(): Promise<DemoPlaces> {
  const command = join(ROOT, 'bin/trackerbt.js');
  const args = ['demo', '--json', '--restart', '0', '--seconds', `${DEMO_SECONDS}`];
  // Its own group: Ctrl-C is ours, and we end it.
  const demo = spawn(process.execPath, [command, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.demo = demo;
  const ended = once(demo, 'exit').then(([code]) => {
    throw new Error(`the demo ended with code ${code}`);
  });
  const [line] = await Promise.race([once(createInterface({ input: demo.stdout }), 'line'), ended]);
  ended.catch(() => {});
  return JSON.parse(line) as DemoPlaces;
}

function startBrowser(folder: string): Promise<Browser> {
  return chromium.launch({
    executablePath: EXECUTABLE,
    // We end it ourselves, with the rest.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--no-proxy-server',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
    env: { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', HOME: folder, TMPDIR: folder },
    timeout: LIMIT_MS,
  });
}

async function end(): Promise<void> {
  ending.abort();
  const { demo, browser, folder } = running;
  await browser?.close().catch(() => {});
  if (demo !== undefined && demo.exitCode === null && demo.signalCode === null) {
    demo.kill('SIGTERM');
    await once(demo, 'exit');
  }
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

const stopped = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
  }
});

try {
  await Promise.race([main(), stopped]);
} catch (error) {
  say(`screenshots: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await end();
}
