import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../lib/endpoint.js';
import { GET, LAST, serve } from './echo-server.testing.js';
import { responses } from './http-client.testing.js';

describe('PortableHttp behind proxies', () => {
  /** `Forwarded` fake: the text is the address. Fails on `bad`. */
  const forwardedClient = (header: string, client: Endpoint): boolean => {
    if (header === 'bad') return false;
    const last = header.split(', ').at(-1) ?? '';
    const found = new Endpoint();
    if (!found.setAddressText(last)) return false;
    client.copyFrom(found);
    return true;
  };
  /** PROXY fake: `P<address>;`, `P;` for unknown. */
  const decodeProxyHeader = (bytes: Uint8Array, length: number, client: Endpoint): number => {
    if (bytes[0] !== 0x50) return -1;
    const end = bytes.subarray(0, length).indexOf(0x3b);
    if (end < 0) return 0;
    const text = Buffer.from(bytes.subarray(1, end)).toString('latin1');
    if (text !== '' && !client.setAddressText(text)) return -1;
    return end + 1;
  };
  const everyone = { isTrusted: (source: Endpoint) => source.bytes[0] === 127 };
  const nobody = { isTrusted: () => false };
  const forwarded = (value: string) => LAST('/f').replace('\r\n\r\n', `\r\n${value}\r\n\r\n`);

  it('believes X-Forwarded-For from a trusted proxy only', async () => {
    const trusted = await serve({}, { proxies: { ...everyone, forwardedClient } });
    const xff = forwarded('x-forwarded-for: 192.0.2.1\r\nX-Forwarded-For: 2001:db8::5');
    expect(responses(await trusted.client(xff).all())[0].body).toBe('[2001:db8::5] /f');
    const bad = forwarded('X-Forwarded-For: bad');
    expect(responses(await trusted.client(bad).all())[0].body).toBe('127.0.0.1 /f');
    const direct = await serve({}, { proxies: { ...nobody, forwardedClient } });
    expect(responses(await direct.client(xff).all())[0].body).toBe('127.0.0.1 /f');
  });

  it('finds the last X-Forwarded-For behind any number of other headers', async () => {
    const { client } = await serve({}, { proxies: { ...everyone, forwardedClient } });
    for (const count of [99, 100, 130, 1_000]) {
      const headers = ['X-Forwarded-For: 192.0.2.1', ...Array(count).fill('A: b')];
      const text = forwarded([...headers, 'X-Forwarded-For: 198.51.100.7'].join('\r\n'));
      expect(responses(await client(text).all())[0].body).toBe('198.51.100.7 /f');
    }
  });

  it('takes the client from a PROXY header, in one piece or byte by byte', async () => {
    const { client } = await serve({}, { proxies: { ...everyone, decodeProxyHeader } });
    const text = await client(`P203.0.113.5;${GET('/one')}${LAST('/two')}`).all();
    expect(responses(text).map((r) => r.body)).toEqual(['203.0.113.5 /one', '203.0.113.5 /two']);
    const slow = client();
    for (const byte of `P2001:db8::7;${LAST('/slow')}`) {
      await new Promise((resolve) => slow.socket.write(byte, 'latin1', resolve));
    }
    expect(responses(await slow.all())[0].body).toBe('[2001:db8::7] /slow');
    expect(responses(await client(`P;${LAST('/self')}`).all())[0].body).toBe('127.0.0.1 /self');
  });

  it('does not believe X-Forwarded-For of a client that a PROXY header named', async () => {
    const proxies = { ...everyone, decodeProxyHeader, forwardedClient };
    const { client } = await serve({}, { proxies });
    const text = await client(`P203.0.113.5;${forwarded('X-Forwarded-For: 192.0.2.9')}`).all();
    expect(responses(text)[0].body).toBe('203.0.113.5 /f');
  });

  it('closes a trusted connection with a malformed, endless or late PROXY header', async () => {
    const { client, http, handler } = await serve(
      { proxyHeaderTimeoutMs: 60 },
      { proxies: { ...everyone, decodeProxyHeader } },
    );
    expect(await client(GET('/no-header')).all()).toBe('');
    expect(await client('P'.repeat(5_000)).all()).toBe('');
    const half = client('P203.0');
    half.socket.end();
    expect(await half.all()).toBe('');
    expect(await client('P203.0.113').all()).toBe('');
    expect(http.counters.get('httpProxyHeadersRefused')).toBe(4);
    expect(handler.seen).toEqual([]);
  });

  it('treats others as direct', async () => {
    const { client } = await serve({}, { proxies: { ...nobody, decodeProxyHeader } });
    expect(responses(await client(LAST('/d')).all())[0].body).toBe('127.0.0.1 /d');
    expect(await client(`P203.0.113.5;${LAST('/d')}`).all()).toMatch(/^HTTP\/1\.1 400 /);
  });
});
