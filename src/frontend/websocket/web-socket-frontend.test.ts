import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { type FrontendCounterName, FrontendCounters } from '../counters.js';
import { PortableHttp } from '../http/portable-http.js';
import { LatencyProtocol, sumLatencyCells } from '../latency.js';
import { createAddressCounts } from './address-counts.js';
import { BURST_SECONDS } from './web-connection.js';
import { WebSocketFrontend } from './web-socket-frontend.js';
import type { WebSocketHandler, WebSocketPeer } from './web-socket-handler.js';
import { WEB_SOCKET_LIMITS, type WebSocketLimits } from './web-socket-limits.js';

/** Echoes, and knows a few words. */
class Echo implements WebSocketHandler {
  draining = false;
  readonly heardTexts: string[] = [];
  readonly peers = new Set<WebSocketPeer>();
  readonly busy = new Set<WebSocketPeer>();
  ended = 0;
  /** Heard, and nothing said. */
  isSilent = false;
  onHeard: () => void = () => {};
  behind: boolean[] = [];

  beginBatch(): void {}

  heard(peer: WebSocketPeer, bytes: Buffer): void {
    const text = bytes.toString();
    this.heardTexts.push(text);
    this.onHeard();
    if (this.isSilent) return;
    this.peers.add(peer);
    if (text === 'busy') this.busy.add(peer);
    if (text === 'behind?') {
      const answer = Buffer.from(String(peer.isBehind));
      peer.send(answer, answer.length);
      return;
    }
    if (text === 'fill') {
      this.behind = Array.from({ length: 40 }, () => {
        if (!peer.isBehind) peer.send(Buffer.alloc(100_000, 'x'), 100_000);
        return peer.isBehind;
      });
      return;
    }
    if (text === 'flood') {
      for (let i = 0; i < 40; i++) peer.send(Buffer.alloc(1_000_000, 'x'), 1_000_000);
    } else peer.send(bytes, bytes.length);
  }

  isInUse(peer: WebSocketPeer): boolean {
    return this.busy.has(peer);
  }

  closed(): void {
    this.ended++;
  }
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(
  limits: Partial<WebSocketLimits> = {},
  more: { readonly addresses?: SharedArrayBuffer } = {},
) {
  let nowMs = 1_000_000;
  const handler = new Echo();
  const counters = new FrontendCounters();
  const frontend = new WebSocketFrontend(
    { ...WEB_SOCKET_LIMITS, pingSeconds: 2, ...limits },
    {
      handler,
      counters,
      takes: (target) => target === '/ws',
      nowMs: () => nowMs,
      ticks: false,
      ...more,
    },
  );
  const http = new PortableHttp(
    { listen: [{ host: '127.0.0.1', port: 0 }] },
    {
      handler: { beginBatch: () => {}, handle: () => -404 },
      counters,
      upgrades: frontend,
      proxies: {
        isTrusted: () => true,
        forwardedClient: (header, client) => client.setAddressText(header),
      },
      onFatal: (error) => {
        throw error;
      },
    },
  );
  const [{ port }] = await http.start();
  cleanups.push(async () => {
    await Promise.all([frontend.stop(), http.stop()]);
  });
  const client = async (options: ClientOptions = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, options);
    socket.on('error', () => {});
    cleanups.push(() => socket.terminate());
    await once(socket, 'open');
    return socket;
  };
  return {
    handler,
    frontend,
    port,
    client,
    count: (name: FrontendCounterName) => counters.get(name),
    measured: () => sumLatencyCells([counters.latency], LatencyProtocol.websocket),
    waitMs: (ms: number) => {
      nowMs += ms;
    },
    /** Lets seconds pass: each turns the wheel. */
    pass: (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        nowMs += 1_000;
        frontend.tick();
      }
    },
  };
}

/** The close code that a client sees. */
async function closing(socket: WebSocket): Promise<number> {
  return (await once(socket, 'close'))[0] as number;
}

async function status(port: number, options: ClientOptions): Promise<number | undefined> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, options);
  socket.on('error', () => {});
  const [, response] = await once(socket, 'unexpected-response');
  socket.terminate();
  return response.statusCode;
}

/** Says something and hears the echo: by then the other side has dealt with all before it. */
async function echo(socket: WebSocket, text = 'echo'): Promise<string> {
  const heard = once(socket, 'message');
  socket.send(text);
  return String((await heard)[0]);
}

describe('a WebSocket', () => {
  it('carries texts and binary frames, whole or in parts', async () => {
    const { client, handler, count } = await serve();
    const socket = await client();
    expect(await echo(socket, 'täxt')).toBe('täxt');
    const heard = once(socket, 'message');
    socket.send(Buffer.from('bin'), { fin: false });
    socket.send(Buffer.from('ary'), { fin: true });
    expect(String((await heard)[0])).toBe('binary');
    expect(handler.heardTexts).toEqual(['täxt', 'binary']);
    expect([count('wsMessagesIn'), count('wsMessagesOut')]).toEqual([2, 2]);
  });

  it('is measured by the message, until what it caused has left', async () => {
    const { client, handler, measured, waitMs } = await serve();
    const socket = await client();
    handler.onHeard = () => waitMs(3);
    for (let i = 0; i < 4; i++) await echo(socket);
    handler.isSilent = true;
    socket.send('nobody answers');
    const pong = once(socket, 'pong');
    socket.ping();
    await pong;
    const { count, sumSeconds } = measured();
    expect(count).toBe(5);
    expect(sumSeconds).toBeCloseTo(0.015);
  });

  it('gives binary frames on as sound UTF-8, whatever they hold', async () => {
    const { client } = await serve();
    const socket = await client();
    const heard = once(socket, 'message');
    socket.send(Buffer.from([0x61, 0xff, 0x62, 0xc3]), { binary: true });
    expect((await heard)[0]).toEqual(Buffer.from('a\ufffdb\ufffd'));
  });

  it('answers each ping once', async () => {
    const { client } = await serve();
    const socket = await client();
    const pongs: string[] = [];
    socket.on('pong', (data) => pongs.push(String(data)));
    socket.ping('one');
    socket.ping('two');
    await echo(socket);
    expect(pongs).toEqual(['one', 'two']);
  });

  it('is not compressed, whatever the client offers', async () => {
    const { client } = await serve();
    expect((await client({ perMessageDeflate: true })).extensions).toBe('');
  });

  it('counts among those open until it ends, and no more among HTTP connections', async () => {
    const { client, count, handler } = await serve();
    const socket = await client();
    await echo(socket);
    expect([count('wsConnectionsOpen'), count('httpConnectionsOpen')]).toEqual([1, 0]);
    socket.close();
    await closing(socket);
    await expect.poll(() => count('wsConnectionsOpen')).toBe(0);
    expect(handler.ended).toBe(1);
  });

  it('is refused where the handshake is none', async () => {
    const { port, count } = await serve();
    const socket = connect(port, '127.0.0.1');
    socket.write(
      'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    const [head] = await once(socket, 'data');
    expect(String(head)).toMatch(/^HTTP\/1\.1 400 /);
    socket.destroy();
    expect(count('wsHandshakesRefused')).toBe(1);
  });

  it('holds nothing when it was none and the client stays, reads nothing and goes on sending', async () => {
    const { port, count } = await serve({ stopTimeoutMs: 100 });
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    socket.pause();
    socket.write(
      'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    await expect.poll(() => count('wsHandshakesRefused')).toBe(1);
    const chatter = setInterval(() => socket.write('x'), 20);
    await expect.poll(() => count('httpConnectionsOpen'), { timeout: 10_000 }).toBe(0);
    clearInterval(chatter);
    socket.destroy();
  });
});

describe('bounds', () => {
  it('of connections: one more is answered 503', async () => {
    const { client, port, count } = await serve({ connectionsMax: 2 });
    const first = await client();
    await client();
    expect(await status(port, {})).toBe(503);
    expect(count('wsConnectionsRefused')).toBe(1);
    first.close();
    await closing(first);
    await expect.poll(() => count('wsConnectionsOpen')).toBe(1);
    await client();
  });

  it('of origins: others, and none, are answered 403', async () => {
    const { client, port, count } = await serve({ origins: ['https://example.org'] });
    await client({ headers: { Origin: 'https://EXAMPLE.org' } });
    expect(await status(port, { headers: { Origin: 'https://example.com' } })).toBe(403);
    expect(await status(port, {})).toBe(403);
    expect(count('wsOriginsRefused')).toBe(2);
  });

  it('of one message: a larger one closes', async () => {
    const { client, handler } = await serve({ messageBytesMax: 1_000 });
    const socket = await client();
    await echo(socket, 'x'.repeat(1_000));
    socket.send('x'.repeat(1_001));
    expect(await closing(socket)).toBe(1009);
    expect(handler.heardTexts).toHaveLength(1);
  });

  it('of UTF-8: a text that is none closes', async () => {
    const { client, handler, count } = await serve();
    const socket = await client();
    socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
    expect(await closing(socket)).toBe(1007);
    expect(handler.heardTexts).toEqual([]);
    expect(count('wsProtocolErrors')).toBe(1);
  });

  it('of the rate: what is ahead of it waits', async () => {
    const { client, handler, count, pass } = await serve({ messagesPerSecond: 2 });
    const socket = await client();
    const burst = 2 * BURST_SECONDS;
    for (let i = 0; i < burst; i++) await echo(socket);
    expect(count('wsPauses')).toBe(0);
    // One more is heard, which is one too many; then nothing, until time has passed.
    await echo(socket, 'last');
    expect(count('wsPauses')).toBe(1);
    const late = once(socket, 'message');
    socket.send('late');
    pass(1);
    expect(String((await late)[0])).toBe('late');
    expect(handler.heardTexts).toHaveLength(burst + 2);
  });

  it('of the rate: far too much in one piece closes, and so do pings', async () => {
    for (const say of ['send', 'ping'] as const) {
      const { client, count } = await serve({ messagesPerSecond: 2 });
      const socket = await client();
      const closed = closing(socket);
      const raw = (socket as unknown as { _socket: Socket })._socket;
      raw.cork();
      for (let i = 0; i < 100; i++) socket[say]('x');
      raw.uncork();
      expect(await closed).toBe(1008);
      expect(count('wsRateCloses')).toBe(1);
    }
  });

  it('of what waits for a reader: a slow one is cut off', async () => {
    const { client, count } = await serve();
    const socket = await client();
    socket.pause();
    socket.send('flood');
    await expect.poll(() => count('wsSlowReaders')).toBe(1);
    await expect.poll(() => count('wsConnectionsOpen')).toBe(0);
  });

  it('of what waits for all readers together: who is behind for longest is cut off', async () => {
    const limits = {
      unreadBytesMax: 100_000_000,
      unreadTotalBytesMax: 45_000_000,
      pingSeconds: 100,
    };
    const { client, count, frontend, pass } = await serve(limits);
    const [first, second, third] = [await client(), await client(), await client()];
    for (const socket of [first, second]) {
      socket.pause();
      const before = count('wsBytesOut');
      socket.send('flood');
      await expect.poll(() => count('wsBytesOut') - before).toBeGreaterThan(40_000_000);
    }
    expect(await echo(third)).toBe('echo');
    expect(count('wsSlowReaders')).toBe(0);
    pass(1);
    expect(count('wsSlowReaders')).toBe(1);
    await expect.poll(() => frontend.connections).toBe(2);
    // Who reads is late no more.
    const heard = once(second, 'message');
    second.resume();
    await heard;
    expect(second.readyState).toBe(WebSocket.OPEN);
    pass(3);
    expect(count('wsSlowReaders')).toBe(1);
    const ended = once(first, 'close');
    first.resume();
    await ended;
  });

  it('of what waits for a reader: behind at half of it, and cut off only above it', async () => {
    const unreadBytesMax = 1_000_000;
    const { client, count, handler } = await serve({ unreadBytesMax });
    const socket = await client();
    expect(await echo(socket, 'behind?')).toBe('false');
    socket.pause();
    for (let i = 0; i < 100 && handler.behind.at(-1) !== true; i++) {
      handler.behind = [];
      socket.send('fill');
      await expect.poll(() => handler.behind.length).toBe(40);
    }
    expect(handler.behind.at(-1)).toBe(true);
    expect(count('wsSlowReaders')).toBe(0);
    socket.resume();
    await expect
      .poll(async () => {
        socket.send('behind?');
        const [data] = await once(socket, 'message');
        return String(data);
      })
      .toBe('false');
  });

  it('of the rate: pongs that nobody asked for count', async () => {
    const { client, count } = await serve({ messagesPerSecond: 2 });
    const socket = await client();
    const closed = closing(socket);
    const raw = (socket as unknown as { _socket: Socket })._socket;
    raw.cork();
    for (let i = 0; i < 100; i++) socket.pong('x');
    raw.uncork();
    expect(await closed).toBe(1008);
    expect(count('wsRateCloses')).toBe(1);
  });

  it('of one address: more are answered 429, until some have gone', async () => {
    const addresses = createAddressCounts();
    const { client, port, count } = await serve({ connectionsPerAddressMax: 2 }, { addresses });
    const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });
    const first = await client(from('192.0.2.1'));
    await client(from('192.0.2.1'));
    expect(await status(port, from('192.0.2.1'))).toBe(429);
    expect(count('wsAddressesRefused')).toBe(1);
    await client(from('198.51.100.1'));
    // Loopback itself is not counted.
    for (let i = 0; i < 3; i++) await client();
    first.close();
    await closing(first);
    await expect.poll(() => count('wsConnectionsOpen')).toBe(5);
    await client(from('192.0.2.1'));
  });

  it('of one address: a handshake that is none takes no place', async () => {
    const addresses = createAddressCounts();
    const { client, port, count } = await serve({ connectionsPerAddressMax: 1 }, { addresses });
    const socket = connect(port, '127.0.0.1');
    socket.write(
      'GET /ws HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    await once(socket, 'data');
    socket.destroy();
    expect(count('wsHandshakesRefused')).toBe(1);
    await client({ headers: { 'X-Forwarded-For': '192.0.2.1' } });
  });

  it('of silence: who does not answer a ping is cut off', async () => {
    const { client, count, pass } = await serve();
    const deaf = await client({ autoPong: false });
    const hearing = await client();
    for (const socket of [deaf, hearing]) await echo(socket, 'busy');
    const pings = [deaf, hearing].map((socket) => once(socket, 'ping'));
    pass(2);
    await Promise.all(pings);
    // The pong was sent before this.
    await echo(hearing);
    const cut = closing(deaf);
    pass(2);
    expect(await cut).toBe(1006);
    expect([count('wsTimeouts'), count('wsConnectionsOpen')]).toEqual([1, 1]);
  });

  it('of idleness: a connection that is of no use is closed', async () => {
    const { client, count, pass } = await serve({ idleSeconds: 5 });
    const [idle, busy] = [await client(), await client()];
    await echo(busy, 'busy');
    for (let i = 0; i < 2; i++) {
      pass(2);
      await Promise.all([echo(idle), echo(busy)]);
    }
    const closed = closing(idle);
    pass(2);
    expect(await closed).toBe(1001);
    expect(count('wsIdleCloses')).toBe(1);
    await echo(busy);
  });
});

it('sends clients away, a part of them each second, while the tracker drains', async () => {
  const { client, handler, pass } = await serve();
  const sockets = [await client(), await client()];
  const codes = sockets.map(closing);
  handler.draining = true;
  pass(1);
  expect([1001]).toContain(await Promise.race(codes));
  pass(1);
  expect(await Promise.all(codes)).toEqual([1001, 1001]);
});

it('says good bye to all when it stops, and cuts those who do not answer', async () => {
  const { client, frontend, handler, count } = await serve({ stopTimeoutMs: 50 });
  const [polite, rude] = [await client(), await client()];
  await Promise.all([echo(polite), echo(rude)]);
  rude.pause();
  const code = closing(polite);
  await frontend.stop();
  expect(await code).toBe(1001);
  expect(handler.ended).toBe(2);
  expect(count('wsConnectionsOpen')).toBe(0);
});
