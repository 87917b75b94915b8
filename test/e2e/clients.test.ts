/**
 * Real clients find each other through this tracker and finish a download: a private torrent, with
 * DHT, PEX and local discovery off, so that nothing else could have connected them.
 *
 * The set-up that works, on Debian 12, as root (see `test-network.ts` and the clients' own files):
 * addresses on a device of our own, since Transmission ignores loopback peers; every client bound
 * to its own address; the seeder seen by the tracker before the leecher starts, so that the
 * leecher's first announce names it. Not every pair exists: aria2 speaks UDP to trackers over IPv4
 * only, and Transmission 3.00 cannot leech over UDP and IPv6; libtorrent takes their place there.
 * Without root the machine's own addresses serve, and Transmission's case over UDP and IPv6 is left
 * out, because it needs a private /etc/hosts.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aria2 } from '../support/clients/aria2.js';
import type { ClientOptions, ClientProgram, RunningClient } from '../support/clients/client.js';
import { libtorrent } from '../support/clients/libtorrent.js';
import { transmission } from '../support/clients/transmission.js';
import { until } from '../support/deadline.js';
import { type Counts, scrapeCounts } from '../support/swarms.js';
import { type Family, TestNetwork } from '../support/test-network.js';
import { makeTorrent, withAnnounce, writeContent } from '../support/torrent.js';
import { removeFolder, TrackerProcess, temporaryFolder } from '../support/tracker-process.js';

const FINISH_LIMIT_MS = 45_000;
const LEAVE_LIMIT_MS = 20_000;
const NAMED_TRACKER = 'tracker.test';

type Protocol = 'http' | 'udp';
type Case = readonly [Protocol, Family, ClientProgram, ClientProgram];

const network = TestNetwork.open();
const cases: Case[] = [
  ['http', 4, transmission, aria2],
  ['http', 4, aria2, transmission],
  ['http', 6, transmission, aria2],
  ['http', 6, aria2, transmission],
  ['udp', 4, transmission, aria2],
  ['udp', 4, aria2, transmission],
  ['udp', 4, transmission, transmission],
  ['udp', 6, libtorrent, libtorrent],
  ['http', 6, libtorrent, aria2],
];
if (network.device !== undefined) cases.push(['udp', 6, transmission, libtorrent]);

let tracker: TrackerProcess;
beforeAll(async () => {
  const listen = [`${network.host(4, 0)}:0`, `[${network.host(6, 0)}]:0`];
  tracker = await TrackerProcess.start({ http: listen, udp: listen, args: ['--interval', '60'] });
});
afterAll(async () => {
  await tracker?.remove();
  network.close();
});

function announceUrl(protocol: Protocol, family: Family, program: ClientProgram): string {
  const { port } = family === 4 ? tracker[`${protocol}4`] : tracker[`${protocol}6`];
  const host = family === 4 ? network.host(4, 0) : `[${network.host(6, 0)}]`;
  const needsName = program === transmission && protocol === 'udp' && family === 6;
  return `${protocol}://${needsName ? NAMED_TRACKER : host}:${port}/announce`;
}

// A few at a time: clients take a quarter of a minute to trust each other, whatever the tracker does.
describe('seeding and downloading through the tracker', () => {
  it.concurrent.each(
    cases.map(([protocol, family, seeder, leecher]) => ({
      name: `${protocol} over IPv${family}, ${seeder.name} to ${leecher.name}`,
      run: () => transfer(protocol, family, seeder, leecher),
    })),
  )('$name', async ({ run }) => {
    await run();
  });
});

async function transfer(
  protocol: Protocol,
  family: Family,
  seeder: ClientProgram,
  leecher: ClientProgram,
): Promise<void> {
  const folder = temporaryFolder('e2e');
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  mkdirSync(from);
  mkdirSync(to);
  const torrent = makeTorrent(folder, 'content.bin', announceUrl(protocol, family, seeder));
  writeContent(torrent, from);
  const common = { torrent, trackerProtocol: protocol };
  const names = `${network.host(6, 0)} ${NAMED_TRACKER}`;
  const usesName = seeder === transmission && protocol === 'udp' && family === 6;
  const seeding: ClientOptions = {
    ...common,
    host: network.host(family, 1),
    folder: from,
    role: 'seeder',
    ...(usesName ? { hostNames: names } : {}),
  };
  // The same content and info hash; only the announce URL may be spelt differently.
  const own = usesName
    ? withAnnounce(torrent, folder, announceUrl(protocol, family, leecher))
    : torrent;
  const running: RunningClient[] = [];
  try {
    running.push(await seeder.start(seeding));
    await until(
      async () => ((await scrape(torrent.infoHash)).complete === 1 ? true : undefined),
      FINISH_LIMIT_MS,
      `the tracker to know the seeder: ${running[0].output()}`,
      100,
    );
    const leeching = { ...common, torrent: own, host: network.host(family, 2), folder: to };
    running.push(await leecher.start({ ...leeching, role: 'leecher' }));
    await running[1].completed(FINISH_LIMIT_MS);
    expect(readFileSync(join(to, torrent.name)).equals(torrent.content)).toBe(true);
    for (const client of running) await client.leave();
    // Far sooner than they would expire: their `stopped` was understood.
    await until(
      async () => isEmpty(await scrape(torrent.infoHash)),
      LEAVE_LIMIT_MS,
      'stopped',
      100,
    );
  } catch (error) {
    const output = running.map((client) => client.output().slice(-3_000)).join('\n-----\n');
    throw new Error(`${(error as Error).message}\n${tracker.output()}\n-----\n${output}`);
  } finally {
    await Promise.all(running.map((client) => client.kill()));
    removeFolder(folder);
  }
}

function isEmpty({ complete, incomplete }: Counts): true | undefined {
  return complete + incomplete === 0 ? true : undefined;
}

async function scrape(infoHash: Buffer) {
  return await scrapeCounts(tracker.http4, infoHash);
}
