/** What a minder finds out by probing trackers, and whom it therefore sends clients to. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NodeView } from '../../src/admin/cluster-view.js';
import type { DnsView } from '../../src/admin/dns-view.js';
import { Cluster, nodeSeenBy } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { IS_LONG, measured } from '../support/long.js';

const LIMIT_MS = 60_000;
const HOSTS = ['127.0.1.1', '127.0.1.2', '127.0.1.3'] as const;
let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ trackers: 0 });
  HOSTS.forEach((host, i) => {
    cluster.launch('abc'[i], { http: [`${host}:0`], udp: [`${host}:0`] });
  });
  await Promise.all(cluster.trackers.map((tracker) => tracker.ready()));
});
afterAll(async () => {
  await cluster?.close();
});

const dns = async () => (await cluster.minder.adminJson('/api/v1/dns')) as DnsView;
const seen = async (name: string) =>
  (await nodeSeenBy(cluster.minder, name)) as unknown as NodeView | undefined;

/** Waits until these addresses are published; returns how long that took, in ms. */
async function published(hosts: readonly string[]): Promise<number> {
  const startMs = performance.now();
  const isSo = async () => ((await dns()).addresses4.join() === hosts.join() ? true : undefined);
  await until(isSo, LIMIT_MS, `the set ${hosts.join()}`);
  return performance.now() - startMs;
}

it('proves every address of each tracker, and publishes it', async () => {
  measured(`three trackers were published after ${await published(HOSTS)} ms`);
  for (const name of ['a', 'b', 'c']) {
    await until(
      async () =>
        (await seen(name))?.probes?.every(({ state }) => state === 'well') ? true : undefined,
      LIMIT_MS,
      `all addresses of ${name} to be well`,
    );
    const node = await seen(name);
    expect(node).toMatchObject({ state: 'healthy', reason: null });
    expect(node?.probes).toHaveLength(2);
  }
  const { services, addresses6, trackers } = await dns();
  expect(addresses6).toEqual([]);
  expect(services).toHaveLength(6);
  expect(trackers.map(({ name }) => name).toSorted()).toEqual(['a', 'b', 'c']);
});

// In short, production/dns-set.test.ts shows it of one that is killed.
it.runIf(IS_LONG)('lets a frozen tracker go, and takes it back', async () => {
  const { pid } = cluster.trackers[1].child;
  if (pid === undefined) throw new Error('it runs');
  process.kill(pid, 'SIGSTOP');
  try {
    measured(`a frozen tracker was out after ${await published([HOSTS[0], HOSTS[2]])} ms`);
    expect((await seen('b'))?.state).toBe('unreachable');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  measured(`it was back ${await published(HOSTS)} ms after it went on`);
});

it('hardly touches somebody else whose address a tracker advertises, and never publishes it', async () => {
  const victim = createSocket('udp4');
  const heardMs: number[] = [];
  victim.on('message', () => heardMs.push(performance.now()));
  victim.bind(0, '127.0.9.9');
  await once(victim, 'listening');
  try {
    const tracker = cluster.launch('d', {
      http: [],
      udp: [`127.0.1.4:${victim.address().port}`],
      args: ['--advertise', '127.0.9.9'],
    });
    await tracker.ready();
    await until(() => (heardMs.length >= 2 ? true : undefined), LIMIT_MS, 'two attempts');
    // The first pause is 5 s, less a fifth.
    expect(heardMs[1] - heardMs[0]).toBeGreaterThan(2_000);
    const node = await seen('d');
    expect(node?.addresses).toEqual([`udp://127.0.9.9:${victim.address().port}/announce`]);
    expect(node?.probes?.map(({ state }) => state)).toEqual(['unverified']);
    expect((await dns()).addresses4).toEqual(HOSTS);
  } finally {
    victim.close();
  }
});

it('hears of a tracker whose HTTP address cannot be told, and publishes it for UDP', async () => {
  const host = '127.0.1.5';
  const tracker = cluster.launch('e', {
    http: [`${host}:0`],
    udp: [`${host}:0`],
    config: { http: { announcePaths: ['/{key}/announce'] } },
  });
  await tracker.ready();
  await published([...HOSTS, host]);
  expect((await seen('e'))?.addresses).toEqual([`udp://${host}:${tracker.udp4.port}/announce`]);
});
