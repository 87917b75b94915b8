import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeKeyRequest } from '../cluster/enrolment-keys.js';
import { SystemClock } from '../lib/clock.js';
import { openAuthority, temporaryDirectory } from './minder-rig.testing.js';

const clock = new SystemClock();
const GRANT = { role: 'tracker', nodeId: `n${'1'.repeat(16)}`, lifetimeMs: 60_000 } as const;
const directories: string[] = [];

function directory(): string {
  const made = temporaryDirectory();
  directories.push(made);
  return made;
}

afterEach(() => {
  for (const made of directories.splice(0)) rmSync(made, { recursive: true, force: true });
});

describe('the certificate authority', () => {
  it('is the same after a restart, and its key is for its owner alone', async () => {
    const place = directory();
    const made = await openAuthority(place, clock);
    const again = await openAuthority(place, clock);
    expect(again.certificatePem).toBe(made.certificatePem);
    const { raw } = new X509Certificate(made.certificatePem);
    expect(Buffer.from(made.fingerprint)).toEqual(createHash('sha256').update(raw).digest());
    expect(statSync(join(place, 'cluster.key')).mode & 0o777).toBe(0o600);
  });

  it('signs for the key of a request, whatever it calls itself, for as long as asked', async () => {
    const authority = await openAuthority(directory(), clock);
    const { csr, key } = await makeKeyRequest();
    const before = Date.now();
    const signed = new X509Certificate((await authority.sign(csr, GRANT))!);
    expect(signed.subject).toBe(`CN=${GRANT.nodeId}`);
    expect(signed.ca).toBe(false);
    expect(signed.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(signed.checkIssued(new X509Certificate(authority.certificatePem))).toBe(true);
    const endMs = Date.parse(signed.validTo);
    expect(endMs - before).toBeGreaterThan(58_000);
    expect(endMs - before).toBeLessThan(120_000);
    // The clock of whoever checks may be minutes behind.
    expect(Date.parse(signed.validFrom)).toBeLessThan(before - 10 * 60_000);
  });

  it('lets only minders serve', async () => {
    const authority = await openAuthority(directory(), clock);
    const tracker = new X509Certificate((await authority.issue(GRANT)).certificate);
    const minder = new X509Certificate(
      (await authority.issue({ ...GRANT, role: 'minder' })).certificate,
    );
    const [clientAuth, serverAuth] = ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1'];
    expect(tracker.keyUsage).toEqual([clientAuth]);
    expect(minder.keyUsage).toEqual([clientAuth, serverAuth]);
  });

  it('signs nothing that is no request', async () => {
    const authority = await openAuthority(directory(), clock);
    const { csr } = await makeKeyRequest();
    for (const text of ['', 'x', csr.slice(0, 100), authority.certificatePem, 'A'.repeat(10_000)]) {
      expect(await authority.sign(text, GRANT)).toBeUndefined();
    }
  });

  it('does not start with the key of another, nor without its key', async () => {
    const place = directory();
    const other = directory();
    await openAuthority(place, clock);
    await openAuthority(other, clock);
    const damaged = expect.objectContaining({ code: 'authority_damaged' });
    cpSync(join(other, 'cluster.key'), join(place, 'cluster.key'));
    await expect(openAuthority(place, clock)).rejects.toEqual(damaged);
    rmSync(join(place, 'cluster.key'));
    await expect(openAuthority(place, clock)).rejects.toEqual(damaged);
    // Nothing was made in its place.
    expect(() => statSync(join(place, 'cluster.key'))).toThrow();
    writeFileSync(join(other, 'cluster.crt'), 'rubbish', { mode: 0o600 });
    await expect(openAuthority(other, clock)).rejects.toEqual(damaged);
    expect(readFileSync(join(other, 'cluster.crt'), 'utf8')).toBe('rubbish');
  });
});
