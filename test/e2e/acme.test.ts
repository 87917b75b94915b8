/** A certificate by ACME, from an authority that the test runs. */
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AcmeServer } from '../support/acme-server.js';
import { until } from '../support/deadline.js';
import { freePort } from '../support/free-port.js';
import { announceTarget, httpGet } from '../support/http-wire.js';
import { newHash } from '../support/swarms.js';
import { TestCa } from '../support/test-ca.js';
import {
  type LogLine,
  removeFolder,
  TrackerProcess,
  temporaryFolder,
} from '../support/tracker-process.js';

const LIMIT_MS = 30_000;
const NAMES = ['tracker.test', 'other.tracker.test'];

let ca: TestCa;
let authority: AcmeServer;
let folder: string;
let caFile: string;
let tracker: TrackerProcess | undefined;

beforeAll(async () => {
  folder = temporaryFolder('acme');
  ca = await TestCa.create();
  caFile = ca.write(folder);
});
afterAll(() => removeFolder(folder));
afterEach(async () => {
  await tracker?.remove();
  tracker = undefined;
  authority.close();
});

const says = (text: RegExp) => (line: LogLine) => text.test(line.msg ?? '');

async function start(
  prepare: (authority: AcmeServer) => void = () => {},
  https: Readonly<Record<string, unknown>> = {},
): Promise<TrackerProcess> {
  authority = await AcmeServer.start(ca);
  prepare(authority);
  // Before the tracker asks for the first certificate, the authority knows where it is.
  authority.challengePort = await freePort();
  tracker = await TrackerProcess.start({
    http: [`127.0.0.1:${authority.challengePort}`],
    args: ['--https', '127.0.0.1:0'],
    env: { NODE_EXTRA_CA_CERTS: caFile },
    config: {
      https: {
        ...https,
        acme: {
          directoryUrl: authority.directoryUrl,
          domains: NAMES,
          contact: 'operator@example.org',
          termsAgreed: true,
        },
      },
    },
  });
  return tracker;
}

/** The serial number of what a client that asks for the name is served; undefined when it gets none. */
function served(name: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { port } = tracker?.https4 ?? { port: 0 };
    const socket = connect({ port, host: '127.0.0.1', servername: name, ca: ca.pem }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
  });
}

/** The same, also when it has run out meanwhile. */
function servedAnyway(name: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { port } = tracker?.https4 ?? { port: 0 };
    const options = { port, host: '127.0.0.1', servername: name, rejectUnauthorized: false };
    const socket = connect(options, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
  });
}

describe('ACME', () => {
  it('gets a certificate for all names, keeps it in private files and over a restart', async () => {
    const running = await start();
    const serial = await until(() => served(NAMES[0]), LIMIT_MS, 'a certificate');
    expect(await served(NAMES[1])).toBe(serial);
    expect(authority.issued).toEqual([serial]);
    expect(authority.contacts).toEqual(['mailto:operator@example.org']);
    expect(authority.answers).toHaveLength(2);
    const kept = join(running.data, 'tracker', 'acme');
    expect(readdirSync(kept).toSorted()).toEqual(['account.key', 'certificate.pem']);
    for (const name of readdirSync(kept))
      expect(statSync(join(kept, name)).mode & 0o777).toBe(0o600);
    expect(statSync(kept).mode & 0o777).toBe(0o700);
    // What a challenge was answered with is gone, and the tracker answers beside it.
    const path = `/.well-known/acme-challenge/${authority.answers[0].slice(4).split('.')[0]}`;
    expect((await httpGet(running.http4, path)).status).toBe(404);
    expect((await httpGet(running.http4, announceTarget(newHash()))).status).toBe(200);
    await running.stop();
    tracker = await running.restart();
    expect(await served(NAMES[0])).toBe(serial);
    expect(authority.issued).toHaveLength(1);
  });

  it('renews at two thirds of its life, under the same account', async () => {
    // Two thirds are over four seconds after it was issued.
    await start((acme) => {
      acme.lives = [{ before: 8, after: 10 }];
    });
    const isSecond = async () => {
      const [, second] = authority.issued;
      return second !== undefined && (await served(NAMES[0])) === second ? true : undefined;
    };
    await until(isSecond, LIMIT_MS, 'the next certificate');
    expect(authority.accounts).toBe(1);
    expect(authority.issued).toHaveLength(2);
  });

  it('keeps the certificate that it has when the next one is of no use', async () => {
    // The second is over when it comes.
    const running = await start((acme) => {
      acme.lives = [
        { before: 8, after: 10 },
        { before: 60, after: -30 },
      ];
    });
    const serial = await until(() => servedAnyway(NAMES[0]), LIMIT_MS, 'a certificate');
    const line = await running.waitForLog(says(/no certificate by ACME/), LIMIT_MS, 'the failure');
    expect(line.reason).toMatch(/not good here/);
    expect(authority.issued).toHaveLength(2);
    const kept = join(running.data, 'tracker', 'acme', 'certificate.pem');
    expect(new X509Certificate(readFileSync(kept)).serialNumber).toBe(serial);
    expect(await servedAnyway(NAMES[0])).toBe(serial);
  });

  it('serves other names with certificates from files', async () => {
    const { cert, key, serial } = await ca.issue({ names: ['files.test'] });
    const [certFile, keyFile] = [join(folder, 'files.pem'), join(folder, 'files.key')];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key, { mode: 0o600 });
    await start(() => {}, { moreCertFiles: [certFile], moreKeyFiles: [keyFile] });
    expect(await served('files.test')).toBe(serial);
    const byAcme = await until(() => served(NAMES[0]), LIMIT_MS, 'a certificate');
    expect(byAcme).not.toBe(serial);
    expect(await served('files.test')).toBe(serial);
  });

  it('serves HTTP while an authority refuses, says why, and waits', async () => {
    const running = await start((acme) => {
      acme.refusals = 1;
    });
    const line = await running.waitForLog(says(/no certificate by ACME/), LIMIT_MS, 'the refusal');
    expect(line).toMatchObject({ level: 'error', seconds: 60 });
    expect(line.reason).toMatch(/does not want to/);
    expect(await served(NAMES[0])).toBeUndefined();
    expect((await httpGet(running.http4, announceTarget(newHash()))).status).toBe(200);
    expect(authority.orders).toBe(1);
  });
});
