import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HashLists } from './list-intake.js';
import { contentOf, entryOf, Lines, newLists, TestClock } from './lists.testing.js';
import { ListsFile } from './lists-file.js';

let directory = '';
let path = '';
let log: Lines;
let clock: TestClock;
const open: ListsFile[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lists-'));
  path = join(directory, 'minder', 'lists');
  log = new Lines();
  clock = new TestClock();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((file) => file.close()));
  rmSync(directory, { recursive: true, force: true });
});

function openFile(lists: HashLists = newLists(), options: { deadMin?: number } = {}) {
  const file = new ListsFile({ path, ...options }, { lists, clock, log });
  open.push(file);
  return { file, lists };
}

/** As a minder does: first the file, then the list. */
async function add({ file, lists }: ReturnType<typeof openFile>, from: number, count: number) {
  const entries = Array.from({ length: count }, (_, i) =>
    entryOf(from + i, { reason: `r${i % 3}` }),
  );
  await file.append('deny', entries);
  for (const entry of entries) lists.deny.put(entry);
}

/** What is in the file for whoever opens it next. */
function content(): string[] {
  const lists = newLists();
  const copy = join(directory, 'copy');
  copyFileSync(path, copy);
  open.push(new ListsFile({ path: copy }, { lists, clock, log }));
  return contentOf(lists);
}

describe('the file of the lists', () => {
  it('keeps what was appended, for its owner alone', async () => {
    const opened = openFile();
    await add(opened, 0, 10);
    await opened.file.append('allow', [
      entryOf(3, { present: false }),
      entryOf(4, { expiresSeconds: 9 }),
    ]);
    opened.lists.allow.put(entryOf(3, { present: false }));
    opened.lists.allow.put(entryOf(4, { expiresSeconds: 9 }));
    await opened.file.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = openFile();
    expect(contentOf(again.lists)).toEqual(contentOf(opened.lists));
    expect(contentOf(again.lists)).toHaveLength(12);
    expect(log.lines).toEqual([]);
  });

  it('has what was appended on the disk before it says so', async () => {
    const opened = openFile();
    await add(opened, 0, 5);
    // Not closed: as after kill -9.
    expect(content()).toEqual(contentOf(opened.lists));
  });

  it('writes notes within the second, and at its end', async () => {
    const { file, lists } = openFile();
    lists.deny.put(entryOf(1));
    file.note('deny', entryOf(1));
    file.tick(5);
    expect(content()).toEqual([]);
    clock.ms += 1_000;
    file.tick(5);
    expect(content()).toHaveLength(1);
    file.note('allow', entryOf(2));
    await file.close();
    expect(content()).toHaveLength(2);
  });

  it('loses nothing but the last append when it is cut off anywhere in it', async () => {
    const opened = openFile();
    await add(opened, 0, 20);
    const before = contentOf(opened.lists);
    const safe = statSync(path).size;
    await add(opened, 20, 3);
    await opened.file.close();
    const whole = readFileSync(path);
    for (let length = safe; length < whole.length; length++) {
      for (const rest of [
        new Uint8Array(),
        new Uint8Array(7),
        new Uint8Array(whole.length - length),
      ]) {
        writeFileSync(path, Buffer.concat([whole.subarray(0, length), rest]));
        log = new Lines();
        const { file, lists } = openFile();
        // Zeros may happen to be what was cut off.
        const isWhole = contentOf(lists).length === 23;
        if (!isWhole) expect(contentOf(lists), `${length}`).toEqual(before);
        expect(log.lines.length, `${length}`).toBeLessThanOrEqual(1);
        expect(log.lines.every(({ msg }) => msg.includes('torn'))).toBe(true);
        // And it can be written to again.
        if (length % 7 === 0) {
          await file.append('allow', [entryOf(1)]);
          expect(content()).toHaveLength(isWhole ? 24 : 21);
        }
        await Promise.all(open.splice(0).map((each) => each.close()));
      }
    }
    expect(readdirSync(join(directory, 'minder'))).toEqual(['lists']);
  });

  it('sets a damaged file aside, and keeps what can be read of it', async () => {
    const opened = openFile();
    await add(opened, 0, 20);
    const second = statSync(path).size;
    await add(opened, 20, 20);
    await add(opened, 40, 20);
    await opened.file.close();
    const bytes = readFileSync(path);
    bytes[second + 100] ^= 1;
    writeFileSync(path, bytes);
    const { file, lists } = openFile();
    expect(lists.deny.size).toBe(40);
    expect(log.lines).toMatchObject([{ level: 'error', fields: { path, entries: 40 } }]);
    const aside = readdirSync(join(directory, 'minder')).filter((name) => name !== 'lists');
    expect(aside).toEqual([expect.stringMatching(/^lists\.damaged-/)]);
    await file.close();
    log = new Lines();
    expect(content()).toHaveLength(40);
    expect(log.lines).toEqual([]);
  });

  it.each([
    ['another file', Buffer.from('{"version":1}\n')],
    ['an empty file', Buffer.alloc(0)],
    ['a later version', Buffer.from('TBTLISTS\x02\0\0\0\0\0\0\0', 'latin1')],
  ])('sets %s aside', (_name, bytes) => {
    const { file } = openFile();
    void file;
    writeFileSync(path, bytes);
    const { lists } = openFile();
    expect(contentOf(lists)).toEqual([]);
    expect(log.lines).toMatchObject([{ level: 'error' }]);
  });

  it('refuses a file that others may write', () => {
    openFile();
    chmodSync(path, 0o620);
    expect(() => openFile()).toThrow(expect.objectContaining({ code: 'file_exposed' }));
  });

  it('is written anew when most of it is out of date, and loses nothing that comes meanwhile', async () => {
    const opened = openFile(newLists(), { deadMin: 100 });
    const { file, lists } = opened;
    for (let round = 1; round <= 30; round++) {
      const entries = Array.from({ length: 10 }, (_, i) => entryOf(i, { stamp: round }));
      await file.append('deny', entries);
      for (const entry of entries) lists.deny.put(entry);
    }
    await add(opened, 100, 10);
    const size = statSync(path).size;
    // One slice at a time, with news in between.
    let news = 0;
    while (file.counters.rewrites === 0 || file.tick(-1)) {
      file.tick(-1);
      if (news < 20) await add(opened, 1_000 + news++, 1);
    }
    const appended = add(opened, 2_000, 1);
    await expect.poll(() => statSync(path).size).toBeLessThan(size);
    await appended;
    await add(opened, 3_000, 1);
    expect(content()).toEqual(contentOf(lists));
    expect(readdirSync(join(directory, 'minder'))).toEqual(['lists']);
    await file.close();
    expect(content()).toEqual(contentOf(lists));
    expect(content()).toHaveLength(10 + 10 + news + 2);
  });

  it('says so once when it cannot write, and saves everything when it can again', async () => {
    let isFull = false;
    const lists = newLists();
    const write = (fd: number, bytes: Uint8Array, at: number) => {
      // Half of it is written before the disk is full.
      writeSync(fd, bytes, 0, isFull ? bytes.length / 2 : bytes.length, at);
      if (isFull) throw new Error('ENOSPC: no space left on device');
    };
    const file = new ListsFile({ path }, { lists, clock, log, write });
    open.push(file);
    await add({ file, lists }, 0, 3);
    isFull = true;
    await expect(add({ file, lists }, 10, 9)).rejects.toMatchObject({ code: 'file_unusable' });
    lists.deny.put(entryOf(20));
    file.note('deny', entryOf(20));
    clock.ms += 1_000;
    file.tick(5);
    clock.ms += 10_000;
    file.tick(5);
    expect(log.lines).toMatchObject([{ level: 'error', msg: 'the lists cannot be saved' }]);
    expect(content()).toHaveLength(3);
    isFull = false;
    await add({ file, lists }, 30, 1);
    clock.ms += 10_000;
    log = new Lines();
    // Nothing of what failed lies behind it.
    expect(content()).toHaveLength(4);
    expect(log.lines).toEqual([]);
    file.tick(1_000);
    await expect.poll(() => file.counters.rewrites).toBe(2);
    await expect.poll(content).toEqual(contentOf(lists));
    expect(contentOf(lists)).toHaveLength(5);
    expect(log.lines).toEqual([]);
  });
});
