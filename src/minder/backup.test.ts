import {
  existsSync,
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
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDataDirectory } from '../lib/data-lock.js';
import { type BackupErrorCode, restoreBackup, writeBackup } from './backup.js';

const MINDER = 'n0123456789abcdef';
const STATE = JSON.stringify({ version: 1, minder: MINDER, entries: [] });
const FILES = {
  'state.json': STATE,
  'ca/cluster.key': 'a key',
  'ca/cluster.crt': 'a certificate',
  'bus/accounts.json': '{}',
  lists: '\x00\xff binary',
};
const NOT_KEPT = ['bus/server.conf', 'bus/server.key', 'state.json.new', 'control.sock'];

let room: string;
let data: string;
let file: string;

beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), 'backup-'));
  data = join(room, 'data');
  file = join(room, 'minder.backup');
  for (const directory of ['ca', 'bus']) {
    mkdirSync(join(data, 'minder', directory), { recursive: true, mode: 0o700 });
  }
  for (const [path, text] of Object.entries(FILES)) {
    writeFileSync(join(data, 'minder', path), text, 'latin1');
  }
  for (const path of NOT_KEPT) writeFileSync(join(data, 'minder', path), 'not kept');
  symlinkSync('/etc/passwd', join(data, 'minder', 'link'));
});

afterEach(() => rmSync(room, { recursive: true, force: true }));

const OPTIONS = { software: '1.2.3', createdMs: 1_769_860_800_000 };
const write = () => writeBackup({ data, file, ...OPTIONS });
const code = (error: unknown) => (error as { code?: BackupErrorCode }).code;

async function codeOf(act: () => unknown): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return code(error);
  }
}

/** Writes a backup whose content was changed by somebody who can count checksums wrong. */
function rewrite(change: (backup: Record<string, unknown>) => void): void {
  const backup = JSON.parse(gunzipSync(readFileSync(file)).toString());
  change(backup);
  writeFileSync(file, gzipSync(JSON.stringify(backup)));
}

describe('a backup', () => {
  it('comes back as it was, for its owner alone', async () => {
    const written = write();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const other = join(room, 'other');
    expect(await restoreBackup({ file, data: other })).toEqual(written);
    expect(written).toMatchObject({ minder: MINDER, files: 5, software: '1.2.3' });
    for (const [path, text] of Object.entries(FILES)) {
      const restored = join(other, 'minder', path);
      expect(readFileSync(restored, 'latin1')).toBe(text);
      expect(statSync(restored).mode & 0o777).toBe(0o600);
    }
    expect(statSync(join(other, 'minder', 'ca')).mode & 0o777).toBe(0o700);
    for (const path of [...NOT_KEPT, 'link']) {
      expect(existsSync(join(other, 'minder', path)), path).toBe(false);
    }
  });

  it('is written over nothing', async () => {
    write();
    const before = readFileSync(file);
    expect(await codeOf(write)).toBe('backup_file');
    expect(readFileSync(file)).toEqual(before);
  });

  it('leaves alone what lies beside it, and nothing of one that fails', async () => {
    writeFileSync(`${file}.new`, "somebody else's");
    write();
    expect(readFileSync(`${file}.new`, 'utf8')).toBe("somebody else's");
    const beside = readdirSync(room);
    expect(await codeOf(() => writeBackup({ ...OPTIONS, data, file: join(room, 'no', 'x') }))).toBe(
      'backup_file',
    );
    expect(readdirSync(room)).toEqual(beside);
  });

  it('is not made where there is no minder', async () => {
    const act = () => writeBackup({ data: room, file, software: '', createdMs: 0 });
    expect(await codeOf(act)).toBe('backup_no_minder');
    expect(existsSync(file)).toBe(false);
  });

  it('is restored over no minder, and under no process', async () => {
    write();
    expect(await codeOf(() => restoreBackup({ file, data }))).toBe('backup_not_empty');
    const other = join(room, 'other');
    const lock = await lockDataDirectory(other);
    expect(await codeOf(() => restoreBackup({ file, data: other }))).toBe('data_locked');
    await lock.release();
    expect(existsSync(join(other, 'minder'))).toBe(false);
    expect(await codeOf(() => restoreBackup({ file, data: other }))).toBeUndefined();
  });

  it('is refused when it is cut short, altered, or not one', async () => {
    write();
    const whole = readFileSync(file);
    const target = join(room, 'other');
    for (const bytes of [
      whole.subarray(0, -1),
      whole.subarray(0, whole.length / 2),
      Buffer.alloc(0),
      Buffer.from('a text'),
      gzipSync('{}'),
    ]) {
      writeFileSync(file, bytes);
      expect(await codeOf(() => restoreBackup({ file, data: target }))).toBe('backup_damaged');
    }
    expect(existsSync(target)).toBe(false);
    expect(await codeOf(() => restoreBackup({ file: join(room, 'none'), data: target }))).toBe(
      'backup_file',
    );
  });

  it.each([
    ['an altered file', (b) => Object.assign(b.files[0], { data: 'AAAA' })],
    ['a file outside', (b) => Object.assign(b.files[0], { path: '../authorized_keys' })],
    ['a file deep inside', (b) => Object.assign(b.files[0], { path: 'a/b/c' })],
    ['an absolute path', (b) => Object.assign(b.files[0], { path: '/etc/passwd' })],
    ['a later version', (b) => Object.assign(b, { version: 2 })],
    ['a file twice', (b) => b.files.push(b.files[0])],
    [
      'no state',
      (b) =>
        b.files.splice(
          b.files.findIndex((f) => f.path === 'state.json'),
          1,
        ),
    ],
  ] as [string, (backup: { files: { path: string }[] }) => unknown][])(
    'is refused with %s',
    async (_what, change) => {
      write();
      rewrite((backup) => change(backup as never));
      const target = join(room, 'other');
      expect(await codeOf(() => restoreBackup({ file, data: target }))).toBe('backup_damaged');
      expect(existsSync(target)).toBe(false);
    },
  );
});
