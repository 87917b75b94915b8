/**
 * Browsers with a page open: thousands of WebSockets that announced once and say nothing more. Each
 * costs little memory, none is lost, and everybody else is served meanwhile.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { until } from '../support/deadline.js';
import { announceTarget, httpDict } from '../support/http-wire.js';
import { measured, percentiles, sized } from '../support/long.js';
import { TrackerProcess } from '../support/tracker-process.js';
import { connectedWire } from '../support/udp-wire.js';
import { WebClient } from '../support/web-client.js';
import { WebIdlers } from '../support/web-idlers.js';

/** Connections whose memory is counted; others stand before, so that heaps have grown somewhat. */
const COUNT = sized(4_000, 15_000);
const EARLIER_COUNT = sized(1_500, 0);
const ALL = EARLIER_COUNT + COUNT;
/** Heaps grow in steps of megabytes, which are much for each of a few thousand. */
const RESIDENT_BYTES_MAX = sized(16, 12) * 1024;
const ROUNDS = sized(300, 3_000);
const LIMIT_MS = 60_000;
const SETTLE_LIMIT_MS = 30_000;

let tracker: TrackerProcess;
let url: string;
beforeAll(async () => {
  // One client announces as often as it is answered; how often it may is another test's matter.
  tracker = await TrackerProcess.start({ config: { websocket: { messagesPerSecond: 100_000 } } });
  url = `ws://${formatAddressPort(tracker.http4)}/announce`;
});
afterAll(async () => {
  await tracker?.remove();
});

interface Stats {
  readonly websocket: { readonly connections: number };
  readonly store: { readonly webPeers: number };
}

async function stats(): Promise<Stats> {
  return (await tracker.adminJson('/stats.json')) as Stats;
}

type Announcer = readonly [name: string, announce: () => Promise<unknown>, close: () => void];

/** One well-behaved client of each protocol, all three in one swarm. */
async function announcers(): Promise<Announcer[]> {
  const infoHash = randomBytes(20);
  const wire = await connectedWire(tracker.udp4);
  const web = await WebClient.connect(url);
  const target = announceTarget(infoHash, { port: 7_002 });
  return [
    ['udp', () => wire.announce({ infoHash, port: 7_001 }), () => wire.close()],
    ['http', () => httpDict(tracker.http4, target), () => {}],
    ['ws', () => web.announce(infoHash.toString('latin1')), () => web.socket.terminate()],
  ];
}

/** Announces over every protocol, each as soon as its last one was answered; prints the times. */
async function announceOften(): Promise<void> {
  const clients = await announcers();
  try {
    const lanes = clients.map(async ([name, announce]) => {
      const timesMs: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const startMs = performance.now();
        await announce();
        timesMs.push(performance.now() - startMs);
      }
      measured(`announces over ${name} beside ${ALL} idle WebSockets: ${percentiles(timesMs)}`);
    });
    await Promise.all(lanes);
  } finally {
    for (const [, , close] of clients) close();
  }
}

async function holds(count: number): Promise<void> {
  await until(
    async () => ((await stats()).websocket.connections === count ? true : undefined),
    LIMIT_MS,
    `${count} open connections`,
  );
}

it(`${COUNT} idle WebSockets take little memory each, and everybody else is served`, async () => {
  const idlers: WebIdlers[] = [];
  const open = async (count: number) => {
    idlers.push(await WebIdlers.start({ url, count, swarms: count / 10 }));
  };
  try {
    await announceOften();
    if (EARLIER_COUNT > 0) {
      await open(EARLIER_COUNT);
      await announceOften();
    }
    await holds(EARLIER_COUNT);
    const idleBytes = tracker.residentBytes();
    await open(COUNT);
    const each = () => Math.round((tracker.residentBytes() - idleBytes) / COUNT);
    const atOnce = each();
    // What handshakes leave behind is swept up while others are served.
    let settled = atOnce;
    await until(
      async () => {
        await announceOften();
        settled = each();
        return settled <= RESIDENT_BYTES_MAX ? true : undefined;
      },
      SETTLE_LIMIT_MS,
      `at most ${RESIDENT_BYTES_MAX} bytes for each connection, not ${atOnce}`,
    );
    measured(
      `${COUNT} idle WebSockets: ${settled} bytes resident each above idle (${atOnce} at once), ` +
        `idle is ${Math.round(idleBytes / 1024 / 1024)} MB`,
    );
    await holds(ALL);
    expect(idlers.flatMap(({ losses }) => losses)).toEqual([]);
  } finally {
    for (const crowd of idlers) await crowd.end();
  }
  // Whoever is cut off has left: no web peer is remembered.
  await holds(0);
  await until(
    async () => ((await stats()).store.webPeers === 0 ? true : undefined),
    LIMIT_MS,
    'no web peers',
  );
});
