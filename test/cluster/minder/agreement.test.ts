/** Several minders and their trackers as processes: what one does the others know, and trackers follow. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { enrol, renew } from '../../../src/cluster/enrolment-client.js';
import type { Identity } from '../../../src/cluster/identity.js';
import { NatsTransport } from '../../../src/cluster/nats-transport.js';
import { SystemClock } from '../../../src/lib/clock.js';
import { inboxPrefix } from '../../../src/minder/bus-permissions.js';
import { viewOf } from '../../support/cluster.js';
import { until } from '../../support/deadline.js';
import { freePort } from '../../support/free-port.js';
import { IS_LONG } from '../../support/long.js';
import { MinderProcess } from '../../support/minder-process.js';
import type { TrackerProcess } from '../../support/tracker-process.js';

const LIMIT_MS = 90_000;
const NODE = { name: 't', software: '0', advertise: [] };
const clock = new SystemClock();
const running: { remove(): Promise<void> }[] = [];
const transports: NatsTransport[] = [];
const thawed: (() => void)[] = [];
afterEach(async () => {
  for (const thaw of thawed.splice(0)) thaw();
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
  await Promise.all(running.splice(0).map((process) => process.remove()));
});

const holds = (what: string, probe: () => Promise<boolean> | boolean) =>
  until(async () => ((await probe()) ? true : undefined), LIMIT_MS, what);

/** Minders `a`, `b`, ..., of which each knows all others. */
async function minders(count: number): Promise<MinderProcess[]> {
  const first = await MinderProcess.start({ args: ['--name', 'a'] });
  running.push(first);
  const all = [first];
  for (const name of 'bcd'.slice(0, count - 1)) {
    const next = await first.peer({ args: ['--name', name] });
    running.push(next);
    all.push(next);
  }
  for (const minder of all) {
    await holds('all minders', async () => {
      const seen = (await minder.nodes()).filter(({ role }) => role === 'minder');
      return seen.length === count && seen.every(({ state }) => state === 'healthy');
    });
  }
  return all;
}

async function tracker(minder: MinderProcess, name: string): Promise<TrackerProcess> {
  const process = await minder.tracker({ args: ['--name', name] });
  running.push(process);
  return process;
}

async function member(minder: MinderProcess): Promise<Identity> {
  const token = await minder.token();
  return enrol({ role: 'tracker', url: `https://${minder.enrol}`, token, node: NODE }, { clock });
}

/** A tracker's connection to one bus server, as it would be with a stolen identity. */
function connect({ ca, certificate: cert, key, nodeId, bus }: Identity, address: string) {
  const transport = new NatsTransport(
    {
      servers: [`tls://${address}`],
      tls: { ca, cert, key, minder: true },
      credentials: bus,
      name: nodeId,
      inboxPrefix: inboxPrefix(nodeId),
    },
    { log: { log: () => {} } },
  );
  transports.push(transport);
  return transport;
}

async function stateOf(minder: MinderProcess, id: string): Promise<string | undefined> {
  return (await minder.nodes()).find((node) => node.id === id)?.state;
}

/** Process ids of a minder and of its bus server. */
function pidsOf({ logs }: MinderProcess): number[] {
  return ['ready', 'bus server runs'].map((line) => {
    const { pid } = logs.findLast(({ msg }) => msg === line) ?? {};
    if (typeof pid !== 'number') throw new Error(`no pid in '${line}'`);
    return pid;
  });
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) process.kill(pid, signal);
}

function identityOf({ data }: { data: string }): Identity {
  return JSON.parse(readFileSync(join(data, 'tracker', 'identity.json'), 'utf8')) as Identity;
}

function ringOf({ data }: { data: string }) {
  const { entries } = JSON.parse(readFileSync(join(data, 'minder', 'state.json'), 'utf8')) as {
    entries: { kind: string; value: { keyRing: Identity['keyRing'] } }[];
  };
  return entries.find(({ kind }) => kind === 'setting')?.value.keyRing;
}

/** Users that a minder's bus shuts out. */
function revokedIn({ data }: { data: string }): number {
  const accounts = readFileSync(join(data, 'minder', 'bus', 'accounts.json'), 'utf8');
  return Object.keys((JSON.parse(accounts) as { revoked: object }).revoked).length;
}

/** The bus server that a tracker has gone to last, `host:port`. */
function serverOf({ logs }: TrackerProcess): string {
  const { server } = logs.findLast(({ msg }) => msg === 'connected to the bus') ?? {};
  return String(server).replace('tls://', '');
}

describe('three minders', () => {
  it('share tokens, and throw a node out everywhere at the word of one', async () => {
    const [a, b, c] = await minders(3);
    const token = await a.token();
    const url = `https://${b.enrol}`;
    const request = { role: 'tracker', url, token, node: NODE } as const;
    await holds('the token to be known', async () => {
      // Two minders joined with one each.
      return (JSON.parse(await b.command('token', 'list', '--json')) as unknown[]).length === 3;
    });
    const victim = await enrol(request, { clock });
    await expect(enrol({ ...request, url: `https://${c.enrol}` }, { clock })).rejects.toMatchObject(
      {
        refusal: 'token_used',
      },
    );
    const onEach = [a, b, c].map(({ bus }) => connect(victim, bus));
    for (const transport of onEach) await holds('a connection', () => transport.connected);
    const before = ringOf(a)!.generation;
    await c.command('revoke', victim.nodeId);
    for (const transport of onEach) await holds('the end of it', () => !transport.connected);
    for (const minder of [a, b, c]) {
      await holds('the word', async () => (await stateOf(minder, victim.nodeId)) === 'revoked');
      await expect(
        renew(
          { identity: { ...victim, minders: [`https://${minder.enrol}`] }, node: NODE },
          { clock },
        ),
      ).rejects.toMatchObject({ refusal: 'node_revoked' });
      await holds('the same keys', () => ringOf(minder)?.current === ringOf(a)?.current);
      // Replaced once: each time more costs every client a connect.
      expect(ringOf(minder)?.generation).toBe(before + 3);
    }
    for (const transport of onEach) expect(transport.connected).toBe(false);
  });

  it('throw out two nodes at once, each at the word of another, for good', async () => {
    const [a, b, c] = await minders(3);
    const [x, y] = [await member(a), await member(b)];
    await holds('both to be known', async () => {
      return (
        (await stateOf(a, y.nodeId)) !== undefined && (await stateOf(b, x.nodeId)) !== undefined
      );
    });
    await Promise.all([a.command('revoke', x.nodeId), b.command('revoke', y.nodeId)]);
    for (const minder of [a, b, c]) {
      await holds('both in its file', () => revokedIn(minder) === 2);
    }
    // Each bus server starts again from its own files and from what the others hold.
    for (const minder of [a, b, c]) {
      await minder.stop();
      const again = await minder.restart();
      running.push(again);
      for (const identity of [x, y]) {
        const intruder = connect(identity, again.bus);
        await holds('a refusal', () => intruder.counters.turnedAway > 0);
        expect(intruder.counters.connects).toBe(0);
      }
    }
  });

  it('catch up with what happened while one was dead, on its bus as well', async () => {
    const [a, b, c] = await minders(3);
    const victim = await member(a);
    await holds('b to know it', async () => (await stateOf(b, victim.nodeId)) !== undefined);
    signalAll(pidsOf(a), 'SIGKILL');
    await a.exited;
    await b.command('revoke', victim.nodeId);
    await holds('the word', async () => (await stateOf(c, victim.nodeId)) === 'revoked');
    const again = await a.restart();
    running.push(again);
    await holds('the word', async () => (await stateOf(again, victim.nodeId)) === 'revoked');
    await holds('it in its file', () => revokedIn(again) === 1);
    const intruder = connect(victim, again.bus);
    await holds('a refusal', () => intruder.counters.turnedAway > 0);
    for (const minder of [b, c]) {
      await holds('the same keys', () => ringOf(minder)?.current === ringOf(again)?.current);
    }
  });
});

// In short, production/minders.test.ts and production/restore.test.ts show the same.
describe.runIf(IS_LONG)('trackers of several minders', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'go to another bus when theirs gets %s, and find each other',
    async (signal) => {
      const [a, b] = await minders(2);
      const trackers = [await tracker(a, 'x'), await tracker(b, 'y')];
      for (const { data } of trackers) {
        await holds('both buses', () => {
          const { urls } = identityOf({ data }).bus;
          return [a, b].every(({ bus }) => urls.includes(`tls://${bus}`));
        });
      }
      const hit = [a, b].find(({ bus }) => bus === serverOf(trackers[0]))!;
      const pids = pidsOf(hit);
      signalAll(pids, signal);
      if (signal === 'SIGSTOP') thawed.push(() => signalAll(pids, 'SIGCONT'));
      await holds('another bus', () => serverOf(trackers[0]) !== hit.bus);
      await holds('both on it', async () => {
        const views = await Promise.all(trackers.map(viewOf));
        const others = views.map(({ nodes }, i) => nodes.find(({ name }) => name === 'yx'[i]));
        return others.every((node) => node?.state === 'healthy');
      });
    },
  );

  it('ask where the bus is when there is none, and find it where it is now', async () => {
    const [a] = await minders(1);
    const lonely = await tracker(a, 'x');
    signalAll(pidsOf(a), 'SIGKILL');
    await a.exited;
    const bus = `127.0.0.1:${await freePort()}`;
    const moved = MinderProcess.launch(
      { args: ['--name', 'a', '--listen', a.enrol, '--bus', bus] },
      a.data,
    );
    running.push(moved);
    await moved.ready();
    expect(moved.bus).toBe(bus);
    await holds('the new bus', () => serverOf(lonely) === bus);
  });
});
