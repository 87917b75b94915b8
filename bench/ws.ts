/**
 * `npm run bench -- ws`: WebTorrent announces beside `bittorrent-tracker`, what TLS costs, and what
 * WebSockets cost that only wait.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { Contender } from './contender.js';
import { customContender, repository } from './contenders.js';
import { Cores } from './cores.js';
import { compareWebSockets, type WsFigure } from './ws-compare.js';
import { BITTORRENT_TRACKER, TRACKERBT } from './ws-contenders.js';
import { type HttpsFigure, measureHttps } from './ws-https.js';
import { type IdleFigure, measureIdle } from './ws-idle.js';
import { wsReport } from './ws-report.js';

const PARTS = ['compare', 'https', 'idle'] as const;
type Part = (typeof PARTS)[number];

interface Flags {
  readonly quick?: true;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly idle: number;
  readonly only: readonly Part[];
  readonly peer: readonly Contender[];
  readonly host: string;
  readonly write: boolean;
}

const QUICK = { rounds: 1, seconds: 2, warmUpSeconds: 0.5 };
const FULL = { rounds: 5, seconds: 5, warmUpSeconds: 1 };
const HTTPS_ROUNDS_MAX = 3;
const IDLE = 15_000;

export async function benchWs(args: readonly string[]): Promise<void> {
  const command = new Command('bench ws')
    .description('measure WebSockets and HTTPS')
    .option('--quick', 'one short round')
    .option('--rounds <COUNT>', 'rounds', positive)
    .option('--seconds <SECONDS>', 'measured time of each', positive)
    .option('--idle <COUNT>', 'WebSockets that wait', positive, IDLE)
    .option('--only <PARTS>', `some of ${PARTS.join(', ')}`, parts, [...PARTS])
    .option('--peer <NAME=COMMAND>', 'one more tracker; {port} is replaced', peer, [])
    .option('--host <NAME>', 'name of this machine in the results', `${cpus().length}-core-vm`)
    .option('--no-write', 'print only');
  command.parse([...args], { from: 'user' });
  const flags = command.opts<Flags>();
  const base = flags.quick ? QUICK : FULL;
  const times = {
    rounds: flags.rounds ?? base.rounds,
    seconds: flags.seconds ?? base.seconds,
    warmUpSeconds: base.warmUpSeconds,
  };
  const cores = new Cores();
  const notes = new Set<string>();
  const means = { cores, notes, say: (text: string) => process.stderr.write(`${text}\n`) };
  const has = (part: Part) => flags.only.includes(part);
  let compared: readonly WsFigure[] = [];
  let https: readonly HttpsFigure[] = [];
  const idle: IdleFigure[] = [];
  if (has('compare')) {
    const contenders = [TRACKERBT, BITTORRENT_TRACKER, ...flags.peer];
    compared = await compareWebSockets(contenders, times, means);
  }
  if (has('https')) {
    const rounds = Math.min(times.rounds, HTTPS_ROUNDS_MAX);
    https = await measureHttps({ ...times, rounds }, means);
  }
  if (has('idle')) {
    const options = { connections: flags.idle, seconds: times.seconds };
    for (const [contender, hasHttp] of [
      [TRACKERBT, true],
      [BITTORRENT_TRACKER, false],
    ] as const) {
      const figure = await measureIdle(contender, hasHttp, options, means);
      if (figure !== undefined) idle.push(figure);
    }
  }
  cores.release();
  const date = new Date().toISOString().slice(0, 10);
  const report = wsReport(
    { compared, https, idle, notes },
    {
      ...times,
      date,
      host: flags.host,
      processor: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
      system: `${process.platform} ${release().split('-', 1)[0]}`,
      command: ['npm run bench -- ws', ...args.filter((arg) => !arg.includes('{port}'))].join(' '),
      pinned: cores.pinned,
    },
  );
  process.stdout.write(report);
  if (!flags.write) return;
  const folder = join(repository(), 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const name = `${date}-${flags.host}-ws${flags.quick ? '-quick' : ''}.md`;
  writeFileSync(join(folder, name), report);
  process.stderr.write(`written to bench/results/${name}\n`);
}

function positive(text: string): number {
  const value = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError('a number above 0 belongs here');
}

function parts(text: string): Part[] {
  const chosen = text.split(',');
  if (chosen.every((each) => (PARTS as readonly string[]).includes(each))) return chosen as Part[];
  throw new InvalidArgumentError(`there are ${PARTS.join(', ')}`);
}

function peer(text: string, before: readonly Contender[]): Contender[] {
  const contender = customContender(text);
  if (contender !== undefined) return [...before, { ...contender, protocols: ['ws'] }];
  throw new InvalidArgumentError('NAME=COMMAND belongs here, with {port} in the command');
}
