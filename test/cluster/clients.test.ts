/**
 * Real clients that know different trackers of a cluster find each other: the seeder knows one, the
 * leecher another, and nothing else could have connected them (see test/e2e/clients.test.ts). All pairs
 * at a time: clients take a quarter of a minute to trust each other, whatever the tracker does.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { aria2 } from '../support/clients/aria2.js';
import type { ClientProgram } from '../support/clients/client.js';
import { libtorrent } from '../support/clients/libtorrent.js';
import { transmission } from '../support/clients/transmission.js';
import { Cluster } from '../support/cluster.js';
import { type Family, TestNetwork } from '../support/test-network.js';
import type { TrackerProcess } from '../support/tracker-process.js';
import { transfer } from '../support/transfer.js';

type Protocol = 'http' | 'udp';

/** Not every pair exists: see test/e2e/clients.test.ts. */
const CASES: readonly [Protocol, Family, ClientProgram, ClientProgram][] = [
  ['http', 4, transmission, aria2],
  ['http', 6, aria2, transmission],
  ['udp', 4, aria2, transmission],
  ['udp', 4, transmission, aria2],
  ['udp', 6, libtorrent, libtorrent],
];

const network = TestNetwork.open();
let cluster: Cluster;
beforeAll(async () => {
  const listen = [`${network.host(4, 0)}:0`, `[${network.host(6, 0)}]:0`];
  const tracker = { http: listen, udp: listen, args: ['--interval', '60'] };
  cluster = await Cluster.start({ trackers: 2, tracker });
});
afterAll(async () => {
  await cluster?.close();
  network.close();
});

function announceUrl(tracker: TrackerProcess, protocol: Protocol, family: Family): string {
  const { port } = family === 4 ? tracker[`${protocol}4`] : tracker[`${protocol}6`];
  const host = family === 4 ? network.host(4, 0) : `[${network.host(6, 0)}]`;
  return `${protocol}://${host}:${port}/announce`;
}

describe('a seeder of one tracker and a leecher of another', () => {
  it.concurrent.each(
    CASES.map(
      ([protocol, family, seeder, leecher]) =>
        [
          `${protocol} over IPv${family}, ${seeder.name} to ${leecher.name}`,
          async () => {
            const [a, b] = cluster.trackers;
            const side = (program: ClientProgram, role: number, tracker: TrackerProcess) => ({
              program,
              tracker,
              host: network.host(family, role),
              announce: announceUrl(tracker, protocol, family),
            });
            await transfer(protocol, side(seeder, 1, a), side(leecher, 2, b));
          },
        ] as const,
    ),
  )('find each other: %s', async (_name, run) => {
    await run();
  });
});
