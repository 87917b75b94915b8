import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import type * as Durable from '../lib/durable.js';
import { contentOf, entryOf, Lines, newLists, TestClock } from './lists.testing.js';
import { ListsFile } from './lists-file.js';

const disk = vi.hoisted(() => ({ fails: false }));

vi.mock('../lib/durable.js', async (original) => {
  const durable = await original<typeof Durable>();
  return {
    ...durable,
    syncDirectory: (path: string) => {
      if (disk.fails) throw new Error('EIO: i/o error, fsync');
      durable.syncDirectory(path);
    },
  };
});

const directory = mkdtempSync(join(tmpdir(), 'lists-'));
const open: ListsFile[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((file) => file.close()));
  rmSync(directory, { recursive: true, force: true });
});

it('tells the file that is there what comes, also when its name could not be made durable', async () => {
  const path = join(directory, 'minder', 'lists');
  const lists = newLists();
  const log = new Lines();
  const clock = new TestClock();
  const file = new ListsFile({ path, deadMin: 10 }, { lists, clock, log });
  open.push(file);
  const add = async (hash: number, stamp: number) => {
    await file.append('deny', [entryOf(hash, { stamp })]);
    lists.deny.put(entryOf(hash, { stamp }));
  };
  for (let stamp = 1; stamp <= 30; stamp++) await add(1, stamp);
  disk.fails = true;
  file.tick(1_000);
  await expect.poll(() => log.lines.length).toBe(1);
  expect(log.lines).toMatchObject([{ level: 'error', msg: 'the lists cannot be saved' }]);
  disk.fails = false;
  await add(2, 31);
  const copy = join(directory, 'copy');
  copyFileSync(path, copy);
  const read = newLists();
  open.push(new ListsFile({ path: copy }, { lists: read, clock, log }));
  expect(contentOf(read)).toEqual(contentOf(lists));
  expect(contentOf(read)).toHaveLength(2);
});
