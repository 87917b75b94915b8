import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SystemClock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { HashList, reserveHashList } from '../swarm/hash-list.js';
import { Global, reserveStore } from '../swarm/layout.js';
import { SwarmStore } from '../swarm/swarm-store.js';
import { initialListMode, TrackerLists } from './tracker-lists.js';

const directory = mkdtempSync(join(tmpdir(), 'trackerbt-tracker-lists-'));
const denyFile = join(directory, 'deny');
afterAll(() => rmSync(directory, { recursive: true }));

interface Line {
  readonly level: string;
  readonly text: string;
  readonly [name: string]: unknown;
}

function rig(entriesMax: number) {
  const lines: Line[] = [];
  const log =
    (level: string) =>
    (...[fields, text]: [object | string, string?]) => {
      if (typeof fields === 'string') lines.push({ level, text: fields });
      else lines.push({ level, text: text ?? '', ...fields });
    };
  const logger = { info: log('info'), warn: log('warn'), error: log('error') };
  const memory = {
    deny: reserveHashList({ entriesMax }),
    allow: reserveHashList({ entriesMax }),
  };
  const limits = { peersMax: 100, swarmsMax: 100, shards: 1 };
  const store = new SwarmStore({ ...reserveStore(limits), lists: memory }, { thread: 1, seed: 1 });
  const options = { mode: 'auto', denyFile, allowFile: '', entriesMax } as const;
  store.control[Global.listMode] = initialListMode(options);
  const lists = new TrackerLists(options, {
    store,
    memory,
    clock: new SystemClock(),
    logger: logger as unknown as Logger,
  });
  const deny = new HashList(memory.deny);
  const denied = () => [...deny.entries()].map(({ hash }) => hash[19]).sort((a, b) => a - b);
  return { lists, denied, lines, deny };
}

const write = (numbers: readonly number[]) => {
  const text = numbers.map(
    (number) => `${number.toString(16).padStart(40, '0')} reason ${number}\n`,
  );
  writeFileSync(denyFile, text.join(''));
};

describe('lists of a tracker that stands alone', () => {
  it('become what the file says, with reasons, and keep nothing of what it said', async () => {
    const { lists, denied, lines, deny } = rig(1_000);
    write([1, 2, 3]);
    await lists.load();
    write([2, 3, 4, 4]);
    await lists.reload();
    expect(denied()).toEqual([2, 3, 4]);
    expect(deny.known).toBe(3);
    expect([...deny.entries()].map(({ reason }) => reason).sort()).toEqual([
      'reason 2',
      'reason 3',
      'reason 4',
    ]);
    expect(lines).toMatchObject([
      { level: 'info', entries: 3, removed: 0 },
      { level: 'info', entries: 3, removed: 1 },
    ]);
  });

  it('can all be replaced where there is room for one file only', async () => {
    const { lists, denied, lines } = rig(5);
    write([1, 2, 3, 4, 5]);
    await lists.load();
    write([5, 6, 7, 8, 9]);
    await lists.reload();
    expect(denied()).toEqual([5, 6, 7, 8, 9]);
    expect(lines[1]).toMatchObject({ entries: 5, removed: 4 });
    write([1, 2, 3, 4, 5, 6]);
    await lists.reload();
    expect(denied()).toEqual([5, 6, 7, 8, 9]);
    expect(lines[2]).toMatchObject({ level: 'error', reason: expect.stringContaining('line 6:') });
  });

  it('are read once more when a signal comes while they are read', async () => {
    const { lists, denied, lines } = rig(1_000);
    write([1]);
    const loading = lists.load();
    const again = lists.reload();
    await loading;
    write([2]);
    await again;
    await lists.reload();
    expect(denied()).toEqual([2]);
    // What is read may be older than the second signal.
    const before = lines.length;
    await Promise.all([lists.reload(), lists.reload()]);
    expect(lines.slice(before)).toMatchObject([{ level: 'info' }, { level: 'info' }]);
  });

  it('that cannot be read end the start, and later leave the list as it is', async () => {
    const { lists, denied, lines } = rig(1_000);
    rmSync(denyFile);
    await expect(lists.load()).rejects.toMatchObject({ code: 'list_file_unusable' });
    write([1]);
    await lists.reload();
    rmSync(denyFile);
    await lists.reload();
    expect(denied()).toEqual([1]);
    expect(lines.at(-1)).toMatchObject({ level: 'error', list: 'deny' });
  });

  it('are left alone once the node stops', async () => {
    const { lists, denied } = rig(1_000);
    write([1]);
    await lists.load();
    write([2]);
    void lists.reload();
    await lists.stop();
    await lists.reload();
    expect(denied()).toEqual([1]);
  });
});
