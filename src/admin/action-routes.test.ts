import { afterEach, describe, expect, it, vi } from 'vitest';
import * as examples from './action-examples.js';
import { AdminError } from './admin-error.js';
import { AdminRig, BEARER, expectProblem, HASH, raw } from './admin-rig.testing.js';

const rig = new AdminRig();
afterEach(() => rig.stopAll());

const { info_hash: _, ...REST } = examples.entry;
const SECRET = 'tbt1.secret-of-a-join-token';

/** Answers each word as the desk of a minder does, and remembers what it was asked. */
function fakeDesk() {
  const answers: Record<string, unknown> = {
    'token.list': [examples.token],
    'token.create': { id: examples.token.id, token: SECRET },
    'token.revoke': { id: examples.token.id },
    'drain.start': examples.drain,
    'drain.end': examples.drain,
    'drain.status': examples.drain,
    revoke: examples.revocation,
    'list.add': { added: 1, changed: 0, unchanged: 0 },
    'list.remove': { removed: 1, absent: [] },
    'list.show': { hash: HASH, ...REST },
    'list.list': { total: 1, entries: [{ hash: HASH, ...REST }], more: false },
    'settings.get': examples.settings,
    'settings.set': examples.settings,
  };
  const ask = vi.fn(async (method: string, _params: unknown) => answers[method]);
  return { ask, joinUrl: () => 'https://minder.example.org:7443' };
}

interface Case {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly asks: readonly [method: string, params: unknown];
  readonly answers: unknown;
}

const GRANT = { role: 'minder', ttlSeconds: 60, uses: 2, cidr: '10.0.0.0/8' };

const CHANGES: readonly Case[] = [
  {
    method: 'POST',
    path: '/api/v1/tokens',
    asks: ['token.create', { role: 'tracker', ttlSeconds: 3_600, uses: 1, cidr: '' }],
    answers: {
      id: examples.token.id,
      token: SECRET,
      command: `npx trackerbt tracker --join https://minder.example.org:7443 --token ${SECRET}`,
    },
  },
  {
    method: 'POST',
    path: '/api/v1/tokens',
    body: GRANT,
    asks: ['token.create', GRANT],
    answers: {
      id: examples.token.id,
      token: SECRET,
      command: `npx trackerbt minder --peer https://minder.example.org:7443 --token ${SECRET}`,
    },
  },
  {
    method: 'DELETE',
    path: `/api/v1/tokens/${examples.token.id}`,
    asks: ['token.revoke', { id: examples.token.id }],
    answers: { id: examples.token.id },
  },
  {
    method: 'PUT',
    path: '/api/v1/nodes/n1/drain',
    asks: ['drain.start', { node: 'n1' }],
    answers: examples.drain,
  },
  {
    method: 'DELETE',
    path: '/api/v1/nodes/n1/drain',
    asks: ['drain.end', { node: 'n1' }],
    answers: examples.drain,
  },
  {
    method: 'POST',
    path: '/api/v1/nodes/a%20name/revoke',
    asks: ['revoke', { node: 'a name' }],
    answers: examples.revocation,
  },
  {
    method: 'PUT',
    path: `/api/v1/lists/deny/${HASH}`,
    body: { reason: 'court order' },
    asks: ['list.add', { list: 'deny', hashes: [{ hash: HASH, reason: 'court order' }] }],
    answers: { info_hash: HASH, ...REST },
  },
  {
    method: 'PUT',
    path: `/api/v1/lists/allow/${HASH.toUpperCase()}`,
    asks: ['list.add', { list: 'allow', hashes: [{ hash: HASH.toUpperCase() }] }],
    answers: { info_hash: HASH, ...REST },
  },
  {
    method: 'DELETE',
    path: `/api/v1/lists/deny/${HASH}`,
    asks: ['list.remove', { list: 'deny', hashes: [HASH] }],
    answers: { info_hash: HASH, removed: true },
  },
  {
    method: 'PATCH',
    path: '/api/v1/settings',
    body: { intervalSeconds: null, numwantMax: 30 },
    asks: ['settings.set', { intervalSeconds: null, numwantMax: 30 }],
    answers: examples.settings,
  },
];

const READS: readonly Case[] = [
  {
    method: 'GET',
    path: '/api/v1/nodes/n1/drain',
    asks: ['drain.status', { node: 'n1' }],
    answers: examples.drain,
  },
  {
    method: 'GET',
    path: '/api/v1/lists/deny',
    asks: ['list.list', { list: 'deny', order: 'newest', limit: 100 }],
    answers: { total: 1, entries: [{ info_hash: HASH, ...REST }], more: false },
  },
  {
    method: 'GET',
    path: '/api/v1/lists/allow?order=hash&prefix=01&limit=7',
    asks: ['list.list', { list: 'allow', order: 'hash', limit: 7, prefix: '01' }],
    answers: { total: 1, entries: [{ info_hash: HASH, ...REST }], more: false },
  },
  {
    method: 'GET',
    path: `/api/v1/lists/deny/${HASH}`,
    asks: ['list.show', { list: 'deny', hash: HASH }],
    answers: { info_hash: HASH, ...REST },
  },
  {
    method: 'GET',
    path: '/api/v1/settings',
    asks: ['settings.get', {}],
    answers: examples.settings,
  },
];

function requestOf({ method, body }: Case, headers: Record<string, string> = {}): RequestInit {
  if (body === undefined) return { method, headers };
  const type = { 'content-type': 'application/json' };
  return { method, headers: { ...type, ...headers }, body: JSON.stringify(body) };
}

describe.each(CHANGES)('$method $path', (action) => {
  it('is done by the desk for who has the token, and logged with who asked', async () => {
    const desk = fakeDesk();
    const { ask, logged } = await rig.start({ desk });
    const response = await ask(action.path, requestOf(action, BEARER));
    expect(await response.json()).toEqual(action.answers);
    expect(response.status).toBe(action.asks[0] === 'token.create' ? 201 : 200);
    expect(desk.ask.mock.calls[0]).toEqual(action.asks);
    expect(logged).toContainEqual(
      expect.objectContaining({ action: action.asks[0], remote: '127.0.0.1' }),
    );
    expect(JSON.stringify(logged)).not.toContain(SECRET);
  });

  it('is not done without it, nor for another site or name', async () => {
    const desk = fakeDesk();
    const { ask, port } = await rig.start({ desk });
    await expectProblem(await ask(action.path, requestOf(action)), 'unauthorized');
    const wrong = { authorization: 'Bearer wrong-token' };
    await expectProblem(await ask(action.path, requestOf(action, wrong)), 'unauthorized');
    const evil = { ...BEARER, origin: 'http://evil.test' };
    await expectProblem(await ask(action.path, requestOf(action, evil)), 'cross_site');
    const lines = [
      `${action.method} ${action.path} HTTP/1.1`,
      'Host: evil.test',
      `Authorization: ${BEARER.authorization}`,
      'Content-Length: 0',
      'Connection: close',
    ];
    expect(await raw(port, `${lines.join('\r\n')}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 421 /);
    expect(desk.ask).not.toHaveBeenCalled();
  });
});

describe.each(READS)('$method $path', (read) => {
  it('is answered by the desk, free on loopback', async () => {
    const desk = fakeDesk();
    const { ask } = await rig.start({ desk });
    const response = await ask(read.path, requestOf(read));
    expect(await response.json()).toEqual(read.answers);
    expect(desk.ask.mock.calls).toEqual([read.asks]);
  });
});

describe('HEAD', () => {
  it('needs what GET needs', async () => {
    const { ask } = await rig.start({ desk: fakeDesk() });
    const head = (path: string, headers = {}) => ask(path, { method: 'HEAD', headers });
    expect((await head('/api/v1/tokens')).status).toBe(401);
    expect((await head('/api/v1/tokens', BEARER)).status).toBe(200);
    expect((await head('/api/v1/settings')).status).toBe(200);
  });
});

describe('the line to paste', () => {
  it('quotes an address of IPv6, whose brackets are a pattern to some shells', async () => {
    const desk = { ...fakeDesk(), joinUrl: () => 'https://[2001:db8::1]:7443' };
    const { ask } = await rig.start({ desk });
    const made = await ask('/api/v1/tokens', { method: 'POST', headers: BEARER });
    const { command } = (await made.json()) as { command: string };
    expect(command).toContain(`tracker --join 'https://[2001:db8::1]:7443' --token`);
  });
});

describe('the actions of a minder', () => {
  it('list tokens to who has one, and their secrets to nobody', async () => {
    const { ask } = await rig.start({ desk: fakeDesk() });
    await expectProblem(await ask('/api/v1/tokens'), 'unauthorized');
    const response = await ask('/api/v1/tokens', { headers: BEARER });
    expect(await response.json()).toEqual({ tokens: [examples.token] });
  });

  it.each([
    ['POST', '/api/v1/tokens', { uses: 0 }, 'bad_request', 'uses'],
    ['POST', '/api/v1/tokens', { role: 'king' }, 'bad_request', 'role'],
    ['POST', '/api/v1/tokens', { use: 1 }, 'bad_request', 'use'],
    ['POST', '/api/v1/tokens', [1], 'bad_request', ''],
    ['DELETE', '/api/v1/tokens/xyz', undefined, 'bad_request', 'id'],
    ['PUT', '/api/v1/lists/deny/xyz', {}, 'info_hash_invalid', 'info_hash'],
    ['PUT', `/api/v1/lists/grey/${HASH}`, {}, 'bad_request', 'list'],
    ['PUT', `/api/v1/lists/deny/${HASH}`, { reason: 'x'.repeat(2_000) }, 'bad_request', 'reason'],
    ['PATCH', '/api/v1/settings', { intervalSeconds: 0 }, 'bad_request', 'intervalSeconds'],
    ['GET', '/api/v1/lists/deny?limit=5000', undefined, 'bad_request', 'limit'],
    ['GET', '/api/v1/lists/deny?prefix=00', undefined, 'bad_request', 'prefix'],
  ] as const)('refuse %s %s of %j, and say where', async (method, path, body, code, where) => {
    const desk = fakeDesk();
    const { ask } = await rig.start({ desk });
    const wanted = { method, path, body, asks: ['', {}], answers: {} } as const;
    const { detail } = await expectProblem(await ask(path, requestOf(wanted, BEARER)), code);
    expect(detail).toContain(where);
    expect(desk.ask).not.toHaveBeenCalled();
  });

  it('pass on what the desk says when it refuses, and log that', async () => {
    const desk = fakeDesk();
    desk.ask.mockRejectedValue(new AdminError('subject_not_found', "there is no node 'n9'"));
    const { ask, logged } = await rig.start({ desk });
    const request = { method: 'PUT', headers: BEARER };
    const refused = await ask('/api/v1/nodes/n9/drain', request);
    expect((await expectProblem(refused, 'subject_not_found')).detail).toBe(
      "there is no node 'n9'",
    );
    expect(logged).toContainEqual(
      expect.objectContaining({ action: 'drain.start', code: 'subject_not_found' }),
    );
    desk.ask.mockRejectedValue(new Error('internals'));
    const { detail } = await expectProblem(
      await ask('/api/v1/nodes/n9/drain', request),
      'internal',
    );
    expect(detail).not.toContain('internals');
    const { admin } = (await (await ask('/stats.json')).json()) as { admin: object };
    expect(admin).toMatchObject({ actions: 0, actionsRefused: 2 });
  });

  it('come later than the listener', async () => {
    const { ask } = await rig.start({ desk: 'starting' });
    await expectProblem(await ask('/api/v1/settings'), 'not_ready');
    const response = await ask('/api/v1/tokens', { method: 'POST', headers: BEARER });
    await expectProblem(response, 'not_ready');
  });

  it('are not those of a tracker', async () => {
    const { ask } = await rig.start();
    await expectProblem(await ask('/api/v1/tokens', { headers: BEARER }), 'not_found');
  });
});
