import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
} from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeBencode } from '../protocol/bencode/encode.js';
import { HttpAnnounceRequest, parseAnnounceQuery } from '../protocol/http/announce-query.js';
import { BODY_BYTES_MAX } from './http-fetch.js';
import type { AnnounceOptions } from './tracker-answer.js';
import { announce, parseTrackerUrl, scrape } from './tracker-client.js';

const servers: (Server | TcpServer)[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server | TcpServer, path: string): Promise<URL> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return parseTrackerUrl(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const trackerUrl = (handler: Handler, path = '/announce') => listen(createServer(handler), path);
const answering = (body: Uint8Array | string, status = 200) =>
  trackerUrl((_, response) => response.writeHead(status).end(body));

const options: AnnounceOptions = {
  infoHash: Uint8Array.from({ length: 20 }, (_, i) => i * 13),
  peerId: Buffer.from('-TB0001-~a.b_c&=?%+ '),
  port: 6881,
  timeoutMs: 10_000,
};

describe('the HTTP client', () => {
  it('says everything that the announce asks for, behind the query that the URL has', async () => {
    let target = '';
    const url = await trackerUrl((request, response) => {
      target = request.url ?? '';
      response.end(encodeBencode({ interval: 1, peers: '' }));
    }, '/announce?passkey=abc');
    await announce(url, {
      ...options,
      event: 'paused',
      left: 0,
      numwant: 9,
      ip: '2001:db8::1',
      trackerId: 'a b&c',
    });
    expect(target.startsWith('/announce?passkey=abc&info_hash=')).toBe(true);
    const bytes = Buffer.from(target, 'latin1');
    const request = new HttpAnnounceRequest();
    expect(parseAnnounceQuery(bytes, 10, bytes.length, request)).toBe(0);
    expect(request).toMatchObject({ event: 4, leftIsZero: true, numwant: 9, port: 6881 });
    expect(request.infoHash).toEqual(options.infoHash);
    expect(request.claimed6.toString()).toBe('[2001:db8::1]:0');
    const trackerId = Buffer.from(request.trackerId.subarray(0, request.trackerIdLength));
    expect(trackerId.toString()).toBe('a b&c');
  });

  it('reads a full answer, peers of both families', async () => {
    const url = await answering(
      encodeBencode({
        complete: 1,
        downloaded: 3,
        'external ip': Uint8Array.of(192, 0, 2, 9),
        incomplete: 2,
        interval: 1800,
        'min interval': 900,
        peers: Uint8Array.of(192, 0, 2, 1, 0x1a, 0xe1),
        peers6: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80),
        'tracker id': 'x',
        'warning message': 'slow down',
      }),
    );
    expect(await announce(url, options)).toEqual({
      intervalSeconds: 1800,
      minIntervalSeconds: 900,
      seeders: 1,
      leechers: 2,
      downloads: 3,
      externalIp: '192.0.2.9',
      trackerId: 'x',
      warning: 'slow down',
      peers: [
        { ip: '192.0.2.1', port: 6881 },
        { ip: '2001:db8::1', port: 80 },
      ],
    });
  });

  it.each(['gzip', 'X-GZip'])(
    'reads peers as dictionaries, keys out of order, and a body in %s',
    async (coding) => {
      const body = 'd5:peersld4:porti80e2:ip9:192.0.2.1ee8:intervali60ee';
      const url = await trackerUrl((_, response) => {
        response.setHeader('content-encoding', coding).end(gzipSync(body));
      });
      const { intervalSeconds, peers } = await announce(url, options);
      expect([intervalSeconds, peers]).toEqual([60, [{ ip: '192.0.2.1', port: 80 }]]);
    },
  );

  it('reports what the tracker refuses, whatever the status', async () => {
    const refusal = (retry: number | string) =>
      encodeBencode({ 'failure reason': 'go away', 'retry in': retry });
    await expect(announce(await answering(refusal('never')), options)).rejects.toMatchObject({
      code: 'trackerFailure',
      refusal: { reason: 'go away', retryIn: 'never' },
    });
    await expect(announce(await answering(refusal(5), 403), options)).rejects.toMatchObject({
      code: 'trackerFailure',
      refusal: { retryIn: 5 },
    });
  });

  it('refuses answers that are none', async () => {
    const bodies = [
      '',
      '<html>',
      'i1e',
      'de',
      encodeBencode({ interval: 1, peers: 'abc' }),
      encodeBencode({ interval: 1, peers: 1 }),
      encodeBencode({ interval: 1, peers: [{ ip: 'x' }] }),
      encodeBencode({ interval: 1, peers: '', rest: Buffer.alloc(BODY_BYTES_MAX) }),
    ];
    for (const body of bodies) {
      const answer = announce(await answering(body), options);
      await expect(answer).rejects.toMatchObject({ code: 'answerInvalid' });
    }
    const missing = announce(await answering('not found', 404), options);
    await expect(missing).rejects.toMatchObject({ code: 'httpStatus' });
  });

  it('unpacks no more than it would read', async () => {
    const url = await trackerUrl((_, response) => {
      response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(9 * 1024 * 1024)));
    });
    await expect(announce(url, options)).rejects.toMatchObject({ code: 'answerInvalid' });
  });

  it('follows three redirects and no fourth', async () => {
    const hopping = (hops: number) =>
      trackerUrl((request, response) => {
        const hop = Number(new URL(request.url ?? '', 'http://x').searchParams.get('hop') ?? '0');
        if (hop === hops) response.end(encodeBencode({ interval: 7, peers: '' }));
        else response.writeHead(302, { location: `/other?hop=${hop + 1}` }).end();
      });
    expect((await announce(await hopping(3), options)).intervalSeconds).toBe(7);
    const tooMany = announce(await hopping(4), options);
    await expect(tooMany).rejects.toMatchObject({ code: 'answerInvalid' });
  });

  it('follows redirects to the web only', async () => {
    for (const location of ['file:///etc/passwd', 'ftp://127.0.0.1/', 'http://']) {
      const url = await trackerUrl((_, response) => response.writeHead(301, { location }).end());
      await expect(announce(url, options)).rejects.toMatchObject({ code: 'answerInvalid' });
    }
  });

  it('gives up on a server that is silent, and on one that dawdles', async () => {
    const silent = await trackerUrl(() => {});
    const quick = { ...options, timeoutMs: 100 };
    await expect(announce(silent, quick)).rejects.toMatchObject({ code: 'timedOut' });
    const slow = await trackerUrl((_, response) => response.write('d'));
    await expect(announce(slow, quick)).rejects.toMatchObject({ code: 'timedOut' });
  });

  it('tells a wrong family, refused, broken and nonsensical connections apart', async () => {
    const gone = await answering('');
    const [server] = servers.splice(0);
    server.close();
    await once(server, 'close');
    await expect(announce(gone, options)).rejects.toMatchObject({ code: 'refused' });
    const wrong = announce(gone, { ...options, family: 6 });
    await expect(wrong).rejects.toMatchObject({ code: 'unresolved' });
    const broken = await listen(
      createTcpServer((socket) => socket.destroy()),
      '/announce',
    );
    await expect(announce(broken, options)).rejects.toMatchObject({ code: 'disconnected' });
    const noise = await listen(
      createTcpServer((socket) => socket.end('hello\r\n')),
      '/announce',
    );
    await expect(announce(noise, options)).rejects.toMatchObject({ code: 'answerInvalid' });
    const other = await listen(
      createTcpServer((socket) =>
        socket.end('HTTP/1.1 101 Other\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
      ),
      '/announce',
    );
    await expect(announce(other, options)).rejects.toMatchObject({ code: 'answerInvalid' });
  });
});

describe('scraping over HTTP', () => {
  const a = new Uint8Array(20).fill(0x61);
  const b = new Uint8Array(20).fill(0xff);

  it('asks the scrape URL that belongs to the announce URL', async () => {
    const targets: string[] = [];
    const handler: Handler = (request, response) => {
      targets.push(request.url ?? '');
      const entry = { complete: 1, downloaded: 2, downloaders: 3, incomplete: 4 };
      response.end(encodeBencode({ files: { ['a'.repeat(20)]: entry } }));
    };
    const answer = await scrape(await trackerUrl(handler, '/x/announce.php?k=1'), [b, a]);
    expect(answer.entries).toEqual([
      { infoHash: b },
      { infoHash: a, seeders: 1, downloads: 2, downloaders: 3, leechers: 4 },
    ]);
    await scrape(await trackerUrl(handler, '/scrape'), [a]);
    expect(targets).toEqual([
      `/x/scrape.php?k=1&info_hash=${'%ff'.repeat(20)}&info_hash=${'a'.repeat(20)}`,
      `/scrape?info_hash=${'a'.repeat(20)}`,
    ]);
  });

  it('refuses URLs without a scrape convention, and answers without swarms', async () => {
    const wrong = scrape(parseTrackerUrl('http://127.0.0.1:1/tracker'), [a]);
    await expect(wrong).rejects.toMatchObject({ code: 'urlInvalid' });
    const empty = scrape(await answering(encodeBencode({ files: 1 })), [a]);
    await expect(empty).rejects.toMatchObject({ code: 'answerInvalid' });
  });
});

describe('parseTrackerUrl', () => {
  it('takes the three schemes of trackers and no other', () => {
    for (const text of ['http://a/announce', 'https://a', 'udp://[::1]:6969']) {
      expect(parseTrackerUrl(text).protocol).toBe(text.slice(0, text.indexOf(':') + 1));
    }
    for (const text of ['', 'a', 'ws://a', 'file:///x', 'udp:///x', 'http://', 'udp://a:99999']) {
      expect(() => parseTrackerUrl(text), text).toThrow(/'/);
    }
  });
});
