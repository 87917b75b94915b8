/** Starts that must fail, and how: a non-zero exit, and words that say what to do. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { flagSettings, loadConfig, resolve } from '../../src/config/index.js';
import { createLogger } from '../../src/lib/log.js';
import type { TrackerNode as Node } from '../../src/node/tracker-node.js';
import { within } from '../support/deadline.js';
import { freePort } from '../support/free-port.js';
import {
  type ExitStatus,
  removeFolder,
  type TrackerOptions,
  TrackerProcess,
  temporaryFolder,
} from '../support/tracker-process.js';

const EXIT_LIMIT_MS = 60_000;

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const act of cleanUp.splice(0)) await act();
});

interface Ending extends ExitStatus {
  readonly output: string;
}

/** Starts a tracker that is expected to end by itself. */
async function ending(options: TrackerOptions, data = temporaryFolder('data')): Promise<Ending> {
  const process = TrackerProcess.launch(options, data);
  cleanUp.push(() => process.remove());
  const status = await within(process.exited, EXIT_LIMIT_MS, 'the process to end');
  expect(process.logs.some((line) => line.msg === 'ready')).toBe(false);
  return { ...status, output: process.output() };
}

describe('a data directory', () => {
  it('in use by another process is refused, and the other one goes on', async () => {
    const first = await TrackerProcess.start();
    cleanUp.push(() => first.remove());
    const { code, output } = await ending({}, first.data);
    expect(code).toBe(1);
    expect(output).toContain(first.data);
    expect(output).toContain(String(first.child.pid));
    expect(await first.adminJson('/readyz')).toBeDefined();
  });

  it('is free again at once after kill -9', async () => {
    const first = await TrackerProcess.start();
    await first.kill9();
    const second = await first.restart();
    cleanUp.push(() => second.remove());
    expect(second.http.length).toBeGreaterThan(0);
  });
});

describe('a stop during the start', () => {
  it('ends with 0 and never says ready', async () => {
    const built = '../../dist/src/node/tracker-node.js';
    const { TrackerNode } = (await import(built)) as { TrackerNode: typeof Node };
    const data = temporaryFolder('data');
    cleanUp.push(() => removeFolder(data));
    const own = { data, http: ['127.0.0.1:0'], udp: ['127.0.0.1:0'], admin: 'off' };
    const config = resolve(loadConfig({ flags: flagSettings(own) }), { hostname: 'test' });
    const said: unknown[] = [];
    const output = { write: (line: string) => said.push(JSON.parse(line).msg) };
    const logger = createLogger({ level: 'info', format: 'json', name: 'test' }, { output });
    const node = new TrackerNode(config, { logger });
    const started = node.start();
    await node.stop();
    await started;
    expect(await node.ended).toBe(0);
    expect(said).not.toContain('ready');
  });
});

describe('a port that another process holds', () => {
  async function heldTcp(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUp.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  it('is an error for HTTP', async () => {
    const held = `127.0.0.1:${await heldTcp()}`;
    const { code, output } = await ending({ http: [held] });
    expect(code).toBe(1);
    expect(output).toContain(held);
    expect(output).toMatch(/address_in_use.*held by another process/);
  });

  it('is an error for UDP', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    cleanUp.push(() => socket.close());
    const held = `127.0.0.1:${socket.address().port}`;
    const { code, output } = await ending({ udp: [held] });
    expect(code).toBe(1);
    expect(output).toContain(held);
    expect(output).toMatch(/address_in_use.*held by another process/);
  });

  it('is an error for the admin listener', async () => {
    const held = `127.0.0.1:${await heldTcp()}`;
    const { code, output } = await ending({ admin: held });
    expect(code).toBe(1);
    expect(output).toContain(held);
  });

  it('is an error when another tracker holds it', async () => {
    const first = await TrackerProcess.start();
    cleanUp.push(() => first.remove());
    for (const [protocol, address] of [
      ['http', first.http4],
      ['udp', first.udp4],
    ] as const) {
      const { code, output } = await ending({ [protocol]: [`127.0.0.1:${address.port}`] });
      expect(code).toBe(1);
      expect(output).toContain(String(address.port));
    }
  });

  it('is an error for one of two trackers that start at the same moment', async () => {
    const port = await freePort();
    const options = { http: [`127.0.0.1:${port}`], udp: [`127.0.0.1:${port}`], admin: 'off' };
    const both = [1, 2].map(() => TrackerProcess.launch(options, temporaryFolder('data')));
    for (const process of both) cleanUp.push(() => process.remove());
    const isReady = (process: TrackerProcess) =>
      process.ready().then(
        () => true,
        () => false,
      );
    const ready = await Promise.all(both.map(isReady));
    expect(ready).toContain(true);
    const refused = both[ready.indexOf(false)];
    await refused.exited;
    expect(refused.output()).toMatch(/address_in_use.*held by another process/);
  });
});

describe('a bad configuration', () => {
  it('ends with an error that lists every problem with its path', async () => {
    const { code, output } = await ending({
      config: {
        announce: { intervalSeconds: -5, numwantDefault: 'many' },
        limits: { peersMaxx: 1 },
        nonsense: true,
      },
      env: { TRACKERBT_LIMITS_SWARMS_MAX: 'lots' },
      args: ['--workers', '-1'],
    });
    expect(code).not.toBe(0);
    for (const path of [
      'announce.intervalSeconds',
      'announce.numwantDefault',
      'limits.peersMaxx',
      'nonsense',
      'TRACKERBT_LIMITS_SWARMS_MAX',
      '--workers',
    ]) {
      expect(output).toContain(path);
    }
  });

  it('of relations between settings is an error', async () => {
    const { code, output } = await ending({
      config: { announce: { intervalSeconds: 100, peerTtlSeconds: 50 } },
    });
    expect(code).not.toBe(0);
    expect(output).toContain('peerTtlSeconds');
  });

  it('is named when the file does not exist', async () => {
    const { code, output } = await ending({ args: ['--config', '/nonexistent/trackerbt.yaml'] });
    expect(code).not.toBe(0);
    expect(output).toContain('/nonexistent/trackerbt.yaml');
  });

  it('an unknown flag is an error', async () => {
    const { code, output } = await ending({ args: ['--no-such-flag'] });
    expect(code).not.toBe(0);
    expect(output).toContain('--no-such-flag');
  });
});
