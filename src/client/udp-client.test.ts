import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { AnnounceEvent, ScrapeEntry } from '../protocol/announce.js';
import { Failure } from '../protocol/failure.js';
import {
  encodeAnnounceHeader,
  encodeConnectReply,
  encodeError,
  encodeScrapeEntry,
  encodeScrapeHeader,
} from '../protocol/udp/reply.js';
import {
  connectionIdHi,
  decodeAnnounce,
  decodeUdpRequest,
  scrapeHashCount,
  transactionId,
  UdpAction,
  UdpAnnounceRequest,
} from '../protocol/udp/request.js';
import type { AnnounceOptions } from './tracker-answer.js';
import { announce, parseTrackerUrl, scrape } from './tracker-client.js';

const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

/** What a test's tracker does with a datagram; it may answer, or not. */
type Handler = (packet: Buffer, answer: (bytes: Uint8Array) => void) => void;

async function trackerUrl(handler: Handler, path = ''): Promise<URL> {
  const socket = createSocket('udp4');
  sockets.push(socket);
  socket.on('message', (packet: Buffer, from: RemoteInfo) => {
    handler(packet, (bytes) => socket.send(bytes, from.port, from.address));
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return parseTrackerUrl(`udp://127.0.0.1:${socket.address().port}${path}`);
}

const ID_HI = 0x51234567;

/** A tracker that knows one swarm with one peer. */
const honest: Handler = (packet, answer) => {
  const out = Buffer.alloc(1220);
  const id = transactionId(packet);
  const action = decodeUdpRequest(packet, packet.length);
  if (action === UdpAction.connect) {
    answer(out.subarray(0, encodeConnectReply(out, id, ID_HI, 7)));
    return;
  }
  expect(connectionIdHi(packet)).toBe(ID_HI);
  if (action === UdpAction.announce) {
    const at = encodeAnnounceHeader(out, id, 1800, 2, 1);
    out.set([192, 0, 2, 1, 0x1a, 0xe1], at);
    answer(out.subarray(0, at + 6));
  } else {
    let length = encodeScrapeHeader(out, id);
    for (let i = 0; i < scrapeHashCount(packet.length); i++) {
      const seeders = packet[16 + 20 * i];
      length = encodeScrapeEntry(out, i, Object.assign(new ScrapeEntry(), { seeders }));
    }
    answer(out.subarray(0, length));
  }
};

const options: AnnounceOptions = {
  infoHash: new Uint8Array(20).fill(1),
  peerId: new Uint8Array(20).fill(2),
  port: 6881,
  timeoutMs: 10_000,
  retryMs: 50,
};

describe('the UDP client', () => {
  it('connects and announces', async () => {
    expect(await announce(await trackerUrl(honest), options)).toEqual({
      intervalSeconds: 1800,
      seeders: 1,
      leechers: 2,
      peers: [{ ip: '192.0.2.1', port: 6881 }],
    });
  });

  it('says everything that the announce asks for', async () => {
    const heard: UdpAnnounceRequest[] = [];
    const url = await trackerUrl((packet, answer) => {
      const request = new UdpAnnounceRequest();
      if (decodeAnnounce(packet, packet.length, request)) heard.push(request);
      honest(packet, answer);
    }, '/announce?key=x');
    await announce(url, { ...options, event: 'completed', left: 0, numwant: 9, ip: '192.0.2.9' });
    const [request] = heard;
    expect(request).toMatchObject({ event: 1, leftIsZero: true, numwant: 9, port: 6881 });
    expect(request.claimed4.toString()).toBe('192.0.2.9:0');
    const urlData = Buffer.from(request.urlData.subarray(0, request.urlDataLength));
    expect(urlData.toString()).toBe('/announce?key=x');
    await announce(url, { ...options, event: 'paused' });
    expect(heard[1].event).toBe(AnnounceEvent.paused);
  });

  it('scrapes any number of swarms, in order, 74 at a time', async () => {
    const hashes = Array.from({ length: 150 }, (_, i) => new Uint8Array(20).fill(i));
    const answer = await scrape(await trackerUrl(honest), hashes, { timeoutMs: 10_000 });
    expect(answer.entries.map(({ seeders }) => seeders)).toEqual(hashes.map(([first]) => first));
  });

  it('sends again what got lost', async () => {
    let received = 0;
    const url = await trackerUrl((packet, answer) => {
      if (received++ % 2 === 1) honest(packet, answer);
    });
    expect((await announce(url, options)).intervalSeconds).toBe(1800);
    expect(received).toBe(4);
  });

  it('waits twice as long before each sending', async () => {
    const times: number[] = [];
    const url = await trackerUrl(() => times.push(performance.now()));
    const silent = announce(url, { ...options, timeoutMs: 500 });
    await expect(silent).rejects.toMatchObject({ code: 'timedOut' });
    // Sent at 0, 50, 150 and 350 ms; timers may be late, but not early.
    expect(times.length).toBeLessThanOrEqual(4);
    expect(times.length).toBeGreaterThanOrEqual(2);
  });

  it('ignores datagrams with another transaction id', async () => {
    const url = await trackerUrl((packet, answer) => {
      const forged = Buffer.from(packet);
      forged[15] ^= 1;
      const out = Buffer.alloc(100);
      answer(out.subarray(0, encodeError(out, transactionId(forged), Failure.internal)));
      answer(Buffer.alloc(3));
      honest(packet, answer);
    });
    expect((await announce(url, options)).intervalSeconds).toBe(1800);
  });

  it('reports what the tracker refuses', async () => {
    const url = await trackerUrl((packet, answer) => {
      if (decodeUdpRequest(packet, packet.length) === UdpAction.connect) {
        honest(packet, answer);
        return;
      }
      const out = Buffer.alloc(100);
      answer(out.subarray(0, encodeError(out, transactionId(packet), Failure.notAllowed)));
    });
    await expect(announce(url, options)).rejects.toMatchObject({
      code: 'trackerFailure',
      refusal: { reason: 'this info_hash is not served here' },
    });
  });

  it('refuses answers that are none', async () => {
    const answers = [
      (id: number) => Buffer.from([0, 0, 0, 9, ...int32(id)]),
      (id: number) => Buffer.from([0, 0, 0, 0, ...int32(id), 1, 2, 3]),
      (id: number) => Buffer.from([0, 0, 0, 2, ...int32(id)]),
    ];
    for (const make of answers) {
      const url = await trackerUrl((packet, answer) => answer(make(transactionId(packet))));
      await expect(announce(url, options)).rejects.toMatchObject({ code: 'answerInvalid' });
    }
  });

  it('tells a refused port from silence', async () => {
    const url = await trackerUrl(() => {});
    const [socket] = sockets.splice(0);
    socket.close();
    await once(socket, 'close');
    await expect(announce(url, options)).rejects.toMatchObject({ code: 'refused' });
  });

  it('tells a host without the family wanted, and a URL without a port', async () => {
    const url = await trackerUrl(honest);
    const wrong = announce(url, { ...options, family: 6 });
    await expect(wrong).rejects.toMatchObject({ code: 'unresolved' });
    const portless = announce(parseTrackerUrl('udp://127.0.0.1/'), options);
    await expect(portless).rejects.toMatchObject({ code: 'urlInvalid' });
  });

  it('tries the next address of a name when one refuses', async () => {
    const url = await trackerUrl(honest);
    url.hostname = 'localhost';
    expect((await announce(url, options)).intervalSeconds).toBe(1800);
  });
});

function int32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
