import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readToken } from './token-source.js';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'trackerbt-token-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function* pieces(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

describe('a token on the command line', () => {
  it('is itself, a file, or standard input', async () => {
    const file = join(directory, 'token');
    writeFileSync(file, 'tbt1.file\n');
    expect(await readToken('tbt1.literal')).toBe('tbt1.literal');
    expect(await readToken(`@${file}`)).toBe('tbt1.file');
    expect(await readToken('-', { stdin: pieces('tbt1.', 'input', '\r\n') })).toBe('tbt1.input');
  });

  it.each([
    ['empty', ''],
    ['two lines', 'tbt1.a\ntbt1.b\n'],
    ['far too long', 'a'.repeat(10_000)],
  ])('is refused when the file is %s', async (_what, text) => {
    const file = join(directory, 'token');
    writeFileSync(file, text);
    const refusal = expect.objectContaining({ code: 'join_token_malformed' });
    await expect(readToken(`@${file}`)).rejects.toEqual(refusal);
    await expect(readToken('-', { stdin: pieces(text) })).rejects.toEqual(refusal);
  });

  it('is refused when there is no such file, by its name', async () => {
    await expect(readToken(`@${directory}/none`)).rejects.toThrow(`${directory}/none`);
  });
});
