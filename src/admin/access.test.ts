import { describe, expect, it } from 'vitest';
import { Access, type AccessRequest, isLoopbackAddress, needsOf } from './access.js';

const TOKEN = 'correct-horse-battery-staple';

function access(isLoopback: boolean): Access {
  const made = new Access({ token: TOKEN, hosts: ['Tracker.Example'] });
  made.isLoopback = isLoopback;
  return made;
}

function request(headers: AccessRequest['headers'], rest: Partial<AccessRequest> = {}) {
  const host = { host: '127.0.0.1:6970' };
  const method = rest.method ?? 'GET';
  return { method, needs: needsOf(method), ...rest, headers: { ...host, ...headers } };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('Access on loopback', () => {
  it('lets everybody read', () => {
    expect(access(true).refusal(request({}))).toBeUndefined();
    expect(access(true).refusal(request({}, { method: 'HEAD' }))).toBeUndefined();
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'])('wants the token for %s', (method) => {
    const guard = access(true);
    expect(guard.refusal(request({}, { method }))).toBe('unauthorized');
    expect(guard.refusal(request(bearer(TOKEN), { method }))).toBeUndefined();
  });

  it.each([
    'localhost',
    'LOCALHOST:6970',
    'localhost.',
    '127.0.0.1',
    '127.8.9.10:1',
    '[::1]:6970',
    '[::ffff:127.0.0.1]:6970',
  ])('is called by the name %s', (host) => {
    expect(access(true).refusal(request({ host }))).toBeUndefined();
  });

  it.each([
    'evil.example',
    'evil.example:6970',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '8.8.8.8',
    '0.0.0.0:6970',
    '[::]:6970',
    '[2001:db8::1]',
    'user@localhost',
    'localhost:6970:1',
    'localhost:port',
    '::1',
    ' ',
  ])('is not called by the name %s', (host) => {
    expect(access(true).refusal(request({ host }))).toBe('host_not_allowed');
    // Not even with the token: a rebound page might have been given it.
    expect(access(true).refusal(request({ host, ...bearer(TOKEN) }))).toBe('host_not_allowed');
  });

  it('is called by a name of its own, which may be anybody behind a proxy: reading wants the token', () => {
    const guard = access(true);
    const host = 'tracker.example:6970';
    expect(guard.refusal(request({ host }))).toBe('unauthorized');
    expect(guard.refusal(request({ host, ...bearer(TOKEN) }))).toBeUndefined();
    expect(guard.refusal(request({ host }, { needs: 'nothing' }))).toBeUndefined();
  });

  it.each(['x-forwarded-for', 'x-forwarded-host', 'forwarded', 'via', 'x-real-ip'])(
    'wants the token for reading what a proxy passed on with %s',
    (name) => {
      const guard = access(true);
      expect(guard.refusal(request({ [name]: '192.0.2.1' }))).toBe('unauthorized');
      expect(guard.refusal(request({ [name]: '' }))).toBe('unauthorized');
      expect(guard.refusal(request({ [name]: '1', ...bearer(TOKEN) }))).toBeUndefined();
    },
  );

  it('serves a health probe of HTTP/1.0 that names no host', () => {
    const guard = access(true);
    const bare = { method: 'GET', headers: {}, needs: 'nothing' } as const;
    expect(guard.refusal(bare)).toBeUndefined();
  });
});

describe('Access anywhere else', () => {
  it('wants the token for reading', () => {
    const guard = access(false);
    expect(guard.refusal(request({}))).toBe('unauthorized');
    expect(guard.refusal(request({}, { method: 'HEAD' }))).toBe('unauthorized');
    expect(guard.refusal(request(bearer(TOKEN)))).toBeUndefined();
    expect(guard.refusal(request({ authorization: `bearer  ${TOKEN}` }))).toBeUndefined();
  });

  it('tells its health to everybody', () => {
    expect(access(false).refusal(request({}, { needs: 'nothing' }))).toBeUndefined();
  });

  it.each([
    '',
    'Bearer',
    'Bearer ',
    `Basic ${TOKEN}`,
    TOKEN,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Bearer ${TOKEN} ${TOKEN}`,
    `Bearer ${TOKEN.toUpperCase()}`,
  ])('refuses the credentials %j', (authorization) => {
    expect(access(false).refusal(request({ authorization }))).toBe('unauthorized');
  });

  it('may be called by any name, which the token makes harmless', () => {
    const host = 'status.example';
    expect(access(false).refusal(request({ host, ...bearer(TOKEN) }))).toBeUndefined();
  });
});

describe('Access from a browser', () => {
  it.each([
    'http://evil.example',
    'https://evil.example:6970',
    'http://127.0.0.1',
    'http://127.0.0.1:3000',
    'http://localhost:6970',
    'null',
    '',
    'file://',
    'http://127.0.0.1:6970/',
    'http://127.0.0.1:6970@evil.example',
  ])('refuses the origin %j', (origin) => {
    expect(access(true).refusal(request({ origin }))).toBe('cross_site');
    expect(access(false).refusal(request({ origin, ...bearer(TOKEN) }))).toBe('cross_site');
  });

  it('takes its own origin, through a TLS proxy too', () => {
    const guard = access(true);
    expect(guard.refusal(request({ origin: 'http://127.0.0.1:6970' }))).toBeUndefined();
    expect(guard.refusal(request({ origin: 'https://127.0.0.1:6970' }))).toBeUndefined();
  });

  it('refuses what another site causes, but lets its links be followed', () => {
    const guard = access(true);
    const cross = { 'sec-fetch-site': 'cross-site' };
    const link = { ...cross, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect(guard.refusal(request(cross))).toBe('cross_site');
    expect(guard.refusal(request({ ...link, 'sec-fetch-dest': 'iframe' }))).toBe('cross_site');
    expect(guard.refusal(request(link))).toBeUndefined();
    expect(guard.refusal(request(link, { method: 'POST' }))).toBe('cross_site');
    expect(guard.refusal(request({ 'sec-fetch-site': 'same-origin' }))).toBeUndefined();
  });
});

describe('isLoopbackAddress', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.255.255.254', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['128.0.0.1', false],
    ['::2', false],
    ['fe80::1', false],
    ['::ffff:10.0.0.1', false],
    ['localhost', false],
  ])('says of %s: %s', (text, expected) => {
    expect(isLoopbackAddress(text)).toBe(expected);
  });
});
