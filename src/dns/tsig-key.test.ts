import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DnsError } from './dns-error.js';
import { parseTsigKey, readTsigKey } from './tsig-key.js';

const SECRET = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');
const file = (name: string, algorithm: string, secret: string) =>
  `key ${name} {\n\talgorithm ${algorithm};\n\tsecret ${secret};\n};\n`;

/** The message of the refusal. */
function refusal(text: string): string {
  try {
    parseTsigKey(text, 'key.conf');
  } catch (error) {
    expect(error).toBeInstanceOf(DnsError);
    expect(error).toMatchObject({ code: 'tsig_key_invalid' });
    return (error as DnsError).message;
  }
  throw new Error(`taken: ${text}`);
}

describe('a key', () => {
  it('is read as tsig-keygen writes it, and as people do', () => {
    const expected = {
      name: 'update.key',
      algorithm: 'hmac-sha256',
      secret: Buffer.from(SECRET, 'base64'),
    };
    for (const text of [
      file('"Update.Key"', 'hmac-sha256', `"${SECRET}"`),
      file('update.key.', 'HMAC-SHA256', SECRET),
      `# ours\nkey "update.key" { secret "${SECRET}"; /* strong */ algorithm "hmac-sha256"; };`,
    ]) {
      expect(parseTsigKey(text, 'key.conf')).toEqual(expected);
    }
  });

  it('may have what looks like a comment in its secret', () => {
    const secret = `${'/'.repeat(6)}ab/*cd#${SECRET.slice(13)}`.replace(/[*#]/g, '+');
    const { secret: read } = parseTsigKey(file('k', 'hmac-sha256', `"${secret}"`), 'key.conf');
    expect(Buffer.from(read).toString('base64')).toBe(secret);
  });

  it('is refused with a reason that does not repeat the secret', () => {
    const hidden = 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0';
    const good = file('a', 'hmac-sha256', `"${hidden}"`);
    const cases: [string, string][] = [
      ['', 'one key'],
      [hidden, 'one key'],
      [good + good, 'one key'],
      [good.replace('};', '}'), 'one key'],
      [file('"a..b"', 'hmac-sha256', hidden), 'name of the key'],
      [file('a', 'hmac-md5.sig-alg.reg.int', hidden), 'algorithm must be'],
      [file('a', 'hmac-sha1', hidden), 'algorithm must be'],
      [file('a', 'hmac-sha256', `"${hidden}!"`), 'base64'],
      [file('a', 'hmac-sha256', 'c2VjcmV0'), '16 bytes'],
      [file('a', 'hmac-sha256', hidden).replace('secret', 'secrets'), 'each once'],
      [`key a { secret "${hidden}"; secret "${hidden}"; };`, 'each once'],
      [`key a { secret "${hidden}"; };`, 'algorithm must be'],
    ];
    for (const [text, why] of cases) {
      const message = refusal(text);
      expect(message).toContain('key.conf');
      expect(message).toContain(why);
      expect(message).not.toContain(hidden);
    }
  });

  it('is read from a file that is there and that only its owner reads', () => {
    const folder = mkdtempSync(join(tmpdir(), 'trackerbt-key-'));
    try {
      const path = join(folder, 'key.conf');
      expect(() => readTsigKey(path)).toThrow('no such file');
      writeFileSync(path, file('a', 'hmac-sha512', SECRET), { mode: 0o600 });
      expect(readTsigKey(path).algorithm).toBe('hmac-sha512');
      chmodSync(path, 0o644);
      expect(() => readTsigKey(path)).toThrow('chmod 600');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
