import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { findNatsServer } from '../../../src/minder/nats-binary.js';
import { NatsServer, type NatsServerOptions } from '../../../src/minder/nats-server.js';
import { until } from '../../support/deadline.js';
import { REPOSITORY, temporaryFolder, watchChild } from '../../support/tracker-process.js';
import { clock, connection, nodeId, TestBus, WAIT_MS } from './test-bus.js';

const open: TestBus[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((bus) => bus.close()));
});

async function startBus(): Promise<TestBus> {
  const bus = await TestBus.start();
  open.push(bus);
  return bus;
}

const holds = (what: string, probe: () => boolean) =>
  until(() => (probe() ? true : undefined), WAIT_MS, what, 5);

/** A process that is gone or waits for its parent to ask about it. */
function isDead(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

async function optionsOf(bus: TestBus, directory = temporaryFolder('server')) {
  const options: NatsServerOptions = {
    directory,
    serverName: nodeId(),
    bus: { host: '127.0.0.1', port: 0 },
    tls: await bus.tls('minder', nodeId()),
  };
  const dependencies = { trust: () => bus.accounts.trust, log: bus.lines, clock };
  return { options, dependencies };
}

describe('the bus server', () => {
  it('is started again on the same port whenever it dies', async () => {
    const bus = await startBus();
    const { port } = bus.server.bus;
    for (let life = 1; life <= 2; life++) {
      const pid = bus.server.pid!;
      process.kill(pid, 'SIGKILL');
      await holds('its next life', () => bus.server.restarts === life && bus.server.isRunning);
      expect(bus.server.pid).not.toBe(pid);
      expect(bus.server.bus.port).toBe(port);
      await bus.connected(await bus.node());
    }
    expect(bus.lines.has('the bus server died: starting it again')).toBe(true);
  });

  it('is ended and started again when it answers nobody', async () => {
    const bus = await startBus();
    const { options, dependencies } = await optionsOf(bus);
    const server = await NatsServer.start({ ...options, probeMs: 500 }, dependencies);
    try {
      process.kill(server.pid!, 'SIGSTOP');
      await holds('its next life', () => server.restarts === 1 && server.isRunning);
      expect(bus.lines.has('the bus server answers nobody: ending it')).toBe(true);
    } finally {
      await server.stop();
    }
  });

  it('ends with stop, even when it is frozen, and stays dead', async () => {
    const bus = await startBus();
    const pid = bus.server.pid!;
    process.kill(pid, 'SIGSTOP');
    await bus.server.stop();
    await bus.server.stop();
    expect(isDead(pid)).toBe(true);
    expect(bus.server.restarts).toBe(0);
    expect(readdirSync(join(bus.directory, 'bus'))).not.toContain('server.pid');
  });

  it('keeps its files from other users', async () => {
    const bus = await startBus();
    const directory = join(bus.directory, 'bus');
    for (const name of readdirSync(directory)) {
      expect([name, statSync(join(directory, name)).mode & 0o077]).toEqual([name, 0]);
    }
  });

  it('takes new certificates without touching what is connected', async () => {
    const bus = await startBus();
    const transport = await bus.connected(await bus.node());
    const next = await bus.tls('minder', bus.minderId);
    bus.server.reload(next);
    await holds('the reload', () => bus.lines.text().includes('Reloaded server configuration'));
    await bus.connected(await bus.node());
    expect(transport.connected).toBe(true);
    expect(transport.counters.connects).toBe(1);
    expect(readFileSync(join(bus.directory, 'bus', 'server.pem'), 'utf8')).toBe(next.cert);
  });

  it('says which port another process holds', async () => {
    const bus = await startBus();
    const { options, dependencies } = await optionsOf(bus);
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    try {
      const { port } = holder.address() as { port: number };
      const start = NatsServer.start(
        { ...options, bus: { host: '127.0.0.1', port } },
        dependencies,
      );
      await expect(start).rejects.toMatchObject({
        code: 'bus_address_in_use',
        message: expect.stringContaining(`127.0.0.1:${port} is held by another process`),
      });
    } finally {
      holder.close();
    }
  });

  it('says what to install when there is no program, or one that is too old', async () => {
    const folder = temporaryFolder('program');
    const old = join(folder, 'nats-server');
    writeFileSync(old, '#!/bin/sh\necho "nats-server: v2.8.4"\n');
    chmodSync(old, 0o755);
    for (const [given, code] of [
      ['no-such-program', 'bus_server_missing'],
      [join(folder, 'nothing'), 'bus_server_missing'],
      [old, 'bus_server_old'],
    ]) {
      await expect(findNatsServer(given)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(/apt-get install.*pkg install.*brew install.*containers/),
      });
    }
    expect((await findNatsServer()).version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('ends the server that an earlier life left over', async () => {
    const bus = await startBus();
    const { options, dependencies } = await optionsOf(bus);
    const first = await NatsServer.start(options, dependencies);
    const { port } = first.bus;
    await first.stop();
    // What is left after a crash that took the guard as well.
    const config = join(options.directory, 'server.conf');
    const text = readFileSync(config, 'utf8').replace('"port": -1', `"port": ${port}`);
    writeFileSync(config, text);
    const leftOver = spawn((await findNatsServer()).path, ['-c', config], { stdio: 'ignore' });
    watchChild(leftOver);
    writeFileSync(join(options.directory, 'server.pid'), `${leftOver.pid}\n`);
    const next = await NatsServer.start(
      { ...options, bus: { host: '127.0.0.1', port } },
      dependencies,
    );
    try {
      expect(leftOver.signalCode ?? (await once(leftOver, 'exit'))[1]).toBe('SIGKILL');
      expect(next.bus.port).toBe(port);
    } finally {
      await next.stop();
    }
  });

  it('does not end a stranger that has the number of an earlier server', async () => {
    const bus = await startBus();
    const { options, dependencies } = await optionsOf(bus);
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
    watchChild(stranger);
    writeFileSync(join(options.directory, 'server.pid'), `${stranger.pid}\n`);
    const server = await NatsServer.start(options, dependencies);
    await server.stop();
    expect(isDead(stranger.pid!)).toBe(false);
    stranger.kill('SIGKILL');
  });

  it('dies with its parent, however that dies', async () => {
    const bus = await startBus();
    const { options } = await optionsOf(bus);
    const script = `
      const { NatsServer } = await import(${JSON.stringify(join(REPOSITORY, 'dist/src/minder/nats-server.js'))});
      const { SystemClock } = await import(${JSON.stringify(join(REPOSITORY, 'dist/src/lib/clock.js'))});
      const { options, trust } = JSON.parse(process.env.GIVEN);
      const log = { log: () => {} };
      const server = await NatsServer.start(options, { trust: () => trust, log, clock: new SystemClock() });
      console.log(server.pid);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        GIVEN: JSON.stringify({ options, trust: bus.accounts.trust }),
      },
    });
    watchChild(parent);
    const [line] = (await once(createInterface({ input: parent.stdout! }), 'line')) as [string];
    const pid = Number(line);
    expect(isDead(pid)).toBe(false);
    parent.kill('SIGKILL');
    await holds('its end', () => isDead(pid));
  });

  it('holds no seed in its configuration, and its log none either', async () => {
    const bus = await startBus();
    await connection(bus.transport(await bus.node()), true);
    const config = readFileSync(join(bus.directory, 'bus', 'server.conf'), 'utf8');
    for (const written of [config, bus.lines.text()]) {
      expect(written).not.toMatch(/\bS[AOUN][A-Z2-7]{56}\b/);
    }
  });
});
