import { createHash, X509Certificate } from 'node:crypto';
import { chmodSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../lib/clock.js';
import { CertificateAuthority } from './certificate-authority.js';
import { MinderCertificates } from './minder-certificates.js';
import { openAuthority, temporaryDirectory } from './minder-rig.testing.js';
import { OwnKeys } from './own-keys.js';
import { OwnPlace } from './own-place.js';

const clock = new SystemClock();
let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the keys of a minder', () => {
  it('stay the same, in a file for their owner alone', () => {
    const made = OwnKeys.open(directory);
    expect(OwnKeys.open(directory)).toEqual(made);
    expect(made.busPublicKey).toMatch(/^U[A-Z2-7]{55}$/);
    expect(statSync(join(directory, 'own-keys.json')).mode & 0o777).toBe(0o600);
  });

  it('are refused when the file was altered', () => {
    const path = join(directory, 'own-keys.json');
    for (const text of ['', '{}', '{"version":1,"busSeed":"SU","routeKey":"x"}']) {
      writeFileSync(path, text, { mode: 0o600 });
      expect(() => OwnKeys.open(directory)).toThrow(/damaged/);
    }
    chmodSync(path, 0o644);
    expect(() => OwnKeys.open(directory)).toThrow(/chmod 600/);
  });

  it('are in the certificate of its routes, which names hosts; that of nodes names none', async () => {
    const authority = await openAuthority(directory, clock);
    const keys = OwnKeys.open(directory);
    const options = { nodeId: 'n0123456789abcdef', certificateSeconds: 60 };
    const authorities = { cluster: authority, route: authority };
    const certificates = new MinderCertificates(options, { authorities, keys, clock });
    const hosts = ['minder.example', '192.0.2.1', '2001:db8::1'];
    const { node, route } = await certificates.issue(hosts);
    const certificate = new X509Certificate(route.certificate);
    for (const host of ['minder.example']) expect(certificate.checkHost(host)).toBe(host);
    for (const host of hosts.slice(1)) expect(certificate.checkIP(host)).toBe(host);
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
    expect(createHash('sha256').update(spki).digest('hex')).toBe(keys.routePin);
    expect(new X509Certificate(node.certificate).checkHost('minder.example')).toBeUndefined();
    expect((await certificates.issue()).route.key).toBe(route.key);
  });
});

describe('an authority of another minder', () => {
  it('is taken over, and never in place of another', async () => {
    const other = await openAuthority(join(directory, 'other'), clock);
    const own = { directory: join(directory, 'own'), name: 'cluster' };
    await CertificateAuthority.adopt(own, other.pair, { clock });
    await CertificateAuthority.adopt(own, other.pair, { clock });
    const { certificatePem } = await openAuthority(own.directory, clock);
    expect(certificatePem).toBe(other.certificatePem);
    const third = await openAuthority(join(directory, 'third'), clock);
    await expect(CertificateAuthority.adopt(own, third.pair, { clock })).rejects.toThrow(/another/);
    const mixed = { certificate: other.pair.certificate, key: third.pair.key };
    await expect(CertificateAuthority.adopt(own, mixed, { clock })).rejects.toThrow(/bad/);
  });
});

describe('the place of a minder', () => {
  it('is remembered where the system chose it', () => {
    const place = new OwnPlace(directory);
    place.notePort('enrol', 4_001, 0);
    place.notePort('bus', 7_422, 7_422);
    const next = new OwnPlace(directory);
    expect([next.portFor('enrol', 0), next.portFor('enrol', 7_443)]).toEqual([4_001, 7_443]);
    expect(next.portFor('bus', 0)).toBe(0);
  });

  it('has the last few hosts by which others called', () => {
    const place = new OwnPlace(directory);
    expect([place.noteCalled('a'), place.noteCalled('a'), place.noteCalled('')]).toEqual([
      true,
      false,
      false,
    ]);
    for (const host of ['b', 'c', 'd', 'e']) place.noteCalled(host);
    expect(new OwnPlace(directory).calledHosts).toEqual(['b', 'c', 'd', 'e']);
  });

  it('is found anew when the file cannot be read', () => {
    writeFileSync(join(directory, 'place.json'), '{"version":1,', { mode: 0o600 });
    const place = new OwnPlace(directory);
    expect(place.portFor('bus', 0)).toBe(0);
    place.notePort('bus', 5, 0);
    expect(new OwnPlace(directory).portFor('bus', 0)).toBe(5);
  });
});
