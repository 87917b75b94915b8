/**
 * Thousands of connections of every misbehaving kind, after which the tracker holds as many
 * descriptors, and about as much memory, as before. The long run has 200,000 of them:
 *
 *     npm run test:abuse -- --long -t descriptors
 */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/deadline.js';
import { announceTarget, httpGet } from '../support/http-wire.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

const IS_LONG = process.env.TEST_LONG === '1';
const CONNECTIONS = IS_LONG ? 200_000 : 3_000;
/** Some stay until they are sent away, a second or two. */
const AT_A_TIME = IS_LONG ? 400 : 50;
const TIMEOUT_MS = IS_LONG ? 25 * 60_000 : 10 * 60_000;
/** Closed connections keep their port for a minute: more addresses, more ports. */
const SOURCES = 16;
const MEMORY_GROWTH_MAX_BYTES = 60 * 1024 * 1024;

let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start({
    config: { http: { requestTimeoutSeconds: 1, keepAliveSeconds: 1 } },
  });
});
afterAll(async () => {
  await tracker?.remove();
});

const GET = `GET ${announceTarget(Buffer.alloc(20, 0x42))} HTTP/1.1\r\nHost: t\r\n`;

/** What a client does with its connection before it is gone. */
const KINDS: readonly ((socket: Socket) => void)[] = [
  // Says nothing and leaves.
  (socket) => socket.end(),
  (socket) => socket.resetAndDestroy(),
  // Leaves in the middle of a request.
  (socket) => socket.end(GET),
  (socket) => socket.write(GET, () => socket.resetAndDestroy()),
  // Asks and does not wait.
  (socket) => socket.write(`${GET}\r\n`, () => socket.resetAndDestroy()),
  (socket) => socket.end(`${GET}\r\n`.repeat(20)),
  (socket) => socket.end(`${GET}Connection: close\r\n\r\nand more of it`),
  // Is for node's own server, and does not wait either.
  (socket) => socket.end('POST /announce HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nabc'),
  (socket) => socket.write('\x16\x03\x01\x02\x00', () => socket.resetAndDestroy()),
  (socket) => socket.end(`${GET}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`),
  // Stays until it is sent away.
  (socket) => socket.write(GET),
  (socket) => socket.write(`${GET}\r\n`),
];

async function misbehave(kind: (socket: Socket) => void, number: number): Promise<void> {
  const { host, port } = tracker.http4;
  const localAddress = `127.0.0.${1 + (number % SOURCES)}`;
  const socket = connect({ host, port, localAddress, allowHalfOpen: false });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  socket.once('connect', () => kind(socket));
  socket.resume();
  await closed;
}

function descriptors(): number {
  return readdirSync(`/proc/${tracker.child.pid}/fd`).length;
}

describe('misbehaving connections', () => {
  it('leave no descriptors and no memory behind', { timeout: TIMEOUT_MS }, async () => {
    // Whatever is opened once, such as the first connection's server, is open before we count.
    for (const kind of KINDS) await misbehave(kind, 0);
    const before = await until(async () => descriptors(), 1_000, 'a count');
    const residentBefore = tracker.residentBytes();
    let next = 0;
    const client = async (): Promise<void> => {
      while (next < CONNECTIONS) {
        const number = next++;
        await misbehave(KINDS[number % KINDS.length], number);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, client));
    await until(
      async () => (descriptors() <= before ? true : undefined),
      10_000,
      `descriptors back at ${before}`,
    );
    const grownBytes = tracker.residentBytes() - residentBefore;
    if (IS_LONG) {
      const megabytes = (grownBytes / 2 ** 20).toFixed(1);
      process.stdout.write(
        `${CONNECTIONS} connections: descriptors ${before} before, ${descriptors()} after; resident memory grew by ${megabytes} MiB\n`,
      );
    }
    expect(grownBytes).toBeLessThan(MEMORY_GROWTH_MAX_BYTES);
    expect((await httpGet(tracker.http4, announceTarget(newHash()))).status).toBe(200);
  });
});
