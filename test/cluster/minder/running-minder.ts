/** A minder in this process with a real bus server behind it, and nodes that join it. */
import { nodesCommand } from '../../../src/cli/nodes.js';
import { tokenCommand } from '../../../src/cli/token.js';
import { enrol } from '../../../src/cluster/enrolment-client.js';
import type { Identity } from '../../../src/cluster/identity.js';
import { NatsTransport } from '../../../src/cluster/nats-transport.js';
import { loadConfig, resolve } from '../../../src/config/index.js';
import { SystemClock } from '../../../src/lib/clock.js';
import { createLogger } from '../../../src/lib/log.js';
import { LoggerSink } from '../../../src/lib/log-sink.js';
import { inboxPrefix } from '../../../src/minder/bus-permissions.js';
import { MinderNode } from '../../../src/node/minder-node.js';
import { encodeHeartbeat } from '../../../src/protocol/cluster/heartbeat.js';
import { removeFolder, temporaryFolder } from '../../support/tracker-process.js';

/** The machine's clock, whose monotonic hand a test may push on. */
class PushedClock extends SystemClock {
  seconds = 0;

  override monotonicSeconds(): number {
    return super.monotonicSeconds() + this.seconds;
  }
}

export const clock = new SystemClock();
export const NODE = { name: 'one', software: '0.1.0', advertise: [] };
const cleanUps: (() => Promise<unknown> | unknown)[] = [];

/** Undoes what the others here did, the last first. */
export async function cleanUp(): Promise<void> {
  for (const undo of cleanUps.splice(0).reverse()) await undo();
}

export interface Running {
  readonly node: MinderNode;
  readonly data: string;
  /** Of the `ready` line. */
  readonly ready: Record<string, string>;
  readonly lines: Record<string, unknown>[];
  readonly clock: PushedClock;
}

export async function startMinder(
  data = temporaryFolder('minder'),
  flags: Record<string, string> = {},
): Promise<Running> {
  const settings = {
    data,
    'admin.listen': '127.0.0.1:0',
    'minder.listen': '127.0.0.1:0',
    'minder.bus': '127.0.0.1:0',
    'minder.busCluster': '127.0.0.1:0',
    name: 'minder one',
    ...flags,
  };
  const config = resolve(
    loadConfig({
      flags: Object.entries(settings).map(([path, text]) => ({ flag: path, path, text })),
    }),
    { hostname: 'host', role: 'minder' },
  );
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger(
    { level: 'debug', format: 'json', name: 'minder' },
    { output: { write: (line) => lines.push(JSON.parse(line)) } },
  );
  const pushed = new PushedClock();
  const node = new MinderNode(config, { logger, clock: pushed });
  cleanUps.push(() => removeFolder(data));
  cleanUps.push(() => node.stop());
  await node.start();
  const ready = lines.find(({ msg }) => msg === 'ready') as Record<string, string>;
  return { node, data, ready, lines, clock: pushed };
}

/** Runs a command of the operator's, and returns what it printed and how it ended. */
export async function command(
  make: typeof tokenCommand,
  args: string[],
): Promise<{ stdout: string; stderr: string; code: number }> {
  const result = { stdout: '', stderr: '', code: -1 };
  const io = {
    stdout: { write: (text: string) => (result.stdout += text) },
    stderr: { write: (text: string) => (result.stderr += text) },
    exit: (code: number) => {
      result.code = code;
    },
  };
  await make(io).parseAsync(args, { from: 'user' });
  return result;
}

/** The token that a command makes. */
export async function createToken(data: string, ...args: string[]): Promise<string> {
  const { stdout, code } = await command(tokenCommand, ['create', '--data', data, ...args]);
  if (code !== 0) throw new Error('no token');
  return stdout.trimEnd().split('\n').at(-1)!;
}

export async function joinMinder({ data, ready }: Running): Promise<Identity> {
  const token = await createToken(data);
  return enrol({ role: 'tracker', url: `https://${ready.enrol}`, token, node: NODE }, { clock });
}

/** A node's connection to the bus, as a tracker makes it. */
export function busOf(identity: Identity): NatsTransport {
  const logger = createLogger({ level: 'silent', format: 'json', name: 'bus' });
  const transport = new NatsTransport(
    {
      servers: identity.bus.urls,
      tls: identity.bus.external
        ? {}
        : { ca: identity.ca, cert: identity.certificate, key: identity.key, minder: true },
      credentials: identity.bus,
      name: identity.nodeId,
      inboxPrefix: inboxPrefix(identity.nodeId),
    },
    { log: new LoggerSink(logger) },
  );
  cleanUps.push(() => transport.close());
  return transport;
}

export function beatOf(
  { nodeId, role }: Identity,
  over: { wallMs?: number; state?: 'healthy' } = {},
) {
  return encodeHeartbeat({
    version: 1,
    id: nodeId,
    name: 'one',
    role,
    state: 'healthy',
    reason: '',
    epoch: 1,
    sequence: 0,
    wallMs: Date.now(),
    stamp: 0,
    root: 'ab'.repeat(8),
    peers: 7,
    swarms: 3,
    addresses: ['udp://127.0.0.1:6969'],
    counters: { recordsIn: 5, recordsOut: 6, gaps: 1 },
    links: [],
    ...over,
  });
}

/** Looks until something is so; the test's own limit ends it. */
export async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false) {
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found as T;
    await new Promise((done) => setTimeout(done, 20));
  }
}

export interface NodeRow {
  id: string;
  state: string;
  reason: string | null;
  peers: number;
}

export async function nodesOf(data: string): Promise<NodeRow[]> {
  const { stdout } = await command(nodesCommand, ['--data', data, '--json']);
  return JSON.parse(stdout);
}
