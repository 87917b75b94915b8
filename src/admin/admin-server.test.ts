import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogger } from '../lib/log.js';
import { noCounts } from './admin-counters.js';
import { ADMIN_ERRORS } from './admin-error.js';
import { type AdminServer, type AdminServerOptions, createAdminServer } from './admin-server.js';
import {
  FAKE_CLUSTER,
  FAKE_DNS,
  FAKE_MINDER_STATS,
  FAKE_STATS,
  FakeMinderSource,
  FakeSource,
} from './fake-source.testing.js';

const TOKEN = 'admin-token-of-this-test';
const HASH = '0123456789abcdef0123456789abcdef01234567';

const running: AdminServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

async function start(options: Partial<AdminServerOptions> = {}) {
  const source = new FakeSource();
  const logged: Record<string, unknown>[] = [];
  const output = { write: (line: string) => logged.push(JSON.parse(line)) };
  const logger = createLogger({ level: 'trace', format: 'json', name: 'test' }, { output });
  let changes = 0;
  const server = createAdminServer(
    { host: '127.0.0.1', port: 0, token: TOKEN, ...options },
    {
      logger,
      source,
      routes(app) {
        app.post('/api/v1/change', () => ({ changes: ++changes }));
        app.get('/api/v1/broken', () => {
          throw new Error('secret internals at /etc/passwd');
        });
      },
    },
  );
  running.push(server);
  const address = await server.start();
  const port = Number(/:(\d+)$/.exec(address)![1]);
  const url = `http://127.0.0.1:${port}`;
  const get = (path: string, init: RequestInit = {}) => fetch(url + path, init);
  return { address, changes: () => changes, get, logged, port, server, source };
}

/** Sends bytes as they are and returns everything that comes back until the end. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect({ host: '127.0.0.1', port });
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('end', () => done(answer));
    socket.on('error', (error) => (answer === '' ? fail(error) : done(answer)));
    socket.write(bytes, 'latin1');
  });
}

async function expectError(response: Response, code: keyof typeof ADMIN_ERRORS): Promise<void> {
  const { status, message } = ADMIN_ERRORS[code];
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const body = await response.json();
  expect(body).toMatchObject({
    type: `urn:trackerbt:problem:${code}`,
    title: message,
    status,
    code,
  });
  expect(body).toHaveProperty('detail');
}

describe('the admin listener', () => {
  it('binds and says where', async () => {
    const { address } = await start();
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    const six = await start({ host: '::1' });
    expect(six.address).toMatch(/^\[::1\]:\d+$/);
    const named = await start({ host: 'localhost' });
    expect(named.address).toMatch(/^(127\.0\.0\.1|\[::1\]):\d+$/);
  });

  it('names the address that it cannot have', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({
      code: 'admin_address_in_use',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
    await expect(start({ host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'admin_address_unavailable',
    });
  });

  it('tells its health', async () => {
    const { get, source } = await start();
    const well = await get('/healthz');
    expect(well.status).toBe(200);
    expect(await well.json()).toEqual({ status: 'ok' });
    source.health = { ok: false, reason: 'worker udp-0 is gone' };
    const ill = await get('/healthz');
    expect(ill.status).toBe(503);
    expect(await ill.json()).toEqual({ status: 'unhealthy', reason: 'worker udp-0 is gone' });
  });

  it('tells whether clients are served', async () => {
    const { get, source } = await start();
    expect((await get('/readyz')).status).toBe(200);
    source.isReady = false;
    const response = await get('/readyz');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: 'not ready' });
  });

  it('shows all numbers, later ones included', async () => {
    const { get, source } = await start();
    const admin = noCounts();
    expect(await (await get('/stats.json')).json()).toEqual({ ...FAKE_STATS, admin });
    source.statistics = { ...FAKE_STATS, memory: { ...FAKE_STATS.memory, heap: 5 } as never };
    expect(await (await get('/stats.json')).json()).toEqual({ ...source.statistics, admin });
  });

  it('shows the cluster', async () => {
    const { get } = await start();
    expect(await (await get('/api/v1/cluster')).json()).toEqual(FAKE_CLUSTER);
  });

  it('shows a minder, which has no swarms', async () => {
    const logger = createLogger({ level: 'silent', format: 'json', name: 'test' });
    const options = { host: '127.0.0.1', port: 0, token: TOKEN };
    const server = createAdminServer(options, { logger, source: new FakeMinderSource() });
    running.push(server);
    const url = `http://${await server.start()}`;
    expect(await (await fetch(`${url}/stats.json`)).json()).toEqual({
      ...FAKE_MINDER_STATS,
      admin: noCounts(),
    });
    expect(await (await fetch(`${url}/api/v1/cluster`)).json()).toEqual(FAKE_CLUSTER);
    expect(await (await fetch(`${url}/api/v1/dns`)).json()).toEqual(FAKE_DNS);
    expect((await fetch(`${url}/api/v1/digest`)).status).toBe(404);
    expect((await fetch(`${url}/api/v1/swarms/${HASH}`)).status).toBe(404);
    expect(await (await fetch(url)).text()).not.toContain('swarms');
  });

  it('shows a swarm by its hash in either case, with peers when asked', async () => {
    const { get, source } = await start();
    const peer = { ip: '2001:db8::1', port: 6881, seeder: true, ageSeconds: 3, origin: 'a' };
    const counts = { seeders: 1, leechers: 2, partialSeeds: 3, downloads: 4, webPeers: 5 };
    source.swarms.set(HASH, { ...counts, peers: [peer] });
    const shown = {
      info_hash: HASH,
      seeders: 1,
      leechers: 2,
      partial_seeds: 3,
      downloads: 4,
      web_peers: 5,
    };
    expect(await (await get(`/api/v1/swarms/${HASH}`)).json()).toEqual(shown);
    const upper = await get(`/api/v1/swarms/${HASH.toUpperCase()}?peers=1`);
    expect(await upper.json()).toEqual({ ...shown, peers: [peer] });
    expect(source.lastLimit).toBe(1_000);
    source.swarms.set(HASH, { ...counts, peers: Array.from({ length: 1_500 }, () => peer) });
    const many = (await (await get(`/api/v1/swarms/${HASH}?peers=1`)).json()) as {
      peers: unknown[];
    };
    expect(many.peers).toHaveLength(1_000);
  });

  it.each(['xyz', HASH.slice(1), `${HASH}0`, `${HASH.slice(1)}g`, 'a'.repeat(3_000), '%00'])(
    'refuses the info hash %s',
    async (hash) => {
      const { get } = await start();
      await expectError(await get(`/api/v1/swarms/${hash}`), 'info_hash_invalid');
    },
  );

  it('refuses what it cannot understand and what it does not know', async () => {
    const { get } = await start();
    await expectError(await get(`/api/v1/swarms/${HASH}`), 'swarm_not_found');
    await expectError(await get(`/api/v1/swarms/${HASH}?peers=maybe`), 'bad_request');
    await expectError(await get('/api/v1/swarms/'), 'info_hash_invalid');
    await expectError(await get('/%zz'), 'bad_request');
    await expectError(await get('/nothing?here=1'), 'not_found');
    await expectError(await get('/api/v1/swarms'), 'not_found');
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'refuses %s where only GET is taken',
    async (method) => {
      const { get } = await start();
      const body = ['OPTIONS'].includes(method) ? null : 'x'.repeat(100_000);
      for (const path of ['/stats.json', `/api/v1/swarms/${HASH}?peers=1`]) {
        const response = await get(path, { method, body });
        expect(response.headers.get('allow')).toContain('GET');
        await expectError(response, 'method_not_allowed');
      }
      await expectError(await get('/nothing', { method }), 'not_found');
    },
  );

  it('answers HEAD like GET, without the body', async () => {
    const { get } = await start();
    const response = await get('/stats.json', { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(100);
    expect(await response.text()).toBe('');
  });

  it('shows the digest', async () => {
    const { get } = await start();
    expect(await (await get('/api/v1/digest')).json()).toEqual({
      peers: 60,
      swarms: 7,
      digest: '00ff',
    });
  });

  it('shows a page without scripts that escapes what it prints', async () => {
    const { get } = await start();
    const response = await get('/');
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const html = await response.text();
    expect(html).toContain('tracker &lt;1&gt;');
    expect(html).toContain('href="/stats.json"');
    expect(html).not.toMatch(/<script|style=|onclick/i);
  });

  it('sends headers against framing, sniffing and keeping with every reply', async () => {
    const { get } = await start();
    for (const path of ['/', '/healthz', '/nothing', '/%zz', '/metrics', '/api/v1/swarms/x']) {
      const { headers } = await get(path);
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('x-frame-options'), path).toBe('DENY');
      expect(headers.get('cache-control'), path).toBe('no-store');
      expect(headers.get('content-security-policy'), path).toContain("default-src 'none'");
      expect(headers.get('access-control-allow-origin'), path).toBeNull();
    }
  });

  it('keeps internal errors to the log', async () => {
    const { get, logged, source } = await start();
    await expectError(await get('/api/v1/broken'), 'internal');
    expect(JSON.stringify(logged)).toContain('secret internals');
    source.stats = () => {
      throw new Error('store lock is poisoned');
    };
    for (const path of ['/stats.json', '/metrics', '/', '/api/v1/now', '/api/v1/live']) {
      await expectError(await get(path), 'internal');
    }
  });
});

describe('what answers', () => {
  it('is loaded again by the next request when it could not be', async () => {
    const logger = createLogger({ level: 'silent', format: 'json', name: 'test' });
    let tries = 0;
    const server = createAdminServer(
      { host: '127.0.0.1', port: 0, token: TOKEN },
      {
        logger,
        source: new FakeSource(),
        routes() {
          if (++tries === 1) throw new Error('no descriptors are left');
        },
      },
    );
    running.push(server);
    const url = `http://${await server.start()}`;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
    expect(tries).toBe(2);
  });
});

describe('changes', () => {
  it('need the token on loopback too', async () => {
    const { changes, get, port } = await start();
    const change = (headers: Record<string, string>) =>
      get('/api/v1/change', { method: 'POST', headers });
    const refused = await change({});
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    await expectError(refused, 'unauthorized');
    await expectError(await change({ authorization: 'Bearer wrong' }), 'unauthorized');
    const authorization = `Bearer ${TOKEN}`;
    await expectError(await change({ authorization, origin: 'http://evil.test' }), 'cross_site');
    expect(changes()).toBe(0);
    const taken = await change({ authorization, origin: `http://127.0.0.1:${port}` });
    expect(await taken.json()).toEqual({ changes: 1 });
  });

  it('have a bounded body of JSON', async () => {
    const { changes, get } = await start();
    const change = (body: string, type: string) =>
      get('/api/v1/change', {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': type },
        body,
      });
    await expectError(
      await change(`"${'x'.repeat(70_000)}"`, 'application/json'),
      'body_too_large',
    );
    await expectError(await change('{"a":', 'application/json'), 'bad_request');
    await expectError(await change('a', 'application/x-evil'), 'media_type_unsupported');
    await expectError(await change('a', 'text/plain'), 'media_type_unsupported');
    expect(changes()).toBe(0);
  });
});

describe('a listener on all addresses', () => {
  it('wants the token for everything but its health, and keeps reasons to itself', async () => {
    const { get, source } = await start({ host: '' });
    for (const path of ['/stats.json', '/metrics', '/api/v1/live', '/api/v1/now', '/nothing']) {
      await expectError(await get(path), 'unauthorized');
    }
    source.health = { ok: false, reason: 'worker udp-0 is gone' };
    const ill = await get('/healthz');
    expect(await ill.json()).toEqual({ status: 'unhealthy' });
    expect((await get('/readyz')).status).toBe(200);
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await get('/stats.json', { headers })).status).toBe(200);
    await expectError(await get('/nothing', { headers }), 'not_found');
    expect(await (await get('/healthz', { headers })).json()).toHaveProperty('reason');
  });
});

describe('the admin listener under bad input', () => {
  it('refuses names that were rebound to loopback', async () => {
    const { port } = await start();
    const answer = await raw(
      port,
      'GET /stats.json HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 421 /);
    expect(answer).toContain('host_not_allowed');
  });

  it.each([
    ['no HTTP at all', '\u0000\u0001\u0002\u0003\r\n\r\n', 400, 'bad_request'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'bad_request'],
    [
      'an expectation',
      'PUT / HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\n\r\n',
      400,
      'bad_request',
    ],
    [
      'a header of 20 KB',
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'header_too_large',
    ],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'bad_request'],
  ])('answers %s', async (_name, bytes, status, code) => {
    const { port, get } = await start();
    const answer = await raw(port, bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(`"code":"${code}"`);
    expect(answer).toContain('content-type: application/problem+json');
    expect(answer).toContain("default-src 'none'");
    expect((await get('/healthz')).status).toBe(200);
  });

  it('gives up on a request that never ends, and serves others meanwhile', async () => {
    const { port, get } = await start({ limits: { requestTimeoutMs: 100 } });
    const slow = raw(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n');
    expect((await get('/healthz')).status).toBe(200);
    const answer = await slow;
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('request_timeout');
  });

  it('closes connections beyond its bound', async () => {
    const { port } = await start({ liveMax: 0, limits: { connectionsMax: 2 } });
    const open = async () => {
      const socket = connect({ host: '127.0.0.1', port });
      await new Promise((done) => socket.once('connect', done));
      return socket;
    };
    const held = [await open(), await open()];
    const third = await open();
    await new Promise((done) => third.once('close', done).resume());
    expect(held.every((socket) => !socket.destroyed)).toBe(true);
    for (const socket of held) socket.destroy();
  });

  it('stops although a client sits on an open connection, and frees the port', async () => {
    const { port, server } = await start({ limits: { stopTimeoutMs: 50 } });
    const half = connect({ host: '127.0.0.1', port });
    half.on('error', () => undefined);
    await new Promise((done) => half.write('GET / HTTP/1.1\r\n', done));
    await Promise.all([server.stop(), server.stop()]);
    await new Promise((done) => (half.destroyed ? done(0) : half.once('close', done).resume()));
    const next = createServer();
    await new Promise<void>((done) => next.listen(port, '127.0.0.1', done));
    next.close();
  });
});
