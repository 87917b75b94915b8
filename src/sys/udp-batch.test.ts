import { createSocket, type Socket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { Endpoint } from '../lib/endpoint.js';
import { Epoll } from './epoll.js';
import { EAGAIN, EPOLLIN } from './linux.js';
import { openUdpConnection, openUdpSocket, type UdpSocketOptions } from './socket.js';
import { readBoundAddress } from './socket-address.js';
import { endpointOf, LOOPBACK, testSys } from './sys.testing.js';
import { UdpBatch } from './udp-batch.js';

const sys = testSys();
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Bound {
  readonly fd: number;
  readonly at: Endpoint;
}

function bind(address: string, options: Partial<UdpSocketOptions> = {}): Bound {
  const fd = openUdpSocket(sys, { local: endpointOf(address), ...options });
  closers.push(() => sys.close(fd));
  const at = new Endpoint();
  readBoundAddress(sys, fd, at);
  return { fd, at };
}

function connectTo(remote: Endpoint, local: string): number {
  const fd = openUdpConnection(sys, { remote, local: endpointOf(local) });
  closers.push(() => sys.close(fd));
  return fd;
}

/** Receives once something is there. */
function receive(batch: UdpBatch, fd: number): number {
  const epoll = new Epoll(sys, 1);
  epoll.add(fd, EPOLLIN, 0);
  const ready = epoll.wait(10_000);
  epoll.close();
  expect(ready).toBe(1);
  return batch.receive(fd);
}

/** What a connected batch sends: `texts`, one a slot. */
function sendTexts(fd: number, texts: readonly string[]): void {
  const batch = new UdpBatch(sys, { slots: 8, readBytes: 64, replyBytes: 64, connected: true });
  texts.forEach((text, i) => {
    batch.queue(i, Buffer.from(batch.replies[i].buffer, batch.replies[i].byteOffset).write(text));
  });
  expect(batch.send(fd)).toBe(texts.length);
}

const textOf = (bytes: Uint8Array, length: number) =>
  Buffer.from(bytes.subarray(0, length)).toString();

describe.each([4, 6] as const)('UdpBatch over IPv%d', (family) => {
  const loopback = LOOPBACK[family];

  it.each([false, true])('answers a batch, each to its sender (packet info %s)', (packetInfo) => {
    const server = bind(loopback, { packetInfo });
    const clients = [connectTo(server.at, loopback), connectTo(server.at, loopback)];
    sendTexts(clients[0], ['a', 'bb']);
    sendTexts(clients[1], ['ccc']);
    const batch = new UdpBatch(sys, { slots: 8, readBytes: 64, replyBytes: 64, packetInfo });
    const source = new Endpoint();
    // Twice, as the kernel writes over the lengths that it is given.
    for (let turn = 0; turn < 2; turn++) {
      expect(receive(batch, server.fd)).toBe(3);
      for (let i = 0; i < 3; i++) {
        expect(batch.readSource(i, source)).toBe(true);
        const length = batch.packetBytes(i);
        const text = `${textOf(batch.packets[i], length)}${source.port}`;
        const reply = batch.replies[i];
        batch.queue(i, Buffer.from(reply.buffer, reply.byteOffset, 64).write(text));
      }
      expect(batch.queued).toBe(3);
      expect(batch.send(server.fd)).toBe(3);
      expect(batch.send(server.fd)).toBe(0);
      const heard = clients.map((fd) => {
        const own = new Endpoint();
        readBoundAddress(sys, fd, own);
        const inbox = new UdpBatch(sys, { slots: 8, readBytes: 64, replyBytes: 64 });
        const count = receive(inbox, fd);
        return Array.from({ length: count }, (_, i) =>
          textOf(inbox.packets[i], inbox.packetBytes(i)).replace(String(own.port), '!'),
        );
      });
      expect(heard).toEqual([['a!', 'bb!'], ['ccc!']]);
      sendTexts(clients[0], ['a', 'bb']);
      sendTexts(clients[1], ['ccc']);
    }
    expect([batch.sent, batch.dropped, batch.refused]).toEqual([6, 0, 0]);
  });

  it('says that nothing waits', () => {
    const batch = new UdpBatch(sys, { slots: 2, readBytes: 64, replyBytes: 64 });
    expect(batch.receive(bind(loopback).fd)).toBe(-EAGAIN);
  });

  it('marks a packet that is longer than its slot, and takes empty ones', () => {
    const server = bind(loopback);
    const batch = new UdpBatch(sys, { slots: 4, readBytes: 64, replyBytes: 64 });
    const client = createSocket(family === 4 ? 'udp4' : 'udp6');
    closers.push(() => client.close());
    return new Promise<void>((resolve) => {
      client.send(Buffer.alloc(65, 1), server.at.port, loopback, () => {
        client.send(Buffer.alloc(0), server.at.port, loopback, () => {
          expect(receive(batch, server.fd)).toBe(2);
          expect([batch.packetBytes(0), batch.isTruncated(0)]).toEqual([64, true]);
          expect([batch.packetBytes(1), batch.isTruncated(1)]).toEqual([0, false]);
          resolve();
        });
      });
    });
  });

  it('gives the rest of a long queue next time', () => {
    const server = bind(loopback);
    const client = connectTo(server.at, loopback);
    sendTexts(client, ['1', '2', '3', '4', '5']);
    const batch = new UdpBatch(sys, { slots: 4, readBytes: 64, replyBytes: 64 });
    expect(receive(batch, server.fd)).toBe(4);
    expect(receive(batch, server.fd)).toBe(1);
    expect(textOf(batch.packets[0], 1)).toBe('5');
  });

  it('skips a reply that the system refuses and sends the others', () => {
    const server = bind(loopback);
    const client = connectTo(server.at, loopback);
    sendTexts(client, ['1', '2', '3']);
    const big = 66_048;
    const batch = new UdpBatch(sys, { slots: 4, readBytes: 64, replyBytes: big });
    expect(receive(batch, server.fd)).toBe(3);
    batch.queue(0, 1);
    batch.queue(1, big);
    batch.queue(2, 3);
    expect(batch.send(server.fd)).toBe(2);
    expect([batch.sent, batch.dropped, batch.refused]).toEqual([2, 0, 1]);
    const inbox = new UdpBatch(sys, { slots: 4, readBytes: 64, replyBytes: 64, connected: true });
    expect(receive(inbox, client)).toBe(2);
    expect([inbox.packetBytes(0), inbox.packetBytes(1)]).toEqual([1, 3]);
  });
});

describe('replies with packet info', () => {
  it('leave from the address that was asked, though the socket is bound to all', async () => {
    const server = bind('0.0.0.0', { packetInfo: true });
    const batch = new UdpBatch(sys, { slots: 4, readBytes: 64, replyBytes: 64, packetInfo: true });
    const client: Socket = createSocket('udp4');
    closers.push(() => client.close());
    for (const asked of ['127.0.0.1', '127.0.0.9', '127.1.2.3']) {
      const answered = new Promise<string>((resolve) =>
        client.once('message', (_, from) => resolve(from.address)),
      );
      await new Promise((resolve) => client.send('x', server.at.port, asked, resolve));
      expect(receive(batch, server.fd)).toBe(1);
      batch.queue(0, 1);
      expect(batch.send(server.fd)).toBe(1);
      expect(await answered).toBe(asked);
    }
  });

  it('are not due to what was sent to a broadcast address', async () => {
    const server = bind('0.0.0.0', { packetInfo: true });
    const batch = new UdpBatch(sys, { slots: 4, readBytes: 64, replyBytes: 64, packetInfo: true });
    const client = createSocket('udp4');
    closers.push(() => client.close());
    await new Promise<void>((resolve) => client.bind(0, '127.0.0.1', resolve));
    client.setBroadcast(true);
    for (const asked of ['127.0.0.1', '127.255.255.255', '127.0.0.9']) {
      await new Promise((resolve) => client.send('x', server.at.port, asked, resolve));
      expect(receive(batch, server.fd)).toBe(1);
      expect(batch.isUnicast(0), asked).toBe(asked.startsWith('127.0.0.'));
    }
  });

  it('need it: without, another address of ours answers', async () => {
    const server = bind('0.0.0.0');
    const batch = new UdpBatch(sys, { slots: 4, readBytes: 64, replyBytes: 64 });
    const client = createSocket('udp4');
    closers.push(() => client.close());
    const answered = new Promise<string>((resolve) =>
      client.once('message', (_, from) => resolve(from.address)),
    );
    await new Promise((resolve) => client.send('x', server.at.port, '127.0.0.9', resolve));
    expect(receive(batch, server.fd)).toBe(1);
    batch.queue(0, 1);
    batch.send(server.fd);
    expect(await answered).toBe('127.0.0.1');
  });
});
