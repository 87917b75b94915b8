import { createSocket } from 'node:dgram';
import { expect, it } from 'vitest';
import { Endpoint } from '../../lib/endpoint.js';
import { readBoundAddress } from '../../sys/socket-address.js';
import { endpointOf, LOOPBACK, testSys } from '../../sys/sys.testing.js';
import { FrontendCounters } from '../counters.js';
import { LatencyProtocol, sumLatencyCells } from '../latency.js';
import { PACKET_IGNORED, type PacketBatchHandler } from '../packet-batch.js';
import { FastUdp } from './fast-udp.js';
import { SocketLoop } from './socket-loop.js';

const sys = testSys();
const addresses = [{ local: endpointOf(LOOPBACK[4]), wildcard: false }];

it('says which address cannot be bound', async () => {
  const holder = createSocket('udp4');
  await new Promise<void>((bound) => holder.bind(0, LOOPBACK[4], bound));
  const { port } = holder.address();
  const loop = { register: () => 0, watch: () => 0 } as unknown as SocketLoop;
  const handler = { handleBatch: () => expect.unreachable() };
  const taken = [{ local: endpointOf(LOOPBACK[4], port), wildcard: false }];
  const open = () =>
    new FastUdp(
      { addresses: taken, receiveBufferBytes: 0 },
      { sys, loop, handler, counters: new FrontendCounters() },
    );
  const address = `${LOOPBACK[4]}:${port}`;
  expect(open).toThrow(
    expect.objectContaining({ code: 'address_in_use', protocol: 'udp', address }),
  );
  holder.close();
});

it('takes no packets in the turn in which it was closed', () => {
  const loop = new SocketLoop({ sys, onWake: () => {} });
  const handler = { handleBatch: () => expect.unreachable() };
  const udp = new FastUdp(
    { addresses, receiveBufferBytes: 0 },
    { sys, loop, handler, counters: new FrontendCounters() },
  );
  udp.beginTurn(performance.now());
  udp.close();
  // Ready before, and told of only now.
  udp.ready(0);
  udp.endTurn();
  loop.close();
});

/** A loop that nobody runs, and where its socket is bound. */
function loopOfOne(): { loop: SocketLoop; port: Endpoint } {
  const port = new Endpoint();
  const watch = (_: number, fd: number): number => {
    readBoundAddress(sys, fd, port);
    return 0;
  };
  return { loop: { register: () => 0, watch } as unknown as SocketLoop, port };
}

it('measures what it answers, from when the loop knew of it, and nothing of what it drops', async () => {
  const counters = new FrontendCounters();
  const handler: PacketBatchHandler = {
    handleBatch: ({ count, lengths, replyLengths }) => {
      for (let i = 0; i < count; i++) replyLengths[i] = lengths[i] > 4 ? 8 : 0;
    },
  };
  const { loop, port } = loopOfOne();
  const udp = new FastUdp({ addresses, receiveBufferBytes: 0 }, { sys, loop, handler, counters });
  const client = createSocket('udp4');
  for (const text of ['answered', 'junk', 'answered too']) {
    // On loopback, what was sent has arrived.
    await new Promise((resolve) => client.send(text, port.port, LOOPBACK[4], resolve));
  }
  const agoMs = 700;
  udp.beginTurn(performance.now() - agoMs);
  udp.ready(0);
  const { count, sumSeconds } = sumLatencyCells([counters.latency], LatencyProtocol.udp);
  expect(count).toBe(2);
  expect(sumSeconds).toBeGreaterThanOrEqual((2 * agoMs) / 1000);
  client.close();
  udp.close();
});

it('ignores what was sent to a broadcast address, of which every worker has a copy', async () => {
  const counters = new FrontendCounters();
  const handled: boolean[] = [];
  const handler: PacketBatchHandler = {
    handleBatch: ({ count, lengths, replyLengths }) => {
      for (let i = 0; i < count; i++) handled.push(lengths[i] !== PACKET_IGNORED);
      replyLengths.fill(0);
    },
  };
  const { loop, port } = loopOfOne();
  const all = [{ local: endpointOf('0.0.0.0'), wildcard: true }];
  const options = { addresses: all, receiveBufferBytes: 0 };
  const udp = new FastUdp(options, { sys, loop, handler, counters });
  const client = createSocket('udp4');
  await new Promise<void>((resolve) => client.bind(0, LOOPBACK[4], resolve));
  client.setBroadcast(true);
  for (const asked of ['127.0.0.1', '127.255.255.255', '127.0.0.2']) {
    await new Promise((resolve) => client.send('x', port.port, asked, resolve));
  }
  udp.ready(0);
  expect(handled).toEqual([true, false, true]);
  expect(counters.get('udpDropsGroup')).toBe(1);
  expect(counters.get('udpUnanswered')).toBe(2);
  client.close();
  udp.close();
});
