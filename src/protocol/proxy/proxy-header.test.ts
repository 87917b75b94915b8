import { describe, expect, it } from 'vitest';
import { Endpoint } from '../../lib/endpoint.js';
import {
  decodeProxyHeader,
  PROXY_HEADER_BYTES_MAX,
  PROXY_MALFORMED,
  PROXY_MORE,
} from './proxy-header.js';

const GET = 'GET / HTTP/1.1\r\n';
const V2 = '0d0a0d0a000d0a515549540a';

function decode(bytes: Uint8Array, length = bytes.length) {
  const endpoint = new Endpoint();
  endpoint.setAddressText('9.9.9.9');
  const consumed = decodeProxyHeader(bytes, length, endpoint);
  return [consumed, `${endpoint}`] as const;
}

const v1 = (text: string) => decode(Buffer.from(text, 'latin1'));
const v2 = (hex: string) => decode(Buffer.from(V2 + hex.replace(/\s/g, ''), 'hex'));

describe('PROXY protocol version 1', () => {
  it('names the client and leaves what follows', () => {
    const v4 = 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 6969\r\n';
    expect(v1(v4 + GET)).toEqual([v4.length, '192.0.2.1:56324']);
    const v6 = 'PROXY TCP6 2001:db8::1 ::1 0 65535\r\n';
    expect(v1(v6)).toEqual([v6.length, '[2001:db8::1]:0']);
    const mapped = 'PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n';
    expect(v1(mapped)).toEqual([mapped.length, '192.0.2.1:1']);
  });

  it('takes UNKNOWN with anything behind it as no address', () => {
    expect(v1('PROXY UNKNOWN\r\n')).toEqual([15, 'unset']);
    expect(v1('PROXY UNKNOWN x y\r\n')).toEqual([19, 'unset']);
    expect(v1('PROXY UNKNOWNX\r\n')).toEqual([PROXY_MALFORMED, 'unset']);
  });

  it('takes the longest line there is, and not one byte more', () => {
    const full = Array(8).fill('ffff').join(':');
    const longest = `PROXY UNKNOWN ${full} ${full} 65535 65535\r\n`;
    expect(longest.length).toBe(107);
    expect(v1(longest)[0]).toBe(longest.length);
    expect(v1(`PROXY UNKNOWN ${'x'.repeat(200)}\r\n`)[0]).toBe(PROXY_MALFORMED);
  });

  it('asks for more at every proper prefix', () => {
    const line = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 56324 6969\r\n');
    for (let length = 0; length < line.length; length++) {
      expect(decode(line, length)[0], `${length}`).toBe(PROXY_MORE);
    }
  });

  it('refuses malformed lines', () => {
    const wrong = [
      GET,
      'PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 56324 1 2\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 65536 1\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 1 01\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 -1 1\r\n',
      'PROXY TCP4 ::1 198.51.100.1 1 1\r\n',
      'PROXY TCP4 192.0.2.1 x 1 1\r\n',
      'PROXY TCP6 192.0.2.1 ::1 1 1\r\n',
      'PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n',
      'PROXY UDP4 192.0.2.1 198.51.100.1 1 1\r\n',
      'PROXY  TCP4 192.0.2.1 198.51.100.1 1 1\r\n',
      'PROXY TCP4 192.0.2.1 198.51.100.1 1 1\rx',
      'proxy TCP4 192.0.2.1 198.51.100.1 1 1\r\n',
    ];
    for (const line of wrong) expect(v1(line), line).toEqual([PROXY_MALFORMED, 'unset']);
  });
});

describe('PROXY protocol version 2', () => {
  const body4 = 'c0000201 c6336401 dc04 1b39';
  const body6 = `20010db8${'0'.repeat(23)}1 ${'0'.repeat(31)}1 dc04 1b39`;

  it('names the client and skips records behind the addresses', () => {
    expect(v2(`21 11 000c ${body4} 474554`)).toEqual([28, '192.0.2.1:56324']);
    expect(v2(`21 12 000c ${body4}`)).toEqual([28, '192.0.2.1:56324']);
    expect(v2(`21 11 0010 ${body4} 04000102 47`)).toEqual([32, '192.0.2.1:56324']);
    expect(v2(`21 21 0024 ${body6}`)).toEqual([52, '[2001:db8::1]:56324']);
  });

  it('takes LOCAL, unspecified and unix clients as no address', () => {
    expect(v2('20 00 0000')).toEqual([16, 'unset']);
    expect(v2(`20 11 000c ${body4}`)).toEqual([28, 'unset']);
    expect(v2('21 00 0000')).toEqual([16, 'unset']);
    expect(v2('21 00 0003 040000')).toEqual([19, 'unset']);
    expect(v2(`21 31 00d8 ${'61'.repeat(216)}`)).toEqual([232, 'unset']);
  });

  it('asks for more at every proper prefix', () => {
    const header = Buffer.from(`${V2}21210024${body6}`.replace(/\s/g, ''), 'hex');
    for (let length = 0; length < header.length; length++) {
      expect(decode(header, length)[0], `${length}`).toBe(PROXY_MORE);
    }
  });

  it('refuses malformed headers as soon as it sees them', () => {
    expect(v2('11 11 000c')[0]).toBe(PROXY_MALFORMED);
    expect(v2('22 11 000c')[0]).toBe(PROXY_MALFORMED);
    expect(v2('21 41 000c')[0]).toBe(PROXY_MALFORMED);
    expect(v2('21 13 000c')[0]).toBe(PROXY_MALFORMED);
    expect(v2('21 11 000b')[0]).toBe(PROXY_MALFORMED);
    expect(v2('21 21 0023')[0]).toBe(PROXY_MALFORMED);
    expect(v2('21 11 ffff')[0]).toBe(PROXY_MALFORMED);
    expect(decode(Buffer.from('0d0a0d0a00ff', 'hex'))[0]).toBe(PROXY_MALFORMED);
  });

  it('bounds the header', () => {
    const size = (PROXY_HEADER_BYTES_MAX - 16).toString(16).padStart(4, '0');
    const over = (PROXY_HEADER_BYTES_MAX - 15).toString(16).padStart(4, '0');
    expect(v2(`21 00 ${size}`)[0]).toBe(PROXY_MORE);
    expect(v2(`21 00 ${over}`)[0]).toBe(PROXY_MALFORMED);
  });
});
