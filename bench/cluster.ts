/**
 * `npm run bench -- cluster`: what replication does and costs on this machine, with a real minder, a
 * real bus and processes of their own:
 *
 * - records a second told among 2, 4 and 8 trackers, with the processor time of each part, and the
 *   time until others see an announce (members as in `cluster-member.ts`: no sockets);
 * - a new tracker that takes a million peers (`trackerbt tracker`);
 * - announces a second over UDP of a tracker that stands alone, and of one that has joined
 *   (`trackerbt tracker`, each pinned to the first core, all else on the last).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { measureCost } from './cluster-cost.js';
import { measureJoin } from './cluster-join.js';
import { clusterReport } from './cluster-report.js';
import { measureSize } from './cluster-size.js';
import { repository } from './contenders.js';

export interface ClusterBenchOptions {
  /** Numbers of trackers. */
  readonly sizes: readonly number[];
  /** Records a second over all trackers, tried in this order until they cannot be kept up. */
  readonly rates: readonly number[];
  /** Measured time of each rate. */
  readonly seconds: number;
  /** Peers that a new tracker takes. */
  readonly joinPeers: number;
  /** Rounds of the comparison with a tracker alone. */
  readonly rounds: number;
}

interface Flags {
  readonly quick?: true;
  readonly seconds?: number;
  readonly only: readonly string[];
  readonly host: string;
  readonly write: boolean;
}

const FULL: ClusterBenchOptions = {
  sizes: [2, 4, 8],
  rates: [20_000, 100_000, 200_000, 300_000, 400_000, 600_000, 800_000, 1_000_000],
  seconds: 5,
  joinPeers: 1_000_000,
  rounds: 5,
};
const QUICK: ClusterBenchOptions = {
  sizes: [2, 4],
  rates: [20_000, 200_000],
  seconds: 2,
  joinPeers: 100_000,
  rounds: 2,
};
const PARTS = ['rate', 'join', 'cost'];

export async function benchCluster(args: readonly string[]): Promise<void> {
  const collect = (text: string, before: readonly string[]) => [...before, ...text.split(',')];
  const command = new Command('bench cluster')
    .description('measure replication on this machine')
    .option('--quick', 'fewer trackers, rates and peers, and less time')
    .option('--seconds <SECONDS>', 'measured time of each step', positive)
    .option('--only <PARTS>', `some of ${PARTS.join(', ')}`, collect, [])
    .option('--host <NAME>', 'name of this machine in the results', `${cpus().length}-core-vm`)
    .option('--no-write', 'print only');
  command.parse([...args], { from: 'user' });
  const flags = command.opts<Flags>();
  const base = flags.quick ? QUICK : FULL;
  const options = { ...base, seconds: flags.seconds ?? base.seconds };
  const wants = (part: string) => flags.only.length === 0 || flags.only.includes(part);
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const sizes = [];
  if (wants('rate')) {
    for (const members of options.sizes) sizes.push(await measureSize(members, options, say));
  }
  const joined = wants('join') ? await measureJoin(options, say) : undefined;
  const cost = wants('cost') ? await measureCost(options, say) : undefined;
  const date = new Date().toISOString().slice(0, 10);
  const report = clusterReport(
    { sizes, join: joined, cost },
    {
      date,
      host: flags.host,
      processor: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
      system: `${process.platform} ${release().split('-', 1)[0]}`,
      command: ['npm run bench -- cluster', ...args].join(' '),
      seconds: options.seconds,
      rounds: options.rounds,
    },
  );
  process.stdout.write(report);
  if (!flags.write) return;
  const folder = join(repository(), 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const name = `${date}-${flags.host}-cluster${flags.quick ? '-quick' : ''}.md`;
  writeFileSync(join(folder, name), report);
  say(`written to bench/results/${name}`);
}

function positive(text: string): number {
  const value = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError('a number above 0 belongs here');
}
