import { describe, expect, it } from 'vitest';
import { Prng, testSeed } from '../../lib/prng.js';
import { HeadResult, RequestHead } from './request-head.js';

const CLIENT =
  'GET /announce?info_hash=%01&port=1 HTTP/1.1\r\nHost: t:6969\r\nUser-Agent: Transmission/3.00\r\n' +
  'Accept: */*\r\nAccept-Encoding: deflate, gzip\r\n\r\n';

function parse(text: string) {
  const head = new RequestHead();
  const bytes = Buffer.from(text, 'latin1');
  const result = head.parse(bytes, 0, bytes.length);
  const target = bytes.toString('latin1', head.targetStart, head.targetEnd);
  return { result, target, end: head.end, keepAlive: head.keepAlive };
}

describe('request head', () => {
  it('reads what a client sends', () => {
    expect(parse(CLIENT)).toEqual({
      result: HeadResult.plain,
      target: '/announce?info_hash=%01&port=1',
      end: CLIENT.length,
      keepAlive: true,
    });
  });

  it('reads the first of several, and says where the next begins', () => {
    expect(parse(`${CLIENT}GET /x HTTP/1.0\r\n\r\n`).end).toBe(CLIENT.length);
  });

  it('is incomplete at every byte before the last', () => {
    for (let length = 0; length < CLIENT.length; length++) {
      expect(parse(CLIENT.slice(0, length)).result, `length ${length}`).toBe(HeadResult.incomplete);
    }
  });

  it('keeps connections as version and header say', () => {
    const keeps = (version: string, header: string) =>
      parse(`GET / HTTP/1.${version}\r\n${header}\r\n`).keepAlive;
    expect(keeps('1', '')).toBe(true);
    expect(keeps('1', 'Connection: close\r\n')).toBe(false);
    expect(keeps('1', 'connection:CLOSE \t\r\n')).toBe(false);
    expect(keeps('0', '')).toBe(false);
    expect(keeps('0', 'Connection: Keep-Alive\r\n')).toBe(true);
  });

  it.each([
    ['another method', 'POST / HTTP/1.1\r\n\r\n'],
    ['HEAD', 'HEAD / HTTP/1.1\r\n\r\n'],
    ['an absolute target', 'GET http://t/announce HTTP/1.1\r\n\r\n'],
    ['HTTP/2', 'GET / HTTP/2.0\r\n\r\n'],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['two spaces', 'GET /  HTTP/1.1\r\n\r\n'],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: t\n\n'],
    ['a body', 'GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n'],
    ['a chunked body', 'GET / HTTP/1.1\r\ntransfer-Encoding: chunked\r\n\r\n'],
    ['an upgrade', 'GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'],
    ['several connection options', 'GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\n\r\n'],
    [
      'two connection headers',
      'GET / HTTP/1.1\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n',
    ],
    ['a proxy in between', 'GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n'],
    ['an expectation', 'GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n'],
    ['a folded header', 'GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n'],
    ['a header without a name', 'GET / HTTP/1.1\r\n: b\r\n\r\n'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nabc\r\n\r\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nA : b\r\n\r\n'],
    ['a zero byte', 'GET / HTTP/1.1\r\nA: b\0\r\n\r\n'],
    ['a carriage return within a value', 'GET / HTTP/1.1\r\nA: b\rc\r\n\r\n'],
    ['binary', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('leaves %s to others', (_what, text) => {
    expect(parse(text).result).toBe(HeadResult.unusual);
  });

  const seed = testSeed();
  it(`stays within its bytes whatever they are (seed ${seed})`, () => {
    const random = new Prng(seed);
    const head = new RequestHead();
    const good = Buffer.from(CLIENT, 'latin1');
    for (let i = 0; i < 50_000; i++) {
      const bytes = Buffer.from(good);
      for (let flips = random.below(4); flips >= 0; flips--) {
        bytes[random.below(bytes.length)] = random.next();
      }
      const limit = random.below(bytes.length + 1);
      const result = head.parse(bytes, 0, limit);
      if (result === HeadResult.plain) {
        expect(head.end, `seed ${seed}, input ${i}`).toBeLessThanOrEqual(limit);
        expect(head.targetEnd).toBeGreaterThan(head.targetStart);
      }
    }
  });
});
