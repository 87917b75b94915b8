import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createNetServer,
  type Server as NetServer,
} from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryBus } from '../cluster/memory-bus.js';
import { ManualClock } from '../lib/clock.js';
import { Prng, testSeed } from '../lib/prng.js';
import { storeTotals } from '../swarm/totals.js';
import { type Challenge, Challenges } from './challenges.js';
import { CONNECTIONS_MAX, HttpProbes } from './http-probes.js';
import { openAuthority, temporaryDirectory } from './minder-rig.testing.js';
import type { ProbeOutcome, ProbeRequest } from './probe.js';
import { parseEndpoint } from './probe-endpoint.js';
import { TrackerStand } from './tracker-stand.testing.js';
import { UdpProbes } from './udp-probes.js';

const MINDER = `n${'0'.repeat(15)}1`;
const NODE = `n${'a'.repeat(16)}`;
/** Long enough for a machine that is busy; what should fail by itself does so at once. */
const PATIENT_MS = 20_000;
const HASTY_MS = 60;
const ANY: Challenge = { hash: randomBytes(20), counts: [1, 2, 3] };

const udp = new UdpProbes();
const http = new HttpProbes();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function probe(url: string, over: Partial<ProbeRequest> = {}): Promise<ProbeOutcome> {
  const endpoint = parseEndpoint(url)!;
  const request = { endpoint, challenge: ANY, timeoutMs: PATIENT_MS, isAttempt: false, ...over };
  return (endpoint.protocol === 'udp' ? udp : http).probe(request);
}

/** A tracker on both families, and a challenge that it was told. */
async function challenged(answersProbes = true) {
  const bus = new MemoryBus();
  const clock = new ManualClock();
  const challenges = new Challenges({ minderId: MINDER }, { transport: bus.join(MINDER), clock });
  const hosts = ['127.0.0.1', '::1'];
  const stand = await TrackerStand.start({ nodeId: NODE, hosts, answersProbes }, bus.join(NODE));
  cleanups.push(() => stand.stop());
  challenges.for(NODE);
  clock.advance(1);
  bus.advance(clock.monotonicMs());
  return { stand, challenge: challenges.for(NODE)! };
}

async function udpServer(
  hear: (packet: Buffer, answer: (bytes: Uint8Array) => void, port: number) => void,
) {
  const socket: Socket = createSocket('udp4');
  cleanups.push(() => socket.close());
  socket.on('message', (packet, from) => {
    hear(packet, (bytes) => socket.send(bytes, from.port, from.address), from.port);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return `udp://127.0.0.1:${socket.address().port}`;
}

async function listening(server: Server | NetServer): Promise<number> {
  cleanups.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function httpServer(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listening(createServer(listener))}/announce`;
}

/** What a tracker answers with these counts. */
const bencoded = ({ hash, counts: [complete, downloaded, incomplete] }: Challenge) =>
  Buffer.concat([
    Buffer.from('d5:filesd20:'),
    hash,
    Buffer.from(
      `d8:completei${complete}e10:downloadedi${downloaded}e10:incompletei${incomplete}eeee`,
    ),
  ]);

/** The reply to a request over UDP of a tracker with these counts. */
function replyTo(packet: Buffer, { counts }: Challenge): Buffer {
  const action = packet.readInt32BE(8);
  const reply = Buffer.alloc([16, 20, 20][action]);
  reply.writeInt32BE(action, 0);
  packet.copy(reply, 4, 12, 16);
  if (action === 0) reply.writeInt32BE(7, 12);
  if (action === 2) {
    counts.forEach((count, i) => {
      reply.writeInt32BE(count, 8 + 4 * i);
    });
  }
  return reply;
}

describe('a probe', () => {
  it('proves a tracker at each of its addresses, and leaves no trace in its store', async () => {
    const { stand, challenge } = await challenged();
    for (const isAttempt of [true, false]) {
      for (const url of stand.addresses) {
        const outcome = await probe(url, { challenge, isAttempt });
        expect([url, outcome.error]).toEqual([url, undefined]);
        expect(outcome.rttMs).toBeGreaterThan(0);
      }
    }
    expect(stand.addresses).toHaveLength(4);
    expect(storeTotals(stand.store)).toMatchObject({ peers: 0, swarms: 0 });
  });

  it('finds out a tracker that was not told the challenge', async () => {
    const { stand, challenge } = await challenged(false);
    for (const url of stand.addresses) {
      expect(await probe(url, { challenge })).toMatchObject({ error: 'not_proven' });
    }
  });
});

describe('a probe over UDP', () => {
  it('outlives the loss of packets, unless it is an attempt', async () => {
    let packets = 0;
    const seen = new Set<string>();
    const url = await udpServer((packet, answer) => {
      packets++;
      const key = packet.toString('hex', 8, 16);
      // The first connect is lost.
      if (packet.readInt32BE(8) !== 0 || seen.has(key)) answer(replyTo(packet, ANY));
      seen.add(key);
    });
    expect(await probe(url, { timeoutMs: 4_000 })).toMatchObject({ error: undefined });
    expect(packets).toBeGreaterThanOrEqual(4);
    const before = packets;
    expect(await probe(url, { timeoutMs: HASTY_MS, isAttempt: true })).toEqual({
      error: 'timeout',
      rttMs: undefined,
    });
    expect(packets - before).toBeLessThanOrEqual(1);
  });

  it('takes a tracker that refuses the announce for alive', async () => {
    const url = await udpServer((packet, answer) => {
      const reply = replyTo(packet, ANY);
      if (packet.readInt32BE(8) === 1) reply.writeInt32BE(3, 0);
      answer(reply);
    });
    expect(await probe(url)).toMatchObject({ error: undefined });
  });

  it('takes no answer from elsewhere, and none to another question', async () => {
    const strays = udp.counters.strays;
    const other = createSocket('udp4');
    cleanups.push(() => other.close());
    const url = await udpServer((packet, answer, port) => {
      const reply = replyTo(packet, ANY);
      // A copy: it may leave after the other one is spoilt.
      other.send(Buffer.from(reply), port, '127.0.0.1');
      reply[5] ^= 1;
      answer(reply);
    });
    expect(await probe(url, { timeoutMs: HASTY_MS, isAttempt: true })).toMatchObject({
      error: 'timeout',
    });
    while (udp.counters.strays - strays < 2) await new Promise((done) => setTimeout(done, 1));
  });

  it('never fails in another way, whatever the answer', async () => {
    const seed = testSeed();
    const random = new Prng(seed);
    const url = await udpServer((packet, answer) => {
      const good = replyTo(packet, ANY);
      for (let changes = random.below(4); changes > 0; changes--) {
        good[random.below(good.length)] = random.below(256);
      }
      answer(good.subarray(0, random.chance(0.2) ? random.below(good.length) : undefined));
    });
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, () => probe(url, { timeoutMs: HASTY_MS, isAttempt: true })),
    );
    const errors = new Set(outcomes.map(({ error }) => error));
    const known = new Set([undefined, 'timeout', 'wrong_answer', 'not_proven']);
    expect(
      [...errors].filter((error) => !known.has(error)),
      `seed ${seed}`,
    ).toEqual([]);
  });
});

describe('a probe over HTTP', () => {
  it('uses one connection, the host that is advertised, and no name of its own', async () => {
    let connections = 0;
    const seen: unknown[] = [];
    const server = createServer(({ url, headers: { host } }, response) => {
      seen.push([url?.split('?')[0], host]);
      response.end(url?.startsWith('/x/scrape') ? bencoded(ANY) : 'd8:intervali9e5:peers0:e');
    });
    server.on('connection', () => connections++);
    const port = await listening(server);
    const endpoint = {
      ...parseEndpoint(`http://127.0.0.1:${port}/x/announce`)!,
      host: 't.example',
    };
    const request = { endpoint, challenge: ANY, timeoutMs: PATIENT_MS, isAttempt: false };
    expect(await http.probe(request)).toMatchObject({ error: undefined });
    expect(connections).toBe(1);
    expect(seen).toEqual([
      ['/x/announce', `t.example:${port}`],
      ['/x/scrape', `t.example:${port}`],
    ]);
  });

  it('works over TLS, whose certificate proves nothing', async () => {
    const directory = temporaryDirectory();
    cleanups.push(() => rmSync(directory, { recursive: true }));
    const authority = await openAuthority(directory, new ManualClock(1, Date.now()));
    const { certificate, key } = await authority.issue({
      role: 'tracker',
      nodeId: NODE,
      lifetimeMs: 3_600_000,
    });
    const server = createSecureServer({ cert: certificate, key }, ({ url }, response) => {
      response.end(url?.startsWith('/scrape') ? bencoded(ANY) : 'd14:failure reason2:noe');
    });
    const url = `https://127.0.0.1:${await listening(server)}/announce`;
    expect(await probe(url)).toMatchObject({ error: undefined });
    expect(await probe(url.replace('https', 'http'))).toMatchObject({ error: 'closed' });
  });

  it.each([
    ['not_proven', (): RequestListener => (_, response) => response.end('d5:filesdee')],
    ['not_proven', (): RequestListener => (_, response) => response.end('d14:failure reason1:xe')],
    ['wrong_answer', (): RequestListener => (_, response) => response.end('<html>')],
    ['wrong_answer', (): RequestListener => (_, response) => response.writeHead(404).end()],
    [
      'wrong_answer',
      (): RequestListener => (_, response) =>
        response.writeHead(302, { location: 'http://192.0.2.1/scrape' }).end(),
    ],
    ['wrong_answer', (): RequestListener => (_, response) => response.end('x'.repeat(100_000))],
    ['closed', (): RequestListener => (_, response) => response.destroy()],
  ] as const)('of an attempt says %s (%#)', async (error, listener) => {
    const url = await httpServer(listener());
    expect(await probe(url, { isAttempt: true })).toMatchObject({ error });
  });

  it('ends in time when the answer does not, or never begins', async () => {
    const slow = await httpServer((_, response) => {
      response.write('d5:files');
    });
    const silent = `http://127.0.0.1:${await listening(createNetServer((socket) => socket.resume()))}/announce`;
    for (const url of [slow, silent]) {
      expect(await probe(url, { timeoutMs: HASTY_MS, isAttempt: true })).toMatchObject({
        error: 'timeout',
      });
    }
  });

  it('ends when the answer changes the protocol, as often as that may be', async () => {
    const port = await listening(
      createNetServer((socket) => {
        socket.on('error', () => {});
        socket.resume();
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
        );
      }),
    );
    const url = `http://127.0.0.1:${port}/announce`;
    // One that never ended would keep its connection's place for ever.
    const outcomes = await Promise.all(
      Array.from({ length: CONNECTIONS_MAX + 1 }, () => probe(url, { isAttempt: true })),
    );
    for (const outcome of outcomes) {
      expect(outcome).toEqual({ error: 'wrong_answer', rttMs: undefined });
    }
  });

  it('says so when nothing listens', async () => {
    const server = createNetServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    const url = `http://127.0.0.1:${port}/announce`;
    expect(await probe(url)).toEqual({ error: 'refused', rttMs: undefined });
  });

  it('has so many connections at a time and no more; the others wait their turn', async () => {
    let open = 0;
    let most = 0;
    const server = createServer((_, response) => {
      setImmediate(() => response.end(bencoded(ANY)));
    });
    server.on('connection', (socket) => {
      most = Math.max(most, ++open);
      socket.on('close', () => open--);
    });
    const url = `http://127.0.0.1:${await listening(server)}/announce`;
    const probes = Array.from({ length: 3 * CONNECTIONS_MAX }, () =>
      probe(url, { isAttempt: true }),
    );
    const outcomes = await Promise.all(probes);
    expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
    // One that we have closed may still be open for the server.
    expect(most).toBeLessThan(2 * CONNECTIONS_MAX);
  });
});
