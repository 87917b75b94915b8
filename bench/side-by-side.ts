/** The command line of the comparison, and where its results go. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { chartOf } from './chart.js';
import { type CompareOptions, compare } from './compare.js';
import type { Contender } from './contender.js';
import { CONTENDERS, customContender, repository } from './contenders.js';
import { reportOf } from './report.js';
import { WORKLOADS, WORLDS } from './workloads.js';

interface Flags {
  readonly quick?: true;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly torrents?: readonly number[];
  readonly only: readonly string[];
  readonly peer: readonly Contender[];
  readonly host: string;
  readonly write: boolean;
}

const QUICK = { rounds: 1, seconds: 2, warmUpSeconds: 0.5, fillSecondsMax: 15 };
const FULL = { rounds: 5, seconds: 5, warmUpSeconds: 1, fillSecondsMax: 180 };

export async function sideBySide(args: readonly string[]): Promise<void> {
  const collect = (text: string, before: readonly string[]) => [...before, ...text.split(',')];
  const command = new Command('bench')
    .description('compare trackers on this machine')
    .option('--quick', 'one short round with 10,000 torrents')
    .option('--rounds <COUNT>', 'rounds', positive)
    .option('--seconds <SECONDS>', 'measured time of each', positive)
    .option('--torrents <COUNTS>', 'worlds by their torrents: 10000,100,1000000', torrentCounts)
    .option('--only <NAMES>', 'parts of names of trackers and kinds of work', collect, [])
    .option('--peer <NAME=COMMAND>', 'one more tracker; {port} is replaced', peer, [])
    .option('--host <NAME>', 'name of this machine in the results', `${cpus().length}-core-vm`)
    .option('--no-write', 'print only');
  command.parse([...args], { from: 'user' });
  const flags = command.opts<Flags>();
  const options = optionsOf(flags);
  const comparison = await compare(options, (text) => process.stderr.write(`${text}\n`));
  const date = new Date().toISOString().slice(0, 10);
  const name = `${date}-${flags.host}${flags.quick ? '-quick' : ''}`;
  const chart = chartOf(comparison.figures, options.worlds[0], options.workloads);
  const report = reportOf(comparison, options, {
    date,
    host: flags.host,
    processor: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release().split('-', 1)[0]}`,
    command: ['npm run bench --', ...args.map(withoutCommand)].join(' ').replace(/ --$/, ''),
    chart: chart === undefined || !flags.write ? undefined : `${name}.svg`,
  });
  process.stdout.write(report);
  if (!flags.write) return;
  const folder = join(repository(), 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.md`), report);
  if (chart !== undefined) writeFileSync(join(folder, `${name}.svg`), chart);
  process.stderr.write(`written to bench/results/${name}.md\n`);
}

/** Results name peers, not where they lie on this machine. */
function withoutCommand(argument: string): string {
  return argument.includes('{port}') ? argument.replace(/=(?!.*--peer=).*$/s, '=...') : argument;
}

function optionsOf(flags: Flags): CompareOptions {
  const base = flags.quick ? QUICK : FULL;
  // Each name narrows either the trackers or the kinds of work, whichever it fits.
  const narrow = <T extends { readonly name: string }>(list: readonly T[]) => {
    const chosen = list.filter(({ name }) => flags.only.some((part) => name.includes(part)));
    return chosen.length === 0 ? list : chosen;
  };
  const torrents = flags.torrents ?? (flags.quick ? [10_000] : WORLDS.map((each) => each.torrents));
  return {
    contenders: [...narrow(CONTENDERS), ...flags.peer],
    workloads: narrow(WORKLOADS),
    worlds: WORLDS.filter((world) => torrents.includes(world.torrents)),
    rounds: flags.rounds ?? base.rounds,
    seconds: flags.seconds ?? base.seconds,
    warmUpSeconds: base.warmUpSeconds,
    fillSecondsMax: base.fillSecondsMax,
  };
}

function positive(text: string): number {
  const value = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError('a number above 0 belongs here');
}

function torrentCounts(text: string): number[] {
  const counts = text.split(',').map(Number);
  const known = WORLDS.map((world) => world.torrents);
  if (counts.every((each) => known.includes(each))) return counts;
  throw new InvalidArgumentError(`there are worlds of ${known.join(', ')} torrents`);
}

function peer(text: string, before: readonly Contender[]): Contender[] {
  const contender = customContender(text);
  if (contender !== undefined) return [...before, contender];
  throw new InvalidArgumentError('NAME=COMMAND belongs here, with {port} in the command');
}
