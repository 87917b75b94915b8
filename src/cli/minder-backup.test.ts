import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupCommand, restoreCommand } from './minder-backup.js';
import { minderToolCommand } from './minder-command.js';

const MINDER = 'n0123456789abcdef';

let room: string;
let data: string;
let file: string;

beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), 'backup-command-'));
  data = join(room, 'data');
  file = join(room, 'minder.backup');
  mkdirSync(join(data, 'minder', 'ca'), { recursive: true });
  const state = JSON.stringify({ version: 1, minder: MINDER, entries: [] });
  writeFileSync(join(data, 'minder', 'state.json'), state);
  writeFileSync(join(data, 'minder', 'ca', 'cluster.key'), 'a key');
  writeFileSync(join(data, 'minder', 'ca', 'cluster.crt'), 'a certificate');
});

afterEach(() => rmSync(room, { recursive: true, force: true }));

describe('backup and restore', () => {
  const run = async (...args: string[]) => {
    const said = { out: '', err: '', code: -1 };
    const io = {
      stdout: { write: (text: string) => (said.out += text) },
      stderr: { write: (text: string) => (said.err += text) },
      exit: (exitCode: number) => {
        said.code = exitCode;
      },
    };
    const minder = minderToolCommand('minder', io).action(() => {});
    minder.addCommand(backupCommand(io)).addCommand(restoreCommand(io));
    await minder.parseAsync(args, { from: 'user' });
    return said;
  };

  it('take the data directory before and behind the name', async () => {
    expect(await run('backup', file, '--data', data)).toMatchObject({ code: 0 });
    const other = join(room, 'other');
    const restored = await run('--data', other, 'restore', file);
    expect(restored).toMatchObject({ code: 0, err: '' });
    expect(restored.out).toContain(MINDER);
    expect(existsSync(join(other, 'minder', 'state.json'))).toBe(true);
  });

  it('say what they did as JSON', async () => {
    const saved = await run('backup', file, '--data', data, '--json');
    expect(JSON.parse(saved.out)).toMatchObject({ minder: MINDER, files: 3 });
    const restored = await run('restore', file, '--data', join(room, 'other'), '--json');
    expect(JSON.parse(restored.out)).toMatchObject({ minder: MINDER });
  });

  it('say what is wrong', async () => {
    const said = await run('backup', file, '--data', room);
    expect(said).toMatchObject({ code: 1, out: '' });
    expect(said.err).toContain('there is no minder');
  });
});
