import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { decode, encode } from 'dns-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { DnsError } from '../../src/dns/dns-error.js';
import { ManualClock } from '../../src/lib/clock.js';
import { until, within } from '../support/deadline.js';
import { dig } from '../support/dig.js';
import { startDnsServer, type TestDnsServer, ZONE } from '../support/dns-server.js';

const LIMIT_MS = 60_000;

let dns: TestDnsServer | undefined;
afterEach(async () => {
  await dns?.server.stop();
  dns = undefined;
});

function framedQuery(id: number, type = 'A'): Buffer {
  const message = encode({
    type: 'query',
    id,
    questions: [{ type: type as 'A', name: ZONE }],
  });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

async function connectTo(port: number): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1' });
  // Reset by the server in some tests, as it should.
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** The ids of answers, until there are `count` or the connection ends. */
async function ids(socket: Socket, count: number): Promise<number[]> {
  const found: number[] = [];
  let rest: Buffer = Buffer.alloc(0);
  const read = async () => {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        found.push(decode(rest.subarray(2, end)).id ?? -1);
        rest = rest.subarray(end);
      }
      if (found.length >= count) return;
    }
  };
  await within(read(), LIMIT_MS, `${count} answers`);
  return found;
}

const closed = (socket: Socket) =>
  socket.destroyed ? undefined : within(once(socket, 'close'), LIMIT_MS, 'the server to close');

describe('a connection', () => {
  it('has its queries answered in their order, byte by byte or all at once, and stays', async () => {
    dns = await startDnsServer();
    const socket = await connectTo(dns.port);
    for (const byte of framedQuery(7)) socket.write(Buffer.from([byte]));
    expect(await ids(socket, 1)).toEqual([7]);
    const many = Array.from({ length: 500 }, (_, i) => i);
    socket.write(Buffer.concat(many.map((id) => framedQuery(id))));
    expect(await ids(socket, 500)).toEqual(many);
    socket.destroy();
    expect(dns.server.counters.queriesTcp).toBe(501);
  });

  it('that does not read gets no more than its share of memory, and all answers once it reads', async () => {
    const addresses6 = Array.from({ length: 64 }, (_, i) => `2001:db8::${i + 1}`);
    dns = await startDnsServer(
      { answersMax: 64 },
      { revision: 1, addresses4: [], addresses6, services: [] },
    );
    const socket = await connectTo(dns.port);
    socket.pause();
    const count = 20_000;
    socket.write(Buffer.concat(Array.from({ length: count }, (_, i) => framedQuery(i, 'AAAA'))));
    // The server stops answering by itself; then nothing of it is lost.
    const { counters } = dns.server;
    let before = -1;
    await until(
      () => {
        const isStill = counters.queriesTcp > 0 && counters.queriesTcp === before;
        before = counters.queriesTcp;
        return isStill ? true : undefined;
      },
      LIMIT_MS,
      'the server to stop',
    );
    expect(counters.queriesTcp).toBeLessThan(count);
    expect(counters.tcpSlowReaders).toBeGreaterThan(0);
    const found = await ids(socket, count);
    expect(found).toHaveLength(count);
    expect(found.at(-1)).toBe(count - 1);
    socket.destroy();
  });

  it('is closed for a length that no query has', async () => {
    dns = await startDnsServer();
    for (const length of [0, 4_097, 65_535]) {
      const socket = await connectTo(dns.port);
      const bytes = Buffer.alloc(2);
      bytes.writeUInt16BE(length);
      socket.resume().write(bytes);
      await closed(socket);
    }
    expect(dns.server.counters.tcpMalformed).toBe(3);
  });

  it('is closed when no query was complete for the idle time, however busy it is with less', async () => {
    const clock = new ManualClock();
    dns = await startDnsServer({ idleMs: 10_000 }, undefined, clock);
    const slow = await connectTo(dns.port);
    const good = await connectTo(dns.port);
    slow.resume();
    await until(() => dns?.server.counters.tcpConnectionsOpen === 2 || undefined, LIMIT_MS, 'both');
    clock.advance(9);
    slow.write(framedQuery(1).subarray(0, 5));
    good.write(framedQuery(2));
    expect(await ids(good, 1)).toEqual([2]);
    clock.advance(2);
    await closed(slow);
    expect(dns.server.counters.tcpTimeouts).toBe(1);
    good.write(framedQuery(3));
    expect(await ids(good, 1)).toEqual([3]);
    good.destroy();
  });
});

describe('the bound on connections', () => {
  it('has the one that is idle for the longest make room', async () => {
    // A clock that stands still: nobody is closed for being idle.
    dns = await startDnsServer({ connectionsMax: 3 }, undefined, new ManualClock());
    const { counters } = dns.server;
    const sockets: Socket[] = [];
    for (let i = 0; i < 3; i++) {
      sockets.push(await connectTo(dns.port));
      await until(() => counters.tcpConnectionsOpen === i + 1 || undefined, LIMIT_MS, 'accept');
    }
    sockets[0].write(framedQuery(1));
    expect(await ids(sockets[0], 1)).toEqual([1]);
    sockets[1].resume();
    const late = await connectTo(dns.port);
    late.write(framedQuery(4));
    expect(await ids(late, 1)).toEqual([4]);
    await closed(sockets[1]);
    expect(counters.tcpConnectionsOpen).toBe(3);
    expect(counters.tcpConnectionsEvicted).toBe(1);
    for (const socket of [...sockets, late]) socket.destroy();
  });

  it('leaves one address its share, so that others find room', async () => {
    dns = await startDnsServer({ connectionsMax: 80 });
    const { counters } = dns.server;
    const sockets = await Promise.all(
      Array.from({ length: 12 }, () => connectTo(dns?.port as number)),
    );
    for (const socket of sockets) socket.resume();
    await until(() => counters.tcpConnectionsTotal === 12 || undefined, LIMIT_MS, 'all');
    expect(counters.tcpConnectionsOpen).toBe(10);
    expect(counters.tcpConnectionsRefused).toBe(2);
    for (const socket of sockets) socket.destroy();
  });
});

describe('listening', () => {
  it('has both transports on one port, at each address of both families', async () => {
    dns = await startDnsServer({
      listen: [
        { host: '', port: 0 },
        { host: '127.0.0.2', port: 0 },
      ],
    });
    const [v4, v6, other] = dns.server.addresses;
    expect(v6.port).toBe(v4.port);
    for (const { address, port } of [
      { ...v4, address: '127.0.0.1' },
      { ...v6, address: '::1' },
      other,
    ]) {
      for (const transport of ['+notcp', '+tcp']) {
        expect((await dig(address, port, transport, ZONE, 'A')).answer).toHaveLength(3);
      }
    }
  });

  it('says which transport of a port is taken, and leaves the other free', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    const listen = [{ host: '127.0.0.1', port }];
    const refused = startDnsServer({ listen });
    await expect(refused).rejects.toBeInstanceOf(DnsError);
    await expect(refused).rejects.toMatchObject({ code: 'dns_address_in_use' });
    await expect(refused).rejects.toThrow(`tcp 127.0.0.1:${port}`);
    await new Promise((resolve) => holder.close(resolve));
    dns = await startDnsServer({ listen });
    await expect(startDnsServer({ listen })).rejects.toThrow(`udp 127.0.0.1:${port}`);
  });

  it('stops: nothing answers afterwards, and stopping again does no harm', async () => {
    const stopped = await startDnsServer();
    const socket = await connectTo(stopped.port);
    socket.resume();
    await stopped.server.stop();
    await closed(socket);
    await stopped.server.stop();
    dns = await startDnsServer({ listen: [{ host: '', port: stopped.port }] });
  });
});
