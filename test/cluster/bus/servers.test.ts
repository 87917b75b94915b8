/** A tracker's connection where there are several bus servers: which one, and when it leaves it. */
import { afterEach, describe, expect, it } from 'vitest';
import type { NatsTransport } from '../../../src/cluster/nats-transport.js';
import type { NatsServer } from '../../../src/minder/nats-server.js';
import { until } from '../../support/deadline.js';
import { bytes, connection, type Node, TestBus, text, WAIT_MS } from './test-bus.js';

const open: TestBus[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((bus) => bus.close()));
});

const holds = (what: string, probe: () => boolean) =>
  until(() => (probe() ? true : undefined), WAIT_MS, what, 5);
const urlOf = (server: NatsServer) => `tls://127.0.0.1:${server.bus.port}`;

interface Servers {
  readonly bus: TestBus;
  readonly servers: readonly NatsServer[];
  readonly urls: string[];
}

async function three(): Promise<Servers> {
  const bus = await TestBus.start({ withRoutes: true });
  open.push(bus);
  const servers = [bus.server, await bus.secondServer(), await bus.secondServer()];
  return { bus, servers, urls: servers.map(urlOf) };
}

/** A transport that knows these servers, with pings as a tracker has them. */
function connect(bus: TestBus, { id, access }: Node, servers: string[]): Promise<NatsTransport> {
  return bus.connected({ id, access: { ...access, servers } }, { pingIntervalMs: 1_000 });
}

describe('other servers', () => {
  it('that are told leave a connection alone that is to one of them', async () => {
    const { bus, urls } = await three();
    const node = await bus.node();
    const transport = await connect(bus, node, [urls[0]]);
    const changes: boolean[] = [];
    transport.onConnection((is) => changes.push(is));
    transport.setServers(urls.toReversed());
    transport.setServers(urls, [[urls[0]], [urls[1], urls[2]]]);
    transport.setServers([]);
    transport.publish(`peers.${node.id}`, bytes('x'));
    await holds('a confirmation', () => transport.unconfirmedBytes === 0);
    expect(transport.server).toBe(urls[0]);
    expect(transport.counters).toMatchObject({ connects: 1, handOvers: 0, connectFailures: 0 });
    expect(changes).toEqual([]);
  });

  it('that are told without the one that we are connected to take over, and lose nothing', async () => {
    const { bus, urls } = await three();
    const [a, b] = [await bus.node(), await bus.node()];
    const from = await connect(bus, a, [urls[0]]);
    const to = await connect(bus, b, [urls[0]]);
    const heard: number[] = [];
    to.subscribe('peers.*', (_subject, payload) => heard.push(Number(text(payload))));
    const changes: boolean[] = [];
    for (const transport of [from, to]) transport.onConnection((is) => changes.push(is));
    to.publish(`hb.${b.id}`, bytes('x'));
    await holds('a confirmation', () => to.unconfirmedBytes === 0);
    let sent = 0;
    const sender = setInterval(() => from.publish(`peers.${a.id}`, bytes(String(sent++))), 1);
    to.setServers([urls[1], urls[2]]);
    try {
      await holds('a hand-over', () => to.counters.handOvers === 1);
    } finally {
      clearInterval(sender);
    }
    await holds('every message', () => new Set(heard).size >= sent);
    expect(urls.slice(1)).toContain(to.server);
    expect(changes).toEqual([]);
  });

  it('are gone to when there is no connection', async () => {
    const { bus, urls } = await three();
    const { id, access } = await bus.node();
    const transport = bus.transport({ id, access: { ...access, servers: ['tls://127.0.0.1:1'] } });
    await holds('a failure', () => transport.counters.connectFailures > 0);
    transport.setServers(urls);
    await connection(transport, true);
    expect(urls).toContain(transport.server);
  });
});

describe('a tracker on one of three servers', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'goes to another one after %s, at the first try',
    async (signal) => {
      const { bus, servers, urls } = await three();
      const node = await bus.node();
      const transport = await connect(bus, node, urls);
      const hit = servers[urls.indexOf(transport.server ?? '')];
      const { pid } = hit;
      process.kill(pid!, signal);
      try {
        await connection(transport, false);
        await connection(transport, true);
        expect(transport.server).not.toBe(urlOf(hit));
        expect(transport.counters.connectFailures).toBe(0);
      } finally {
        if (signal === 'SIGSTOP') process.kill(pid!, 'SIGCONT');
      }
    },
  );
});
