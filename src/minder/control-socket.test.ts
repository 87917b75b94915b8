import { once } from 'node:events';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../lib/log.js';
import {
  askControl,
  CONTROL_SOCKET,
  ControlError,
  type ControlHandler,
  ControlServer,
  ControlSession,
} from './control-socket.js';
import { temporaryDirectory } from './minder-rig.testing.js';

const logger = createLogger({ level: 'silent', format: 'json', name: 'x' });
const servers: ControlServer[] = [];
let data = '';

beforeEach(() => {
  data = temporaryDirectory();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  rmSync(data, { recursive: true, force: true });
});

async function serve(handler: ControlHandler, at = data): Promise<void> {
  const directory = join(at, 'minder');
  mkdirSync(directory, { recursive: true });
  const server = new ControlServer({ handler, logger });
  servers.push(server);
  await server.start(directory);
}

/** Says something to the socket, and returns what comes back. */
function say(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path: join(data, 'minder', CONTROL_SOCKET) });
    let heard = '';
    socket.setEncoding('utf8');
    socket.on('data', (part) => {
      heard += part;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(heard));
    socket.end(text);
  });
}

describe('the control socket', () => {
  it('carries a request and its answer, and belongs to its owner alone', async () => {
    await serve((method, params) => ({ method, params }));
    expect(await askControl(data, 'nodes', { a: 1 })).toEqual({
      method: 'nodes',
      params: { a: 1 },
    });
    expect(statSync(join(data, 'minder', CONTROL_SOCKET)).mode & 0o777).toBe(0o600);
  });

  it('carries large answers', async () => {
    const large = Array.from({ length: 4_000 }, (_, i) => `${i}`.repeat(200));
    await serve(async () => large);
    expect(await askControl(data, 'nodes')).toEqual(large);
  });

  it('tells what can be explained, and of the rest that it failed', async () => {
    await serve((method) => {
      if (method === 'a') throw new ControlError('control_not_found', 'no such thing');
      throw new Error('disk full');
    });
    await expect(askControl(data, 'a')).rejects.toMatchObject({
      code: 'control_not_found',
      message: 'no such thing',
    });
    await expect(askControl(data, 'b')).rejects.toMatchObject({
      code: 'control_failed',
      message: 'disk full',
    });
  });

  it('carries many requests, in whatever parts they come, and answers them in order', async () => {
    const release: (() => void)[] = [];
    let most = 0;
    let done = 0;
    await serve(async (_method, params) => {
      const { i } = params as { i: number };
      // The first ends last.
      const turn = i < 4 ? new Promise<void>((go) => release.push(go)) : undefined;
      most = Math.max(most, i + 1 - done);
      if (i === 3) for (const go of release.reverse()) go();
      await turn;
      done++;
      return { i, text: 'x'.repeat(i * 100) };
    });
    const session = await ControlSession.open(data);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => session.ask('a', { i, padding: 'y'.repeat(20_000) })),
    );
    expect(answers.map((answer) => (answer as { i: number }).i)).toEqual([...answers.keys()]);
    expect(most).toBe(4);
    session.close();
    await expect(session.ask('a', { i: 9 })).rejects.toMatchObject({ code: 'control_failed' });
    const lines = Array.from(
      { length: 3 },
      (_, i) => `{"version":1,"method":"a","params":{"i":${i + 7}}}\n`,
    );
    expect((await say(lines.join(''))).split('\n')).toHaveLength(4);
  });

  it('says so when the minder ends before it has answered', async () => {
    await serve(() => new Promise(() => {}));
    const session = await ControlSession.open(data);
    const asked = session.ask('a', {});
    session.close();
    await expect(asked).rejects.toMatchObject({ code: 'control_failed' });
    // Nobody will ever answer: the test's own end would wait.
    servers.length = 0;
  });

  it('works in a directory whose path is too long for a socket', async () => {
    const long = join(data, 'x'.repeat(100), 'y'.repeat(100));
    await serve(() => 'here', long);
    expect(await askControl(long, 'nodes')).toBe('here');
  });

  it('takes the place of the socket of a process that was killed', async () => {
    const directory = join(data, 'minder');
    mkdirSync(directory);
    // Closing a server unlinks its socket; one whose handle is lost stays, as after kill -9.
    const path = join(directory, CONTROL_SOCKET);
    const dead = createServer();
    await new Promise<void>((done) => dead.listen({ path }, done));
    const moved = join(directory, 'moved');
    const { renameSync } = await import('node:fs');
    renameSync(path, moved);
    await new Promise((done) => dead.close(done));
    renameSync(moved, path);
    await expect(askControl(data, 'nodes')).rejects.toMatchObject({ code: 'minder_not_running' });
    await serve(() => 'alive');
    expect(await askControl(data, 'nodes')).toBe('alive');
  });

  // Half a minute later an idle connection ends by itself.
  it('does not wait at its end for one who says nothing', { timeout: 20_000 }, async () => {
    await serve(() => 'never asked');
    const idle = connect({ path: join(data, 'minder', CONTROL_SOCKET) });
    idle.on('error', () => {});
    await once(idle, 'connect');
    // A round trip later the server has that connection too.
    expect(await askControl(data, 'nodes')).toBe('never asked');
    const closed = once(idle, 'close');
    await servers[0].stop();
    await closed;
  });

  it('answers rubbish shortly and goes on', async () => {
    let calls = 0;
    await serve(() => {
      calls++;
      return 'ok';
    });
    for (const text of ['\n', 'x\n', '{"version":2,"method":"nodes"}\n', '[]\n', 'null\n']) {
      expect(JSON.parse(await say(text))).toMatchObject({ error: { code: 'minder_too_old' } });
    }
    expect(JSON.parse(await say('x'.repeat(1_100_000)))).toMatchObject({ ok: false });
    expect(await say('')).toBe('');
    expect(await say('{"version":1,"method":"nodes"}')).toBe('');
    expect(calls).toBe(0);
    expect(await askControl(data, 'nodes')).toBe('ok');
  });

  it('says so where no minder is', async () => {
    await expect(askControl(join(data, 'none'), 'nodes')).rejects.toMatchObject({
      code: 'minder_not_running',
    });
  });
});
