import { afterEach, describe, expect, it } from 'vitest';
import { Endpoint } from '../lib/endpoint.js';
import { Epoll } from './epoll.js';
import { EPOLLIN } from './linux.js';
import { openUdpConnection, openUdpSocket } from './socket.js';
import { readBoundAddress } from './socket-address.js';
import type { Sys } from './sys.js';
import { endpointOf, LOOPBACK, testSys } from './sys.testing.js';
import { UdpBatch } from './udp-batch.js';

const sys = testSys();
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const EINVAL = 22;
const ENOPROTOOPT = 92;
const EPERM = 1;

/** A system whose first calls to send give `results`, and the numbers of messages it was given. */
function watched(results: number[] = []): { system: Sys; messages: number[] } {
  const messages: number[] = [];
  const system: Sys = Object.create(sys);
  system.addressOf = (view) => sys.addressOf(view);
  system.socket = (...args) => sys.socket(...args);
  system.getOption = (...args) => sys.getOption(...args);
  system.close = (fd) => sys.close(fd);
  system.recvmmsg = (...args) => sys.recvmmsg(...args);
  system.sendmmsg = (fd, address, count, flags) => {
    messages.push(count);
    return results.shift() ?? sys.sendmmsg(fd, address, count, flags);
  };
  return { system, messages };
}

function waitFor(fd: number): void {
  const epoll = new Epoll(sys, 1);
  epoll.add(fd, EPOLLIN, 0);
  expect(epoll.wait(10_000)).toBe(1);
  epoll.close();
}

/** A socket with packet info and clients of it that ask in the given order. */
function fixture(
  family: 4 | 6,
  packetInfo: boolean,
  { system, asks, batch: given }: { system: Sys; asks: readonly number[]; batch?: UdpBatch },
) {
  const loopback = LOOPBACK[family];
  const fd = openUdpSocket(sys, { local: endpointOf(loopback), packetInfo });
  const at = new Endpoint();
  readBoundAddress(sys, fd, at);
  closers.push(() => sys.close(fd));
  const clients = Array.from({ length: Math.max(...asks) + 1 }, () => {
    const client = openUdpConnection(sys, { remote: at, local: endpointOf(loopback) });
    closers.push(() => sys.close(client));
    return client;
  });
  const options = { slots: 8, readBytes: 64, replyBytes: 64, packetInfo };
  const batch = given ?? new UdpBatch(system, options);
  const outbox = new UdpBatch(sys, { slots: 1, readBytes: 64, replyBytes: 64, connected: true });
  /** Has all clients ask and be answered; `lengths` are those of the replies. */
  const turn = (lengths: readonly number[]): { sent: number; heard: string[][] } => {
    for (const client of asks) {
      outbox.queue(0, 1);
      expect(outbox.send(clients[client])).toBe(1);
    }
    waitFor(fd);
    expect(batch.receive(fd)).toBe(asks.length);
    lengths.forEach((length, i) => {
      batch.replies[i].fill(97 + i, 0, length);
      batch.queue(i, length);
    });
    const sent = batch.send(fd);
    const heard = clients.map((client) => {
      const inbox = new UdpBatch(sys, { slots: 8, readBytes: 64, replyBytes: 64, connected: true });
      const count = inbox.receive(client);
      return Array.from({ length: Math.max(count, 0) }, (_, i) =>
        Buffer.from(inbox.packets[i].slice(0, inbox.packetBytes(i))).toString(),
      );
    });
    return { sent, heard };
  };
  return { batch, turn };
}

describe.each([
  [4, false],
  [4, true],
  [6, false],
  [6, true],
] as const)('replies over IPv%d (packet info %s)', (family, packetInfo) => {
  it('of one length to one client leave together and arrive apart, in order', () => {
    const { system, messages } = watched();
    const { batch, turn } = fixture(family, packetInfo, { system, asks: [0, 0, 0, 1, 1, 0] });
    expect(turn([2, 2, 3, 3, 3, 3])).toEqual({
      sent: 6,
      heard: [
        ['aa', 'bb', 'ccc', 'fff'],
        ['ddd', 'eee'],
      ],
    });
    expect(messages).toEqual([4]);
    expect([batch.sent, batch.dropped, batch.refused]).toEqual([6, 0, 0]);
  });
});

describe('merged replies', () => {
  it('leave one by one, for a while, where the system refuses to cut them', () => {
    const { system, messages } = watched([-EINVAL]);
    const { batch, turn } = fixture(4, true, { system, asks: [0, 0, 1] });
    const heard = [['aa', 'bb'], ['cc']];
    expect(turn([2, 2, 2])).toEqual({ sent: 3, heard });
    expect(turn([2, 2, 2])).toEqual({ sent: 3, heard });
    expect(messages).toEqual([2, 3, 3]);
    expect(batch.refused).toBe(0);
    // Another client's path, or another moment, may be different.
    let turns = 2;
    while (messages.at(-1) === 3 && turns++ < 10_000) turn([2, 2, 2]);
    expect(messages.at(-1)).toBe(2);
  });

  it('are not tried where the system does not know how to cut them', () => {
    const { system, messages } = watched();
    const { socket, close } = system;
    let open = 0;
    system.socket = (...args) => {
      open++;
      return socket(...args);
    };
    system.close = (fd) => {
      open--;
      return close(fd);
    };
    system.getOption = () => -ENOPROTOOPT;
    const { turn } = fixture(4, true, { system, asks: [0, 0, 1] });
    expect(turn([2, 2, 2])).toEqual({ sent: 3, heard: [['aa', 'bb'], ['cc']] });
    expect(messages).toEqual([3]);
    expect(open).toBe(0);
  });

  it('are merged whatever the other family left behind in a batch for both', () => {
    const { system, messages } = watched();
    const first = fixture(6, true, { system, asks: [0, 1] });
    first.turn([2, 2]);
    const second = fixture(4, true, { system, asks: [0, 0, 0], batch: first.batch });
    // Packets over IPv6 lay in the first two slots only.
    expect(second.turn([2, 2, 2]).heard).toEqual([['aa', 'bb', 'cc']]);
    expect(messages).toEqual([2, 1]);
  });

  it('are merged again when the client was refused and not the merging', () => {
    const { system, messages } = watched([-EPERM, -EPERM]);
    const { batch, turn } = fixture(4, false, { system, asks: [0, 0, 1] });
    expect(turn([2, 2, 2])).toEqual({ sent: 2, heard: [['bb'], ['cc']] });
    expect(batch.refused).toBe(1);
    turn([2, 2, 2]);
    expect(messages).toEqual([2, 3, 2, 2]);
  });

  it('go on behind those that a first call took', () => {
    const { system, messages } = watched();
    const { turn } = fixture(4, false, { system, asks: [0, 0, 1, 1] });
    const { sendmmsg } = system;
    let calls = 0;
    system.sendmmsg = (fd, address, count, flags) =>
      sendmmsg(fd, address, calls++ === 0 ? 1 : count, flags);
    expect(turn([2, 2, 3, 3]).sent).toBe(4);
    expect(messages).toEqual([1, 1]);
  });
});
