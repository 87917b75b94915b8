import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pageUrls, parseHost } from './page-urls.js';

const BOUND = {
  http: ['0.0.0.0:6969', '[::]:6969'],
  https: ['0.0.0.0:443'],
  udp: ['0.0.0.0:6969', '[::]:6969'],
};
const OPTIONS = {
  advertise: [],
  announcePaths: ['/{key}/announce', '/announce'],
  webSockets: true,
};
const CAME = {
  host: 'tracker.example:6969',
  ifNoneMatch: undefined,
  secure: false,
  proxied: false,
};

describe('pageUrls', () => {
  it('names every protocol under the name that the client came by', () => {
    expect(pageUrls(OPTIONS, BOUND, CAME)).toEqual([
      'https://tracker.example/announce',
      'http://tracker.example:6969/announce',
      'udp://tracker.example:6969/announce',
      'wss://tracker.example/announce',
      'ws://tracker.example:6969/announce',
    ]);
  });

  it('names the hosts of the operator and no other, when there are any', () => {
    const options = { ...OPTIONS, advertise: ['t.example'], webSockets: false };
    const urls = pageUrls(options, BOUND, { ...CAME, host: 'evil.example' });
    expect(urls).toEqual([
      'https://t.example/announce',
      'http://t.example:6969/announce',
      'udp://t.example:6969/announce',
    ]);
  });

  it('shows the port that the client used, which a router may have changed', () => {
    const urls = pageUrls(OPTIONS, BOUND, { ...CAME, host: 'home.example:8080' });
    expect(urls).toContain('http://home.example:8080/announce');
    expect(urls).not.toContain('http://home.example:6969/announce');
  });

  it('shows what the proxy serves, not what the proxy asks', () => {
    const asked = { ...CAME, host: 'tracker.example', secure: true, proxied: true };
    expect(pageUrls(OPTIONS, { ...BOUND, https: [] }, asked)).toEqual([
      'https://tracker.example/announce',
      'udp://tracker.example:6969/announce',
      'wss://tracker.example/announce',
    ]);
  });

  it('writes IPv6 with brackets, and tells the sockets of that family', () => {
    const urls = pageUrls({ ...OPTIONS, webSockets: false }, BOUND, {
      ...CAME,
      host: '[2001:DB8::1]',
    });
    expect(urls).toEqual(['http://[2001:db8::1]/announce', 'udp://[2001:db8::1]:6969/announce']);
  });

  it('knows nothing without a host', () => {
    for (const host of [undefined, '', 'a b', '<x>']) {
      expect(pageUrls(OPTIONS, BOUND, { ...CAME, host })).toEqual([]);
    }
  });

  it('knows what the client came by before it knows what was bound', () => {
    const options = { ...OPTIONS, webSockets: false };
    expect(pageUrls(options, undefined, CAME)).toEqual(['http://tracker.example:6969/announce']);
  });
});

describe('parseHost', () => {
  it('takes names and addresses, with a port or without', () => {
    expect(parseHost('A.example')).toEqual({ host: 'a.example', port: undefined });
    expect(parseHost('10.0.0.1:80')).toEqual({ host: '10.0.0.1', port: 80 });
    expect(parseHost('[::1]:65535')).toEqual({ host: '::1', port: 65_535 });
  });

  it('takes nothing else', () => {
    const bad = ['a..b', '-a', 'a-', 'a:0', 'a:65536', 'a:', 'a:b', '[::1', '::1', '[a]', 'a@b'];
    bad.push('a/b', 'a_b', 'a\u00e9', 'a\n', 'a'.repeat(64), 'a.'.repeat(150), '[::1%eth0]');
    for (const text of bad) expect([text, parseHost(text)]).toEqual([text, undefined]);
  });

  it('never gives anything that could be more than a host', () => {
    const texts = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'a1.-:[]<"/%@ ') }));
    fc.assert(
      fc.property(texts, (text) => {
        const found = parseHost(text);
        if (found !== undefined) expect(found.host).toMatch(/^[a-z0-9.:-]+$/);
      }),
    );
  });
});
