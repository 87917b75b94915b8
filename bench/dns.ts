/**
 * `npm run bench -- dns`: answers a second of the name server over UDP, on one core, the rate limit
 * off. The load comes from a second process, so that the server's share of a core is its own.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { encode } from 'dns-packet';
import { DnsServer } from '../src/dns/dns-server.js';
import { createLogger } from '../src/lib/log.js';

const ZONE = 'tracker.example.org';
const TRACKERS = 64;
const ANSWERS_MAX = 8;
const WARM_UP_SECONDS = 2;
const SECONDS = 5;
/** Queries under way: enough that the server never waits, few enough that its socket holds them. */
const WINDOW = 128;
const STALL_MS = 200;

/** Runs the server here and the load beside it, for each type of question, and prints the table. */
export async function benchDns(): Promise<void> {
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
  process.stdout.write(
    `name server: ${TRACKERS} trackers, ${ANSWERS_MAX} in an answer, UDP, rate limit off, node ${process.version}\n\n`,
  );
  process.stdout.write('| question | answers/s | per second of CPU |\n|---|---|---|\n');
  for (const [type, name] of [
    ['A', ZONE],
    ['AAAA', ZONE],
    ['TXT', ZONE],
    ['A', `www.${ZONE}`],
  ]) {
    const { perSecond, perCpuSecond } = await measure(server, type, name);
    process.stdout.write(
      `| ${type} ${name} | ${Math.round(perSecond)} | ${Math.round(perCpuSecond)} |\n`,
    );
  }
  await server.stop();
}

async function measure(server: DnsServer, type: string, name: string) {
  const [{ port }] = server.addresses;
  const args = [fileURLToPath(import.meta.url), String(port), type, name];
  const load = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await pause(WARM_UP_SECONDS);
  const { counters } = server;
  const sent = counters.queriesUdp;
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await pause(SECONDS);
  const { user, system } = process.cpuUsage(cpu);
  const count = counters.queriesUdp - sent;
  const seconds = (performance.now() - startMs) / 1_000;
  load.kill();
  await once(load, 'exit');
  return { perSecond: count / seconds, perCpuSecond: count / ((user + system) / 1e6) };
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}

/** The load: a new query for each answer, until it is killed. */
function generateLoad(port: number, type: string, name: string): void {
  const query = encode({ type: 'query', id: 1, questions: [{ type: type as 'A', name }] });
  const socket = createSocket('udp4');
  let answeredMs = performance.now();
  const send = () => socket.send(query);
  socket.on('message', () => {
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
