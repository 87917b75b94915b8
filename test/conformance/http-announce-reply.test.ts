/** What an HTTP announce is answered (BEP 3, 7, 21, 23, 24, 31), over real sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bdict } from '../support/bdecode.js';
import { announcePorts, announceTarget, httpDict, httpDicts } from '../support/http-wire.js';
import { LOOPBACK6, unpackPeers } from '../support/peers.js';
import { failureOf, newHash, portRange, replyPeers, scrapeCounts } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start();
});
afterAll(async () => {
  await tracker?.remove();
});

async function get(target: string): Promise<Bdict> {
  return await httpDict(tracker.http4, target);
}

describe('numwant', () => {
  const hash = newHash();
  beforeAll(async () => {
    await announcePorts(tracker.http4, hash, portRange(8_000, 250));
  });
  const peersFor = async (numwant: string | number | undefined) =>
    replyPeers(await get(announceTarget(hash, { port: 7001, numwant }))).length;

  it.each([undefined, '', -1, -1_000])('%s gives the default of 50', async (numwant) => {
    expect(await peersFor(numwant)).toBe(50);
  });

  it('0 gives no peers', async () => {
    expect(await peersFor(0)).toBe(0);
  });

  it.each([1, 7, 199])('%i gives as many', async (numwant) => {
    expect(await peersFor(numwant)).toBe(numwant);
  });

  it.each([201, 100_000, '99999999999999999999'])('%s is cut to 200', async (numwant) => {
    expect(await peersFor(numwant)).toBe(200);
  });
});

describe('the peer list', () => {
  it.each([undefined, 0, 1])('is compact with compact=%s', async (compact) => {
    const hash = newHash();
    await get(announceTarget(hash, { port: 7001 }));
    const reply = await get(announceTarget(hash, { port: 7002, compact }));
    expect(reply.bytes('peers').toString('hex')).toBe('7f0000011b59');
  });

  it('is there even when it is empty, for both families', async () => {
    expect((await get(announceTarget(newHash()))).bytes('peers').length).toBe(0);
    const over6 = await httpDict(tracker.http6, announceTarget(newHash()));
    expect(over6.bytes('peers').length).toBe(0);
  });

  it('has IPv6 peers in peers6, 18 bytes each', async () => {
    const hash = newHash();
    await httpDict(tracker.http6, announceTarget(hash, { port: 7001 }));
    const reply = await httpDict(tracker.http6, announceTarget(hash, { port: 7002 }));
    expect(unpackPeers(reply.bytes('peers6'), 18)).toEqual([`[${LOOPBACK6}]:7001`]);
  });

  it('has both families in one reply, shared fairly within numwant', async () => {
    const hash = newHash();
    await announcePorts(tracker.http4, hash, portRange(8_000, 40));
    await announcePorts(tracker.http6, hash, portRange(9_000, 40));
    for (const server of [tracker.http4, tracker.http6]) {
      const reply = await httpDict(server, announceTarget(hash, { port: 7001, numwant: 20 }));
      expect(unpackPeers(reply.bytes('peers'), 6).length).toBe(10);
      expect(unpackPeers(reply.bytes('peers6'), 18).length).toBe(10);
    }
  });

  it('gives the share that one family cannot fill to the other', async () => {
    const hash = newHash();
    await announcePorts(tracker.http4, hash, portRange(8_000, 3));
    await announcePorts(tracker.http6, hash, portRange(9_000, 40));
    const reply = await get(announceTarget(hash, { port: 7001, numwant: 20 }));
    expect(unpackPeers(reply.bytes('peers'), 6).length).toBe(3);
    expect(unpackPeers(reply.bytes('peers6'), 18).length).toBe(17);
  });

  it('never holds the peer that asks', async () => {
    const hash = newHash();
    await announcePorts(tracker.http4, hash, portRange(8_000, 4));
    for (let round = 0; round < 20; round++) {
      const peers = replyPeers(await get(announceTarget(hash, { port: 8_001 })));
      expect(peers.sort()).toEqual(['127.0.0.1:8000', '127.0.0.1:8002', '127.0.0.1:8003']);
    }
  });

  it('holds no seeders when a seeder asks', async () => {
    const hash = newHash();
    await announcePorts(tracker.http4, hash, portRange(8_000, 5), { left: 0 });
    await announcePorts(tracker.http4, hash, portRange(8_100, 3));
    const reply = await get(announceTarget(hash, { port: 8_000, left: 0 }));
    expect(replyPeers(reply).sort()).toEqual(
      portRange(8_100, 3).map((port) => `127.0.0.1:${port}`),
    );
    expect([reply.int('complete'), reply.int('incomplete')]).toEqual([5, 3]);
  });

  it('is chosen at random: nobody is starved and nobody is always first', async () => {
    const hash = newHash();
    await announcePorts(tracker.http4, hash, portRange(8_000, 20));
    const target = announceTarget(hash, { port: 7001, numwant: 5 });
    const replies = await httpDicts(tracker.http4, Array(400).fill(target));
    const seen = new Map<string, number>();
    const first = new Map<string, number>();
    for (const peers of replies.map(replyPeers)) {
      expect(new Set(peers).size).toBe(5);
      first.set(peers[0], (first.get(peers[0]) ?? 0) + 1);
      for (const peer of peers) seen.set(peer, (seen.get(peer) ?? 0) + 1);
    }
    // 2,000 draws over 20 peers: 100 each and 20 times first are what chance gives.
    expect(seen.size).toBe(20);
    expect(Math.min(...seen.values())).toBeGreaterThan(30);
    expect(Math.max(...first.values())).toBeLessThan(80);
  });
});

describe('events', () => {
  it('stopped removes the peer and gets a valid reply without peers', async () => {
    const hash = newHash();
    await announcePorts(tracker.http4, hash, [7001, 7002]);
    const reply = await get(announceTarget(hash, { port: 7001, event: 'stopped' }));
    expect(replyPeers(reply)).toEqual([]);
    expect(reply.int('interval')).toBeGreaterThan(0);
    expect((await scrapeCounts(tracker.http4, hash)).incomplete).toBe(1);
  });

  it('stopped of an unknown peer is no error', async () => {
    const reply = await get(announceTarget(newHash(), { event: 'stopped' }));
    expect(reply.has('failure reason')).toBe(false);
  });

  it('completed is counted once per peer', async () => {
    const hash = newHash();
    const completed = announceTarget(hash, { port: 7001, event: 'completed', left: 0 });
    await get(announceTarget(hash, { port: 7001, event: 'started' }));
    for (let round = 0; round < 3; round++) await get(completed);
    expect(await scrapeCounts(tracker.http4, hash)).toMatchObject({ complete: 1, downloaded: 1 });
  });

  it('completed is counted only with left=0', async () => {
    const hash = newHash();
    await get(announceTarget(hash, { port: 7001, event: 'completed', left: 5 }));
    expect(await scrapeCounts(tracker.http4, hash)).toMatchObject({
      complete: 0,
      downloaded: 0,
      incomplete: 1,
    });
  });

  it('left=0 of a known leecher moves it to the seeders', async () => {
    const hash = newHash();
    await get(announceTarget(hash, { port: 7001, left: 1 }));
    const reply = await get(announceTarget(hash, { port: 7001, left: 0 }));
    expect([reply.int('complete'), reply.int('incomplete')]).toEqual([1, 0]);
  });

  it('paused makes a partial seed, which scrape leaves out of downloaders', async () => {
    const hash = newHash();
    await announcePorts(tracker.http4, hash, [7001, 7002, 7003]);
    await get(announceTarget(hash, { port: 7001, event: 'paused', left: 9 }));
    expect(await scrapeCounts(tracker.http4, hash)).toMatchObject({
      complete: 0,
      incomplete: 3,
      downloaders: 2,
    });
  });
});

describe('times', () => {
  it('interval varies by the jitter, and min interval is sent', async () => {
    const targets = Array.from({ length: 60 }, () => announceTarget(newHash()));
    const replies = await httpDicts(tracker.http4, targets);
    const intervals = replies.map((reply) => reply.int('interval'));
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(1_620);
    expect(Math.max(...intervals)).toBeLessThanOrEqual(1_980);
    expect(new Set(intervals).size).toBeGreaterThan(5);
    for (const reply of replies) expect(reply.int('min interval')).toBe(900);
  });
});

describe('failures', () => {
  it('come with HTTP 200, failure reason, retry in and interval', async () => {
    const reply = await get(announceTarget(newHash(), { info_hash: 'short' }));
    expect(failureOf(reply)).not.toBe('');
    expect(reply.text('retry in')).toBe('never');
    expect(reply.int('interval')).toBeGreaterThan(0);
    expect(reply.has('peers')).toBe(false);
  });
});

describe('further keys', () => {
  it('external ip is the raw address that the tracker saw', async () => {
    const over4 = await get(announceTarget(newHash()));
    expect(over4.bytes('external ip').toString('hex')).toBe('7f000001');
    const over6 = await httpDict(tracker.http6, announceTarget(newHash()));
    expect(over6.bytes('external ip').toString('hex')).toBe(`${'00'.repeat(15)}01`);
  });

  it('tracker id is echoed where given and never required', async () => {
    const given = await get(announceTarget(newHash(), { trackerid: 'a%20b%ff' }));
    expect(given.text('tracker id')).toBe('a b\xff');
    expect((await get(announceTarget(newHash()))).has('tracker id')).toBe(false);
  });
});
