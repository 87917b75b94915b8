/** HTTPS on several threads beside fast workers: one port, one peer list, one set of ticket keys. */
import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bdict, bdecode } from '../support/bdecode.js';
import { until } from '../support/deadline.js';
import { announceTarget } from '../support/http-wire.js';
import { newHash } from '../support/swarms.js';
import { type Issued, TestCa } from '../support/test-ca.js';
import { removeFolder, TrackerProcess, temporaryFolder } from '../support/tracker-process.js';

const THREADS = 3;
/** So many connections that all of them on one thread, or none on another, is no chance: 3^-63. */
const CONNECTIONS = 64;
const LIMIT_MS = 20_000;

let ca: TestCa;
let folder: string;
let tracker: TrackerProcess;

function install({ cert, key }: Issued): void {
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(folder, 'cert.pem'), cert);
}

function tlsArgs(port: number): string[] {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  return ['--https', `127.0.0.1:${port}`, '--tls-cert', cert, '--tls-key', key];
}

beforeAll(async () => {
  folder = temporaryFolder('https-threads');
  ca = await TestCa.create();
  install(await ca.issue());
  const config = { io: 'fast', workers: 1, websocket: { workers: THREADS } };
  tracker = await TrackerProcess.start({ args: tlsArgs(0), config });
});
afterAll(async () => {
  await tracker?.remove();
  removeFolder(folder);
});

/** Sockets that listen on a port of 127.0.0.1, by the kernel's table. */
function listeners(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  return rows.filter((row) => {
    const [, at, , state] = row.trim().split(/\s+/);
    return at === local && state === '0A';
  }).length;
}

function shake(session?: Buffer): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const at = { port: tracker.https4.port, host: '127.0.0.1', ca: ca.pem };
    const socket = connect({ ...at, ...(session === undefined ? {} : { session }) }, () =>
      resolve(socket),
    );
    socket.on('error', reject);
  });
}

async function servedSerial(): Promise<string> {
  const socket = await shake();
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

const many = <T>(one: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: CONNECTIONS }, one));

describe('HTTPS on several threads', () => {
  it('has each of them listen on the one port, which no other process gets', async () => {
    const { port } = tracker.https4;
    expect(listeners(port)).toBe(THREADS);
    const other = TrackerProcess.launch({ args: tlsArgs(port) }, temporaryFolder('data'));
    expect((await other.exited).code).toBe(1);
    expect(other.output()).toContain(`https 127.0.0.1:${port} is held by another process`);
    await other.remove();
  });

  it('resumes on any of them what began on one', async () => {
    const first = await shake();
    const session = await new Promise<Buffer>((resolve) => first.once('session', resolve));
    first.destroy();
    const resumed = await many(async () => {
      const socket = await shake(session);
      const isReused = socket.isSessionReused();
      socket.destroy();
      return isReused;
    });
    expect(resumed).toEqual(Array(CONNECTIONS).fill(true));
  });

  it('serves one peer list', async () => {
    const hash = newHash();
    const announce = (port: number) =>
      new Promise<Bdict>((resolve, reject) => {
        const target = announceTarget(hash, { port, left: 0 });
        const options = { host: '127.0.0.1', port: tracker.https4.port, ca: ca.pem, agent: false };
        get({ ...options, path: target }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.on('end', () => resolve(bdecode(Buffer.concat(chunks)) as Bdict));
        }).on('error', reject);
      });
    let port = 7_000;
    await many(() => announce(++port));
    expect((await announce(++port)).int('complete')).toBe(CONNECTIONS + 1);
  });

  it('takes a new certificate on all of them', async () => {
    const next = await ca.issue();
    install(next);
    tracker.child.kill('SIGHUP');
    const areNew = async () => {
      const serials = await many(servedSerial);
      return serials.every((serial) => serial === next.serial) ? true : undefined;
    };
    await until(areNew, LIMIT_MS, `${next.serial} on every connection`);
  });
});
