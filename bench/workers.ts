/**
 * `npm run bench -- workers`: UDP announces by one worker and by more, as far as the cores go.
 *
 * ```
 * cores   [ worker ][ worker ] ...   [ load ][ load ] ...
 *         one each                   one each, as many as workers, on what is left
 * ```
 *
 * Where nothing is left the generators share the workers' cores, and the table says so: requests a
 * second then tell how the machine is divided, while requests per server CPU second still tell
 * whether workers are in each other's way.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { readAffinity, setAffinity } from '../src/sys/affinity.js';
import { loadSys } from '../src/sys/load-sys.js';
import type { Sys } from '../src/sys/sys.js';
import { type Contender, cpuOf, type RunningContender, startContender } from './contender.js';

const COUNTS = [1, 2, 4, 8];
const WORLD = ['--torrents', '10000', '--peers', '1000000', '--seed', '20260101'];
/** Before measuring, and after it: the generators do not start at the same moment. */
const MARGIN_SECONDS = 1.5;
const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'main.js');

interface Options {
  readonly rounds: string;
  readonly seconds: string;
}

interface Sample {
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly userUs: number;
  readonly systemUs: number;
  readonly serverBusy: number;
  readonly loadBusy: number;
}

/** A tracker with so many workers, on cores of its own where there are enough. */
interface Entry {
  readonly workers: number;
  readonly loadCores: readonly (readonly number[])[];
  readonly shared: boolean;
  readonly running: RunningContender;
  /** Where its numbers are asked for. */
  readonly admin: string;
  readonly samples: Sample[];
}

export async function benchWorkers(args: readonly string[]): Promise<void> {
  const command = new Command('bench workers')
    .option('--rounds <COUNT>', 'rounds', '3')
    .option('--seconds <SECONDS>', 'measured time of each', '3');
  command.parse([...args], { from: 'user' });
  const { rounds, seconds } = command.opts<Options>();
  const loaded = loadSys();
  if (!loaded.ok) throw new Error(`this needs the fast path, which ${loaded.reason}`);
  const { sys } = loaded;
  const all = readAffinity(sys);
  const entries: Entry[] = [];
  try {
    for (const workers of COUNTS.filter((each) => each <= all.length)) {
      entries.push(await startWith(sys, all, workers));
    }
    for (let round = 0; round < Number(rounds); round++) {
      for (const entry of entries) {
        const sample = await measure(sys, all, entry, Number(seconds));
        entry.samples.push(sample);
        process.stderr.write(
          `round ${round + 1}, ${entry.workers} workers: ${text(sample.perSecond)}/s\n`,
        );
      }
    }
    process.stdout.write(tableOf(entries));
  } finally {
    for (const { running } of entries) await running.stop();
  }
}

async function startWith(sys: Sys, all: readonly number[], workers: number): Promise<Entry> {
  const left = all.slice(workers);
  const shared = left.length === 0;
  const generators = shared ? workers : Math.min(workers, left.length);
  const loadCores = Array.from({ length: generators }, (_, i) => (shared ? all : [left[i]]));
  const data = mkdtempSync(join(tmpdir(), `trackerbt-bench-workers-${workers}-`));
  let admin = '';
  const contender: Contender = {
    name: `${workers} workers`,
    protocols: ['udp'],
    isTracker: true,
    start: ({ port }) => {
      const listen = ['--udp', `127.0.0.1:${port}`, '--http', 'off', '--admin', '127.0.0.1:0'];
      const options = ['--io', 'fast', '--workers', String(workers), '--data', data];
      const cleanUp = () => rmSync(data, { recursive: true, force: true });
      return { command: process.execPath, args: [main, 'tracker', ...options, ...listen], cleanUp };
    },
    ready: { line: /"msg":"ready"/ },
    checkReady: (line) => {
      ({ admin } = JSON.parse(line) as { admin: string });
      return undefined;
    },
  };
  const onCore = <T>(start: () => T): T => on(sys, all, all.slice(0, workers), start);
  const running = await startContender(contender, { infoHashes: () => [], onCore });
  if (typeof running === 'string') throw new Error(`${workers} workers: ${running}`);
  const entry = { workers, loadCores, shared, running, admin, samples: [] };
  const [fill] = startLoads(sys, all, { ...entry, loadCores: [all] }, ['--seconds', '0.1']);
  await once(fill, 'exit');
  return entry;
}

/** Runs `start` with this thread on `cores`: what it starts inherits them. */
function on<T>(sys: Sys, all: readonly number[], cores: readonly number[], start: () => T): T {
  setAffinity(sys, cores);
  try {
    return start();
  } finally {
    setAffinity(sys, all);
  }
}

function startLoads(
  sys: Sys,
  all: readonly number[],
  { loadCores, running }: Pick<Entry, 'loadCores' | 'running'>,
  options: readonly string[],
): ChildProcess[] {
  const args = [main, 'load', `udp://127.0.0.1:${running.port}/announce`, ...WORLD, ...options];
  return loadCores.map((cores) =>
    on(sys, all, cores, () => spawn(process.execPath, [...args, '--json'], { stdio: 'ignore' })),
  );
}

async function measure(
  sys: Sys,
  all: readonly number[],
  entry: Entry,
  seconds: number,
): Promise<Sample> {
  const options = ['--no-fill', '--seconds', String(seconds + 2 * MARGIN_SECONDS)];
  const loads = startLoads(sys, all, entry, options);
  const ended = loads.map((load) => once(load, 'exit'));
  await sleep(MARGIN_SECONDS);
  const before = await reading(entry, loads);
  await sleep(seconds);
  const after = await reading(entry, loads);
  await Promise.all(ended);
  const announces = after.announces - before.announces;
  const user = after.server.user - before.server.user;
  const system = after.server.system - before.server.system;
  const elapsed = after.seconds - before.seconds;
  return {
    perSecond: announces / elapsed,
    perCpuSecond: announces / (user + system),
    userUs: (1e6 * user) / announces,
    systemUs: (1e6 * system) / announces,
    serverBusy: (user + system) / elapsed,
    loadBusy: (after.load - before.load) / elapsed,
  };
}

/** The tracker counts; nobody else's clock is asked. */
async function reading({ admin, running }: Entry, loads: readonly ChildProcess[]) {
  const response = await fetch(`http://${admin}/stats.json`);
  const { udp } = (await response.json()) as { udp: { announces: number } };
  let load = 0;
  for (const { pid } of loads) {
    const { user, system } = cpuOf(pid);
    load += user + system;
  }
  return {
    announces: udp.announces,
    server: running.cpu(),
    load,
    seconds: performance.now() / 1000,
  };
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

function tableOf(entries: readonly Entry[]): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const lines = [
    `UDP announces, 30 peers, 10,000 torrents with 1,000,000 peers; ${cpus().length} x ${model}; node ${process.version}; medians`,
    '',
    '| workers | load generators | requests/s | to 1 worker | per server CPU s | to 1 worker | server us: user + system | server, load: cores busy |',
    '|---|---|---|---|---|---|---|---|',
  ];
  const first = medianOf(entries[0].samples);
  for (const { workers, loadCores, shared, samples } of entries) {
    const m = medianOf(samples);
    const where = shared ? 'on the same cores' : 'on their own';
    const rate = `${text(m.perSecond)} | ${ratio(m.perSecond, first.perSecond)}`;
    const perCpu = `${text(m.perCpuSecond)} | ${ratio(m.perCpuSecond, first.perCpuSecond)}`;
    const cost = `${m.userUs.toFixed(2)} + ${m.systemUs.toFixed(2)}`;
    const busy = `${m.serverBusy.toFixed(2)}, ${m.loadBusy.toFixed(2)}`;
    lines.push(
      `| ${workers} | ${loadCores.length} ${where} | ${rate} | ${perCpu} | ${cost} | ${busy} |`,
    );
  }
  if (entries.some(({ shared }) => shared)) {
    lines.push(
      '',
      'Where load generators share the cores of the workers, requests/s are what is left of the',
      'machine: a generator takes nearly as much time for a request as a worker. Compare requests per',
      'server CPU second there: what a worker loses by the other workers.',
    );
  }
  return `${lines.join('\n')}\n`;
}

function medianOf(samples: readonly Sample[]): Sample {
  const sorted = samples.toSorted((a, b) => a.perCpuSecond - b.perCpuSecond);
  return sorted[sorted.length >> 1];
}

const text = (value: number) => Math.round(value).toLocaleString('en-US');
const ratio = (value: number, to: number) => `${(value / to).toFixed(2)}x`;
