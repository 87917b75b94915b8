import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointAt, parseAdvertised, parseEndpoint } from './probe-endpoint.js';

describe('advertised addresses', () => {
  it.each([
    ['udp://192.0.2.1:6969', { protocol: 'udp', host: '192.0.2.1', port: 6969, path: '' }],
    ['udp://[2001:db8::1]:1', { protocol: 'udp', host: '2001:db8::1', port: 1, path: '' }],
    ['udp://t.example:6969/announce', { protocol: 'udp', host: 't.example', path: '' }],
    ['http://t.example/announce', { protocol: 'http', port: 80, path: '/announce' }],
    ['https://t.example/x/announce', { protocol: 'https', port: 443, path: '/x/announce' }],
  ])('reads %s', (text, expected) => {
    expect(parseAdvertised(text)).toMatchObject(expected);
  });

  it.each([
    '',
    'udp://t.example',
    'udp://t.example:0',
    'ftp://t.example:1',
    'wss://t.example:1/announce',
    'http://t.example:1/',
    'http://user@t.example:1/announce',
    `udp://${'a'.repeat(300)}:1`,
    'rubbish',
  ])('cannot probe %s', (text) => {
    expect(parseAdvertised(text)).toBeUndefined();
  });

  it('never throws, and what it reads it reads again from the name of the endpoint', () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .tuple(
          fc.constantFrom('udp', 'http', 'https', 'ws'),
          fc.oneof(
            fc.ipV4(),
            fc.ipV6().map((ip) => `[${ip}]`),
            fc.domain(),
          ),
          fc.integer({ min: -1, max: 70_000 }),
          fc.constantFrom('', '/announce', '/a/announce.php', '/scrape'),
        )
        .map(([scheme, host, port, path]) => `${scheme}://${host}:${port}${path}`),
    );
    fc.assert(
      fc.property(text, fc.oneof(fc.ipV4(), fc.ipV6()), (advertised, ip) => {
        const address = parseAdvertised(advertised);
        if (address === undefined) return;
        const endpoint = endpointAt(address, ip);
        if (endpoint === undefined) return;
        const again = parseEndpoint(endpoint.url);
        expect(again).toEqual({ ...endpoint, host: endpoint.ip });
      }),
    );
  });

  it('have one name whichever way an address is written, and none where no machine can be', () => {
    const address = parseAdvertised('udp://t.example:6969')!;
    expect(endpointAt(address, '2001:DB8:0:0::1')?.url).toBe('udp://[2001:db8::1]:6969');
    expect(endpointAt(address, '::ffff:192.0.2.1')?.url).toBe('udp://192.0.2.1:6969');
    for (const ip of ['0.0.0.0', '::', '224.0.0.1', 'ff02::1', '255.255.255.255', 'fe80::1%eth0']) {
      expect(endpointAt(address, ip)).toBeUndefined();
    }
  });
});
