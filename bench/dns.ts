/**
 * `npm run bench -- dns`: answers a second of the name server over UDP, on one core, the rate limit
 * off. The load comes from a second process, so that the server's share of a core is its own; it is
 * the load that counts answers.
 *
 * ```
 * first core   this process: the server             last core   the load, 128 queries under way
 *              "count" ------------------- IPC ---------------> answers so far
 * ```
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { encode } from 'dns-packet';
import { DnsServer } from '../src/dns/dns-server.js';
import { createLogger } from '../src/lib/log.js';
import { readAffinity, setAffinity } from '../src/sys/affinity.js';
import { loadSys } from '../src/sys/load-sys.js';
import { count } from './compare.js';
import { repository } from './contenders.js';

const ZONE = 'tracker.example.org';
const TRACKERS = 64;
const ANSWERS_MAX = 8;
const WARM_UP_SECONDS = 2;
const SECONDS = 5;
/** Queries under way: enough that the server never waits, few enough that its socket holds them. */
const WINDOW = 128;
const STALL_MS = 200;
const TARGET_PER_SECOND = 20_000;

interface Sample {
  readonly perSecond: number;
  readonly perCpuSecond: number;
  /** Share of a core that the server used. */
  readonly busy: number;
}

/** Runs the server here and the load beside it, for each type of question, and prints the table. */
export async function benchDns(args: readonly string[]): Promise<void> {
  const command = new Command('bench dns')
    .description('measure the name server')
    .option('--host <NAME>', 'name of this machine in the results', `${cpus().length}-core-vm`)
    .option('--no-write', 'print only');
  command.parse([...args], { from: 'user' });
  const { host, write } = command.opts<{ host: string; write: boolean }>();
  const report = await measureAll(args);
  process.stdout.write(report);
  if (!write) return;
  const folder = join(repository(), 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const name = `${new Date().toISOString().slice(0, 10)}-${host}-dns.md`;
  writeFileSync(join(folder, name), report);
  process.stderr.write(`written to bench/results/${name}\n`);
}

async function measureAll(args: readonly string[]): Promise<string> {
  const addresses4 = Array.from({ length: TRACKERS }, (_, i) => `192.0.2.${i + 1}`);
  const addresses6 = Array.from({ length: TRACKERS }, (_, i) => `2001:db8::${i + 1}`);
  const services = [{ protocol: 'udp', port: 6969 }] as const;
  const set = { revision: 1, addresses4, addresses6, services };
  const server = await DnsServer.start(
    {
      listen: [{ host: '127.0.0.1', port: 0 }],
      zone: ZONE,
      ttlSeconds: 30,
      answersMax: ANSWERS_MAX,
      nameServers: [],
      ownAddresses: ['192.0.2.1'],
      ratePerSecond: 0,
      connectionsMax: 16,
    },
    {
      set: () => set,
      logger: createLogger({ level: 'info', format: 'json', name: 'bench' }),
      onFatal: (error) => {
        throw error;
      },
    },
  );
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB; ${process.platform} ${release().split('-', 1)[0]}; node ${process.version}`;
  const lines = [
    `# Name server, ${new Date().toISOString().slice(0, 10)}`,
    '',
    `${machine}. \`${['npm run bench -- dns', ...args].join(' ')}\`.`,
    '',
    `${TRACKERS} trackers, ${ANSWERS_MAX} in an answer, over UDP on loopback, rate limit off, ${WINDOW} queries under way, ${SECONDS} s each. The server has one thread, on the first core; the load is another process, on the last one, and counts the answers that reach it. Where the server is not busy all the time, the load was the slower one: answers for each second of its processor time say then what it could do.`,
    '',
    '| question | answers/s | server busy | per second of its processor time | target | |',
    '|---|---|---|---|---|---|',
  ];
  for (const [type, name] of [
    ['A', ZONE],
    ['AAAA', ZONE],
    ['TXT', ZONE],
    ['A', `www.${ZONE}`],
  ]) {
    const { perSecond, perCpuSecond, busy } = await measure(server, type, name);
    const verdict = perSecond >= TARGET_PER_SECOND ? 'met' : 'missed';
    const rates = `${count(perSecond)} | ${Math.round(100 * busy)} % | ${count(perCpuSecond)}`;
    const row = `| ${type} ${name} | ${rates} | >= ${count(TARGET_PER_SECOND)} | ${verdict} |`;
    process.stderr.write(`${row}\n`);
    lines.push(row);
  }
  await server.stop();
  return `${lines.join('\n')}\n`;
}

async function measure(server: DnsServer, type: string, name: string): Promise<Sample> {
  const [{ port }] = server.addresses;
  const load = startApart([String(port), type, name]);
  await pause(WARM_UP_SECONDS);
  const answers = await answersOf(load);
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await pause(SECONDS);
  const made = (await answersOf(load)) - answers;
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - startMs) / 1_000;
  const cpuSeconds = (user + system) / 1e6;
  load.kill();
  await once(load, 'exit');
  return { perSecond: made / seconds, perCpuSecond: made / cpuSeconds, busy: cpuSeconds / seconds };
}

/** Starts the load on the last core, and stays on the first; where that cannot be, wherever. */
function startApart(args: readonly string[]): ChildProcess {
  const start = () =>
    fork(fileURLToPath(import.meta.url), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const loaded = loadSys();
  if (!loaded.ok) return start();
  const { sys } = loaded;
  cores ??= readAffinity(sys);
  setAffinity(sys, [cores[cores.length - 1]]);
  const load = start();
  setAffinity(sys, [cores[0]]);
  return load;
}

let cores: readonly number[] | undefined;

async function answersOf(load: ChildProcess): Promise<number> {
  load.send('count');
  const [answers] = (await once(load, 'message')) as [number];
  return answers;
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}

/** The load: a new query for each answer, until it is killed. */
function generateLoad(port: number, type: string, name: string): void {
  const query = encode({ type: 'query', id: 1, questions: [{ type: type as 'A', name }] });
  const socket = createSocket('udp4');
  let answeredMs = performance.now();
  let answers = 0;
  process.on('message', () => process.send?.(answers));
  const send = () => socket.send(query);
  socket.on('message', () => {
    answers++;
    answeredMs = performance.now();
    send();
  });
  socket.connect(port, '127.0.0.1', () => {
    for (let i = 0; i < WINDOW; i++) send();
  });
  // Datagrams that were lost leave fewer under way; with none left it begins again.
  setInterval(() => {
    if (performance.now() - answeredMs < STALL_MS) return;
    for (let i = 0; i < WINDOW; i++) send();
  }, STALL_MS);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [port, type, name] = process.argv.slice(2);
  generateLoad(Number(port), type, name);
}
