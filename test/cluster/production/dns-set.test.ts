/**
 * The name of the cluster follows its trackers: one that is killed is out of the answers and back
 * after its return; when all are down the last set stays, also over a restart of the minder; and
 * then it is told to an operator's own name server as well (GET /api/v1/dns).
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster } from '../../support/cluster.js';
import { until } from '../../support/deadline.js';
import { dig } from '../../support/dig.js';
import { measured } from '../../support/long.js';
import { addressOf, dnsPortOf, named, untilNamed, ZONE } from './dns-cluster.js';

const LIMIT_MS = 60_000;
const HOSTS = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];

let cluster: Cluster;
beforeAll(async () => {
  const args = ['--dns', '127.0.0.1:0', '--zone', ZONE, '--ns', `ns.${ZONE}`];
  cluster = await Cluster.start({ trackers: 0, minder: { args } });
  await Promise.all(HOSTS.map((host) => cluster.launch(host, at(host)).ready()));
});
afterAll(async () => {
  await cluster?.close();
});

function at(host: string) {
  return { http: [`${host}:0`], udp: [`${host}:0`] };
}

it('has the trackers that are well, and says what they speak', async () => {
  await untilNamed(cluster.minder, HOSTS);
  const set = (await cluster.minder.adminJson('/api/v1/dns')) as { addresses4: string[] };
  expect(set.addresses4.toSorted()).toEqual(HOSTS);
  const port = dnsPortOf(cluster.minder);
  const { answer, flags } = await dig('127.0.0.1', port, ZONE, 'TXT');
  expect(flags).toContain('aa');
  const ports = new Set(cluster.trackers.map(({ udp4 }) => udp4.port));
  for (const udp of ports) expect(answer.join()).toContain(`UDP:${udp}`);
  expect((await dig('127.0.0.1', port, '+tcp', ZONE, 'SOA')).answer.join()).toContain('SOA');
});

it('loses a tracker that is killed, and has it back after its return', async () => {
  const [victim] = cluster.trackers;
  const host = addressOf(victim);
  const others = HOSTS.filter((other) => other !== host);
  await victim.kill9();
  measured(
    `a killed tracker was out of the answers after ${await untilNamed(cluster.minder, others)} ms`,
  );
  await cluster.restart(victim);
  measured(
    `a tracker was back in the answers ${await untilNamed(cluster.minder, HOSTS)} ms after ready`,
  );
});

it('keeps the last set when all are down, and the minder starts again', async () => {
  const [first, ...rest] = cluster.trackers;
  for (const tracker of rest) await tracker.kill9();
  await untilNamed(cluster.minder, [addressOf(first)]);
  await first.kill9();
  const { minder } = cluster;
  await until(
    async () => {
      const view = (await minder.adminJson('/api/v1/cluster')) as {
        nodes: { role: string; state: string }[];
      };
      const trackers = view.nodes.filter(({ role }) => role === 'tracker');
      return trackers.every(({ state }) => state === 'unreachable') ? true : undefined;
    },
    LIMIT_MS,
    'the last tracker to be known as dead',
  );
  expect(await named(minder, 'A')).toEqual([addressOf(first)]);
  await minder.kill9();
  await cluster.restartMinder();
  expect(await named(cluster.minder, 'A')).toEqual([addressOf(first)]);
});
