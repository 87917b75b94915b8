import { describe, expect, it } from 'vitest';
import { LatencyProtocol, sumLatencyCells } from '../latency.js';
import {
  BIG_BYTES,
  cleanups,
  clients,
  EchoHandler,
  GET,
  LAST,
  serve,
} from './echo-server.testing.js';
import { RawClient, responses } from './http-client.testing.js';
import { PortableHttp } from './portable-http.js';

describe('PortableHttp, replies', () => {
  it('hands target and source to the handler and sends the body with its length', async () => {
    const { client, http } = await serve();
    const [reply] = responses(await client(LAST('/announce?a=%00&b=%e9')).all());
    expect(reply.status).toBe(200);
    expect(reply.body).toBe('127.0.0.1 /announce?a=%00&b=%e9');
    expect(reply.head).toMatch(/^Content-Type: text\/plain$/m);
    expect(reply.head).not.toMatch(/^(Date|Server|Transfer-Encoding):/im);
    expect(http.counters.get('httpResponsesOk')).toBe(1);
  });

  it('measures every request that it answers, refusals among them', async () => {
    const { client, http } = await serve();
    await client(GET('/a') + GET('/missing') + LAST('/b')).all();
    const { count, sumSeconds } = sumLatencyCells([http.counters.latency], LatencyProtocol.http);
    expect(count).toBe(3);
    expect(sumSeconds).toBeGreaterThan(0);
  });

  it('sends every byte value as it is', async () => {
    const { client } = await serve();
    const [reply] = responses(await client(LAST('/bytes')).all());
    expect([...Buffer.from(reply.body, 'latin1')]).toEqual([...Array(256).keys()]);
  });

  it('answers HEAD with the length of the body and no body', async () => {
    const { client } = await serve();
    const text = await client('HEAD /bytes HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n').all();
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toMatch(/Content-Length: 256\r\n/);
    expect(text.endsWith('\r\n\r\n')).toBe(true);
  });

  it('answers what the handler refuses with that status and keeps the connection', async () => {
    const { client, http } = await serve();
    const text = await client(GET('/missing') + GET('/odd') + LAST('/after')).all();
    expect(responses(text).map((r) => [r.status, r.body])).toEqual([
      [404, '404 Not Found\n'],
      [500, '500 Internal Server Error\n'],
      [200, '127.0.0.1 /after'],
    ]);
    expect(http.counters.get('httpResponsesClientError')).toBe(1);
    expect(http.counters.get('httpResponsesServerError')).toBe(1);
  });

  it('accepts the absolute form', async () => {
    const { client } = await serve();
    const text = await client(
      `${GET('http://tracker:6969/announce?x')}${GET('HTTP://t?y')}${GET('http://t')}${LAST('/')}`,
    ).all();
    expect(responses(text).map((r) => r.body.split(' ')[1])).toEqual([
      '/announce?x',
      '/?y',
      '/',
      '/',
    ]);
  });

  it('refuses a target of no known form and one that is too long', async () => {
    const { client } = await serve();
    for (const target of ['*', 'ftp://t/x', 'http:///x', 'announce']) {
      expect(await client(LAST(target)).all()).toMatch(/^HTTP\/1\.1 400 /);
    }
    expect(await client(LAST(`/${'a'.repeat(9_000)}`)).all()).toMatch(/^HTTP\/1\.1 414 /);
  });

  it('serves a request without Host', async () => {
    const { client } = await serve();
    const text = await client('GET /x HTTP/1.1\r\nConnection: close\r\n\r\n').all();
    expect(responses(text)[0].status).toBe(200);
  });

  it('begins one batch for the requests of one turn', async () => {
    const { client, handler } = await serve();
    await client(GET('/1') + GET('/2') + LAST('/3')).all();
    expect(handler.seen).toHaveLength(3);
    expect(handler.batches).toBe(1);
  });
});

describe('PortableHttp, connections', () => {
  it('closes HTTP/1.0 unless asked to keep it', async () => {
    const { client } = await serve();
    const closed = await client('GET /a HTTP/1.0\r\n\r\n').all();
    expect(responses(closed)).toHaveLength(1);
    const kept = client('GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    await kept.until((text) => text.includes('/a'));
    expect(kept.text).toMatch(/^Connection: keep-alive\r$/im);
    const text = await kept.send('GET /b HTTP/1.0\r\n\r\n').all();
    expect(responses(text).map((r) => r.body.split(' ')[1])).toEqual(['/a', '/b']);
  });

  it('keeps HTTP/1.1 unless told otherwise', async () => {
    const { client } = await serve();
    const one = client(GET('/a'));
    await one.until((text) => text.includes('/a'));
    expect(one.text).not.toMatch(/^(Connection|Keep-Alive):/im);
    const text = await one.send(LAST('/b')).all();
    expect(text).toMatch(/^Connection: close\r$/im);
    expect(responses(text)).toHaveLength(2);
  });

  it('answers pipelined requests in order, whether or not the client half-closes', async () => {
    const { client } = await serve();
    const targets = Array.from({ length: 300 }, (_, i) => `/${i}`);
    const all = targets.map((target) => GET(target)).join('');
    const text = await client(all + LAST('/end')).all();
    const seen = responses(text).map((r) => r.body.split(' ')[1]);
    expect(seen).toEqual([...targets, '/end']);
    const half = client(all);
    half.socket.end();
    expect(responses(await half.all()).map((r) => r.body.split(' ')[1])).toEqual(targets);
  });

  it('takes requests byte by byte', async () => {
    const { client } = await serve();
    const one = client();
    for (const byte of LAST('/slow')) {
      await new Promise((resolve) => one.socket.write(byte, 'latin1', resolve));
    }
    expect(responses(await one.all())[0].body).toBe('127.0.0.1 /slow');
  });

  it('closes after the agreed number of requests', async () => {
    const { client, handler } = await serve({ requestsPerConnectionMax: 2 });
    const text = await client(GET('/1') + GET('/2') + GET('/3')).all();
    expect(responses(text).map((r) => r.body.split(' ')[1])).toEqual(['/1', '/2']);
    expect(text).toMatch(/^Connection: close\r$/im);
    expect(handler.seen).toEqual(['/1', '/2']);
  });

  it('answers while it drains, and closes with the next reply', async () => {
    const { client, handler } = await serve();
    handler.onHandle = () => {
      handler.draining = handler.seen.length === 2;
    };
    const text = await client(GET('/1') + GET('/2') + GET('/3')).all();
    expect(responses(text).map((r) => r.body.split(' ')[1])).toEqual(['/1', '/2']);
    expect(text.match(/^Connection: close\r$/gim)).toHaveLength(1);
  });

  it('closes excess connections at once, counts them, and serves again when there is room', async () => {
    const { client, http } = await serve({ connectionsMax: 3, halfOpenGraceMs: 1_000_000 });
    const held = [1, 2, 3].map(() => client(GET('/held')));
    for (const one of held) await one.until((text) => text.includes('/held'));
    expect(await client(GET('/excess')).all()).toBe('');
    expect(http.counters.get('httpConnectionsRefused')).toBe(1);
    expect(http.counters.get('httpConnectionsOpen')).toBe(3);
    await held[0].send(LAST('/bye')).all();
    await until(() => http.counters.get('httpConnectionsOpen') === 2);
    expect(responses(await client(LAST('/room')).all())).toHaveLength(1);
  });

  it('makes room for clients under a flood of half-open connections', async () => {
    const { client, http } = await serve({ connectionsMax: 4, halfOpenGraceMs: 0 });
    const served = client(GET('/first'));
    await served.until((text) => text.includes('/first'));
    for (let i = 0; i < 12; i++) client('GET /never');
    await until(() => http.counters.get('httpConnectionsTotal') === 13);
    expect(http.counters.get('httpConnectionsOpen')).toBe(4);
    expect(responses(await client(LAST('/through')).all())).toHaveLength(1);
    expect(responses(await served.send(LAST('/still')).all())).toHaveLength(2);
    expect(http.counters.get('httpConnectionsEvicted')).toBe(10);
  });

  it('closes idle connections after their time', async () => {
    const { client } = await serve({ keepAliveTimeoutMs: 30 });
    const text = await client(GET('/idle')).all();
    expect(responses(text)).toHaveLength(1);
  });
});

describe('PortableHttp, bad input', () => {
  it.each([
    ['binary junk', '\x00\x01\x02junk\r\n\r\n'],
    ['text junk', 'hello there\r\n\r\n'],
    ['a line that is no request', 'GET\r\n\r\n'],
  ])('answers the request, then 400, when %s follows', async (_name, junk) => {
    const { client, http } = await serve();
    const text = await client(GET('/one') + GET('/two') + junk + junk).all();
    expect(responses(text).map((r) => r.status)).toEqual([200, 200, 400]);
    expect(http.counters.get('httpMalformed')).toBe(1);
  });

  it('keeps a closing reply intact when junk follows, however much', async () => {
    const { client } = await serve();
    for (const junk of ['\r\n', 'x', '\x00'.repeat(100), 'j'.repeat(60_000)]) {
      for (const request of ['GET /a HTTP/1.0\r\n\r\n', LAST('/a')]) {
        const text = await client(request + junk).all();
        expect(responses(text).map((r) => r.body)).toEqual(['127.0.0.1 /a']);
      }
    }
  });

  it('answers 400 to what is not HTTP, once, and closes', async () => {
    const { client } = await serve();
    const one = client('\x16\x03\x01\x02\x00\x01');
    await one.until((text) => text.includes('\r\n\r\n'));
    one.send('more').send('and more');
    expect(responses(await one.all()).map((r) => r.status)).toEqual([400]);
  });

  it('answers 431 to headers that are too long', async () => {
    const { client } = await serve();
    const text = await client(GET('/x', `X: ${'y'.repeat(20_000)}\r\n`)).all();
    expect(responses(text).map((r) => r.status)).toEqual([431]);
  });

  it('answers 408 to a request that takes too long, while others are served', async () => {
    const { client, http } = await serve({ headersTimeoutMs: 60, checkMs: 20 });
    const slow = client('GET /slow HTTP/1.1\r\n');
    const silent = client();
    const fast = client(GET('/fast'));
    await fast.until((text) => text.includes('/fast'));
    expect(responses(await slow.all()).map((r) => r.status)).toEqual([408]);
    expect(responses(await silent.all()).map((r) => r.status)).toEqual([408]);
    expect(http.counters.get('httpTimeouts')).toBe(2);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('answers %s with 405', async (method) => {
    const { client, handler, http } = await serve();
    const body = 'b'.repeat(30_000);
    const text = await client(
      `${method} /x HTTP/1.1\r\nHost: t\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    ).all();
    const [reply] = responses(text);
    expect(reply.status).toBe(405);
    expect(reply.head).toMatch(/^Allow: GET, HEAD\r?$/m);
    expect(reply.head).toMatch(/^Connection: close\r?$/m);
    expect(handler.seen).toEqual([]);
    // The client has closed too, and the server hears it well before it would cut the connection.
    const startMs = performance.now();
    await until(() => http.counters.get('httpConnectionsOpen') === 0);
    expect(performance.now() - startMs).toBeLessThan(900);
  });

  it('answers CONNECT with 405', async () => {
    const { client } = await serve();
    const text = await client('CONNECT t:80 HTTP/1.1\r\nHost: t\r\n\r\n').all();
    expect(responses(text).map((r) => r.status)).toEqual([405]);
  });

  it('serves a GET with a small body and the request behind it', async () => {
    const { client } = await serve();
    const text = await client(`${GET('/a', 'Content-Length: 5\r\n')}abcde${LAST('/b')}`).all();
    expect(responses(text).map((r) => r.body.split(' ')[1])).toEqual(['/a', '/b']);
  });

  it('refuses a GET with a large body, and closes after a chunked one', async () => {
    const { client, handler } = await serve();
    const large = await client(GET('/a', 'Content-Length: 70000\r\n')).all();
    expect(responses(large).map((r) => r.status)).toEqual([413]);
    expect(handler.seen).toEqual([]);
    const chunked = GET('/c', 'Transfer-Encoding: chunked\r\n');
    const text = await client(`${chunked}3\r\nabc\r\n0\r\n\r\n${GET('/d')}`).all();
    expect(responses(text).map((r) => r.body)).toEqual(['127.0.0.1 /c']);
  });

  it('cuts a client that sends a body without end', async () => {
    const { client, http } = await serve();
    const one = client(GET('/c', 'Transfer-Encoding: chunked\r\n'));
    const chunk = `1000\r\n${'z'.repeat(0x1000)}\r\n`;
    for (let i = 0; i < 100; i++) one.send(chunk);
    await until(() => http.counters.get('httpRequests') === 1);
    await until(() => http.counters.get('httpConnectionsOpen') === 0);
    expect(responses(one.text).length).toBeLessThanOrEqual(1);
  });

  it('answers Expect at once, and closes', async () => {
    const { client } = await serve();
    const wait = 'Content-Length: 5\r\nExpect: 100-continue\r\n';
    expect(responses(await client(GET('/e', wait)).all()).map((r) => r.status)).toEqual([200]);
    const other = GET('/e', 'Expect: wonders\r\n');
    expect(responses(await client(other).all()).map((r) => r.status)).toEqual([417]);
  });

  it('refuses a WebSocket, and serves and closes where another protocol is offered', async () => {
    const { client } = await serve();
    const upgrade = (to: string) => `Connection: Upgrade\r\nUpgrade: ${to}\r\n`;
    expect(responses(await client(GET('/', upgrade('websocket'))).all())[0].status).toBe(501);
    const text = await client(GET('/h', upgrade('h2c')) + LAST('/next')).all();
    expect(responses(text).map((r) => r.body.split(' ')[1])).toEqual(['/h']);
  });

  it('ends a connection on which nothing but line ends come', async () => {
    const { client, http } = await serve({
      keepAliveTimeoutMs: 50,
      headersTimeoutMs: 50,
      requestTimeoutMs: 50,
    });
    const tiring = client(GET('/a'));
    await tiring.until((text) => text.includes('/a'));
    await until(() => {
      tiring.send('\r\n');
      return http.counters.get('httpConnectionsOpen') === 0;
    });
    expect(http.counters.get('httpTimeouts')).toBe(1);
  });

  it('sends what is due to a client that asks for too much at once, then a 503', async () => {
    const { client, http, handler } = await serve();
    const replies = responses(await client(GET('/big').repeat(20)).all());
    expect(handler.seen.length).toBeLessThan(20);
    // What the system takes at once does not count.
    expect(replies.length).toBeGreaterThan(8);
    const last = replies.pop();
    expect(last?.status).toBe(503);
    expect(last?.head).toMatch(/^Connection: close\r?$/m);
    for (const { status, body } of replies) expect([status, body.length]).toEqual([200, BIG_BYTES]);
    expect(http.counters.get('httpSlowReaders')).toBe(1);
  });

  it('cuts a client that does not read its replies, without delaying another', async () => {
    const { client, http } = await serve({ sendTimeoutMs: 80 });
    const lazy = client();
    lazy.socket.pause();
    for (let i = 0; i < 400; i++) lazy.send(GET('/big'));
    expect(responses(await client(LAST('/other')).all())).toHaveLength(1);
    await until(() => http.counters.get('httpSlowReaders') === 1);
    await until(() => http.counters.get('httpConnectionsOpen') === 0);
  });
});

describe('PortableHttp, start and stop', () => {
  it('serves both families of an empty host on one port, and names a held one', async () => {
    const options = { listen: [{ host: '', port: 0 }] };
    const deps = { handler: new EchoHandler(), onFatal: () => {} };
    const http = new PortableHttp(options, deps);
    cleanups.push(() => http.stop());
    const bound = await http.start();
    expect(bound.map((b) => b.address)).toEqual(['0.0.0.0', '::']);
    const { port } = bound[0];
    expect(bound[1].port).toBe(port);
    for (const [host, source] of [
      ['127.0.0.1', '127.0.0.1'],
      ['::1', '[::1]'],
    ]) {
      const client = new RawClient(port, host).send(LAST('/f'));
      clients.push(client);
      expect(responses(await client.all())[0].body).toBe(`${source} /f`);
    }
    const second = new PortableHttp({ listen: [{ host: '', port }] }, deps);
    await expect(second.start()).rejects.toMatchObject({ code: 'address_in_use' });
  });

  it('on stop closes idle connections at once, and those that never sent a byte', async () => {
    const { client, http, port } = await serve({ stopTimeoutMs: 1_000_000 });
    const idle = client(GET('/idle'));
    await idle.until((text) => text.includes('/idle'));
    const fresh = client();
    await until(() => http.counters.get('httpConnectionsOpen') === 2);
    await http.stop();
    await http.stop();
    await Promise.all([idle.all(), fresh.all()]);
    const refused = new RawClient(port);
    await refused.until(() => refused.closed).catch(() => {});
    expect(refused.text).toBe('');
  });

  it('on stop finishes what is in flight, and closes', async () => {
    const { client, http } = await serve({ stopTimeoutMs: 1_000_000, proxyHeaderTimeoutMs: 40 });
    const half = client('GET /half HTTP/1.1\r\n');
    // The byte counter is brought up to date by a sweep: the server has read the half request.
    await until(() => http.counters.get('httpBytesIn') > 0);
    const reader = client();
    reader.socket.pause();
    await new Promise((resolve) => reader.socket.write(GET('/big').repeat(5), resolve));
    await until(() => http.counters.get('httpRequests') === 5);
    const stopped = http.stop();
    half.send('Host: t\r\n\r\n');
    expect(responses(await half.all()).map((r) => r.body)).toEqual(['127.0.0.1 /half']);
    reader.socket.resume();
    expect(responses(await reader.all()).map((r) => r.body.length)).toEqual(
      Array(5).fill(BIG_BYTES),
    );
    await stopped;
    expect(http.counters.get('httpConnectionsOpen')).toBe(0);
  });

  it('on stop cuts what has not finished by the deadline', async () => {
    const { client, http } = await serve({ stopTimeoutMs: 40, proxyHeaderTimeoutMs: 40 });
    const half = client('GET /half HTTP/1.1\r\n');
    await until(() => http.counters.get('httpBytesIn') > 0);
    await http.stop();
    expect(await half.all()).toBe('');
  });

  it('counts bytes of both directions', async () => {
    const { client, http } = await serve();
    const request = LAST('/bytes');
    const text = await client(request).all();
    await until(() => http.counters.get('httpConnectionsOpen') === 0);
    expect(http.counters.get('httpBytesIn')).toBe(request.length);
    expect(http.counters.get('httpBytesOut')).toBe(text.length);
  });
});

/** Resolves when the condition holds, looking again every turn of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
