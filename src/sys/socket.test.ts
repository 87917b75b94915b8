import { connect, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Endpoint } from '../lib/endpoint.js';
import { Epoll } from './epoll.js';
import { EAGAIN, EPOLLIN, EPOLLOUT, MSG_DONTWAIT, MSG_NOSIGNAL, SHUT_WR } from './linux.js';
import { PinnedMemory } from './pinned-memory.js';
import {
  acceptConnection,
  countWaiting,
  openTcpConnection,
  openTcpListener,
  openUdpSocket,
  pendingError,
  setReceiveBuffer,
  setResetOnClose,
} from './socket.js';
import { readBoundAddress, SocketAddress, scopeOf, writeSocketAddress } from './socket-address.js';
import { endpointOf, LOOPBACK, testSys } from './sys.testing.js';

const sys = testSys();
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function kept(fd: number): number {
  closers.push(() => sys.close(fd));
  return fd;
}

function boundTo(fd: number): Endpoint {
  const endpoint = new Endpoint();
  readBoundAddress(sys, fd, endpoint);
  return endpoint;
}

function waitFor(fd: number, events: number): void {
  const epoll = new Epoll(sys, 1);
  epoll.add(fd, events, 0);
  const count = epoll.wait(10_000);
  epoll.close();
  expect(count).toBe(1);
}

describe('socket addresses', () => {
  it.each(['192.0.2.7', '2001:db8::1:2'])('keep %s and its port', (text) => {
    const given = endpointOf(text, 51_413);
    const address = new SocketAddress(sys).set(given);
    const read = new Endpoint();
    expect(address.read(read)).toBe(true);
    expect(read.toString()).toBe(given.toString());
    expect(address.length).toBe(given.family === 4 ? 16 : 28);
  });

  it('of an unknown family are refused', () => {
    const read = endpointOf('192.0.2.7');
    expect(new SocketAddress(sys).read(read)).toBe(false);
    expect(read.family).toBe(0);
  });

  it('write over what was there, and the interface of a link-local one', () => {
    const bytes = new Uint8Array(64).fill(0xff);
    expect(writeSocketAddress(bytes, 4, endpointOf('fe80::1', 1), 0x0102)).toBe(28);
    expect([...bytes.subarray(4, 12)]).toEqual([10, 0, 0, 1, 0, 0, 0, 0]);
    expect([...bytes.subarray(28, 32)]).toEqual([2, 1, 0, 0]);
    expect([bytes[3], bytes[32]]).toEqual([0xff, 0xff]);
  });

  it('know interfaces by name and by number', () => {
    expect(scopeOf(sys, 'fe80::1%lo')).toBe(1);
    expect(scopeOf(sys, 'fe80::1%17')).toBe(17);
    expect(scopeOf(sys, 'fe80::1')).toBe(0);
    expect(scopeOf(sys, 'fe80::1%nothere')).toBe(0);
  });
});

describe.each([4, 6] as const)('sockets of IPv%d', (family) => {
  const local = endpointOf(LOOPBACK[family]);

  it('bind a port of the system, and refuse a second owner by name', () => {
    const fd = kept(openUdpSocket(sys, { local }));
    const taken = boundTo(fd);
    expect(taken.family).toBe(family);
    expect(taken.port).toBeGreaterThan(0);
    expect(() => openUdpSocket(sys, { local: taken })).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind' }),
    );
    const listener = kept(openTcpListener(sys, { local, backlog: 1 }));
    expect(() => openTcpListener(sys, { local: boundTo(listener), backlog: 1 })).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE' }),
    );
  });

  it('share a port when all ask to', () => {
    const first = kept(openUdpSocket(sys, { local, reusePort: true }));
    kept(openUdpSocket(sys, { local: boundTo(first), reusePort: true }));
    const listener = kept(openTcpListener(sys, { local, backlog: 8, reusePort: true }));
    kept(openTcpListener(sys, { local: boundTo(listener), backlog: 8, reusePort: true }));
  });

  it('accept a connection of node, with its address, and exchange bytes', async () => {
    const listener = kept(openTcpListener(sys, { local, backlog: 8 }));
    const source = new SocketAddress(sys);
    expect(acceptConnection(sys, listener, source)).toBe(-EAGAIN);
    const client = connect({ host: LOOPBACK[family], port: boundTo(listener).port });
    closers.push(() => client.destroy());
    await new Promise((resolve) => client.once('connect', resolve));
    waitFor(listener, EPOLLIN);
    expect(countWaiting(sys, listener)).toBe(1);
    const fd = kept(acceptConnection(sys, listener, source));
    expect(countWaiting(sys, listener)).toBe(0);
    const from = new Endpoint();
    source.read(from);
    expect(from.family).toBe(family);
    expect(from.port).toBe(client.localPort);
    client.write('ping');
    waitFor(fd, EPOLLIN);
    const memory = new PinnedMemory(sys, 64);
    expect(sys.recv(fd, memory.address, 64, 0)).toBe(4);
    expect(Buffer.from(memory.bytes.subarray(0, 4)).toString()).toBe('ping');
    expect(sys.recv(fd, memory.address, 64, 0)).toBe(-EAGAIN);
    const heard = new Promise<Buffer>((resolve) => client.once('data', resolve));
    expect(sys.send(fd, memory.address, 4, MSG_NOSIGNAL)).toBe(4);
    expect((await heard).toString()).toBe('ping');
    client.resume();
    const over = new Promise((resolve) => client.once('end', resolve));
    expect(sys.shutdown(fd, SHUT_WR)).toBe(0);
    await over;
  });

  it('connect to a server of node', async () => {
    const server: Server = createServer((socket) => socket.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, LOOPBACK[family], resolve));
    closers.push(() => server.close());
    const { port } = server.address() as { port: number };
    const fd = kept(openTcpConnection(sys, { remote: endpointOf(LOOPBACK[family], port), local }));
    waitFor(fd, EPOLLOUT);
    expect(pendingError(sys, fd)).toBe(0);
    // Node's own loop has to turn before it answers.
    const memory = new PinnedMemory(sys, 16);
    let count = -EAGAIN;
    while (count === -EAGAIN) {
      await new Promise((resolve) => setImmediate(resolve));
      count = sys.recv(fd, memory.address, 16, MSG_DONTWAIT);
    }
    expect(Buffer.from(memory.bytes.subarray(0, count)).toString()).toBe('hello');
  });

  it('report a refused connection, at once or as a pending error', () => {
    const free = boundTo(kept(openUdpSocket(sys, { local })));
    let code: string | number | undefined;
    try {
      const fd = kept(openTcpConnection(sys, { remote: free }));
      waitFor(fd, EPOLLOUT);
      code = pendingError(sys, fd);
    } catch (error) {
      code = (error as { errno: number }).errno;
    }
    expect(code).toBe(111);
  });
});

describe('options of sockets', () => {
  it('get the receive buffer that was asked for, as far as the system allows', () => {
    const fd = kept(openUdpSocket(sys, { local: endpointOf('127.0.0.1') }));
    expect(setReceiveBuffer(sys, fd, 65_536)).toBe(65_536);
    kept(
      openUdpSocket(sys, {
        local: endpointOf('127.0.0.1'),
        receiveBufferBytes: 1 << 20,
        reuseAddress: true,
      }),
    );
  });

  it('can close with a reset', async () => {
    const local = endpointOf('127.0.0.1');
    const listener = kept(openTcpListener(sys, { local, backlog: 8 }));
    const client = connect({ host: '127.0.0.1', port: boundTo(listener).port });
    closers.push(() => client.destroy());
    await new Promise((resolve) => client.once('connect', resolve));
    waitFor(listener, EPOLLIN);
    const fd = acceptConnection(sys, listener, new SocketAddress(sys));
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => client.once('error', resolve));
    client.resume();
    expect(setResetOnClose(sys, fd, new PinnedMemory(sys, 8))).toBe(0);
    sys.close(fd);
    expect((await failed).code).toBe('ECONNRESET');
  });
});
