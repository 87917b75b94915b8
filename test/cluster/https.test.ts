/** A tracker that serves HTTPS says so to its cluster, and minders prove the address. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NodeView } from '../../src/admin/cluster-view.js';
import type { DnsView } from '../../src/admin/dns-view.js';
import { Cluster, nodeSeenBy } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { TestCa } from '../support/test-ca.js';
import { removeFolder, temporaryFolder } from '../support/tracker-process.js';

const LIMIT_MS = 60_000;
const HOST = '127.0.1.1';
const folder = temporaryFolder('cluster-https');
let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ trackers: 0 });
});
afterAll(async () => {
  await cluster?.close();
  removeFolder(folder);
});

it('advertises, proves and publishes an HTTPS address, under the first announce path', async () => {
  const ca = await TestCa.create();
  const { cert, key } = await ca.issue({ names: [HOST] });
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  const tracker = cluster.launch('a', {
    http: [`${HOST}:0`],
    udp: [],
    args: ['--https', `${HOST}:0`, '--tls-cert', certFile, '--tls-key', keyFile],
    config: { http: { announcePaths: ['/{key}/announce', '/announce.php'] } },
  });
  await tracker.ready();
  const node = async () =>
    (await nodeSeenBy(cluster.minder, 'a')) as unknown as NodeView | undefined;
  const areWell = async () => {
    const probes = (await node())?.probes ?? [];
    return probes.length === 2 && probes.every(({ state }) => state === 'well') ? true : undefined;
  };
  await until(areWell, LIMIT_MS, 'both addresses to be well').catch(async (error) => {
    throw new Error(`${(error as Error).message}: ${JSON.stringify(await node())}`);
  });
  expect((await node())?.addresses).toEqual([
    `http://${HOST}:${tracker.http4.port}/announce.php`,
    `https://${HOST}:${tracker.https4.port}/announce.php`,
  ]);
  const isPublished = async () => {
    const { services } = (await cluster.minder.adminJson('/api/v1/dns')) as DnsView;
    const { port } = tracker.https4;
    return services.some((one) => one.protocol === 'https' && one.port === port) || undefined;
  };
  await until(isPublished, LIMIT_MS, 'the service to be published');
});
