/**
 * What `ops/` gives to operators, beside a real Prometheus and a cluster that is well: every query of
 * the dashboard has an answer, no alert fires, all name what is there; and who is killed is told of.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { Cluster } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { announceTarget, httpDict } from '../support/http-wire.js';
import { REPOSITORY, removeFolder, temporaryFolder } from '../support/node-process.js';
import { promtool } from '../support/prom-tool.js';
import { Prometheus } from '../support/prometheus.js';
import { newHash } from '../support/swarms.js';
import { connectedWire } from '../support/udp-wire.js';
import { WebClient } from '../support/web-client.js';

const LIMIT_MS = 90_000;
const OPS = join(REPOSITORY, 'ops');
const ALERTS = join(OPS, 'prometheus', 'alerts.yml');
/** In its description, of a panel whose queries may have no answer. */
const MAY_BE_EMPTY = /\bEmpty when all is well\b/;
/** Events that exist only where a name server of somebody else's is told. */
const ABSENT_HERE = ['dns_updates_failed'];

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

const dashboard = JSON.parse(
  readFileSync(join(OPS, 'grafana', 'trackerbt.json'), 'utf8'),
) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

let folder: string;
let cluster: Cluster;
let prometheus: Prometheus;

beforeAll(async () => {
  folder = temporaryFolder('watching');
  const minder = { args: ['--dns', '127.0.0.1:0', '--zone', 'tracker.test'] };
  const tracker = { config: { store: { saveSeconds: 1 } } };
  cluster = await Cluster.start({ trackers: 2, minder, tracker });
  copyFileSync(ALERTS, join(folder, 'alerts.yml'));
  writeFileSync(join(folder, 'prometheus.yml'), example());
  prometheus = await Prometheus.start(join(folder, 'prometheus.yml'));
});
afterAll(async () => {
  await prometheus?.stop();
  await cluster?.close();
  removeFolder(folder);
});

/** The example that operators copy, with the addresses of this cluster, and quicker. */
function example(): string {
  const [trackerPort, minderPort] = ['127.0.0.1:6970', '127.0.0.1:7470'];
  const text = readFileSync(join(OPS, 'prometheus', 'scrape-example.yml'), 'utf8');
  expect(text).toContain(trackerPort);
  expect(text).toContain(minderPort);
  const trackers = cluster.trackers.map(({ admin }) => formatAddressPort(admin));
  return text
    .replace('scrape_interval: 15s', 'scrape_interval: 1s\n  evaluation_interval: 1s')
    .replace(trackerPort, trackers.join('\n          - '))
    .replace(minderPort, formatAddressPort(cluster.minder.admin));
}

/** One of everything that clients do, on every tracker. */
async function ask(): Promise<void> {
  for (const tracker of cluster.trackers) {
    const hash = newHash();
    await httpDict(tracker.http4, announceTarget(hash, { port: 7_001 }));
    await httpDict(tracker.http6, announceTarget(hash, { port: 7_001 }));
    const wire = await connectedWire(tracker.udp4);
    await wire.announce({ infoHash: hash, port: 7_002 });
    await wire.scrape([hash]);
    wire.close();
    const web = await WebClient.connect(`ws://${formatAddressPort(tracker.http4)}/announce`);
    await web.announce(hash.toString('latin1'));
    await web.end();
  }
}

/** A query as Grafana sends it, with everything selected. */
function sent(expr: string): string {
  const values: Readonly<Record<string, string>> = { __rate_interval: '10s' };
  for (const { name } of dashboard.templating.list) expect(expr).not.toContain(`"${name}"`);
  return expr.replaceAll(/\$(\w+)/g, (_, name: string) => values[name] ?? '.*');
}

/** The metrics that an expression names. */
function namesIn(expr: string): string[] {
  const names = expr.match(/\b(?:trackerbt|process|nodejs)_\w+/g) ?? [];
  return names.map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
}

it('every panel has a query, and every query has an answer or says why not', async () => {
  expect(panels.length).toBeGreaterThan(30);
  const open = new Map<string, string>();
  for (const { title, targets = [], description = '' } of panels) {
    expect(targets.length, title).toBeGreaterThan(0);
    for (const { expr } of targets) {
      const query = sent(expr);
      // Whatever it finds, it must be a query.
      await prometheus.query(query);
      if (!MAY_BE_EMPTY.test(description)) open.set(query, title);
    }
  }
  const look = async () => {
    await ask();
    for (const query of open.keys()) {
      // An answer of numbers: nothing was divided by nothing.
      const found = (await prometheus.query(query)).some(({ value }) => value[1] !== 'NaN');
      if (found) open.delete(query);
    }
    return open.size === 0 ? true : undefined;
  };
  await until(look, LIMIT_MS, 'answers', 500).catch((error: Error) => {
    throw new Error(`${error.message} to ${JSON.stringify([...open])}`);
  });
});

it('panels and alerts name only metrics that there are', async () => {
  const known = await prometheus.names();
  const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  exprs.push(...(await prometheus.rules()).map(({ query }) => query));
  expect(exprs.length).toBeGreaterThan(60);
  for (const expr of exprs) {
    for (const name of namesIn(expr)) expect(known.has(name), `${name} in ${expr}`).toBe(true);
  }
});

it('panels and alerts ask for values of labels that there are', async () => {
  const text = readFileSync(ALERTS, 'utf8');
  const exprs = [text, ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))];
  let asked = 0;
  for (const [, label, values] of exprs
    .join('\n')
    .matchAll(/\b(event|reason|state|use)=~?"(.+?)"/g)) {
    for (const value of values.split('|')) {
      if (ABSENT_HERE.includes(value) || (label === 'use' && value === 'https')) continue;
      const found = await prometheus.query(`{__name__=~"trackerbt_.+", ${label}=~"${value}"}`);
      expect(found.length, `${label}="${value}"`).toBeGreaterThan(0);
      asked++;
    }
  }
  expect(asked).toBeGreaterThan(15);
});

it('promtool takes the alerts and the example', () => {
  expect(promtool(['check', 'rules', ALERTS])).toBe('');
  const path = join(OPS, 'prometheus', 'scrape-example.yml');
  expect(promtool(['check', 'config', path])).toBe('');
});

it('promtool has nothing against the metrics of a minder and of a tracker in a cluster', async () => {
  for (const { admin } of [cluster.minder, cluster.trackers[0]]) {
    const text = await (await fetch(`http://${formatAddressPort(admin)}/metrics`)).text();
    expect(text).toContain('trackerbt_cluster_nodes');
    expect(promtool(['check', 'metrics'], text)).toBe('');
  }
});

it('every alert is read without an error, and none fires while all is well', async () => {
  const rules = await until(
    async () => {
      const found = await prometheus.rules();
      return found.every(({ health }) => health !== 'unknown') ? found : undefined;
    },
    LIMIT_MS,
    'all alerts to be looked at',
  );
  expect(rules.length).toBeGreaterThan(25);
  for (const { name, query, health, lastError } of rules) {
    expect(health, `${name}: ${lastError}`).toBe('ok');
    expect(await prometheus.query(query), name).toEqual([]);
  }
});

it('a tracker that is killed is told of by alerts, and leaves the set of the name', async () => {
  await cluster.trackers[1].kill9();
  const gone = formatAddressPort(cluster.trackers[1].admin);
  const queries = new Map((await prometheus.rules()).map(({ name, query }) => [name, query]));
  for (const name of ['TrackerbtDown', 'TrackerbtNodeUnreachable', 'TrackerbtDnsSetShrunk']) {
    const query = queries.get(name);
    expect(query, name).toBeDefined();
    const look = async () => (await prometheus.query(query ?? '')).at(0);
    const { metric } = await until(look, LIMIT_MS, name, 200);
    if (name === 'TrackerbtDown') expect(metric.instance).toBe(gone);
    if (name === 'TrackerbtNodeUnreachable') expect(metric.role).toBe('tracker');
  }
});
