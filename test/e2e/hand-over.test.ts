import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { until } from '../support/deadline.js';
import { announceTarget, HttpWire, httpGet } from '../support/http-wire.js';
import { newHash } from '../support/swarms.js';
import { type LogLine, TrackerProcess } from '../support/tracker-process.js';
import { binaryText, offers, WebClient } from '../support/web-client.js';

let tracker: TrackerProcess | undefined;
afterEach(async () => {
  await tracker?.remove();
  tracker = undefined;
});

/** Descriptors that the tracker of the last test may have. */
const DESCRIPTORS = 200;
const LIMITED = ['sh', '-c', `ulimit -n ${DESCRIPTORS} && exec "$@"`, 'sh'];

function descriptors(): number {
  return readdirSync(`/proc/${tracker?.child.pid}/fd`).length;
}

function threads(): number {
  return readdirSync(`/proc/${tracker?.child.pid}/task`).length;
}

describe('the thread of the portable HTTP server beside fast workers', () => {
  it('starts with the first connection that is handed over, and once', async () => {
    tracker = await TrackerProcess.start({ config: { io: 'fast', websocket: { workers: 1 } } });
    const { host, port } = tracker.http4;
    const before = threads();
    expect((await httpGet(tracker.http4, announceTarget(newHash()))).status).toBe(200);
    expect(threads()).toBe(before);
    const post = () => fetch(`http://${host}:${port}/announce`, { method: 'POST' });
    const posts = async () => {
      const replies = await Promise.all(Array.from({ length: 8 }, post));
      expect(replies.map(({ status }) => status)).toEqual(Array(8).fill(405));
    };
    await posts();
    const after = threads();
    expect(after).toBeGreaterThan(before);
    await posts();
    expect(threads()).toBe(after);
  });

  it('counts no connection that another thread has accepted', async () => {
    tracker = await TrackerProcess.start({ config: { io: 'fast' } });
    const headers = ['X-Forwarded-For: 192.0.2.1'];
    await httpGet(tracker.http4, announceTarget(newHash()));
    for (let i = 0; i < 5; i++)
      await httpGet(tracker.http4, announceTarget(newHash()), { headers });
    const { http } = (await tracker.adminJson('/stats.json')) as { http: Record<string, number> };
    expect(http).toMatchObject({ requests: 6, connectionsTotal: 6 });
  });

  it('is one of several: each starts when it is its turn, and their peers meet', async () => {
    const config = { io: 'fast', workers: 1, websocket: { workers: 3 } };
    tracker = await TrackerProcess.start({ config });
    const url = `ws://${formatAddressPort(tracker.http4)}/announce`;
    const clients = [await WebClient.connect(url)];
    const first = threads();
    for (let i = 0; i < 5; i++) clients.push(await WebClient.connect(url));
    expect(threads()).toBeGreaterThanOrEqual(first + 2);
    const infoHash = binaryText();
    for (const client of clients) await client.announce(infoHash);
    const [maker, ...others] = clients;
    const waiting = new Set(others);
    // Threads that have just started may not know each other yet: such an offer comes to nothing.
    for (let round = 0; waiting.size > 0; round++) {
      expect(round).toBeLessThan(100);
      await maker.announce(infoHash, { offers: offers(others.length) });
      for (const other of waiting) {
        // Whatever of it went to this one's thread is there before this reply, or soon.
        await other.announce(infoHash);
        const offer = other.inbox.find((message) => 'offer' in message);
        if (offer === undefined) continue;
        expect(offer.peer_id).toBe(maker.peerId);
        other.reply(offer);
        expect((await maker.answer()).peer_id).toBe(other.peerId);
        waiting.delete(other);
      }
    }
    for (const client of clients) client.socket.terminate();
  });

  it('gives a request on a connection that was handed over no more time than any', async () => {
    tracker = await TrackerProcess.start({
      config: { io: 'fast', http: { requestTimeoutSeconds: 1 } },
    });
    const wire = await HttpWire.open(tracker.http4);
    wire.send('HEAD / HTTP/1.1\r\nHost: t\r\n\r\nGET /announce HTTP/1.1\r\nHost:');
    expect((await wire.reply({ head: true })).status).toBe(404);
    expect((await wire.reply({ limitMs: 30_000 })).status).toBe(408);
    wire.close();
  });

  it('may not start for want of descriptors: plain clients are served, and it tries again', async () => {
    const config = {
      io: 'fast',
      workers: 1,
      http: { requestTimeoutSeconds: 300, keepAliveSeconds: 300 },
    };
    tracker = await TrackerProcess.start({ config, prefix: LIMITED });
    const { http4 } = tracker;
    const [unusual, plain] = [await HttpWire.open(http4), await HttpWire.open(http4)];
    // The system completes the connections that the tracker has no descriptors for.
    const others = await Promise.all(
      Array.from({ length: DESCRIPTORS }, () => HttpWire.open(http4)),
    );
    const isFull = () => (descriptors() >= DESCRIPTORS ? true : undefined);
    await until(isFull, 10_000, `${DESCRIPTORS} descriptors`);
    unusual.send('POST /announce HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n');
    const isRetried = ({ msg }: LogLine) => msg?.endsWith('trying again') === true;
    await tracker.waitForLog(isRetried, 10_000, 'the failed start');
    plain.send(`GET ${announceTarget(newHash())} HTTP/1.1\r\nHost: t\r\n\r\n`);
    expect((await plain.reply()).status).toBe(200);
    for (const wire of others) wire.close();
    expect((await unusual.reply({ limitMs: 30_000 })).status).toBe(405);
  });
});
