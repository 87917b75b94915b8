/**
 * Real web peers: two processes of the `webtorrent` package share a file over WebRTC, through
 * `ws://` and through `wss://`. The torrent is private and nothing but the tracker could bring them
 * together. And all protocols in one swarm, each with a client of its own.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { aria2 } from '../support/clients/aria2.js';
import type { RunningClient } from '../support/clients/client.js';
import { libtorrent } from '../support/clients/libtorrent.js';
import { webtorrent } from '../support/clients/webtorrent.js';
import { until } from '../support/deadline.js';
import { scrapeCounts } from '../support/swarms.js';
import { TestCa } from '../support/test-ca.js';
import { makeTorrent, withAnnounce, writeContent } from '../support/torrent.js';
import { removeFolder, TrackerProcess, temporaryFolder } from '../support/tracker-process.js';
import { transfer } from '../support/transfer.js';
import { connectedWire } from '../support/udp-wire.js';
import { WebClient } from '../support/web-client.js';

const CONTENT_BYTES = 4_000_000 + 321;
const LIMIT_MS = 60_000;
const HOST = '127.0.0.1';

const folder = temporaryFolder('web-peers');
let caFile: string;
let tracker: TrackerProcess;

beforeAll(async () => {
  const ca = await TestCa.create();
  caFile = ca.write(folder);
  const { cert, key } = await ca.issue();
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  const args = ['--https', `${HOST}:0`, '--tls-cert', certFile, '--tls-key', keyFile];
  tracker = await TrackerProcess.start({ args });
});
afterAll(async () => {
  await tracker?.remove();
  removeFolder(folder);
});

describe.concurrent('two peers of the webtorrent package', () => {
  it.each([
    ['ws', 'ws'],
    ['wss', 'wss'],
    ['ws', 'wss'],
  ] as const)('share a file, one over %s:// and one over %s://', async (from, to) => {
    const announce = (scheme: 'ws' | 'wss') => {
      const address = scheme === 'ws' ? tracker.http4 : tracker.https4;
      return `${scheme}://${formatAddressPort(address)}/announce`;
    };
    const side = (scheme: 'ws' | 'wss') => {
      return { program: webtorrent, host: HOST, announce: announce(scheme), tracker };
    };
    await transfer(from, side(from), side(to), { caFile, contentBytes: CONTENT_BYTES });
  });
});

it('adds up seeders of all protocols in each of them', async () => {
  const home = join(folder, 'seeders');
  mkdirSync(home);
  const urls = {
    ws: `ws://${formatAddressPort(tracker.http4)}/announce`,
    http: `http://${formatAddressPort(tracker.http4)}/announce`,
    udp: `udp://${formatAddressPort(tracker.udp4)}/announce`,
  };
  const torrent = makeTorrent(home, 'content.bin', urls.ws);
  const running: RunningClient[] = [];
  const wire = await connectedWire(tracker.udp4);
  const web = await WebClient.connect(urls.ws);
  try {
    for (const [program, trackerProtocol] of [
      [webtorrent, 'ws'],
      [aria2, 'http'],
      [libtorrent, 'udp'],
    ] as const) {
      // Each has a copy of its own.
      const own = join(home, program.name);
      mkdirSync(own);
      writeContent(torrent, own);
      const told = withAnnounce(torrent, own, urls[trackerProtocol]);
      const options = { host: HOST, folder: own, torrent: told, role: 'seeder' as const };
      running.push(await program.start({ ...options, trackerProtocol }));
    }
    await until(
      async () =>
        (await scrapeCounts(tracker.http4, torrent.infoHash)).complete === 3 ? true : undefined,
      LIMIT_MS,
      `three seeders: ${running.map((client) => client.output()).join('\n-----\n')}`,
    );
    expect((await wire.scrape([torrent.infoHash]))[0]).toMatchObject({ seeders: 3, leechers: 0 });
    const counts = { complete: 3, incomplete: 0 };
    expect(await web.scrape(torrent.infoHash.toString('latin1'))).toMatchObject(counts);
  } finally {
    web.socket.terminate();
    wire.close();
    await Promise.all(running.map((client) => client.kill()));
  }
});
