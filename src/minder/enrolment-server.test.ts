import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { afterEach, describe, expect, it } from 'vitest';
import { enrol, renew } from '../cluster/enrolment-client.js';
import { EnrolmentError } from '../cluster/enrolment-error.js';
import { makeBusKey, makeKeyRequest } from '../cluster/enrolment-keys.js';
import type { Identity } from '../cluster/identity.js';
import { SystemClock } from '../lib/clock.js';
import type { NodeRole } from '../protocol/cluster/enrolment.js';
import { formatJoinToken, parseJoinToken } from '../protocol/cluster/token.js';
import type { KeyPairPem } from './certificate-authority.js';
import { ControlState } from './control-state.js';
import { MinderRig, openAuthority, temporaryDirectory } from './minder-rig.testing.js';

const clock = new SystemClock();
const NODE = { name: 'tracker one', software: '0.1.0', advertise: ['tracker.example'] };
const rigs: MinderRig[] = [];

async function startRig(options: Parameters<typeof MinderRig.start>[0] = {}): Promise<MinderRig> {
  const rig = await MinderRig.start(options);
  rigs.push(rig);
  return rig;
}

afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.stop()));
});

function joinWith(rig: MinderRig, token: string, role: NodeRole = 'tracker'): Promise<Identity> {
  return enrol({ role, url: rig.url, token, node: NODE }, { clock });
}

/** The error of a promise that must fail. */
async function failure(promise: Promise<unknown>): Promise<EnrolmentError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EnrolmentError);
  return error as EnrolmentError;
}

/** A server's certificate of the usual kind, for a host, signed with the CA's key. */
async function certifyHost(directory: string, caPem: string): Promise<KeyPairPem> {
  const curve = { name: 'ECDSA', namedCurve: 'P-256' };
  const pkcs8 = x509.PemConverter.decodeFirst(readFileSync(join(directory, 'cluster.key'), 'utf8'));
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, curve, false, ['sign']);
  const keys = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=127.0.0.1',
    issuer: new x509.X509Certificate(caPem).subject,
    notAfter: new Date(Date.now() + 3_600_000),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
  };
}

describe('enrolment', () => {
  it('gives a node a certificate, bus credentials and the keys of the cluster', async () => {
    const rig = await startRig();
    const identity = await joinWith(rig, rig.token());
    expect(identity.nodeId).toMatch(/^n[0-9a-f]{16}$/);
    expect(identity.keyRing).toEqual(rig.keys.ring);
    expect(identity.digestKey).toBe(rig.keys.digestKey);
    expect(identity.bus.jwt).toContain(identity.nodeId);
    expect(identity.bus.urls).toEqual(['tls://127.0.0.1:7422']);
    expect(identity.minders[0]).toBe(rig.url);
    expect(identity.sourceAddress).toBe('127.0.0.1');
    const certificate = new X509Certificate(identity.certificate);
    const ca = new X509Certificate(identity.ca);
    expect(certificate.verify(ca.publicKey)).toBe(true);
    expect(certificate.subject).toBe(`CN=${identity.nodeId}`);
    expect(certificate.subjectAltName).toBe(`URI:urn:trackerbt:tracker:${identity.nodeId}`);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(rig.state.get('node', identity.nodeId)).toMatchObject({
      name: 'tracker one',
      role: 'tracker',
      sourceAddress: '127.0.0.1',
    });
  });

  it('takes a node whatever its name and its addresses', async () => {
    const rig = await startRig();
    const advertise = [...Array.from({ length: 20 }, (_, i) => `192.0.2.${i}`), 'fe80::1%eth0'];
    const node = {
      name: `\u200d${'n'.repeat(253)}\u{1F600}`,
      software: 'v'.repeat(100),
      advertise,
    };
    const token = rig.token();
    const { nodeId } = await enrol({ role: 'tracker', url: rig.url, token, node }, { clock });
    const known = rig.state.get('node', nodeId);
    expect(known).toMatchObject({ name: 'n'.repeat(253), advertise: advertise.slice(0, 16) });
  });

  it('serves each token as often as it may be used, and counts', async () => {
    const rig = await startRig();
    const token = rig.token({ uses: 2 });
    const first = await joinWith(rig, token);
    const second = await joinWith(rig, token);
    expect(second.nodeId).not.toBe(first.nodeId);
    const error = await failure(joinWith(rig, token));
    expect(error.refusal).toBe('token_used');
    expect(rig.lastRefusal()).toBe('token_used');
    expect(rig.state.list('node')).toHaveLength(2);
  });

  it('knows a node again that never heard the answer, and spends no second use', async () => {
    const rig = await startRig();
    const token = rig.token();
    const busKey = makeBusKey();
    const options = { role: 'tracker', url: rig.url, token, node: NODE, busKey } as const;
    const first = await enrol(options, { clock });
    const again = await enrol(options, { clock });
    expect(again.nodeId).toBe(first.nodeId);
    expect(again.certificate).not.toBe(first.certificate);
    expect(rig.tokens.list()[0].uses).toBe(1);
  });

  it('answers nobody whose node is revoked while it asks again', async () => {
    const rig = await startRig();
    const token = rig.token();
    const { csr } = await makeKeyRequest();
    const { publicKey: busPublicKey } = makeBusKey();
    const body = { version: 1, role: 'tracker', token, csr, busPublicKey, ...NODE };
    const source = { address: '127.0.0.1', calledHost: '' };
    expect(await rig.enrolment.enrol(body, source)).toMatchObject({ ok: true });
    const [[id]] = rig.state.list('node');
    const again = rig.enrolment.enrol(body, source);
    const value = { revokedMs: 1, effectiveMs: 1, busPublicKey };
    rig.state.commit([{ kind: 'revocation', id, value }]);
    expect(await again).toEqual({ ok: false, refusal: 'node_revoked' });
    expect(rig.enrolment.counters.enrolled).toBe(1);
  });

  it('lets only one of many in that come with the same token at once', async () => {
    const rig = await startRig();
    const token = rig.token();
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => joinWith(rig, token)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(rig.state.list('node')).toHaveLength(1);
  });

  it.each([
    ['expired', 'token_expired', 'token_expired', {}],
    ['revoked', 'token_revoked', 'token_revoked', {}],
    ['meant for a minder', 'token_role', 'token_role', { role: 'minder' as const }],
    ['meant for another network', 'token_address', 'token_address', { cidr: '192.0.2.0/24' }],
  ])('refuses a token that is %s', async (kind, told, logged, terms) => {
    const rig = await startRig();
    const token = rig.token(terms);
    if (kind === 'expired') rig.clock.advance(601);
    if (kind === 'revoked') rig.tokens.revoke(rig.tokens.list()[0].id);
    expect((await failure(joinWith(rig, token))).refusal).toBe(told);
    expect(rig.lastRefusal()).toBe(logged);
    expect(rig.enrolment.counters.refused[logged]).toBe(1);
    expect(rig.state.list('node')).toEqual([]);
    expect(rig.tokens.list()[0].uses).toBe(0);
  });

  it("refuses a tracker's token when a minder brings it", async () => {
    const rig = await startRig();
    expect((await failure(joinWith(rig, rig.token(), 'minder'))).refusal).toBe('token_role');
  });

  it('tells nobody whether a token exists whose secret is wrong', async () => {
    const rig = await startRig();
    const token = parseJoinToken(rig.token())!;
    const wrong = formatJoinToken({ ...token, secret: new Uint8Array(24) });
    const unknown = formatJoinToken({ ...token, id: '00'.repeat(6) });
    expect((await failure(joinWith(rig, wrong))).refusal).toBe('token_invalid');
    expect(rig.lastRefusal()).toBe('token_wrong_secret');
    expect((await failure(joinWith(rig, unknown))).refusal).toBe('token_invalid');
    expect(rig.lastRefusal()).toBe('token_unknown');
  });

  it('sends a token to nobody but the minder that made it', async () => {
    const rig = await startRig();
    const other = await startRig();
    const error = await failure(joinWith(rig, other.token()));
    expect(error.code).toBe('minder_not_trusted');
    // Not even asked.
    expect(rig.enrolment.counters).toEqual({ enrolled: 0, renewed: 0, refused: {} });
  });

  it('trusts no server that shows the CA but has no key of a minder', async () => {
    const rig = await startRig();
    const tracker = await joinWith(rig, rig.token());
    // A node of the cluster plays the minder: right CA in the chain, wrong role.
    rig.server.setCredentials({ certificate: tracker.certificate, key: tracker.key });
    expect((await failure(joinWith(rig, rig.token()))).code).toBe('minder_not_trusted');
    expect(rig.enrolment.counters.enrolled).toBe(1);
  });

  it('trusts no server whose certificate is of the CA and names no minder', async () => {
    const rig = await startRig();
    rig.server.setCredentials(await certifyHost(rig.directory, rig.authority.certificatePem));
    const error = await failure(joinWith(rig, rig.token()));
    expect(error.code).toBe('minder_not_trusted');
    expect(error.message).toContain('a stranger');
    expect(rig.enrolment.counters.enrolled).toBe(0);
  });

  it('says in its own words what is wrong with URL, token and network', async () => {
    const rig = await startRig();
    const token = rig.token();
    const at = (url: string) => enrol({ role: 'tracker', url, token, node: NODE }, { clock });
    expect((await failure(at('http://127.0.0.1/'))).code).toBe('join_url_invalid');
    expect((await failure(at('minder'))).code).toBe('join_url_invalid');
    expect((await failure(joinWith(rig, 'tbt1.abc'))).code).toBe('join_token_malformed');
    const { url } = rig;
    await rig.server.stop();
    expect((await failure(at(url))).code).toBe('minder_unreachable');
  });

  it('has room for so many nodes and no more', async () => {
    const rig = await startRig({ nodesMax: 1 });
    const first = await joinWith(rig, rig.token());
    expect((await failure(joinWith(rig, rig.token()))).refusal).toBe('cluster_full');
    // One that could not come back for a month makes room.
    rig.clock.advance(3_600 + 31 * 86_400);
    await joinWith(rig, rig.token());
    expect(rig.state.get('node', first.nodeId)).toBeUndefined();
  });

  it('has room again when a node is revoked', async () => {
    const rig = await startRig({ nodesMax: 1 });
    const { nodeId: id } = await joinWith(rig, rig.token());
    const value = { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' };
    rig.state.commit([{ kind: 'revocation', id, value }]);
    expect((await joinWith(rig, rig.token())).nodeId).not.toBe(id);
    expect((await failure(joinWith(rig, rig.token()))).refusal).toBe('cluster_full');
  });
});

describe('renewal', () => {
  it('gives the same node a new certificate for a new key', async () => {
    const rig = await startRig();
    const identity = await joinWith(rig, rig.token());
    rig.clock.advance(60);
    const renewed = await renew({ identity, node: { ...NODE, name: 'renamed' } }, { clock });
    expect(renewed.nodeId).toBe(identity.nodeId);
    expect(renewed.key).not.toBe(identity.key);
    expect(new X509Certificate(renewed.certificate).serialNumber).not.toBe(
      new X509Certificate(identity.certificate).serialNumber,
    );
    expect(renewed.bus.seed).toBe(identity.bus.seed);
    expect(rig.state.get('node', identity.nodeId)?.name).toBe('renamed');
  });

  it('is refused to a revoked node', async () => {
    const rig = await startRig();
    const identity = await joinWith(rig, rig.token());
    rig.state.commit([
      {
        kind: 'revocation',
        id: identity.nodeId,
        value: { revokedMs: 1, effectiveMs: 1, busPublicKey: 'U' },
      },
    ]);
    expect((await failure(renew({ identity, node: NODE }, { clock }))).refusal).toBe(
      'node_revoked',
    );
    expect(rig.lastRefusal()).toBe('node_revoked');
  });

  it('is refused to a node that the state does not know', async () => {
    const rig = await startRig();
    const identity = await joinWith(rig, rig.token());
    rig.state.commit([{ kind: 'node', id: identity.nodeId, value: null }]);
    expect((await failure(renew({ identity, node: NODE }, { clock }))).refusal).toBe(
      'node_unknown',
    );
  });

  it('is refused without a certificate, with an expired one, and with one of another CA', async () => {
    const rig = await startRig();
    const identity = await joinWith(rig, rig.token());
    const foreignDirectory = temporaryDirectory();
    const foreign = await openAuthority(foreignDirectory, rig.clock);
    rmSync(foreignDirectory, { recursive: true });
    const grant = { role: 'tracker', nodeId: identity.nodeId, lifetimeMs: 60_000 } as const;
    const stolen = await foreign.issue(grant);
    const expired = await rig.authority.issue({ ...grant, lifetimeMs: -1_000 });
    for (const { certificate, key } of [stolen, expired]) {
      const error = await failure(
        renew({ identity: { ...identity, certificate, key }, node: NODE }, { clock }),
      );
      expect(error.refusal).toBe('certificate_invalid');
    }
    expect(Object.keys(rig.enrolment.counters.refused).sort()).toEqual([
      'certificate_cert_has_expired',
      expect.stringMatching(/^certificate_unable_to/),
    ]);
    expect(await post(rig, '/v1/renew', '{}')).toEqual([401, '{"error":"certificate_invalid"}']);
  });

  it('is refused to a node that brings another bus key', async () => {
    const rig = await startRig();
    const identity = await joinWith(rig, rig.token());
    const bus = { ...identity.bus, seed: makeBusKey().seed };
    const error = await failure(renew({ identity: { ...identity, bus }, node: NODE }, { clock }));
    expect(error.refusal).toBe('request_invalid');
  });

  it('asks the next minder when one is away', async () => {
    const rig = await startRig();
    const identity = await joinWith(rig, rig.token());
    const minders = ['https://127.0.0.1:1', 'https://no url', rig.url];
    const renewed = await renew({ identity: { ...identity, minders }, node: NODE }, { clock });
    expect(renewed.minders[0]).toBe(rig.url);
  });

  it('asks a minder that the configuration names when all that it knew are gone', async () => {
    const rig = await startRig();
    const identity = await joinWith(rig, rig.token());
    const lost = { ...identity, minders: ['https://127.0.0.1:1'] };
    const renewed = await renew({ identity: lost, node: NODE, joinUrl: rig.url }, { clock });
    expect(renewed.minders).toEqual([rig.url, 'https://127.0.0.1:1']);
  });

  it('is not refused for good by a minder that has not heard of the node, while another is away', async () => {
    const rig = await startRig();
    const identity = await joinWith(rig, rig.token());
    rig.state.commit([{ kind: 'node', id: identity.nodeId, value: null }]);
    const minders = [rig.url, 'https://127.0.0.1:1'];
    const error = await failure(
      renew({ identity: { ...identity, minders }, node: NODE }, { clock }),
    );
    expect([error.code, error.refusal]).toEqual(['minder_unreachable', undefined]);
  });
});

/** Sends a body as it is; status and text of the answer. */
function post(
  rig: MinderRig,
  path: string,
  body: string,
  method = 'POST',
): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const options = { method, rejectUnauthorized: false, agent: false };
    const call = request(`${rig.url}${path}`, options, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => {
        text += part.toString();
      });
      response.on('end', () => resolve([response.statusCode!, text]));
    });
    call.on('error', reject);
    call.end(body);
  });
}

describe('the enrolment server', () => {
  it('answers rubbish with one short reason', async () => {
    const rig = await startRig();
    const invalid = [400, '{"error":"request_invalid"}'];
    expect(await post(rig, '/v1/enrol', '')).toEqual(invalid);
    expect(await post(rig, '/v1/enrol', '{"version":1}')).toEqual(invalid);
    expect(await post(rig, '/v1/enrol', '['.repeat(10_000))).toEqual(invalid);
    expect(await post(rig, '/v1/enrol', ' '.repeat(17_000))).toEqual(invalid);
    expect((await post(rig, '/v1/other', ''))[0]).toBe(404);
    expect((await post(rig, '/v1/enrol', '', 'PUT'))[0]).toBe(405);
  });

  it('refuses a request whose signature does not fit, without spending the token', async () => {
    const rig = await startRig();
    const { csr } = await makeKeyRequest();
    const der = Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64');
    // The signature is at the end.
    der[der.length - 5] ^= 1;
    const altered = csr.replace(/(?<=-----\n)[^-]+/, `${der.toString('base64')}\n`);
    const body = {
      version: 1,
      token: rig.token(),
      role: 'tracker',
      csr: altered,
      busPublicKey: makeBusKey().publicKey,
      ...NODE,
    };
    expect(await post(rig, '/v1/enrol', JSON.stringify(body))).toEqual([
      400,
      '{"error":"request_invalid"}',
    ]);
    expect(rig.tokens.list()[0].uses).toBe(0);
  });

  it('speaks TLS 1.2 and later only', async () => {
    const rig = await startRig();
    const tried = await new Promise<string>((resolve) => {
      const { port } = new URL(rig.url);
      const options = { host: '127.0.0.1', port: Number(port), rejectUnauthorized: false };
      const socket = connect({ ...options, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }, () =>
        resolve('connected'),
      );
      socket.on('error', () => resolve('refused'));
    });
    expect(tried).toBe('refused');
  });

  it('takes a request that is cut off for rubbish, not for a fault of its own', async () => {
    const rig = await startRig();
    const { port } = new URL(rig.url);
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
    socket.on('error', () => {});
    socket.write('POST /v1/enrol HTTP/1.1\r\nHost: m\r\nContent-Length: 100\r\n\r\n{', () =>
      socket.destroy(),
    );
    while (rig.lines.length === 0) await new Promise((done) => setTimeout(done, 5));
    expect(rig.lines.filter(({ level }) => level === 'error')).toEqual([]);
    expect(rig.lastRefusal()).toBe('request_invalid');
  });

  it('keeps a connection that says nothing no longer than its time-out', async () => {
    const rig = await startRig({ limits: { timeoutMs: 50 } });
    const { port } = new URL(rig.url);
    await new Promise<void>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
  });

  it('goes on with a new certificate', async () => {
    const rig = await startRig();
    const { certificate, key } = await rig.authority.issue({
      role: 'minder',
      nodeId: rig.state.minderId,
      lifetimeMs: 60_000,
    });
    rig.server.setCredentials({ certificate, key });
    await joinWith(rig, rig.token());
  });
});

describe('the state of a minder', () => {
  it('is the same after a restart', async () => {
    const rig = await startRig();
    const token = rig.token({ uses: 2 });
    const identity = await joinWith(rig, token);
    await rig.stop({ keep: true });
    const again = await startRig({ directory: rig.directory });
    expect(again.authority.fingerprint).toEqual(rig.authority.fingerprint);
    expect(again.state.minderId).toBe(rig.state.minderId);
    expect(again.keys.ring).toEqual(rig.keys.ring);
    await joinWith(again, token);
    expect((await failure(joinWith(again, token))).refusal).toBe('token_used');
    await renew({ identity: { ...identity, minders: [again.url] }, node: NODE }, { clock });
  });

  it('holds no secret of a token, and only its owner can read it', async () => {
    const rig = await startRig();
    const token = rig.token();
    await joinWith(rig, token);
    const { secret } = parseJoinToken(token)!;
    for (const name of ['state.json', 'cluster.key', 'cluster.crt']) {
      const path = join(rig.directory, name);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const text = readFileSync(path, 'utf8');
      for (const encoding of ['hex', 'base64', 'base64url'] as const) {
        expect(text).not.toContain(Buffer.from(secret).toString(encoding));
      }
    }
    const logs = JSON.stringify(rig.lines);
    expect(logs).not.toContain(token.slice(5));
    expect(
      () => new ControlState({ path: join(rig.directory, 'state.json') }, { clock }),
    ).not.toThrow();
  });
});
