/** What happens when a worker thread has a bug: the process goes down, and saves where that is safe. */
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrackerNode as Node } from '../../src/node/tracker-node.js';

const built = '../../dist/src';
const { TrackerNode } = (await import(`${built}/node/tracker-node.js`)) as {
  TrackerNode: typeof Node;
};
const { loadConfig, resolve, flagSettings } = await import('../../src/config/index.js');
const { createLogger } = await import('../../src/lib/log.js');

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'trackerbt-death-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A port that nobody holds right now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const { port } = socket.address();
  await new Promise<void>((closed) => socket.close(closed));
  return port;
}

async function dieOf(message: string) {
  const port = await freePort();
  process.env.DYING_WORKER_PORT = String(port);
  const flags = flagSettings({
    data: join(directory, 'data'),
    http: ['127.0.0.1:0'],
    udp: ['127.0.0.1:0'],
    admin: 'off',
    // The worker that dies is one of these; a fast one would not look at the socket that kills it.
    io: 'portable',
  });
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger(
    { level: 'info', format: 'json', name: 'test' },
    { output: { write: (line) => lines.push(JSON.parse(line)) } },
  );
  const workerScript = new URL('../../dist/test/support/dying-worker.js', import.meta.url);
  const node = new TrackerNode(resolve(loadConfig({ flags }), { hostname: 'test' }), {
    logger,
    workerScript,
  });
  await node.start();
  const client = createSocket('udp4');
  client.send(message, port, '127.0.0.1');
  const code = await node.ended;
  client.close();
  const saved = existsSync(join(directory, 'data', 'tracker', 'store.snapshot'));
  return { code, lines, saved };
}

describe('a worker that dies', () => {
  it('takes the process down with its name and reason, after the store was saved', async () => {
    const { code, lines, saved } = await dieOf('die');
    expect(code).toBe(1);
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'fatal',
        worker: 'udp-1',
        reason: expect.stringContaining('a bug in the worker'),
      }),
    );
    expect(saved).toBe(true);
  });

  it('inside the store leaves the last good file alone', async () => {
    const { code, lines, saved } = await dieOf('die locked');
    expect(code).toBe(1);
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: expect.stringContaining('the store is not saved') }),
    );
    expect(saved).toBe(false);
  });
});
