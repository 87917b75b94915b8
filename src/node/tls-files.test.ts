import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Issued, TestCa } from '../../test/support/test-ca.js';
import { TlsFiles } from './tls-files.js';

let ca: TestCa;
let folder: string;
beforeAll(async () => {
  ca = await TestCa.create();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trackerbt-tls-'));
});
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  rmSync(folder, { recursive: true, force: true });
});

function rig({ mayBeMissing = false, nowMs = Date.now() } = {}) {
  const certFile = join(folder, 'cert.pem');
  const keyFile = join(folder, 'key.pem');
  const used: string[] = [];
  const lines: string[] = [];
  const files = new TlsFiles(
    { certFile, keyFile, mayBeMissing, lookMs: 3_600_000 },
    {
      use: ({ cert }) => used.push(cert),
      log: { log: (level, text, fields) => lines.push(`${level} ${text} ${fields?.reason ?? ''}`) },
      now: () => nowMs,
    },
  );
  stops.push(() => files.stop());
  const write = ({ cert, key }: Issued) => {
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key, { mode: 0o600 });
  };
  return { files, used, lines, write, certFile, keyFile };
}

describe('TlsFiles', () => {
  it('uses a pair once, and the next one when the files change', async () => {
    const { files, used, write } = rig();
    const [one, two] = [await ca.issue(), await ca.issue()];
    write(one);
    files.start();
    files.look();
    files.look(true);
    expect(used).toEqual([one.cert]);
    write(two);
    files.look();
    expect(used).toEqual([one.cert, two.cert]);
  });

  it('notices a file that takes the place of another, and a link that leads elsewhere', async () => {
    const { files, used, certFile, keyFile } = rig();
    const pairs = [await ca.issue(), await ca.issue(), await ca.issue()];
    const at = (name: string, i: number) => join(folder, `${name}-${i}`);
    pairs.forEach(({ cert, key }, i) => {
      writeFileSync(at('cert', i), cert);
      writeFileSync(at('key', i), key, { mode: 0o600 });
    });
    const link = (i: number) => {
      symlinkSync(at('cert', i), `${certFile}.new`);
      symlinkSync(at('key', i), `${keyFile}.new`);
      renameSync(`${certFile}.new`, certFile);
      renameSync(`${keyFile}.new`, keyFile);
    };
    link(0);
    files.start();
    link(1);
    files.look();
    renameSync(at('cert', 2), certFile);
    renameSync(at('key', 2), keyFile);
    files.look();
    expect(used).toEqual(pairs.map(({ cert }) => cert));
  });

  it('keeps what it has when the new pair is bad, and says so once', async () => {
    const { files, used, lines, write, keyFile } = rig();
    const [one, two] = [await ca.issue(), await ca.issue({ algorithm: 'rsa' })];
    write(one);
    files.start();
    write({ ...two, key: one.key });
    for (let i = 0; i < 3; i++) files.look();
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
    expect(lines.at(-1)).toContain('belongs to another certificate');
    rmSync(keyFile);
    files.look();
    expect(lines.at(-1)).toContain('ENOENT');
    expect(used).toEqual([one.cert]);
    write(two);
    files.look();
    expect(used).toEqual([one.cert, two.cert]);
    expect(lines.join()).not.toContain('PRIVATE');
  });

  it('says once that the files cannot be read any more, and serves with what it has', async () => {
    const { files, used, lines, write, keyFile, certFile } = rig();
    const [one, two] = [await ca.issue(), await ca.issue()];
    write(one);
    files.start();
    // To a user that may not read it, a file is as good as gone.
    rmSync(keyFile);
    files.look(true);
    for (let i = 0; i < 3; i++) files.look();
    const warnings = lines.filter((line) => line.startsWith('warn'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/cannot be read now.*the user.* cannot read .*key\.pem/);
    write(two);
    files.look();
    expect(used).toEqual([one.cert, two.cert]);
    // The read of a pipe would never end; a directory is as little a file.
    rmSync(certFile);
    mkdirSync(certFile);
    files.look();
    expect(lines.at(-1)).toContain('it is not a regular file');
  });

  it('refuses to start without a pair, unless it may come later', async () => {
    expect(() => rig().files.start()).toThrow(/cannot read .*cert\.pem/);
    const later = rig({ mayBeMissing: true });
    later.files.start();
    expect(later.lines).toEqual([]);
    later.write(await ca.issue());
    later.files.look();
    expect(later.used).toHaveLength(1);
  });

  it('warns of a certificate that expires soon or has expired, once each', async () => {
    const day = 86_400_000;
    const nowMs = Date.now();
    const ends = async (inDays: number) =>
      await ca.issue({
        notBefore: new Date(nowMs - 60 * day),
        notAfter: new Date(nowMs + inDays * day),
      });
    for (const [inDays, says] of [
      [30, /^$/],
      [5, /expires soon/],
      [-1, /has expired/],
    ] as const) {
      const { files, lines, write } = rig({ nowMs });
      write(await ends(inDays));
      files.start();
      for (let i = 0; i < 3; i++) files.look();
      const warnings = lines.filter((line) => line.startsWith('warn'));
      expect(warnings.join()).toMatch(says);
      expect(warnings.length).toBeLessThanOrEqual(1);
    }
  });
});
