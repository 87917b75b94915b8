import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../lib/endpoint.js';
import { FrontendCounters } from '../counters.js';
import type { BoundAddress } from '../frontend.js';
import type { DatagramBuffer, DatagramHandler } from '../handler.js';
import { LatencyProtocol, sumLatencyCells } from '../latency.js';
import { Turn } from '../turn.js';
import { localAddresses } from './local-addresses.js';
import {
  PortableUdp,
  type PortableUdpDependencies,
  type PortableUdpOptions,
} from './portable-udp.js';
import { ReplyRing } from './reply-ring.js';
import { SourceCache } from './source-cache.js';
import { WildcardSockets } from './wildcard-sockets.js';

/** Answers `source|text`, nothing to text that begins with '-'. */
class EchoHandler implements DatagramHandler {
  batches = 0;
  readonly seen: string[] = [];

  beginBatch(): void {
    this.batches++;
  }

  handle(input: Uint8Array, length: number, source: Endpoint, output: DatagramBuffer): number {
    const text = Buffer.from(input.subarray(0, length)).toString('latin1');
    this.seen.push(text);
    if (text.startsWith('-')) return 0;
    const reply = Buffer.from(`${source.toString()}|${text}`, 'latin1');
    output.bytes.set(reply);
    return reply.length;
  }
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function frontend(
  options: PortableUdpOptions,
  deps: Partial<PortableUdpDependencies> = {},
): { udp: PortableUdp; handler: EchoHandler; fatal: Error[] } {
  const handler = new EchoHandler();
  const fatal: Error[] = [];
  const udp = new PortableUdp(options, { handler, onFatal: (e) => fatal.push(e), ...deps });
  cleanups.push(() => udp.stop());
  return { udp, handler, fatal };
}

/** Sends texts from one socket and resolves with as many replies. */
function exchange(
  host: string,
  port: number,
  texts: string[],
  replies = texts.length,
  from?: string,
): Promise<{ text: string; from: RemoteInfo; localPort: number }[]> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    const got: { text: string; from: RemoteInfo; localPort: number }[] = [];
    socket.on('error', reject);
    socket.on('message', (message, from) => {
      got.push({ text: message.toString('latin1'), from, localPort: socket.address().port });
      if (got.length === replies) socket.close(() => resolve(got));
    });
    socket.bind({ port: 0, ...(from === undefined ? {} : { address: from }) }, () => {
      for (const text of texts) socket.send(text, port, host);
    });
  });
}

/** An address of this machine that is neither loopback nor link-local, when it has one. */
function otherAddress(family: 4 | 6): string | undefined {
  return localAddresses(networkInterfaces(), family).find(
    (address) => !address.startsWith('127.') && address !== '::1' && !address.includes('%'),
  );
}

describe('PortableUdp', () => {
  it('gives the handler the source and sends its reply back', async () => {
    const { udp } = frontend({ listen: [{ host: '127.0.0.1', port: 0 }] });
    const [bound] = await udp.start();
    const [reply] = await exchange('127.0.0.1', bound.port, ['hello']);
    expect(reply.text).toBe(`127.0.0.1:${reply.localPort}|hello`);
    expect(udp.counters.get('udpPacketsIn')).toBe(1);
    expect(udp.counters.get('udpPacketsOut')).toBe(1);
    expect(udp.counters.get('udpBytesIn')).toBe(5);
    expect(udp.counters.get('udpBytesOut')).toBe(reply.text.length);
  });

  it('measures every datagram that it answers', async () => {
    const { udp } = frontend({ listen: [{ host: '127.0.0.1', port: 0 }] });
    const [bound] = await udp.start();
    await exchange('127.0.0.1', bound.port, ['-none', 'a', 'b', 'c'], 3);
    const { count, sumSeconds } = sumLatencyCells([udp.counters.latency], LatencyProtocol.udp);
    expect(count).toBe(3);
    expect(sumSeconds).toBeGreaterThan(0);
  });

  it('binds both families of an empty host to one port', async () => {
    const { udp } = frontend({ listen: [{ host: '', port: 0 }] });
    const bound = await udp.start();
    expect(bound.map((b) => b.address)).toEqual(['0.0.0.0', '::']);
    expect(new Set(bound.map((b) => b.port)).size).toBe(1);
  });

  const targets = ['127.0.0.1', '::1', otherAddress(4), otherAddress(6)].filter(
    (address): address is string => address !== undefined,
  );
  it.each(targets)('on a wildcard, answers from %s what was asked there', async (address) => {
    const { udp } = frontend({ listen: [{ host: '', port: 0 }] });
    const [bound] = await udp.start();
    // The client's own address is another one, to which the route back would prefer another source.
    const family = address.includes(':') ? 6 : 4;
    const loopback = family === 6 ? '::1' : '127.0.0.1';
    const from = address === loopback ? otherAddress(family) : loopback;
    const [reply] = await exchange(address, bound.port, ['who'], 1, from);
    expect(reply.from.address).toBe(address);
    expect(reply.from.port).toBe(bound.port);
  });

  it('answers through the catch-all what no specific socket takes', async () => {
    const { udp } = frontend({ listen: [{ host: '', port: 0 }] }, { localAddresses: () => [] });
    const [bound] = await udp.start();
    expect((await exchange('127.0.0.1', bound.port, ['x']))[0].text).toMatch(/\|x$/);
    expect((await exchange('::1', bound.port, ['x']))[0].text).toMatch(/^\[::1\]:\d+\|x$/);
  });

  it('leaves to another worker what no specific socket takes, when that one has the catch-all', async () => {
    const other = createSocket({ type: 'udp4', reuseAddr: true });
    cleanups.push(() => new Promise<void>((resolve) => other.close(resolve)));
    await new Promise<void>((resolve) => other.bind(0, '0.0.0.0', resolve));
    const { port } = other.address();
    const handler = new EchoHandler();
    const counters = new FrontendCounters();
    const sockets = new WildcardSockets(
      {
        bind: { address: '0.0.0.0', family: 4, port, wildcard: true },
        sharing: 'addresses',
        receiveBufferBytes: 0,
        catchAll: false,
      },
      {
        handler,
        counters,
        turn: new Turn(handler),
        ring: new ReplyRing(() => {}),
        sources: new SourceCache(),
        localAddresses: () => ['127.0.0.1'],
        onLocalError: (error) => expect.unreachable(error.message),
        onFatal: (error) => expect.unreachable(error.message),
      },
    );
    cleanups.push(() => sockets.close());
    expect(await sockets.bind()).toMatchObject({ address: '0.0.0.0', port });
    expect(counters.get('udpSocketsOpen')).toBe(1);
    await exchange('127.0.0.1', port, ['mine']);
    const heard = once(other, 'message');
    const client = createSocket('udp4');
    await new Promise((resolve) => client.send('yours', port, '127.0.0.9', resolve));
    client.close();
    expect(String((await heard)[0])).toBe('yours');
    expect(handler.seen).toEqual(['mine']);
  });

  it('follows local addresses that come and go, and survives one that cannot be bound', async () => {
    let addresses = ['127.0.0.1'];
    const { udp } = frontend(
      { listen: [{ host: '0.0.0.0', port: 0 }] },
      { localAddresses: () => addresses },
    );
    const [bound] = await udp.start();
    expect(udp.counters.get('udpSocketsOpen')).toBe(2);
    addresses = ['127.0.0.1', '127.0.0.9', '198.51.100.77'];
    await udp.rescan();
    expect(udp.counters.get('udpSocketsOpen')).toBe(3);
    expect(udp.counters.get('udpLocalAddressErrors')).toBe(1);
    const [reply] = await exchange('127.0.0.9', bound.port, ['nine']);
    expect(reply.from.address).toBe('127.0.0.9');
    addresses = [];
    await udp.rescan();
    expect(udp.counters.get('udpSocketsOpen')).toBe(1);
    expect((await exchange('127.0.0.1', bound.port, ['still']))[0].text).toMatch(/still$/);
  });

  it('sends nothing when the handler says so', async () => {
    const { udp, handler } = frontend({ listen: [{ host: '127.0.0.1', port: 0 }] });
    const [bound] = await udp.start();
    const replies = await exchange('127.0.0.1', bound.port, ['-quiet', 'loud'], 1);
    expect(replies[0].text).toMatch(/loud$/);
    expect(handler.seen).toEqual(['-quiet', 'loud']);
    expect(udp.counters.get('udpUnanswered')).toBe(1);
  });

  it('begins one batch for the packets of one turn', async () => {
    const { udp, handler } = frontend({ listen: [{ host: '127.0.0.1', port: 0 }] });
    const [bound] = await udp.start();
    const texts = Array.from({ length: 200 }, (_, i) => String(i));
    const replies = await exchange('127.0.0.1', bound.port, texts);
    expect(new Set(replies.map((r) => r.text.split('|')[1]))).toEqual(new Set(texts));
    expect(handler.batches).toBeGreaterThanOrEqual(1);
    expect(handler.batches).toBeLessThan(texts.length);
  });

  it('says that a port is held by another socket, wildcard or not', async () => {
    const holder = frontend({ listen: [{ host: '', port: 0 }] });
    const [bound] = await holder.udp.start();
    for (const host of ['', '0.0.0.0', '127.0.0.1']) {
      const second = frontend({ listen: [{ host, port: bound.port }] });
      await expect(second.udp.start()).rejects.toMatchObject({
        code: 'address_in_use',
        protocol: 'udp',
      });
      expect(second.udp.counters.get('udpSocketsOpen')).toBe(0);
    }
  });

  it('leaves nothing bound when a later listen address fails', async () => {
    const held = frontend({ listen: [{ host: '127.0.0.1', port: 0 }] });
    const [{ port }] = await held.udp.start();
    const { udp } = frontend({
      listen: [
        { host: '127.0.0.1', port: 0 },
        { host: '127.0.0.1', port },
      ],
    });
    await expect(udp.start()).rejects.toMatchObject({ code: 'address_in_use' });
    expect(udp.counters.get('udpSocketsOpen')).toBe(0);
  });

  it('serves on when clients are gone before their reply comes', async () => {
    let port = 0;
    const { udp, fatal } = frontend({ listen: [{ host: '127.0.0.1', port: 0 }] });
    const bound: BoundAddress[] = await udp.start();
    port = bound[0].port;
    // A client that is gone when the reply arrives: the ICMP error must not end the socket.
    for (let i = 0; i < 20; i++) {
      const socket = createSocket('udp4');
      await new Promise((resolve) => socket.send('gone', port, '127.0.0.1', resolve));
      await new Promise<void>((resolve) => socket.close(resolve));
    }
    expect((await exchange('127.0.0.1', port, ['alive']))[0].text).toMatch(/alive$/);
    expect(fatal).toEqual([]);
  });

  it('stops twice without harm and frees its port', async () => {
    const { udp } = frontend({ listen: [{ host: '', port: 0 }] });
    const [{ port }] = await udp.start();
    await udp.stop();
    await udp.stop();
    const again = frontend({ listen: [{ host: '', port }] });
    expect((await again.udp.start())[0].port).toBe(port);
  });
});
