/** HTTP itself: versions, keep-alive, pipelining, methods, paths and bounds, over real sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bdecodeDict } from '../support/bdecode.js';
import { announceTarget, HttpWire, httpDict, httpGet, scrapeTarget } from '../support/http-wire.js';
import { failureOf, newHash, replyPeers } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

const SHORT_TIMEOUT_SECONDS = 2;
const HASH = Buffer.from('abcdefghijklmnopqrst');

let tracker: TrackerProcess;
const open: HttpWire[] = [];
beforeAll(async () => {
  const http = { requestTimeoutSeconds: SHORT_TIMEOUT_SECONDS, keepAliveSeconds: 20 };
  tracker = await TrackerProcess.start({ config: { http } });
});
afterAll(async () => {
  for (const wire of open) wire.close();
  await tracker?.remove();
});

async function connected(): Promise<HttpWire> {
  const wire = await HttpWire.open(tracker.http4);
  open.push(wire);
  return wire;
}

function request(target: string, version = '1.1', ...headers: string[]): string {
  return `${[`GET ${target} HTTP/${version}`, 'Host: tracker', ...headers].join('\r\n')}\r\n\r\n`;
}

describe('HTTP/1.0', () => {
  it('closes after the reply', async () => {
    const wire = await connected();
    wire.send(`GET ${announceTarget(newHash())} HTTP/1.0\r\n\r\n`);
    expect((await wire.reply()).status).toBe(200);
    expect((await wire.closed()).length).toBe(0);
  });

  it('keeps alive when asked', async () => {
    const wire = await connected();
    for (let round = 0; round < 3; round++) {
      wire.send(request(announceTarget(newHash()), '1.0', 'Connection: keep-alive'));
      const reply = await wire.reply();
      expect(reply.headers.get('connection')?.toLowerCase()).toBe('keep-alive');
    }
  });
});

describe('HTTP/1.1', () => {
  it('keeps alive unless told', async () => {
    const wire = await connected();
    for (let round = 0; round < 3; round++) {
      wire.send(request(announceTarget(newHash())));
      expect((await wire.reply()).status).toBe(200);
    }
  });

  it('closes when told', async () => {
    const wire = await connected();
    wire.send(request(announceTarget(newHash()), '1.1', 'Connection: close'));
    expect((await wire.reply()).status).toBe(200);
    await wire.closed();
  });

  it('answers pipelined requests in order', async () => {
    const wire = await connected();
    const hash = newHash();
    const ports = [8001, 8002, 8003, 8004, 8005, 8006, 8007, 8008];
    wire.send(ports.map((port) => request(announceTarget(hash, { port }))).join(''));
    const counts: number[] = [];
    for (const _ of ports) counts.push(replyPeers(bdecodeDict((await wire.reply()).body)).length);
    expect(counts).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('takes a request in single bytes', async () => {
    const wire = await connected();
    for (const character of request(announceTarget(newHash()))) wire.send(character);
    expect((await wire.reply()).status).toBe(200);
  });

  it('accepts an absolute target', async () => {
    const target = `http://tracker.example${announceTarget(newHash())}`;
    expect((await httpDict(tracker.http4, target)).has('peers')).toBe(true);
  });
});

describe('a reply', () => {
  it.each([announceTarget(HASH), scrapeTarget([HASH]), '/announce', '/nothing'])(
    'carries Content-Length: %s',
    async (target) => {
      const reply = await httpGet(tracker.http4, target);
      expect(Number(reply.headers.get('content-length'))).toBe(reply.body.length);
    },
  );

  it('is not spoiled by bytes after a complete request', async () => {
    const wire = await connected();
    wire.send(`${request(announceTarget(newHash()))}\x00\xffgarbage\r\n\r\n`);
    const reply = await wire.reply();
    expect(reply.status).toBe(200);
    expect(bdecodeDict(reply.body).has('peers')).toBe(true);
    await wire.closed();
  });

  it('to HEAD has the headers of GET and no body', async () => {
    const wire = await connected();
    wire.send(request(scrapeTarget([newHash()])).replace('GET', 'HEAD'));
    const reply = await wire.reply({ head: true });
    expect(reply.status).toBe(200);
    expect(Number(reply.headers.get('content-length'))).toBeGreaterThan(0);
    wire.send(request(announceTarget(newHash())));
    expect((await wire.reply()).status).toBe(200);
  });
});

describe('what is refused', () => {
  it.each(['/', '/announces', '/announc', '/x/announce', '/announce.php', '/favicon.ico'])(
    '%s is 404',
    async (target) => {
      expect((await httpGet(tracker.http4, target)).status).toBe(404);
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is 405 with Allow', async (method) => {
    const wire = await connected();
    const text = request(
      announceTarget(newHash()),
      '1.1',
      'Content-Length: 0',
      'Connection: close',
    );
    wire.send(text.replace('GET', method));
    const reply = await wire.reply();
    expect(reply.status).toBe(405);
    expect(reply.headers.get('allow')).toMatch(/GET/);
  });

  it('a request line or headers over the bound are refused and the connection closed', async () => {
    for (const text of [
      request(`${announceTarget(newHash())}&x=${'x'.repeat(20_000)}`),
      request(announceTarget(newHash()), '1.1', `X-Long: ${'x'.repeat(20_000)}`),
    ]) {
      const wire = await connected();
      wire.send(text);
      expect([400, 414, 431]).toContain((await wire.reply()).status);
      await wire.closed();
    }
  });

  it('a missing query is a failure, not an error', async () => {
    expect(failureOf(await httpDict(tracker.http4, '/announce'))).toMatch(/info_hash/);
  });
});

describe('slow senders', () => {
  it('time out without holding others', async () => {
    const slow = await connected();
    slow.send('GET /announce?info_hash=');
    const startedMs = performance.now();
    expect((await httpGet(tracker.http4, announceTarget(newHash()))).status).toBe(200);
    expect(performance.now() - startedMs).toBeLessThan(1_500);
    const rest = (await slow.closed(30_000)).toString('latin1');
    expect(rest === '' || rest.startsWith('HTTP/1.1 408')).toBe(true);
  });
});
