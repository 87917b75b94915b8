import { describe, expect, it } from 'vitest';
import { HttpAnnounceRequest, parseAnnounceQuery } from '../protocol/http/announce-query.js';
import { parseScrapeQuery } from '../protocol/http/scrape-query.js';
import { Crowd } from './crowd.js';
import {
  countPeers,
  failureText,
  HTTP_REQUEST_BYTES_MAX,
  HttpReplyHead,
  HttpRequestWriter,
} from './http-wire.js';
import { infoHashText } from './torrent-names.js';

function crowdOf(scrapes = 0): Crowd {
  return new Crowd({
    torrents: 40,
    peers: 100,
    zipf: 0,
    seeders: 0.5,
    scrapes,
    scrapeHashes: 74,
    churn: 0.3,
    seed: 3,
    sources: 1,
  });
}

const options = {
  url: new URL('http://tracker.example:6969/announce'),
  seed: 3,
  numwant: 30,
  close: false,
};

/** Writes one request, and takes its target out of it. */
function write(crowd: Crowd, changed: Partial<typeof options> = {}) {
  const out = new Uint8Array(HTTP_REQUEST_BYTES_MAX);
  const length = new HttpRequestWriter({ ...options, ...changed }).write(out, crowd);
  const text = Buffer.from(out.subarray(0, length)).toString('latin1');
  const [method, target, version] = text.split('\r\n', 1)[0].split(' ');
  return { text, method, target, version, bytes: Buffer.from(target, 'latin1') };
}

describe('HttpRequestWriter', () => {
  it('writes announces that the tracker reads as they were meant', () => {
    const crowd = crowdOf();
    const request = new HttpAnnounceRequest();
    for (let i = 0; i < 300; i++) {
      crowd.next(0);
      const { bytes, target, method, version, text } = write(crowd);
      expect([method, version]).toEqual(['GET', 'HTTP/1.1']);
      expect(text.endsWith('\r\n\r\n')).toBe(true);
      expect(text).toContain('\r\nHost: tracker.example:6969\r\n');
      const query = target.indexOf('?') + 1;
      expect(parseAnnounceQuery(bytes, query, bytes.length, request)).toBe(0);
      expect(Buffer.from(request.infoHash).toString('hex')).toBe(infoHashText(3, crowd.torrent));
      expect(request).toMatchObject({
        port: crowd.port,
        numwant: 30,
        leftIsZero: crowd.isSeeder,
        event: crowd.event,
      });
    }
  });

  it('writes scrapes of many torrents to the path that goes with announce', () => {
    const crowd = crowdOf(1);
    crowd.next(0);
    const { bytes, target } = write(crowd, { url: new URL('http://h:1/x/announce.php?key=1') });
    expect(target.startsWith('/x/scrape.php?key=1&info_hash=')).toBe(true);
    const hashes = new Uint8Array(20 * 74);
    const count = parseScrapeQuery(bytes, target.indexOf('?') + 1, bytes.length, hashes);
    expect(count).toBe(new Set(crowd.scraped).size);
  });

  it('asks for the connection to be closed only where that is wanted', () => {
    const crowd = crowdOf();
    crowd.next(0);
    expect(write(crowd).text).not.toContain('Connection');
    expect(write(crowd, { close: true }).text).toContain('\r\nConnection: close\r\n');
    expect(write(crowd, { url: new URL('http://h:1') }).target).toMatch(/^\/announce\?/);
  });
});

describe('HttpReplyHead', () => {
  const reply = 'HTTP/1.1 200 OK\r\nServer: x\r\ncOnTent-Length:  17\r\n\r\nd8:intervali1800ee';

  it('is complete with the empty line, not before', () => {
    const bytes = Buffer.from(reply);
    const end = reply.indexOf('\r\n\r\n') + 4;
    const head = new HttpReplyHead();
    for (let length = 0; length < end; length++) expect(head.read(bytes, length)).toBe(false);
    for (let length = end; length <= bytes.length; length++) {
      expect(head.read(bytes, length)).toBe(true);
      expect(head).toMatchObject({ headBytes: end, status: 200, contentLength: 17, closes: false });
    }
  });

  it.each([
    ['HTTP/1.0 200 OK\r\n\r\n', { status: 200, contentLength: -1, closes: true }],
    ['HTTP/1.1 404 Not Found\nContent-Length: 0\n\n', { status: 404, contentLength: 0 }],
    ['HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n', { closes: true }],
    ['junk\r\n\r\n', { status: 0 }],
  ])('reads %j', (text, expected) => {
    const head = new HttpReplyHead();
    expect(head.read(Buffer.from(text), text.length)).toBe(true);
    expect(head).toMatchObject(expected);
  });
});

describe('bodies', () => {
  it('are looked through for a failure and for peers', () => {
    expect(failureText(Buffer.from('d14:failure reason9:not todaye'))).toBe('not today');
    expect(failureText(Buffer.from('d8:intervali1800ee'))).toBeUndefined();
    expect(failureText(new Uint8Array(0))).toBeUndefined();
    expect(countPeers(Buffer.from(`d5:peers12:${'x'.repeat(12)}e`))).toBe(2);
    expect(countPeers(Buffer.from('d5:filesdee'))).toBe(0);
  });
});
