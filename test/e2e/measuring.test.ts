/**
 * What a tracker tells of its work, with either kind of sockets: requests by protocol and family, how
 * long they took, the busiest swarms; and that tools of Prometheus can read it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import parse, { type ParsedFamily, type ParsedSample } from 'parse-prometheus-text-format';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { until } from '../support/deadline.js';
import { announcePorts, announceTarget, httpDict, scrapeTarget } from '../support/http-wire.js';
import { promtool } from '../support/prom-tool.js';
import { newHash } from '../support/swarms.js';
import { TestCa } from '../support/test-ca.js';
import { removeFolder, TrackerProcess, temporaryFolder } from '../support/tracker-process.js';
import { connectedWire } from '../support/udp-wire.js';
import { WebClient } from '../support/web-client.js';

const LIMIT_MS = 60_000;
/** Peers live long enough for the test, and a pass over the store takes some seconds. */
const ARGS = ['--interval', '30', '--peer-ttl', '40'];
const DURATION = 'trackerbt_request_duration_seconds';
const NOT_AFTER = new Date(Math.floor(Date.now() / 1000) * 1000 + 86_400_000);

interface Latency {
  readonly count: number;
  readonly sumSeconds: number;
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

interface Stats {
  readonly udp: Readonly<Record<string, number>>;
  readonly http: Readonly<Record<string, number>>;
  readonly websocket: Readonly<Record<string, number>>;
  readonly latency: Readonly<Record<'udp' | 'http' | 'websocket', Latency>>;
  readonly listen: Readonly<Record<'udp' | 'http' | 'https', readonly string[]>>;
  readonly announceUrls: readonly string[];
}

let folder: string;
let tls: string[];
beforeAll(async () => {
  folder = temporaryFolder('measuring');
  const { cert, key } = await (await TestCa.create()).issue({ notAfter: NOT_AFTER });
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  tls = ['--https', '127.0.0.1:0', '--tls-cert', certFile, '--tls-key', keyFile];
});
afterAll(() => removeFolder(folder));

describe.each(['fast', 'portable'])('a tracker with %s sockets', (io) => {
  let tracker: TrackerProcess;
  const [busy, calm] = [newHash(), newHash()];

  beforeAll(async () => {
    tracker = await TrackerProcess.start({ args: [...ARGS, ...tls, '--io', io] });
    await announcePorts(tracker.http4, busy, [1, 2, 3]);
    await announcePorts(tracker.http6, busy, [4, 5], { left: 0 });
    await httpDict(tracker.http4, scrapeTarget([busy]));
    await httpDict(tracker.http6, scrapeTarget([busy]));
    await httpDict(tracker.http6, announceTarget(busy, { port: 0 }));
    const [wire4, wire6] = [await connectedWire(tracker.udp4), await connectedWire(tracker.udp6)];
    for (const port of [6, 7]) await wire4.announce({ infoHash: calm, port });
    for (const port of [8]) await wire6.announce({ infoHash: calm, port });
    for (let i = 0; i < 3; i++) await wire6.scrape([busy, calm]);
    await wire4.scrape([busy]);
    wire4.close();
    wire6.close();
    const web = await WebClient.connect(`ws://${formatAddressPort(tracker.http4)}/announce`);
    await web.announce(busy.toString('latin1'));
    await web.scrape(busy.toString('latin1'));
    await web.end();
  });
  afterAll(async () => {
    await tracker?.remove();
  });

  const stats = async () => (await tracker.adminJson('/stats.json')) as Stats;
  const metrics = async () => {
    const { host, port } = tracker.admin;
    return await (await fetch(`http://${host}:${port}/metrics`)).text();
  };

  it('counts requests by protocol and family', async () => {
    const { udp, http, websocket } = await stats();
    expect(udp).toMatchObject({ connects: 2, connects6: 1, announces: 3, announces6: 1 });
    expect(udp).toMatchObject({ scrapes: 4, scrapes6: 3 });
    expect(http).toMatchObject({ announces: 6, announces6: 3, scrapes: 2, scrapes6: 1 });
    expect(websocket).toMatchObject({ announces: 1, scrapes: 1 });
  });

  it('counts what went over the wires', async () => {
    const { udp, http, websocket } = await stats();
    // Two connects, three announces, scrapes of 3 x 2 and of 1; two of the replies have no peers.
    expect(udp.bytesIn).toBe(2 * 16 + 3 * 98 + 3 * (16 + 40) + (16 + 20));
    expect(udp.bytesOut).toBe(2 * 16 + 3 * 20 + 6 + 3 * (8 + 24) + (8 + 12));
    const responses = { responsesOk: 8, responsesClientError: 0, responsesServerError: 0 };
    expect(http).toMatchObject({ ...responses, handedOver: io === 'fast' ? 1 : 0 });
    expect(Math.min(http.bytesIn, http.bytesOut)).toBeGreaterThan(8 * 50);
    expect(Math.min(websocket.bytesIn, websocket.bytesOut)).toBeGreaterThan(100);
    expect(websocket.pauses).toBe(0);
  });

  it('measures every request once', async () => {
    const { latency } = await stats();
    expect(latency.udp.count).toBe(2 + 3 + 4);
    expect(latency.http.count).toBe(6 + 2);
    expect(latency.websocket.count).toBe(2);
    for (const { count, sumSeconds, bounds, counts } of Object.values(latency)) {
      expect(counts).toHaveLength(bounds.length + 1);
      expect(counts.reduce((sum, each) => sum + each, 0)).toBe(count);
      expect(sumSeconds).toBeGreaterThan(0);
      // No less than if each had taken the lower bound of its bucket.
      const least = counts.reduce((sum, each, i) => sum + each * (bounds[i - 1] ?? 0), 0);
      expect(sumSeconds).toBeGreaterThanOrEqual(least * 0.999);
    }
  });

  it('says where it listens, and what clients are to be told', async () => {
    const { listen, announceUrls } = await stats();
    expect(listen.udp).toEqual([tracker.udp4, tracker.udp6].map(formatAddressPort));
    expect(listen.http).toEqual([tracker.http4, tracker.http6].map(formatAddressPort));
    expect(announceUrls).toEqual([
      ...listen.http.map((address) => `http://${address}/announce`),
      `https://${listen.https[0]}/announce`,
      ...listen.udp.map((address) => `udp://${address}/announce`),
    ]);
  });

  it('names the busiest swarms, and counts them when asked', async () => {
    const named = async () => {
      const { swarms } = (await tracker.adminJson('/api/v1/busiest')) as {
        swarms: { info_hash: string }[];
      };
      return swarms.length === 2 ? swarms : undefined;
    };
    // The web peer has left.
    expect(await until(named, LIMIT_MS, 'two swarms to be named')).toEqual([
      { info_hash: busy.toString('hex'), seeders: 2, leechers: 3, web_peers: 0, downloads: 0 },
      { info_hash: calm.toString('hex'), seeders: 0, leechers: 3, web_peers: 0, downloads: 0 },
    ]);
  });

  it('gives metrics that a parser of Prometheus reads, with the numbers of /stats.json', async () => {
    const text = await metrics();
    const families = new Map(parse(text).map((family) => [family.name, family]));
    const { latency, udp } = await stats();
    const announces = samples(families, 'trackerbt_requests_total').filter(
      ({ labels }) => labels?.protocol === 'udp' && labels.action === 'announce',
    );
    expect(announces).toEqual([
      { labels: { protocol: 'udp', action: 'announce', family: 'ipv4' }, value: '2' },
      {
        labels: { protocol: 'udp', action: 'announce', family: 'ipv6' },
        value: `${udp.announces6}`,
      },
    ]);
    expect(families.get(DURATION)?.type).toBe('HISTOGRAM');
    for (const [protocol, view] of Object.entries(latency)) {
      const { count, sum, buckets = {} } = durations(text, protocol);
      expect(Number(count)).toBe(view.count);
      expect(Number(sum)).toBeCloseTo(view.sumSeconds);
      // Objects have whole numbers first, whatever was written first.
      const byBound = Object.entries(buckets).toSorted(([a], [b]) => boundOf(a) - boundOf(b));
      const cumulative = byBound.map(([, value]) => Number(value));
      expect(cumulative).toHaveLength(view.counts.length);
      expect(cumulative).toEqual(cumulative.toSorted((a, b) => a - b));
      expect(buckets['+Inf']).toBe(count);
    }
    const [certificate] = samples(families, 'trackerbt_certificate_expiry_timestamp_seconds');
    expect(certificate.labels).toEqual({ use: 'https' });
    expect(Number(certificate.value)).toBe(NOT_AFTER.getTime() / 1000);
    for (const { name, help } of families.values()) expect(help, name).not.toBe('');
  });

  it('gives metrics that promtool has nothing against', async () => {
    expect(promtool(['check', 'metrics'], await metrics())).toBe('');
  });
});

function samples(families: ReadonlyMap<string, ParsedFamily>, name: string) {
  const family = families.get(name);
  expect(family, name).toBeDefined();
  return family?.metrics ?? [];
}

function boundOf(text: string): number {
  return text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text);
}

/** The histogram of one protocol: the parser takes those of several for one, so it gets one only. */
function durations(text: string, protocol: string): ParsedSample {
  const label = `protocol="${protocol}"`;
  const lines = text.split('\n').flatMap((line) => {
    if (line.startsWith('#')) return line.includes(DURATION) ? [line] : [];
    if (!line.startsWith(DURATION) || !line.includes(label)) return [];
    return [line.replace(`{${label}}`, '').replace(`${label},`, '')];
  });
  const [{ metrics }] = parse(`${lines.join('\n')}\n`);
  expect(metrics).toHaveLength(1);
  return metrics[0];
}
