/** Bad, slow and greedy HTTP clients: the right refusal, flat memory, others served meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { besideBystander } from '../support/bystander.js';
import { until } from '../support/deadline.js';
import { announceTarget, HttpWire, httpDict, httpGet } from '../support/http-wire.js';
import { type Prng, seededPrng } from '../support/prng.js';
import { newHash } from '../support/swarms.js';
import { TrackerProcess } from '../support/tracker-process.js';

const SERVED_LIMIT_MS = 1_000;
const MEMORY_GROWTH_MAX_BYTES = 60 * 1024 * 1024;
const CONNECTIONS_MAX = 300;

let tracker: TrackerProcess;
beforeAll(async () => {
  tracker = await TrackerProcess.start({
    config: {
      http: { requestTimeoutSeconds: 2, keepAliveSeconds: 3, connectionsMax: CONNECTIONS_MAX },
    },
  });
});
afterAll(async () => {
  await tracker?.remove();
});

const GOOD = announceTarget(Buffer.alloc(20, 0x41));

/** Name, bytes, and the status that refuses them; 0 where closing without a word is right too. */
const REFUSED: readonly (readonly [string, string, readonly number[]])[] = [
  ['binary bytes', '\x00\x01\x02\xff\xfe\r\n\r\n', [400, 0]],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400, 0]],
  ['a PROXY header nobody asked for', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n\r\n', [400, 0]],
  ['an unknown version', `GET ${GOOD} HTTP/9.9\r\n\r\n`, [400, 505, 0]],
  ['a header without colon', `GET ${GOOD} HTTP/1.1\r\nHost: t\r\nbroken\r\n\r\n`, [400, 0]],
  ['a space in the target', `GET /announce? HTTP x HTTP/1.1\r\nHost: t\r\n\r\n`, [400, 0]],
  ['POST', `POST ${GOOD} HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc`, [405]],
  ['an unknown method', `BREW ${GOOD} HTTP/1.1\r\nHost: t\r\n\r\n`, [400, 405, 0]],
  ['CONNECT', 'CONNECT example.org:80 HTTP/1.1\r\nHost: example.org\r\n\r\n', [400, 405, 0]],
  ['a long target', `GET /announce?${'x'.repeat(100_000)} HTTP/1.1\r\n\r\n`, [400, 414, 431, 0]],
  ['endless headers', `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(20_000)}\r\n`, [400, 431, 0]],
  [
    'two framings of a body',
    `GET ${GOOD} HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    [400, 0],
  ],
  [
    'a broken chunk',
    `POST ${GOOD} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    [400, 405],
  ],
];

describe('a bad request', () => {
  it.each(REFUSED)('with %s is refused', async (_name, bytes, statuses) => {
    const wire = await HttpWire.open(tracker.http4);
    try {
      wire.send(bytes);
      const answer = (await wire.closed()).toString('latin1');
      const status = answer === '' ? 0 : Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
      expect(statuses).toContain(status);
    } finally {
      wire.close();
    }
    expect((await httpDict(tracker.http4, announceTarget(newHash()))).has('peers')).toBe(true);
  });

  it('without a version is HTTP/0.9: answered once at most, and closed', async () => {
    const wire = await HttpWire.open(tracker.http4);
    wire.send(`GET ${GOOD}\r\n\r\nGET ${GOOD}\r\n\r\n`);
    const answer = (await wire.closed()).toString('latin1');
    expect(answer.match(/HTTP\/1\.1 200/g)?.length ?? 0).toBeLessThanOrEqual(1);
    wire.close();
  });

  it('that ends in the middle gets no service', async () => {
    for (let length = 1; length < 60; length += 7) {
      const wire = await HttpWire.open(tracker.http4);
      wire.send(`GET ${GOOD} HTTP/1.1\r\n`.slice(0, length));
      wire.socket.end();
      const answer = (await wire.closed()).toString('latin1');
      expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
      wire.close();
    }
  });

  it('that wants an upgrade gets no socket of another protocol', async () => {
    const wire = await HttpWire.open(tracker.http4);
    wire.send(
      `GET ${GOOD} HTTP/1.1\r\nHost: t\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n` +
        'HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    );
    expect((await wire.reply()).status).not.toBe(101);
    wire.close();
  });
});

describe('a mutated request', () => {
  it('gets an answer of HTTP or a closed connection, and never a status of ours above 499', async () => {
    const prng = seededPrng();
    for (let round = 0; round < 300; round++) {
      const wire = await HttpWire.open(tracker.http4);
      try {
        wire.send(
          mutate(prng, `GET ${GOOD}&x=%41 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n`),
        );
        wire.socket.end();
        const answer = (await wire.closed()).toString('latin1');
        expect(answer).toMatch(/^(HTTP\/1\.1 ([1-4]\d\d|505) |$)/);
      } finally {
        wire.close();
      }
    }
  });

  function mutate(prng: Prng, text: string): Buffer {
    const bytes = Buffer.from(text, 'latin1');
    for (let i = 0; i <= prng.below(4); i++) bytes[prng.below(bytes.length)] = prng.below(256);
    return bytes;
  }
});

describe('slow and half-open clients', () => {
  it('up to the bound do not delay others, and are let go', async () => {
    const slow: HttpWire[] = [];
    try {
      for (let i = 0; i < CONNECTIONS_MAX - 20; i++) {
        const wire = await HttpWire.open(tracker.http4);
        // Half of them send nothing, half of them most of a request.
        if (i % 2 === 0) wire.send(`GET ${GOOD} HTTP/1.1\r\nHost:`);
        slow.push(wire);
      }
      const bystanding = await besideBystander(tracker, async () => {
        for (const wire of slow) await wire.closed(30_000);
      });
      expect(bystanding.slowestMs).toBeLessThan(SERVED_LIMIT_MS);
    } finally {
      for (const wire of slow) wire.close();
    }
  });

  it('beyond the bound are closed at once, and there is room again afterwards', async () => {
    const wires: HttpWire[] = [];
    for (let i = 0; i < CONNECTIONS_MAX + 50; i++) wires.push(await HttpWire.open(tracker.http4));
    await Promise.any(wires.slice(CONNECTIONS_MAX).map((wire) => wire.closed(1_500)));
    for (const wire of wires) wire.close();
    const served = await until(
      () => httpGet(tracker.http4, announceTarget(newHash())).catch(() => undefined),
      10_000,
      'service after the flood',
    );
    expect(served.status).toBe(200);
  });

  it('that never read their replies do not fill the memory', async () => {
    const beforeBytes = tracker.residentBytes();
    const greedy: HttpWire[] = [];
    const request = `GET ${GOOD} HTTP/1.1\r\nHost: t\r\n\r\n`.repeat(200);
    try {
      for (let i = 0; i < 50; i++) {
        const wire = await HttpWire.open(tracker.http4);
        wire.socket.pause();
        wire.send(request);
        greedy.push(wire);
      }
      const bystanding = await besideBystander(tracker, async () => {
        for (let i = 0; i < 20; i++) await httpDict(tracker.http4, announceTarget(newHash()));
      });
      expect(bystanding.slowestMs).toBeLessThan(SERVED_LIMIT_MS);
      expect(tracker.residentBytes() - beforeBytes).toBeLessThan(MEMORY_GROWTH_MAX_BYTES);
    } finally {
      for (const wire of greedy) wire.close();
    }
  });
});

describe('thousands of bad connections', () => {
  it('leave memory flat and others served', async () => {
    const prng = seededPrng();
    const wave = async (count: number) => {
      for (let sent = 0; sent < count; sent += 20) {
        const batch = Array.from({ length: 20 }, async () => {
          const wire = await HttpWire.open(tracker.http4);
          wire.send(prng.bytes(prng.below(3_000)));
          if (prng.below(2) === 0) wire.socket.end('\r\n\r\n');
          else wire.socket.resetAndDestroy();
          await wire.closed();
          wire.close();
        });
        await Promise.all(batch);
      }
    };
    await wave(600);
    const beforeBytes = tracker.residentBytes();
    const bystanding = await besideBystander(tracker, () => wave(4_000));
    expect(tracker.residentBytes() - beforeBytes).toBeLessThan(MEMORY_GROWTH_MAX_BYTES);
    expect(bystanding.slowestMs).toBeLessThan(SERVED_LIMIT_MS);
  });
});
