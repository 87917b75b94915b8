/** Announces over UDP (BEP 15, 41), over real sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { announceTarget, httpDict } from '../support/http-wire.js';
import { LOOPBACK6 } from '../support/peers.js';
import { newHash, portRange, replyPeers, scrapeCounts } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';
import {
  announcePacket,
  connectedWire,
  decodeAnnounceReply,
  errorText,
  UdpEvent,
  type UdpWire,
} from '../support/udp-wire.js';

let tracker: TrackerProcess;
let wire: UdpWire;
let wire6: UdpWire;
beforeAll(async () => {
  tracker = await TrackerProcess.start();
  wire = await connectedWire(tracker.udp4);
  wire6 = await connectedWire(tracker.udp6);
});
afterAll(async () => {
  wire?.close();
  wire6?.close();
  await tracker?.remove();
});

async function announcePorts(
  over: UdpWire,
  infoHash: Buffer,
  ports: readonly number[],
  left = 1n,
): Promise<void> {
  for (const port of ports) await over.announce({ infoHash, port, left });
}

describe('the reply', () => {
  it('is action, transaction, interval, leechers, seeders, peers', async () => {
    const hash = newHash();
    await announcePorts(wire, hash, [7001, 7002], 0n);
    const packet = announcePacket(wire.id, 0xcafef00d, { infoHash: hash, port: 7003 });
    const bytes = await wire.ask(packet);
    expect(bytes.readUInt32BE(4)).toBe(0xcafef00d);
    const reply = decodeAnnounceReply(bytes, 6);
    expect([reply.leechers, reply.seeders]).toEqual([1, 2]);
    expect(reply.intervalSeconds).toBeGreaterThanOrEqual(1_620);
    expect(reply.intervalSeconds).toBeLessThanOrEqual(1_980);
    expect([...reply.peers].sort()).toEqual(['127.0.0.1:7001', '127.0.0.1:7002']);
  });

  it('has peers of 18 bytes over IPv6', async () => {
    const hash = newHash();
    await announcePorts(wire6, hash, [7001, 7002]);
    const reply = await wire6.announce({ infoHash: hash, port: 7003 });
    expect(reply.packetBytes).toBe(20 + 2 * 18);
    expect([...reply.peers].sort()).toEqual([`[${LOOPBACK6}]:7001`, `[${LOOPBACK6}]:7002`]);
  });

  it('has peers of the family of the packet only, and counts both', async () => {
    const hash = newHash();
    await announcePorts(wire, hash, [7001]);
    await announcePorts(wire6, hash, [7002]);
    const over4 = await wire.announce({ infoHash: hash, port: 7003 });
    expect(over4.peers).toEqual(['127.0.0.1:7001']);
    const over6 = await wire6.announce({ infoHash: hash, port: 7004 });
    expect(over6.peers).toEqual([`[${LOOPBACK6}]:7002`]);
    expect(over6.leechers).toBe(4);
  });

  it('holds 200 IPv4 peers at most, within 1,220 bytes', async () => {
    const hash = newHash();
    await announcePorts(wire, hash, portRange(8_000, 210));
    const reply = await wire.announce({ infoHash: hash, port: 7001, numwant: 1_000 });
    expect(reply.peers.length).toBe(200);
    expect(new Set(reply.peers).size).toBe(200);
    expect(reply.packetBytes).toBeLessThanOrEqual(1_220);
  });

  it('holds 66 IPv6 peers at most, within 1,220 bytes', async () => {
    const hash = newHash();
    await announcePorts(wire6, hash, portRange(8_000, 80));
    const reply = await wire6.announce({ infoHash: hash, port: 7001, numwant: 1_000 });
    expect(reply.peers.length).toBe(66);
    expect(new Set(reply.peers).size).toBe(66);
    expect(reply.packetBytes).toBeLessThanOrEqual(1_220);
  });
});

describe('numwant', () => {
  const hash = newHash();
  beforeAll(async () => {
    await announcePorts(wire, hash, portRange(8_000, 80));
  });

  it.each([
    [-1, 50],
    [-2_147_483_648, 50],
    [0, 0],
    [1, 1],
    [60, 60],
  ])('%i gives %i peers', async (numwant, count) => {
    const reply = await wire.announce({ infoHash: hash, port: 8_000, numwant });
    expect(reply.peers.length).toBe(count);
    expect(reply.peers).not.toContain('127.0.0.1:8000');
  });
});

describe('peer choice', () => {
  it('gives a seeder no seeders', async () => {
    const hash = newHash();
    await announcePorts(wire, hash, portRange(8_000, 5), 0n);
    await announcePorts(wire, hash, [8_100]);
    const reply = await wire.announce({ infoHash: hash, port: 8_001, left: 0n });
    expect(reply.peers).toEqual(['127.0.0.1:8100']);
  });

  it('starves nobody and puts nobody always first', async () => {
    const hash = newHash();
    await announcePorts(wire, hash, portRange(8_000, 20));
    const seen = new Map<string, number>();
    const first = new Map<string, number>();
    for (let round = 0; round < 400; round++) {
      const { peers } = await wire.announce({ infoHash: hash, port: 7001, numwant: 5 });
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
  it('stopped removes the peer and gets no peers', async () => {
    const hash = newHash();
    await announcePorts(wire, hash, [7001, 7002]);
    const reply = await wire.announce({ infoHash: hash, port: 7001, event: UdpEvent.stopped });
    expect(reply.peers).toEqual([]);
    expect(await wire.scrape([hash])).toEqual([{ seeders: 0, completed: 0, leechers: 1 }]);
  });

  it('completed is counted once per peer, and only with nothing left', async () => {
    const hash = newHash();
    await announcePorts(wire, hash, [7001, 7002]);
    const completed = { infoHash: hash, event: UdpEvent.completed };
    for (let round = 0; round < 3; round++)
      await wire.announce({ ...completed, port: 7001, left: 0n });
    await wire.announce({ ...completed, port: 7002, left: 7n });
    expect(await wire.scrape([hash])).toEqual([{ seeders: 1, completed: 1, leechers: 1 }]);
  });

  it.each([5, 255, 0xffffffff])('%i is unknown and counts as none', async (event) => {
    const hash = newHash();
    const reply = await wire.announce({ infoHash: hash, port: 7001, event });
    expect(reply.leechers).toBe(1);
  });

  it('paused (4, as libtorrent has it) makes a partial seed, as over HTTP', async () => {
    const hash = newHash();
    await announcePorts(wire, hash, [7001], 0n);
    await announcePorts(wire, hash, [7002]);
    const reply = await wire.announce({ infoHash: hash, port: 7003, event: UdpEvent.paused });
    expect(reply.peers).toEqual(['127.0.0.1:7002']);
    expect(await scrapeCounts(tracker.http4, hash)).toMatchObject({
      complete: 1,
      incomplete: 2,
      downloaders: 1,
    });
  });

  it('port 0 is refused, but accepted on stopped', async () => {
    const announce = { infoHash: newHash(), port: 0 };
    const refusal = await wire.ask(announcePacket(wire.id, 77, announce));
    expect(errorText(refusal)).toMatch(/port/);
    const stopped = await wire.announce({ ...announce, event: UdpEvent.stopped });
    expect(stopped.peers).toEqual([]);
  });
});

describe('left', () => {
  it.each([1n, 1n << 32n, 1n << 63n, (1n << 64n) - 1n])('%s means leecher', async (left) => {
    const reply = await wire.announce({ infoHash: newHash(), port: 7001, left });
    expect([reply.leechers, reply.seeders]).toEqual([1, 0]);
  });

  it('0 means seeder, and moves a known leecher', async () => {
    const hash = newHash();
    await announcePorts(wire, hash, [7001]);
    const reply = await wire.announce({ infoHash: hash, port: 7001, left: 0n });
    expect([reply.leechers, reply.seeders]).toEqual([0, 1]);
  });
});

describe('the ip field', () => {
  it('is ignored from a source that is not trusted', async () => {
    const hash = newHash();
    await wire.announce({ infoHash: hash, port: 7001, ip: 0xc0000207 });
    const reply = await wire.announce({ infoHash: hash, port: 7002 });
    expect(reply.peers).toEqual(['127.0.0.1:7001']);
  });
});

describe('options after the 98 bytes (BEP 41)', () => {
  const urlData = (text: string) =>
    Buffer.concat([Buffer.from([2, text.length]), Buffer.from(text)]);

  it.each([
    ['URLData', urlData('/announce')],
    ['URLData in pieces', Buffer.concat([urlData('/ann'), urlData('ounce?x=1')])],
    ['NOPs and the end', Buffer.from([1, 1, 1, 0])],
    ['an unknown option', Buffer.concat([Buffer.from([9, 3, 1, 2, 3]), urlData('/a')])],
    ['an option longer than the packet', Buffer.from([2, 200, 65])],
    ['an option without length', Buffer.from([2])],
    ['bytes after the end', Buffer.from([0, 2, 255, 7, 7])],
    ['a thousand bytes', Buffer.alloc(1_000, 1)],
  ])('%s do not spoil the announce', async (_name, options) => {
    const reply = await wire.announce({ infoHash: newHash(), port: 7001, options });
    expect(reply.leechers).toBe(1);
  });
});

describe('both protocols', () => {
  it('share their swarms', async () => {
    const hash = newHash();
    await wire.announce({ infoHash: hash, port: 7001 });
    const reply = await httpDict(tracker.http4, announceTarget(hash, { port: 7002 }));
    expect(replyPeers(reply)).toEqual(['127.0.0.1:7001']);
  });
});
