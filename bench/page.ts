/**
 * `npm run bench -- page`: what the operators' page costs a tracker, and whether it stays smooth. One
 * tracker is asked in turn with nobody at its page and with ten browsers at it; then a page is looked at
 * whose tracker has a million swarms.
 *
 * ```
 * pair n:  paused  open  paused again   pair n + 1:  paused again  open  paused   ...
 *          ------- ratio of the two, then the median of all pairs
 * ```
 *
 * The browsers stay: paused, a page listens to nothing. The tracker is pinned to the first core with all
 * its threads; load and browsers share the last, where in service they would have machines of their own.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { Page } from 'playwright-core';
import { LOAD_DEFAULTS, type LoadOptions } from '../src/load/load-options.js';
import { runLoad } from '../src/load/run-load.js';
import { readAffinity, setAffinity } from '../src/sys/affinity.js';
import { loadSys } from '../src/sys/load-sys.js';
import { TestBrowser } from '../test/support/browser.js';
import { cpuSeconds, Running, temporaryFolder } from './cluster-processes.js';
import { count } from './compare.js';
import { repository } from './contenders.js';
import { median } from './median.js';
import { busyOf, cells, type PairedSample, percent } from './paired.js';

const BROWSERS = 10;
const SWARMS = 1_000_000;
const SEED = 20_260_101;
const COST_MAX = 0.05;
/** With less of its core the tracker waited for the load: processor time compares then. */
const BUSY_MIN = 0.9;
const LIMIT_MS = 120_000;
/** A page that is late by more than this is seen to stumble. */
const FRAME_MS_MAX = 100;
/** Frames that may be late so, of all. */
const LATE_MAX = 0.01;

interface Flags {
  readonly pairs: number;
  readonly seconds: number;
  readonly watch: number;
  readonly swarms: number;
  readonly host: string;
  readonly save: boolean;
}

interface Frames {
  readonly seconds: number;
  /** Milliseconds from each frame to the next, ascending. */
  readonly gapsMs: readonly number[];
  /** Tasks of more than 50 ms, during which a page answers nobody. */
  readonly longTasksMs: readonly number[];
  readonly ticks: number;
}

/** Starts a program on the first core. */
type Start = (args: readonly string[]) => Running;

type Work = Pick<LoadOptions, 'torrents' | 'peers' | 'zipf' | 'seed'>;

export async function benchPage(args: readonly string[]): Promise<void> {
  const command = new Command('bench page')
    .description('measure what the page costs, and how smooth it is')
    .option('--pairs <COUNT>', 'pairs of measurements', positive, 9)
    .option('--seconds <SECONDS>', 'measured time of each', positive, 5)
    .option('--watch <SECONDS>', 'how long frames are counted', positive, 30)
    .option('--swarms <COUNT>', 'swarms of the tracker that is looked at', positive, SWARMS)
    .option('--host <NAME>', 'name of this machine in the results', `${cpus().length}-core-vm`)
    .option('--save', 'write the result to bench/results as well');
  command.parse([...args], { from: 'user' });
  const flags = command.opts<Flags>();
  const loaded = loadSys();
  if (!loaded.ok) throw new Error(`this needs the fast path, which ${loaded.reason}`);
  const { sys } = loaded;
  const all = readAffinity(sys);
  const pin = (cores: readonly number[]) => setAffinity(sys, [...cores]);
  pin(all.slice(-1));
  const browser = await TestBrowser.start();
  try {
    const start: Start = (args) => {
      pin(all.slice(0, 1));
      const running = new Running(args);
      pin(all.slice(-1));
      return running;
    };
    const cost = await measureCost(browser, flags, start);
    const frames = await measureFrames(browser, flags, start);
    const report = reportOf(cost, frames, flags, args);
    process.stdout.write(report);
    if (flags.save) save(report, flags.host);
  } finally {
    await browser.close();
    pin(all);
  }
}

/** Uses a tracker that was filled, and ends it. */
async function withTracker<T>(
  work: Work,
  start: Start,
  use: (tracker: { pid: number; udp: URL; page: string }) => Promise<T>,
): Promise<T> {
  const options = ['--workers', '1', '--io', 'fast', '--data', temporaryFolder('page')];
  const sockets = ['--http', 'off', '--udp', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
  const running = start(['tracker', ...options, ...sockets]);
  try {
    const { udp, admin } = await running.line('ready');
    const url = new URL(`udp://${(udp as string[])[0]}`);
    const fill = { fill: true, numwant: 0, warmUpSeconds: 0, seconds: 0.1 };
    await runLoad({ ...LOAD_DEFAULTS, ...work, ...fill, url });
    return await use({ pid: running.pid, udp: url, page: `http://${admin}/` });
  } finally {
    await running.stop();
  }
}

async function openPage(browser: TestBrowser, url: string): Promise<Page> {
  const { page } = await browser.open({ viewport: { width: 1440, height: 900 } });
  await page.goto(url);
  await hears(page, 'live');
  return page;
}

/** Waits until a page listens, or does not. */
async function hears(page: Page, state: 'live' | 'paused'): Promise<void> {
  const selector = `[data-testid=connection][data-state=${state}]`;
  await page.locator(selector).waitFor({ state: 'attached', timeout: LIMIT_MS });
}

/** Paused, open, paused again: one sample each a pair. */
async function measureCost(
  browser: TestBrowser,
  { pairs, seconds }: Flags,
  start: Start,
): Promise<readonly PairedSample[][]> {
  const work = { torrents: 10_000, peers: 400_000, zipf: 0, seed: SEED };
  const samples: PairedSample[][] = [[], [], []];
  await withTracker(work, start, async ({ pid, udp, page: url }) => {
    const pages: Page[] = [];
    for (let i = 0; i < BROWSERS; i++) pages.push(await openPage(browser, url));
    let isOpen = true;
    const show = async (wanted: boolean) => {
      if (wanted === isOpen) return;
      isOpen = wanted;
      for (const page of pages) {
        await page.getByTestId('pause').click({ timeout: LIMIT_MS });
        await hears(page, wanted ? 'live' : 'paused');
      }
    };
    const load = { ...LOAD_DEFAULTS, ...work, url: udp, fill: false, warmUpSeconds: 0.5, seconds };
    for (let pair = 0; pair < pairs; pair++) {
      const order = pair % 2 === 0 ? [0, 1, 2] : [2, 1, 0];
      for (const which of order) {
        await show(which === 1);
        samples[which].push(await measureOne(pid, load));
      }
      const rates = samples.map((each) => count(each[pair].perSecond));
      process.stderr.write(`pair ${pair + 1}: ${rates.join(', ')}/s\n`);
    }
    for (const page of pages) await page.context().close();
  });
  return samples;
}

async function measureOne(pid: number, options: LoadOptions): Promise<PairedSample> {
  const cpu = [0, 0];
  const { requests, requestsPerSecond } = await runLoad(options, {
    onMeasure: (moment) => {
      cpu[moment === 'start' ? 0 : 1] = cpuSeconds(pid);
    },
  });
  const seconds = cpu[1] - cpu[0];
  return {
    perSecond: requestsPerSecond,
    cpuUs: (1e6 * seconds) / requests,
    busy: (seconds * requestsPerSecond) / requests,
  };
}

/** Counts frames and long tasks in the page itself, from now on. */
const WATCH = `(() => {
  const seen = { gaps: [], tasks: [], atMs: performance.now() };
  globalThis.benchFrames = seen;
  let last;
  const next = (now) => {
    if (last !== undefined) seen.gaps.push(now - last);
    last = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seen.tasks.push(duration);
  }).observe({ type: 'longtask' });
  return document.querySelector('[data-testid=uptime]').textContent;
})()`;
const SEEN = `({ ...benchFrames, seconds: (performance.now() - benchFrames.atMs) / 1000 })`;

/** A page whose tracker has as many swarms, with announces under way. */
async function measureFrames(
  browser: TestBrowser,
  { swarms, watch }: Flags,
  start: Start,
): Promise<Frames & { readonly cpuShare: number }> {
  const work = { torrents: swarms, peers: 2 * swarms, zipf: 0, seed: SEED };
  return await withTracker(work, start, async ({ pid, page: url }) => {
    const page = await openPage(browser, url);
    // The list of the busiest is part of what is drawn.
    await page.getByTestId('busiest').waitFor({ timeout: LIMIT_MS });
    let ticks = 0;
    await page.exposeFunction('benchTick', () => ticks++);
    await page.evaluate(`new MutationObserver(() => benchTick()).observe(
      document.querySelector('[data-testid=uptime]'), { characterData: true, subtree: true, childList: true })`);
    const before = cpuSeconds(pid);
    await page.evaluate(WATCH);
    await page.waitForTimeout(watch * 1_000);
    type Seen = { gaps: number[]; tasks: number[]; seconds: number };
    const seen = await page.evaluate<Seen>(SEEN);
    const cpuShare = (cpuSeconds(pid) - before) / seen.seconds;
    await page.context().close();
    return {
      seconds: seen.seconds,
      gapsMs: seen.gaps.toSorted((a, b) => a - b),
      longTasksMs: seen.tasks.toSorted((a, b) => a - b),
      ticks,
      cpuShare,
    };
  });
}

function reportOf(
  [paused, open, control]: readonly PairedSample[][],
  frames: Frames & { readonly cpuShare: number },
  { pairs, seconds, swarms }: Flags,
  args: readonly string[],
): string {
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB; ${process.platform} ${release().split('-', 1)[0]}; node ${process.version}`;
  const lines = [
    `# Page, ${date}`,
    '',
    `${machine}. \`${['npm run bench -- page', ...args].join(' ')}\`.`,
    '',
    `UDP announces of a tracker with nobody at its page (paused) and with ${BROWSERS} browsers at it (open). ${pairs} pairs of ${seconds} s each, in changing order; each figure is a median, each difference the median of the pairs' ratios. *control* is the tracker with nobody at its page once more: what it differs by is chance. The browsers run on the load's core, so that requests/s fall with what they take there; where the tracker is not busy for that reason, the share of its core that the pages take is what they cost: processor time beyond that of as many announces without them.`,
    '',
    '| pages | requests/s | CPU us an announce | tracker busy |',
    '|---|---|---|---|',
  ];
  for (const [who, samples] of Object.entries({ paused, open, control })) {
    lines.push(`| ${who} | ${cells(samples)} |`);
  }
  const ratios = (samples: readonly PairedSample[]) => ({
    rate: median(samples.map((each, i) => each.perSecond / paused[i].perSecond)) - 1,
    cpu: median(samples.map((each, i) => each.cpuUs / paused[i].cpuUs)) - 1,
  });
  for (const [who, samples] of Object.entries({ open, control })) {
    const { rate, cpu } = ratios(samples);
    lines.push(`| ${who} to paused | ${percent(rate)} | ${percent(cpu)} | |`);
  }
  const { rate } = ratios(open);
  const isBusy = Math.min(busyOf(open), busyOf(paused)) >= BUSY_MIN;
  const cost = isBusy ? -rate : shareOf(open, paused);
  const what = isBusy ? 'requests/s' : "of the tracker's core";
  const { gapsMs, longTasksMs } = frames;
  const late = gapsMs.filter((ms) => ms > FRAME_MS_MAX).length / Math.max(1, gapsMs.length);
  const at = (share: number) => gapsMs[Math.floor(share * (gapsMs.length - 1))] ?? Number.NaN;
  return [
    ...lines,
    '',
    `A page whose tracker has ${count(swarms)} swarms, watched for ${frames.seconds.toFixed(0)} s, its list of the busiest swarms shown: ${count(gapsMs.length / frames.seconds)} frames a second; from one frame to the next ${at(0.5).toFixed(1)} ms (median), ${at(0.99).toFixed(1)} ms (99 %), ${at(1).toFixed(1)} ms (longest). ${longTasksMs.length} tasks took more than 50 ms${longTasksMs.length === 0 ? '' : `, the longest ${(longTasksMs.at(-1) ?? 0).toFixed(0)} ms`}. The numbers changed ${frames.ticks} times. The tracker took ${percent(frames.cpuShare)} of a core meanwhile.`,
    '',
    '| what | target | measured | |',
    '|---|---|---|---|',
    `| ${what}, what ${BROWSERS} browsers cost | <= ${percent(COST_MAX)} | ${percent(cost)} | ${cost <= COST_MAX ? 'met' : 'missed'} |`,
    `| frames later than ${FRAME_MS_MAX} ms, ${count(swarms)} swarms | <= ${percent(LATE_MAX)} | ${percent(late)} | ${late <= LATE_MAX ? 'met' : 'missed'} |`,
    '',
  ].join('\n');
}

/** Of the tracker's core: what a tracker that is busy could not give to announces. */
function shareOf(open: readonly PairedSample[], paused: readonly PairedSample[]): number {
  return median(
    open.map(({ cpuUs, perSecond }, i) => ((cpuUs - paused[i].cpuUs) * perSecond) / 1e6),
  );
}

function save(report: string, host: string): void {
  const folder = join(repository(), 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const name = `${new Date().toISOString().slice(0, 10)}-${host}-page.md`;
  writeFileSync(join(folder, name), report);
  process.stderr.write(`written to bench/results/${name}\n`);
}

function positive(text: string): number {
  const value = /^\d{1,8}$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError('a whole number above 0 belongs here');
}
