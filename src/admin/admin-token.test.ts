import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminTokenError, loadAdminToken } from './admin-token.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'trackerbt-token-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, content: string | Buffer, mode = 0o600): string {
  const file = join(root, name);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

function refusal(file: string): AdminTokenError {
  try {
    loadAdminToken(file);
  } catch (error) {
    if (error instanceof AdminTokenError) return error;
    throw error;
  }
  throw new Error('the token file was taken');
}

describe('loadAdminToken', () => {
  it('makes 32 random bytes in a private file of a private directory, and nothing else', () => {
    const file = join(root, 'deep', 'er', 'admin-token');
    const token = loadAdminToken(file);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(readFileSync(file, 'latin1')).toBe(`${token}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(root, 'deep', 'er')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(root, 'deep', 'er'))).toEqual(['admin-token']);
  });

  it('reads at the second start what the first made, and makes another elsewhere', () => {
    const file = join(root, 'again');
    const token = loadAdminToken(file);
    expect(loadAdminToken(file)).toBe(token);
    expect(loadAdminToken(join(root, 'elsewhere'))).not.toBe(token);
  });

  it('reads a token that the operator wrote, with or without a line end, and by a link', () => {
    const token = 'operators-own.token_1~+/==';
    expect(loadAdminToken(write('own', token))).toBe(token);
    const file = write('own-line', `${token}\r\n`, 0o400);
    symlinkSync(file, join(root, 'link'));
    expect(loadAdminToken(join(root, 'link'))).toBe(token);
  });

  it.each([0o640, 0o604, 0o620, 0o602, 0o644, 0o610])('refuses a file of mode %o', (mode) => {
    const file = write(`mode-${mode}`, 'a-good-enough-token', mode);
    const error = refusal(file);
    expect(error.code).toBe('token_file_exposed');
    expect(error.message).toContain(`0${mode.toString(8)}`);
    expect(error.message).toContain(`chmod 600 ${file}`);
    expect(error.message).not.toContain('a-good-enough-token');
  });

  it.each(['', '\n', ' \r\n'])('refuses a file that says only %j', (content) => {
    expect(refusal(write('empty', content)).code).toBe('token_file_empty');
  });

  it.each([
    ['two lines', 'first-line-of-token\nsecond-line-of-token\n'],
    ['too short', 'short'],
    ['spaces', 'words with spaces between'],
    ['not ASCII', 'tökentökentökentöken'],
    ['too long', 'x'.repeat(5_000)],
    ['binary', Buffer.from('00ff00ff00ff00ff00ff00ff00ff00ff00ff', 'hex')],
  ])('refuses a token that is %s without printing it', (name, content) => {
    const error = refusal(write('bad', content));
    expect(error.code, name).toBe('token_file_invalid');
    expect(error.message).not.toContain(String(content));
  });

  it('says what is wrong where no file can be', () => {
    mkdirSync(join(root, 'folder'), { mode: 0o700 });
    expect(refusal(join(root, 'folder')).code).toBe('token_file_invalid');
    const below = join(write('plain', 'a-good-enough-token'), 'admin-token');
    const error = refusal(below);
    expect(error.code).toBe('token_file_unusable');
    expect(error.message).toContain(below);
  });
});
