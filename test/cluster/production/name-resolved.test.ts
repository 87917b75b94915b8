/**
 * A real client in a network of its own, whose resolver asks our name server, is told of a tracker by
 * name. The tracker that it uses is killed; it finds another one by the same name, and the file.
 *
 * Needs root, for network namespaces.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunningClient } from '../../support/clients/client.js';
import { libtorrent } from '../../support/clients/libtorrent.js';
import { Cluster } from '../../support/cluster.js';
import { until } from '../../support/deadline.js';
import { dig } from '../../support/dig.js';
import { freePort } from '../../support/free-port.js';
import { sized } from '../../support/long.js';
import { RemoteSite } from '../../support/remote-site.js';
import { makeTorrent, withAnnounce, writeContent } from '../../support/torrent.js';
import {
  removeFolder,
  type TrackerProcess,
  temporaryFolder,
} from '../../support/tracker-process.js';
import { addressOf, ZONE } from './dns-cluster.js';

const LIMIT_MS = 120_000;

let site: RemoteSite;
let cluster: Cluster;
let folder: string;
let port: number;
const clients: RunningClient[] = [];
beforeAll(async () => {
  if (!RemoteSite.isPossible) {
    throw new Error('a network of its own needs root: sudo npm test -- --only cluster');
  }
  folder = temporaryFolder('name');
  site = RemoteSite.open(2);
  site.resolveWith(site.here[0]);
  const args = ['--dns', `${site.here[0]}:53`, '--zone', ZONE];
  cluster = await Cluster.start({ trackers: 0, minder: { args } });
  const hosts = site.clients.filter((host) => !host.includes(':'));
  port = await freePort(hosts[0]);
  for (const host of hosts) {
    const listen = { http: [`${host}:${port}`], udp: [`${host}:${port}`] };
    await cluster.launch(host, { ...listen, args: ['--interval', '5'] }).ready();
  }
  await untilNamed(hosts);
});
afterAll(async () => {
  for (const client of clients) await client.kill();
  await cluster?.close();
  site?.close();
  removeFolder(folder);
});

async function untilNamed(hosts: readonly string[]): Promise<void> {
  await until(
    async () => {
      const { answer } = await dig(site.here[0], 53, ZONE, 'A');
      const found = answer.map((line) => line.split(' ').at(-1) ?? '');
      return found.toSorted().join() === hosts.toSorted().join() ? true : undefined;
    },
    LIMIT_MS,
    `the name to have ${hosts.join(' and ')}`,
  );
}

/** The tracker that heard the one peer of a swarm. */
async function hearerOf(hash: Buffer): Promise<TrackerProcess> {
  return await until(
    async () => {
      for (const tracker of cluster.trackers) {
        const path = `/api/v1/swarms/${hash.toString('hex')}?peers=1`;
        const view = (await tracker.adminJson(path).catch(() => ({ peers: [] }))) as {
          peers: { origin: string }[];
        };
        if (view.peers.some(({ origin }) => origin === addressOf(tracker))) return tracker;
      }
      return undefined;
    },
    LIMIT_MS,
    'the client to announce itself',
  );
}

it.each(sized(['http'] as const, ['http', 'udp'] as const))(
  'completes over %s although the tracker it used is killed',
  async (trackerProtocol) => {
    const [from, to] = ['from', 'to'].map((name) => join(folder, trackerProtocol, name));
    for (const made of [from, to]) mkdirSync(made, { recursive: true });
    const announce = `${trackerProtocol}://${ZONE}:${port}/announce`;
    const torrent = makeTorrent(to, 'content.bin', announce);
    writeContent(torrent, from);
    const { prefix } = site;
    const leeching = { torrent, trackerProtocol, host: site.there[0], folder: to, prefix } as const;
    const leecher = await libtorrent.start({ ...leeching, role: 'leecher' });
    clients.push(leecher);
    const victim = await hearerOf(torrent.infoHash);
    const [survivor] = cluster.trackers.filter((tracker) => tracker !== victim);
    await victim.kill9();
    await untilNamed([addressOf(survivor)]);
    // Only who asks the one that is left hears of the seeder.
    const direct = `${trackerProtocol}://${addressOf(survivor)}:${port}/announce`;
    const seeding = { trackerProtocol, host: site.here[0], folder: from } as const;
    const other = withAnnounce(torrent, from, direct);
    clients.push(await libtorrent.start({ ...seeding, torrent: other, role: 'seeder' }));
    try {
      await leecher.completed(LIMIT_MS);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${leecher.output()}`);
    }
    expect(readFileSync(join(to, torrent.name)).equals(torrent.content)).toBe(true);
    await cluster.restart(victim);
    await untilNamed(cluster.trackers.map(addressOf));
  },
);
