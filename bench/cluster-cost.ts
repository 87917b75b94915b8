/**
 * What replication costs the announce path: UDP announces of a tracker alone and of one that has
 * joined, in turn. Both are pinned to the first core with all their threads, so that what the
 * cluster worker takes is missing elsewhere; load generator, minder and bus are on the last.
 */
import { dealTorrents } from '../src/load/crowd.js';
import { LOAD_DEFAULTS } from '../src/load/load-options.js';
import { runLoad } from '../src/load/run-load.js';
import { readAffinity, setAffinity } from '../src/sys/affinity.js';
import { loadSys } from '../src/sys/load-sys.js';
import type { ClusterBenchOptions } from './cluster.js';
import {
  cpuSeconds,
  Minder,
  Running,
  temporaryFolder,
  threadsSeconds,
} from './cluster-processes.js';
import type { Say } from './compare.js';

export interface CostSample {
  readonly perSecond: number;
  readonly perCpuSecond: number;
  /** The same of the thread that serves sockets alone. */
  readonly perWorkerSecond: number;
  /** Share of its core that the tracker used: well below 1, requests a second say little. */
  readonly busy: number;
  /** Changes told for each announce; 0 of a tracker alone. */
  readonly toldShare: number;
}

export interface CostFigure {
  readonly churn: number;
  readonly alone: CostSample;
  readonly joined: CostSample;
}

const WORLD = { torrents: 10_000, peers: 400_000, zipf: 0, seed: 20_260_101 };
/** Plain refreshes, and one in ten announces from a peer that replaces one that stopped. */
const CHURNS = [0, 0.1];
const VIEW_MS = 1_200;

interface Contestant {
  readonly running: Running;
  readonly udp: string;
  readonly admin: string;
  readonly samples: CostSample[][];
}

export async function measureCost(
  { rounds, seconds }: ClusterBenchOptions,
  say: Say,
): Promise<CostFigure[]> {
  const loaded = loadSys();
  if (!loaded.ok) throw new Error(`this needs the fast path, which ${loaded.reason}`);
  const { sys } = loaded;
  const all = readAffinity(sys);
  const last = [all[all.length - 1]];
  setAffinity(sys, last);
  const minder = await Minder.start();
  const contestants: Contestant[] = [];
  const torrentOf = dealTorrents(WORLD);
  try {
    for (const flags of [[], minder.joining()]) {
      setAffinity(sys, [all[0]]);
      const data = temporaryFolder('cost');
      const sockets = ['--http', 'off', '--udp', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
      const options = ['--workers', '1', '--io', 'fast', '--data', data];
      const running = new Running(['tracker', ...options, ...sockets, ...flags]);
      setAffinity(sys, last);
      const ready = await running.line('ready');
      const [udp] = ready.udp as string[];
      const samples = CHURNS.map(() => []);
      contestants.push({ running, udp, admin: String(ready.admin), samples });
    }
    const base = { ...LOAD_DEFAULTS, ...WORLD, warmUpSeconds: 0.5, seconds };
    for (const { udp } of contestants) {
      const fill = { ...base, url: new URL(`udp://${udp}`), warmUpSeconds: 0, seconds: 0.1 };
      await runLoad({ ...fill, fill: true, numwant: 0 }, { torrentOf });
    }
    for (let round = 0; round < rounds; round++) {
      for (const [i, churn] of CHURNS.entries()) {
        for (const contestant of contestants) {
          const url = new URL(`udp://${contestant.udp}`);
          const sample = await measure(contestant, { ...base, url, churn, fill: false }, torrentOf);
          contestant.samples[i].push(sample);
        }
        const [alone, joined] = contestants.map(({ samples }) => samples[i][round].perSecond);
        say(
          `round ${round + 1}, churn ${churn}: ${Math.round(alone)}/s alone, ${Math.round(joined)}/s joined`,
        );
      }
    }
  } finally {
    await Promise.all(contestants.map(({ running }) => running.stop()));
    await minder.stop();
    setAffinity(sys, all);
  }
  return CHURNS.map((churn, i) => {
    const [alone, joined] = contestants.map(({ samples }) => medianOf(samples[i]));
    return { churn, alone, joined };
  });
}

async function measure(
  { running, admin }: Contestant,
  options: Parameters<typeof runLoad>[0],
  torrentOf: Uint32Array,
): Promise<CostSample> {
  const before = await countsOf(admin);
  const cpu = [0, 0];
  const threads = [new Map<number, number>(), new Map<number, number>()];
  const { requests, requestsPerSecond } = await runLoad(options, {
    torrentOf,
    onMeasure: (moment) => {
      const i = moment === 'start' ? 0 : 1;
      cpu[i] = cpuSeconds(running.pid);
      threads[i] = threadsSeconds(running.pid);
    },
  });
  const after = await countsOf(admin);
  // The one that did most.
  const worker = Math.max(...[...threads[1]].map(([id, end]) => end - (threads[0].get(id) ?? 0)));
  return {
    perSecond: requestsPerSecond,
    perCpuSecond: requests / (cpu[1] - cpu[0]),
    perWorkerSecond: requests / worker,
    busy: ((cpu[1] - cpu[0]) * requestsPerSecond) / requests,
    toldShare: (after.changes - before.changes) / (after.announces - before.announces),
  };
}

/** Announces and changes told so far, of a tracker that is idle. */
async function countsOf(admin: string): Promise<{ announces: number; changes: number }> {
  // The cluster worker says each second how it stands.
  await new Promise((resolve) => setTimeout(resolve, VIEW_MS));
  const [view, stats] = await Promise.all(
    ['/api/v1/cluster', '/stats.json'].map(async (path) => {
      const reply = await fetch(`http://${admin}${path}`);
      return (await reply.json()) as Record<string, Record<string, number>>;
    }),
  );
  return { announces: stats.udp.announces, changes: view.counters.changes ?? 0 };
}

function medianOf(samples: readonly CostSample[]): CostSample {
  const median = (read: (sample: CostSample) => number) => {
    const sorted = samples.map(read).toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1];
  };
  return {
    perSecond: median(({ perSecond }) => perSecond),
    perCpuSecond: median(({ perCpuSecond }) => perCpuSecond),
    perWorkerSecond: median(({ perWorkerSecond }) => perWorkerSecond),
    busy: median(({ busy }) => busy),
    toldShare: median(({ toldShare }) => toldShare),
  };
}
