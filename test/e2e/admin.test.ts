/** The admin listener and the client's commands, against a tracker with a known swarm. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddressPort } from '../support/address.js';
import { announcePorts, announceTarget, httpDict } from '../support/http-wire.js';
import { newHash } from '../support/swarms.js';
import { REPOSITORY, TrackerProcess, watchChild } from '../support/tracker-process.js';

let tracker: TrackerProcess;
const infoHash = newHash();
beforeAll(async () => {
  tracker = await TrackerProcess.start();
  await announcePorts(tracker.http4, infoHash, [7001, 7002], { event: 'completed', left: 0 });
  await announcePorts(tracker.http4, infoHash, [7003]);
  await httpDict(tracker.http6, announceTarget(infoHash, { port: 7004, event: 'paused' }));
});
afterAll(async () => {
  await tracker?.remove();
});

async function adminText(path: string): Promise<{ status: number; text: string }> {
  const reply = await fetch(`http://${formatAddressPort(tracker.admin)}${path}`);
  return { status: reply.status, text: await reply.text() };
}

describe('the admin listener', () => {
  it.each(['/healthz', '/readyz', '/', '/metrics', '/stats.json', '/api/v1/openapi.json'])(
    '%s answers 200',
    async (path) => {
      expect((await adminText(path)).status).toBe(200);
    },
  );

  it('shows a swarm', async () => {
    expect(await tracker.adminJson(`/api/v1/swarms/${infoHash.toString('hex')}`)).toMatchObject({
      info_hash: infoHash.toString('hex'),
      seeders: 2,
      leechers: 2,
      partial_seeds: 1,
      downloads: 2,
      web_peers: 0,
    });
  });

  it('lists the peers of a swarm', async () => {
    const path = `/api/v1/swarms/${infoHash.toString('hex')}?peers=1`;
    const { peers } = (await tracker.adminJson(path)) as {
      peers: { ip: string; port: number; seeder: boolean; ageSeconds: number }[];
    };
    const shown = peers.map(({ ip, port, seeder }) => `${ip} ${port} ${seeder}`).sort();
    expect(shown).toEqual([
      '127.0.0.1 7001 true',
      '127.0.0.1 7002 true',
      '127.0.0.1 7003 false',
      '::1 7004 false',
    ]);
    for (const { ageSeconds } of peers) expect(ageSeconds).toBeLessThan(60);
  });

  it('counts peers and swarms exactly', async () => {
    expect(await tracker.adminJson('/api/v1/digest')).toMatchObject({ peers: 4, swarms: 1 });
  });

  it('serves metrics that Prometheus reads', async () => {
    const { text } = await adminText('/metrics');
    for (const line of text.split('\n')) {
      expect(line).toMatch(/^($|# (HELP|TYPE) |[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? \S+$)/);
    }
    expect(text).toMatch(/^trackerbt_/m);
  });
});

/** Runs a command to its end. */
async function command(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  const child = spawn(process.execPath, [join(REPOSITORY, 'bin', 'trackerbt.js'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
  });
  watchChild(child);
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout };
}

describe('the client commands', () => {
  const url = (protocol: 'http' | 'udp') =>
    `${protocol}://${formatAddressPort(tracker[`${protocol}4`])}/announce`;
  const hash = infoHash.toString('hex');

  it.each(['http', 'udp'] as const)('trackerbt scrape works over %s', async (protocol) => {
    const { code, stdout } = await command('scrape', url(protocol), hash);
    expect(code).toBe(0);
    expect(stdout).toContain(hash);
    expect((await command('scrape', url(protocol), hash, '--json')).stdout.trim()).toMatch(/^[[{]/);
  });

  it.each(['http', 'udp'] as const)('trackerbt announce works over %s', async (protocol) => {
    const { code, stdout } = await command('announce', url(protocol), hash);
    expect(code).toBe(0);
    expect(stdout).toContain('127.0.0.1');
  });
});
