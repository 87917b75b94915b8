import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../lib/endpoint.js';
import { BIG_BYTES, GET, LAST, serve } from './echo-server.testing.js';
import { responses } from './http-client.testing.js';
import type { UpgradeTaker } from './portable-http.js';

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const offer = (target: string, more = '', to = 'websocket') =>
  GET(target, `Connection: Upgrade\r\nUpgrade: ${to}\r\n${more}`);

/** Takes what is offered on `/ws`: says 101 and echoes from then on. */
class EchoTaker implements UpgradeTaker {
  readonly taken: { source: string; head: string; secure: boolean; release: () => void }[] = [];

  takes(target: string): boolean {
    return target.split('?')[0] === '/ws';
  }

  readonly onUpgrade: UpgradeTaker['onUpgrade'] = (_, socket, head, source, more) => {
    this.taken.push({ source: source.toString(), head: head.toString('latin1'), ...more });
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    socket.write(head);
    socket.on('data', (chunk) => socket.write(chunk));
    // Clients may close their half first: ending the other one is up to the taker.
    socket.on('end', () => socket.end());
  };
}

describe('PortableHttp, upgrades', () => {
  it('gives a WebSocket away with what was received behind it, and counts it', async () => {
    const upgrades = new EchoTaker();
    const { client, http } = await serve({}, { upgrades });
    const socket = client(`${offer('/ws?a=b')}early`);
    await socket.until((text) => text.endsWith('early'));
    socket.send(' late');
    await socket.until((text) => text.endsWith('early late'));
    expect(upgrades.taken).toMatchObject([{ head: 'early', secure: false }]);
    expect(upgrades.taken[0].source).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(http.counters.get('httpConnectionsOpen')).toBe(1);
    socket.socket.destroy();
    await until(() => http.counters.get('httpConnectionsOpen') === 0);
  });

  it('no longer counts one that was released, once', async () => {
    const upgrades = new EchoTaker();
    const { client, http } = await serve({}, { upgrades });
    const socket = client(`${offer('/ws')}x`);
    await socket.until((text) => text.endsWith('x'));
    upgrades.taken[0].release();
    expect(http.counters.get('httpConnectionsOpen')).toBe(0);
    upgrades.taken[0].release();
    socket.send('y');
    await socket.until((text) => text.endsWith('xy'));
    expect(http.counters.get('httpConnectionsOpen')).toBe(0);
  });

  it('cuts no upgraded connection for being idle or old', async () => {
    const upgrades = new EchoTaker();
    const limits = { keepAliveTimeoutMs: 30, headersTimeoutMs: 30, requestTimeoutMs: 30 };
    const { client } = await serve({ ...limits, checkMs: 10, sendTimeoutMs: 40 }, { upgrades });
    const socket = client(`${offer('/ws')}x`);
    await socket.until((text) => text.endsWith('x'));
    // Others meet these time-outs meanwhile, twice.
    for (let i = 0; i < 2; i++) await client('GET / HT').all();
    socket.send('y');
    await socket.until((text) => text.endsWith('xy'));
  });

  it('answers the requests before it first', async () => {
    const upgrades = new EchoTaker();
    const { client } = await serve({}, { upgrades });
    const socket = client(`${GET('/big')}${GET('/one')}${offer('/ws')}x`);
    const text = await socket.until((seen) => seen.endsWith('x'));
    expect(responses(text.slice(0, text.indexOf('HTTP/1.1 101'))).map((r) => r.status)).toEqual([
      200, 200,
    ]);
    // Node stopped reading while replies waited.
    socket.send('y');
    await socket.until((seen) => seen.endsWith('xy'));
  });

  it.each(['/one', '/big'])('takes none behind a reply that closes: %s', async (target) => {
    const upgrades = new EchoTaker();
    const { client, http } = await serve({}, { upgrades });
    const text = await client(`${LAST(target)}${offer('/ws')}x`).all();
    const alone = await client(LAST(target)).all();
    expect(responses(text)).toEqual(responses(alone));
    expect(upgrades.taken).toEqual([]);
    await until(() => http.counters.get('httpConnectionsOpen') === 0);
  });

  it('lets the replies before it leave to a slow reader when it takes none', async () => {
    const upgrades = new EchoTaker();
    const { client, http } = await serve({ requestsPerConnectionMax: 7 }, { upgrades });
    const socket = client();
    socket.socket.pause();
    socket.send(`${GET('/big').repeat(7)}${offer('/ws')}x`);
    await until(() => http.counters.get('httpRequests') === 7);
    socket.socket.resume();
    const text = await socket.all();
    expect(responses(text).map((r) => r.body.length)).toEqual(Array(7).fill(BIG_BYTES));
    expect(upgrades.taken).toEqual([]);
  });

  it('takes none behind the last request that a connection may make', async () => {
    const upgrades = new EchoTaker();
    const { client } = await serve({ requestsPerConnectionMax: 1 }, { upgrades });
    const text = await client(`${GET('/one')}${offer('/ws')}x`).all();
    expect(responses(text).map((r) => r.status)).toEqual([200]);
    expect(upgrades.taken).toEqual([]);
  });

  it.each([
    ['another target', offer('/other'), 501],
    ['another method', offer('/ws').replace('GET', 'POST'), 405],
  ])('refuses %s and closes', async (_, request, status) => {
    const upgrades = new EchoTaker();
    const { client, http } = await serve({}, { upgrades });
    const text = await client(request + LAST('/next')).all();
    expect(responses(text).map((r) => r.status)).toEqual([status]);
    expect(upgrades.taken).toEqual([]);
    await until(() => http.counters.get('httpConnectionsOpen') === 0);
  });

  it('serves and closes where another protocol is offered', async () => {
    const { client } = await serve({}, { upgrades: new EchoTaker() });
    const text = await client(GET('/a') + offer('/h', '', 'h2c') + LAST('/next')).all();
    expect(responses(text).map((r) => r.body.split(' ')[1])).toEqual(['/a', '/h']);
  });

  it('takes none while it drains', async () => {
    const upgrades = new EchoTaker();
    const { client, handler } = await serve({}, { upgrades });
    handler.draining = true;
    expect(responses(await client(offer('/ws')).all())[0].status).toBe(501);
    expect(upgrades.taken).toEqual([]);
  });

  it('names the client that a trusted proxy names', async () => {
    const upgrades = new EchoTaker();
    const forwardedClient = (header: string, client: Endpoint) => client.setAddressText(header);
    const proxies = { isTrusted: () => true, forwardedClient };
    const { client } = await serve({}, { upgrades, proxies });
    await client(`${offer('/ws', 'X-Forwarded-For: 192.0.2.9\r\n')}x`).until((text) =>
      text.endsWith('x'),
    );
    expect(upgrades.taken[0].source).toMatch(/^192\.0\.2\.9:/);
  });
});
