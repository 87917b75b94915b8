/**
 * `npm run bench -- lists`: what a deny list of a million info hashes costs. Three trackers, started and
 * filled alike, are asked in turn: two without a list, and one with it. The two that are the same say
 * how far figures of this machine differ by chance.
 *
 * ```
 * pair n:  open  denying  control   pair n + 1:  control  denying  open   ...
 *          -------- ratio of the two, then the median of all pairs
 * ```
 *
 * Trackers are pinned to the first core with all their threads, the load generator is on the last.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { dealTorrents } from '../src/load/crowd.js';
import { LOAD_DEFAULTS, type LoadOptions } from '../src/load/load-options.js';
import { runLoad } from '../src/load/run-load.js';
import { infoHashText, writeInfoHash } from '../src/load/torrent-names.js';
import { NO_NODE } from '../src/protocol/cluster/node-id.js';
import { HashList, reserveHashList } from '../src/swarm/hash-list.js';
import { readAffinity, setAffinity } from '../src/sys/affinity.js';
import { loadSys } from '../src/sys/load-sys.js';
import { cpuSeconds, Running, temporaryFolder } from './cluster-processes.js';
import { count } from './compare.js';
import { repository } from './contenders.js';
import { median } from './median.js';
import { busyOf, cells, type PairedSample, percent } from './paired.js';

const ENTRIES = 1_000_000;
/** As `lists.entriesMax` is by default. */
const ENTRIES_MAX = 1_250_000;
const SEED = 20_260_101;
/** Nobody announces what is denied: each look at the list is one in vain, which is the longest. */
const DENIED_SEED = 7;
const COST_MAX = 0.05;
/** With less of its core the tracker waited for the load, or for others: processor time compares then. */
const BUSY_MIN = 0.9;
const MEMORY_MAX_BYTES = 64e6;

interface Work {
  readonly name: string;
  readonly options: Pick<LoadOptions, 'torrents' | 'peers' | 'zipf' | 'seed' | 'churn'>;
}

/**
 * A swarm of one peer ends with it and begins with it again: with `churn` one announce in ten stops
 * one, and one in ten makes one.
 */
const WORKS: readonly Work[] = [
  {
    name: 'existing swarms, 30 peers',
    options: { torrents: 10_000, peers: 400_000, zipf: 0, seed: SEED, churn: 0 },
  },
  {
    name: '10 % new swarms, 1 peer',
    options: { torrents: 400_000, peers: 400_000, zipf: 0, seed: SEED + 1, churn: 0.1 },
  },
];

interface Contestant {
  readonly running: Running;
  readonly udp: string;
  /** By work, one a pair. */
  readonly samples: PairedSample[][];
}

interface Flags {
  readonly pairs: number;
  readonly seconds: number;
  readonly host: string;
  readonly write: boolean;
}

export async function benchLists(args: readonly string[]): Promise<void> {
  const command = new Command('bench lists')
    .description('measure what a deny list of a million costs')
    .option('--pairs <COUNT>', 'pairs of each kind of work', positive, 9)
    .option('--seconds <SECONDS>', 'measured time of each', positive, 3)
    .option('--host <NAME>', 'name of this machine in the results', `${cpus().length}-core-vm`)
    .option('--no-write', 'print only');
  command.parse([...args], { from: 'user' });
  const flags = command.opts<Flags>();
  const memoryBytes = measureMemory();
  const contestants = await measure(flags);
  const report = reportOf(contestants, memoryBytes, flags, args);
  process.stdout.write(report);
  if (!flags.write) return;
  const folder = join(repository(), 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const name = `${new Date().toISOString().slice(0, 10)}-${flags.host}-lists.md`;
  writeFileSync(join(folder, name), report);
  process.stderr.write(`written to bench/results/${name}\n`);
}

/** Growth of this process, but for its JavaScript heap, while a list takes a million entries. */
function measureMemory(): number {
  const outsideHeap = () => {
    const { rss, heapTotal } = process.memoryUsage();
    return rss - heapTotal;
  };
  // What the first calls take, the compiler above all, is not the list's.
  fill(new HashList(reserveHashList({ entriesMax: ENTRIES_MAX })), ENTRIES / 10);
  const list = new HashList(reserveHashList({ entriesMax: ENTRIES_MAX }));
  const before = outsideHeap();
  fill(list, ENTRIES);
  const bytes = outsideHeap() - before;
  if (list.size !== ENTRIES) throw new Error(`the list holds ${list.size}`);
  return bytes;
}

function fill(list: HashList, entries: number): void {
  const hash = new Uint8Array(20);
  const entry = { hash, stamp: 1, by: NO_NODE, present: true, expiresSeconds: 0, reason: 'bench' };
  for (let i = 0; i < entries; i++) {
    writeInfoHash(DENIED_SEED, i, hash, 0);
    list.put(entry);
  }
}

function writeDenyFile(): string {
  const file = join(temporaryFolder('deny'), 'deny.txt');
  const lines = Array.from({ length: ENTRIES }, (_, i) => infoHashText(DENIED_SEED, i));
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

/** The trackers with their samples: open, denying, and open once more. */
async function measure({ pairs, seconds }: Flags): Promise<readonly Contestant[]> {
  const loaded = loadSys();
  if (!loaded.ok) throw new Error(`this needs the fast path, which ${loaded.reason}`);
  const { sys } = loaded;
  const all = readAffinity(sys);
  const last = [all[all.length - 1]];
  const open = { mode: 'open' };
  const contestants: Contestant[] = [];
  const torrents = WORKS.map(({ options }) => dealTorrents(options));
  try {
    for (const lists of [open, { mode: 'deny', denyFile: writeDenyFile() }, open]) {
      setAffinity(sys, [all[0]]);
      const running = start(lists);
      setAffinity(sys, last);
      const [udp] = (await running.line('ready')).udp as string[];
      contestants.push({ running, udp, samples: WORKS.map(() => []) });
    }
    const base = { ...LOAD_DEFAULTS, warmUpSeconds: 0.5, seconds, fill: false };
    for (const { udp } of contestants) {
      for (const [i, { options }] of WORKS.entries()) {
        const fill = {
          ...base,
          ...options,
          fill: true,
          numwant: 0,
          warmUpSeconds: 0,
          seconds: 0.1,
        };
        await runLoad({ ...fill, url: new URL(`udp://${udp}`) }, { torrentOf: torrents[i] });
      }
    }
    for (let pair = 0; pair < pairs; pair++) {
      for (const [i, { name, options }] of WORKS.entries()) {
        const order = pair % 2 === 0 ? contestants : contestants.toReversed();
        for (const contestant of order) {
          const url = new URL(`udp://${contestant.udp}`);
          const load = { ...base, ...options, url };
          contestant.samples[i].push(await measureOne(contestant, load, torrents[i]));
        }
        const rates = contestants.map(({ samples }) => count(samples[i][pair].perSecond));
        process.stderr.write(`pair ${pair + 1}, ${name}: ${rates.join(', ')}/s\n`);
      }
    }
  } finally {
    await Promise.all(contestants.map(({ running }) => running.stop()));
    setAffinity(sys, all);
  }
  return contestants;
}

function start(lists: Readonly<Record<string, string>>): Running {
  const data = temporaryFolder('lists');
  const file = join(data, 'trackerbt.json');
  writeFileSync(file, JSON.stringify({ lists }));
  const sockets = ['--http', 'off', '--udp', '127.0.0.1:0', '--admin', 'off'];
  const options = ['--workers', '1', '--io', 'fast', '--data', data, '--config', file];
  return new Running(['tracker', ...options, ...sockets]);
}

async function measureOne(
  { running }: Contestant,
  options: LoadOptions,
  torrentOf: Uint32Array,
): Promise<PairedSample> {
  const cpu = [0, 0];
  const { requests, requestsPerSecond } = await runLoad(options, {
    torrentOf,
    onMeasure: (moment) => {
      cpu[moment === 'start' ? 0 : 1] = cpuSeconds(running.pid);
    },
  });
  const seconds = cpu[1] - cpu[0];
  return {
    perSecond: requestsPerSecond,
    cpuUs: (1e6 * seconds) / requests,
    busy: (seconds * requestsPerSecond) / requests,
  };
}

function reportOf(
  contestants: readonly Contestant[],
  memoryBytes: number,
  { pairs, seconds }: Flags,
  args: readonly string[],
): string {
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB; ${process.platform} ${release().split('-', 1)[0]}; node ${process.version}`;
  const lines = [
    `# Lists, ${date}`,
    '',
    `${machine}. \`${['npm run bench -- lists', ...args].join(' ')}\`.`,
    '',
    `UDP announces of trackers without a list (open) and with a deny list of ${count(ENTRIES)} (denying), none of which is announced. ${pairs} pairs of ${seconds} s each for each kind of work, in changing order; each figure is a median, each difference the median of the pairs' ratios. *control* is another tracker without a list: what it differs by is chance.`,
    '',
    '| announces | | requests/s | CPU us an announce | tracker busy |',
    '|---|---|---|---|---|',
  ];
  const verdicts: string[] = [];
  for (const [i, { name }] of WORKS.entries()) {
    const [open, denying, control] = contestants.map(({ samples }) => samples[i]);
    for (const [who, samples] of Object.entries({ open, denying, control })) {
      lines.push(`| ${name} | ${who} | ${cells(samples)} |`);
    }
    for (const [who, samples] of Object.entries({ denying, control })) {
      const rate = median(samples.map((each, n) => each.perSecond / open[n].perSecond)) - 1;
      const cpu = median(samples.map((each, n) => each.cpuUs / open[n].cpuUs)) - 1;
      lines.push(`| ${name} | ${who} to open | ${percent(rate)} | ${percent(cpu)} | |`);
      if (who !== 'denying') continue;
      const isBusy = Math.min(busyOf(open), busyOf(denying)) >= BUSY_MIN;
      const cost = isBusy ? -rate : 1 - 1 / (1 + cpu);
      const what = isBusy ? 'requests/s' : 'requests/s of processor time';
      const verdict = cost <= COST_MAX ? 'met' : 'missed';
      verdicts.push(
        `| ${what} that the list costs, ${name} | <= ${percent(COST_MAX)} | ${percent(cost)} | ${verdict} |`,
      );
    }
  }
  const megabytes = `${(memoryBytes / 1e6).toFixed(1)} MB`;
  const verdict = memoryBytes <= MEMORY_MAX_BYTES ? 'met' : 'missed';
  return [
    ...lines,
    '',
    `A list of ${count(ENTRIES)} entries in memory, growth of a process but for its JavaScript heap while it is filled: ${megabytes}, ${(memoryBytes / ENTRIES).toFixed(1)} bytes an entry. There is room for ${count(ENTRIES_MAX)}, as by default.`,
    '',
    '| what | target | measured | |',
    '|---|---|---|---|',
    ...verdicts,
    `| memory of ${count(ENTRIES)} entries | <= ${MEMORY_MAX_BYTES / 1e6} MB | ${megabytes} | ${verdict} |`,
    '',
  ].join('\n');
}

function positive(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError('a whole number above 0 belongs here');
}
