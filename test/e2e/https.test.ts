/** HTTPS as an operator runs it: certificates from files, replaced and broken under load. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { connect as connectRaw, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bdict, bdecode } from '../support/bdecode.js';
import { until } from '../support/deadline.js';
import { announceTarget, scrapeTarget } from '../support/http-wire.js';
import { seededPrng } from '../support/prng.js';
import { newHash } from '../support/swarms.js';
import { type Issued, TestCa } from '../support/test-ca.js';
import {
  type LogLine,
  removeFolder,
  TrackerProcess,
  temporaryFolder,
} from '../support/tracker-process.js';

const LIMIT_MS = 20_000;

let ca: TestCa;
let folder: string;
let caFile: string;
let tracker: TrackerProcess;

const certFile = () => join(folder, 'cert.pem');
const keyFile = () => join(folder, 'key.pem');

/** As certificate tools do it: each file is replaced in one step, one after the other. */
function install({ cert, key }: Issued): void {
  for (const [path, text] of [
    [keyFile(), key],
    [certFile(), cert],
  ]) {
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

beforeAll(async () => {
  folder = temporaryFolder('https');
  ca = await TestCa.create();
  caFile = ca.write(folder);
  install(await ca.issue());
  tracker = await TrackerProcess.start({
    args: ['--https', '127.0.0.1:0', '--tls-cert', certFile(), '--tls-key', keyFile()],
    config: { https: { handshakeSeconds: 1, handshakesMax: 64 } },
  });
});
afterAll(async () => {
  await tracker?.remove();
  removeFolder(folder);
});

const origin = () => `https://127.0.0.1:${tracker.https4.port}`;

function curl(...args: string[]): { status: number | null; body: Buffer; notes: string } {
  const { status, stdout, stderr } = spawnSync('curl', ['--silent', '--cacert', caFile, ...args]);
  return { status, body: stdout, notes: stderr.toString() };
}

/** What `openssl s_client` says of a handshake. */
function openssl(...args: string[]): Promise<{ code: number | null; text: string }> {
  const at = `127.0.0.1:${tracker.https4.port}`;
  const child = spawn('openssl', ['s_client', '-connect', at, '-CAfile', caFile, ...args]);
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  child.stdin.on('error', () => {});
  child.stdin.end('Q\n');
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, text })));
}

function shake(): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: tracker.https4.port, host: '127.0.0.1', ca: ca.pem }, () =>
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

const servedIs = (serial: string) =>
  until(async () => ((await servedSerial()) === serial ? true : undefined), LIMIT_MS, serial);

describe('HTTPS', () => {
  it('answers curl that trusts the authority: announce, scrape, kept connections', () => {
    const hash = newHash();
    const announce = curl(`${origin()}${announceTarget(hash)}`);
    expect(announce.status, announce.notes).toBe(0);
    expect((bdecode(announce.body) as Bdict).int('interval')).toBeGreaterThan(0);
    const urls = [scrapeTarget([hash]), announceTarget(hash), scrapeTarget([hash])];
    const several = curl('--write-out', '[%{num_connects}]', ...urls.map((url) => origin() + url));
    expect(several.body.toString('latin1').match(/\[\d\]/g)).toEqual(['[1]', '[0]', '[0]']);
    expect(curl('--http2', `${origin()}${scrapeTarget([hash])}`).status).toBe(0);
    // Without the authority it is refused, by the client.
    const distrust = spawnSync('curl', ['--silent', `${origin()}/announce`]);
    expect(distrust.status).toBe(60);
  });

  it('shares its swarms with HTTP, and gives peers the same', () => {
    const hash = newHash();
    const { host, port } = tracker.http4;
    const plain = spawnSync('curl', [
      '--silent',
      `http://${host}:${port}${announceTarget(hash, { port: 7_001 })}`,
    ]);
    expect(plain.status).toBe(0);
    const reply = bdecode(
      curl(`${origin()}${announceTarget(hash, { port: 7_002 })}`).body,
    ) as Bdict;
    expect(reply.bytes('peers').toString('hex')).toBe('7f0000011b59');
  });

  it.each([
    ['TLS 1.3', ['-tls1_3'], true],
    ['TLS 1.2', ['-tls1_2'], true],
    ['TLS 1.1', ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], false],
    ['TLS 1.0', ['-tls1', '-cipher', 'ALL:@SECLEVEL=0'], false],
    ['AES-CBC', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA256'], false],
    ['a key exchange without forward secrecy', ['-tls1_2', '-cipher', 'AES128-GCM-SHA256'], false],
    ['no encryption', ['-tls1_2', '-cipher', 'eNULL:@SECLEVEL=0'], false],
  ] as const)('openssl s_client with %s', async (_, args, isServed) => {
    const { text } = await openssl(...args);
    const cipher = /Cipher is (.*)/.exec(text)?.[1];
    if (isServed) {
      expect(cipher).toMatch(/^TLS_|^ECDHE-/);
      expect(text).toContain('Verify return code: 0 (ok)');
    } else expect(cipher, text).toBe('(NONE)');
  });

  it('resumes sessions', async () => {
    const file = join(folder, 'session.pem');
    const first = await openssl('-tls1_2', '-sess_out', file);
    expect(first.text).toContain('New, TLSv1.2');
    expect((await openssl('-tls1_2', '-sess_in', file)).text).toContain('Reused, TLSv1.2');
  });

  it('cuts half-open handshakes, and serves beside many of them', async () => {
    const half: Socket[] = [];
    let closed = 0;
    for (let i = 0; i < 200; i++) {
      const socket = connectRaw(tracker.https4.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.once('close', () => closed++);
      socket.resume();
      if (i % 2 === 0) socket.write(Buffer.from('16030102000100', 'hex'));
      half.push(socket);
    }
    await until(() => (closed === half.length ? true : undefined), LIMIT_MS, 'all to be cut');
    expect(curl(`${origin()}${announceTarget(newHash())}`).status).toBe(0);
  });

  it('serves a new certificate under load, and drops no connection', async () => {
    let replies = 0;
    let connections = 0;
    let failures = 0;
    let ends = false;
    const hash = newHash();
    const target = `${origin()}${scrapeTarget([hash])}`;
    const agents = Array.from(
      { length: 8 },
      () => new Agent({ keepAlive: true, maxSockets: 1, ca: ca.pem }),
    );
    const ask = (agent: Agent) =>
      new Promise<void>((resolve) => {
        get(target, { agent }, (reply) => {
          if (reply.statusCode === 200) replies++;
          else failures++;
          reply.resume();
          reply.once('end', resolve);
        })
          .on('socket', (socket) => {
            if (socket.connecting) connections++;
          })
          .on('error', () => {
            failures++;
            resolve();
          });
      });
    const load = agents.map(async (agent) => {
      while (!ends) await ask(agent);
    });
    try {
      for (const algorithm of ['rsa', 'ecdsa'] as const) {
        const before = replies;
        const next = await ca.issue({ algorithm });
        install(next);
        await servedIs(next.serial);
        await until(() => (replies > before + 50 ? true : undefined), LIMIT_MS, 'more replies');
      }
    } finally {
      ends = true;
      await Promise.all(load);
      for (const agent of agents) agent.destroy();
    }
    expect(failures).toBe(0);
    // Each kept its connection but where it had had its thousand requests.
    expect(connections).toBeLessThanOrEqual(
      agents.length + Math.ceil(replies / 1_000) * agents.length,
    );
  });

  it('keeps the certificate when its files turn bad, says so, and takes them when they are mended', async () => {
    const serial = await servedSerial();
    const [one, other] = [await ca.issue(), await ca.issue()];
    const complains =
      (what: RegExp) =>
      (line: LogLine): boolean =>
        /the one before stays/.test(line.msg ?? '') && what.test(String(line.reason));
    install({ ...one, key: other.key });
    await tracker.waitForLog(complains(/belongs to another/), LIMIT_MS, 'a mismatch');
    install({ ...one, cert: 'nothing' });
    await tracker.waitForLog(complains(/no PEM certificate/), LIMIT_MS, 'no certificate');
    expect(await servedSerial()).toBe(serial);
    install(one);
    tracker.child.kill('SIGHUP');
    await servedIs(one.serial);
  });

  it('warns of a key that others can read', async () => {
    chmodSync(keyFile(), 0o644);
    tracker.child.kill('SIGHUP');
    const warns = (line: LogLine): boolean => /open to other users/.test(line.msg ?? '');
    const line = await tracker.waitForLog(warns, LIMIT_MS, 'the warning');
    expect(line).toMatchObject({ level: 'warn', mode: '644' });
    chmodSync(keyFile(), 0o600);
  });

  it('survives junk, mutated handshakes and cut ones', async () => {
    const prng = seededPrng();
    const hello = await helloBytes();
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let i = 0; i < 40; i++) {
          const bytes = i % 2 === 0 ? prng.bytes(1 + prng.below(700)) : Buffer.from(hello);
          for (let n = prng.below(8); n > 0; n--) bytes[prng.below(bytes.length)] = prng.below(256);
          await throwAt(bytes.subarray(0, 1 + prng.below(bytes.length)));
        }
      }),
    );
    expect(curl(`${origin()}${announceTarget(newHash())}`).status).toBe(0);
  });
});

/** Sends bytes, closes our half, and waits until the other end is closed too. */
function throwAt(bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectRaw(tracker.https4.port, '127.0.0.1', () => socket.end(bytes));
    socket.resume();
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
}

/** What a client sends first. */
async function helloBytes(): Promise<Buffer> {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const client = connect({ port, host: '127.0.0.1' });
  client.on('error', () => {});
  const socket = await new Promise<Socket>((resolve) => server.once('connection', resolve));
  const hello = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

describe('a start with HTTPS', () => {
  it.each([
    ['no file', async (): Promise<Issued | undefined> => undefined, /tls|cannot read/],
    [
      'a key of another certificate',
      async (): Promise<Issued | undefined> => ({
        ...(await ca.issue()),
        key: (await ca.issue()).key,
      }),
      /belongs to another certificate/,
    ],
  ] as const)('is refused with %s', async (_, make, says) => {
    const own = temporaryFolder('bad-tls');
    const pair = await make();
    const [cert, key] = [join(own, 'cert.pem'), join(own, 'key.pem')];
    if (pair !== undefined) {
      writeFileSync(cert, pair.cert);
      writeFileSync(key, pair.key, { mode: 0o600 });
    }
    const started = TrackerProcess.launch(
      { args: ['--https', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key] },
      temporaryFolder('data'),
    );
    expect((await started.exited).code).toBe(1);
    expect(started.output()).toMatch(says);
    await started.remove();
    removeFolder(own);
  });
});
