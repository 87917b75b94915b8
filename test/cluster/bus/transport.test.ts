import { afterEach, describe, expect, it } from 'vitest';
import type { NatsTransport } from '../../../src/cluster/nats-transport.js';
import { until } from '../../support/deadline.js';
import { bytes, connection, Lines, nodeId, TestBus, text, WAIT_MS } from './test-bus.js';

const open: TestBus[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((bus) => bus.close()));
});

async function startBus(options?: Parameters<typeof TestBus.start>[0]): Promise<TestBus> {
  const bus = await TestBus.start(options);
  open.push(bus);
  return bus;
}

const holds = (what: string, probe: () => boolean) =>
  until(() => (probe() ? true : undefined), WAIT_MS, what, 5);

/** Everything heard on `peers.*`, as text. */
function hear(transport: NatsTransport): string[] {
  const heard: string[] = [];
  transport.subscribe('peers.*', (_subject, payload) => heard.push(text(payload)));
  return heard;
}

describe('the transport over a real bus', () => {
  it('carries messages from one tracker to another, and says when the bus has them', async () => {
    const bus = await startBus();
    const [a, b] = [await bus.node(), await bus.node()];
    const to = bus.transport(b);
    const heard = hear(to);
    const changes: boolean[] = [];
    to.onConnection((connected) => changes.push(connected));
    await connection(to, true);
    const from = await bus.connected(a);
    from.publish(`peers.${a.id}`, bytes('one'));
    expect(from.unconfirmedBytes).toBeGreaterThan(0);
    from.publish(`peers.${a.id}`, bytes('two'));
    await holds('two messages', () => heard.length === 2);
    expect(heard).toEqual(['one', 'two']);
    await holds('a confirmation', () => from.unconfirmedBytes === 0);
    expect(changes).toEqual([true]);
    expect(from.counters).toMatchObject({ publishedMessages: 2, publishedBytes: 6, connects: 1 });
    expect(to.counters).toMatchObject({ receivedMessages: 2, receivedBytes: 6 });
  });

  it('brings a node its own heartbeats: that is how it knows that the bus carries anything', async () => {
    const bus = await startBus();
    const node = await bus.node();
    const transport = bus.transport(node);
    const heard: string[] = [];
    transport.subscribe('hb.*', (subject) => heard.push(subject));
    await connection(transport, true);
    transport.publish(`hb.${node.id}`, bytes('beat'));
    await holds('a heartbeat', () => heard.length === 1);
    expect(heard).toEqual([`hb.${node.id}`]);
  });

  it('hears subjects that are added while it is connected', async () => {
    const bus = await startBus();
    const [a, b] = [await bus.node(), await bus.node()];
    const from = await bus.connected(a);
    const to = await bus.connected(b);
    const heard = hear(to);
    // The server takes it in order with what comes after on the same connection.
    to.publish(`hb.${b.id}`, bytes('x'));
    await holds('a confirmation', () => to.unconfirmedBytes === 0);
    from.publish(`peers.${a.id}`, bytes('later'));
    await holds('a message', () => heard.length === 1);
  });

  it('drops and counts what is larger than the server takes', async () => {
    const bus = await startBus({ limits: { payloadBytesMax: 1000 } });
    const node = await bus.node();
    const transport = await bus.connected(node);
    transport.publish(`peers.${node.id}`, new Uint8Array(1001));
    transport.publish(`peers.${node.id}`, new Uint8Array(1000));
    expect(transport.counters).toMatchObject({ droppedTooLarge: 1, publishedMessages: 1 });
    await holds('a confirmation', () => transport.unconfirmedBytes === 0);
    expect(transport.connected).toBe(true);
  });

  it('drops and counts what is published while the server is away, and hears again after', async () => {
    const bus = await startBus();
    const [a, b] = [await bus.node(), await bus.node()];
    const from = await bus.connected(a);
    const to = await bus.connected(b);
    const heard = hear(to);
    await bus.server.stop();
    await connection(from, false);
    await connection(to, false);
    for (let i = 0; i < 3; i++) from.publish(`peers.${a.id}`, bytes('lost'));
    expect(from.counters.droppedUnconnected).toBe(3);
    expect(from.unconfirmedBytes).toBe(0);
    await bus.startServer();
    await connection(from, true);
    await connection(to, true);
    from.publish(`peers.${a.id}`, bytes('found'));
    await holds('a message', () => heard.length > 0);
    expect(heard).toEqual(['found']);
    expect(from.counters.lost.closed).toBe(1);
  });

  it('holds publishers back while the server does not read', async () => {
    const bus = await startBus();
    const node = await bus.node();
    const unconfirmedBytesMax = 4 * 1024 * 1024;
    // It must not leave the silent server while this looks at it.
    const patience = { unconfirmedBytesMax, pingIntervalMs: 3_600_000 };
    const transport = await bus.connected(node, patience);
    process.kill(bus.server.pid!, 'SIGSTOP');
    const batch = new Uint8Array(64 * 1024);
    for (let i = 0; i < 200; i++) transport.publish(`peers.${node.id}`, batch);
    const { droppedUnconfirmed, publishedMessages } = transport.counters;
    expect(transport.unconfirmedBytes).toBeLessThanOrEqual(unconfirmedBytesMax);
    expect(publishedMessages).toBe(63);
    expect(droppedUnconfirmed).toBe(137);
    process.kill(bus.server.pid!, 'SIGCONT');
    await holds('a confirmation', () => transport.unconfirmedBytes === 0);
    transport.publish(`peers.${node.id}`, batch);
    expect(transport.counters.publishedMessages).toBe(64);
  });

  it('leaves a server that answers nothing for another one', async () => {
    const bus = await startBus();
    const second = await bus.secondServer();
    const { id, access } = await bus.node();
    const servers = [bus.url, `tls://127.0.0.1:${second.bus.port}`];
    const node = { id, access: { ...access, servers } };
    const transport = await bus.connected(node, { pingIntervalMs: 1000 });
    const silent = transport.server === bus.url ? bus.server : second;
    process.kill(silent.pid!, 'SIGSTOP');
    try {
      await connection(transport, false);
      const { lost } = transport.counters;
      expect(lost.stale + lost.unconfirmed).toBe(1);
      await connection(transport, true);
      const other = silent === second ? bus.server : second;
      expect(transport.server).toBe(`tls://127.0.0.1:${other.bus.port}`);
    } finally {
      process.kill(silent.pid!, 'SIGCONT');
    }
  });

  it('tries its servers in turn until one lets it in', async () => {
    const bus = await startBus();
    const node = await bus.node();
    const nobody = 'tls://127.0.0.1:1';
    const servers = [nobody, bus.url, nobody];
    const transport = await bus.connected({ ...node, access: { ...node.access, servers } });
    expect(transport.server).toBe(bus.url);
  });

  it('comes back to a server that was killed', async () => {
    const bus = await startBus();
    const [a, b] = [await bus.node(), await bus.node()];
    const from = await bus.connected(a);
    const to = bus.transport(b);
    const heard = hear(to);
    await connection(to, true);
    process.kill(bus.server.pid!, 'SIGKILL');
    await connection(from, false);
    await connection(to, false);
    await connection(from, true);
    await connection(to, true);
    from.publish(`peers.${a.id}`, bytes('again'));
    await holds('a message', () => heard.length > 0);
    expect(bus.server.restarts).toBe(1);
  });

  it('does not speak with a server that is no minder, or of another cluster', async () => {
    const [ours, theirs] = [await startBus(), await startBus()];
    const { id, access } = await ours.node();
    const lines = [];
    for (const tls of [
      // Of our cluster as far as its CA goes, but it must prove to be its host.
      { ...access.tls!, minder: false },
      // The other cluster's CA did not sign our server.
      { ...access.tls!, ca: theirs.authority.certificatePem },
    ]) {
      const transport = ours.transport({ id, access: { ...access, tls } });
      await holds('two refusals', () => transport.counters.connectFailures >= 2);
      expect(transport.connected).toBe(false);
      lines.push(transport.counters.connects);
    }
    expect(lines).toEqual([0, 0]);
  });

  it('ends whatever it was doing', async () => {
    const bus = await startBus();
    const node = await bus.node();
    const dialling = bus.transport(node);
    await dialling.close();
    const pausing = bus.transport({
      ...node,
      access: { ...node.access, servers: ['tls://[::1]:1'] },
    });
    await holds('a failure', () => pausing.counters.connectFailures > 0);
    await pausing.close();
    const connected = await bus.connected(node);
    await connected.close();
    await connected.close();
    expect([dialling.connected, pausing.connected, connected.connected]).toEqual([
      false,
      false,
      false,
    ]);
    connected.publish('peers.x', bytes('late'));
    expect(connected.counters.droppedUnconnected).toBe(1);
  });
});

describe('new certificates and credentials', () => {
  it('lose no message and double none, on either side', async () => {
    const bus = await startBus();
    const [a, b] = [await bus.node(), await bus.node()];
    const from = await bus.connected(a);
    const to = bus.transport(b);
    const heard = hear(to);
    await connection(to, true);
    const changes: boolean[] = [];
    for (const transport of [from, to]) transport.onConnection((is) => changes.push(is));
    let sent = 0;
    const sender = setInterval(() => {
      for (let i = 0; i < 20; i++) from.publish(`peers.${a.id}`, bytes(String(sent++)));
    }, 1);
    try {
      for (let round = 1; round <= 3; round++) {
        // The server takes new ones as well; what stands is not touched by that.
        bus.server.reload(await bus.tls('minder', bus.minderId));
        for (const [transport, { id }] of [
          [from, a],
          [to, b],
        ] as const) {
          transport.update((await bus.node('tracker', id)).access);
          await holds('a hand-over', () => transport.counters.handOvers === round);
        }
      }
    } finally {
      clearInterval(sender);
    }
    await holds('every message', () => heard.length >= sent);
    await holds('a confirmation', () => from.unconfirmedBytes === 0);
    expect(heard.map(Number).sort((x, y) => x - y)).toEqual([...Array(sent).keys()]);
    expect(changes).toEqual([]);
    expect(from.counters.droppedUnconnected).toBe(0);
  });

  it('that are no good leave the old ones at work', async () => {
    const bus = await startBus();
    const stranger = await startBus();
    const node = await bus.node();
    const transport = await bus.connected(node);
    transport.update({ credentials: (await stranger.node()).access.credentials });
    await holds('two refusals', () => transport.counters.connectFailures >= 2);
    expect(transport.connected).toBe(true);
    transport.update({ credentials: node.access.credentials });
    await holds('a hand-over', () => transport.counters.handOvers === 1);
    expect(transport.connected).toBe(true);
  });
});

describe('what the transport logs', () => {
  it('holds no secret', async () => {
    const bus = await startBus();
    const node = await bus.node();
    const transport = await bus.connected(node);
    transport.publish(`peers.${nodeId()}`, bytes('as another'));
    await holds('a refusal', () => transport.counters.refusedSubjects === 1);
    transport.update({ credentials: { jwt: 'x', seed: node.access.credentials!.seed } });
    await holds('a refusal', () => transport.counters.connectFailures > 0);
    expect(bus.lines).toBeInstanceOf(Lines);
    const written = bus.lines.text();
    expect(written).toContain('the bus refused a subject');
    for (const secret of [node.access.credentials!.seed, node.access.credentials!.jwt]) {
      expect(written).not.toContain(secret);
    }
    expect(written).not.toMatch(/PRIVATE KEY|eyJ|\bS[AOUN][A-Z2-7]{56}\b/);
  });
});
