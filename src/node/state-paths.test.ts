import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PrivateFileError } from '../lib/private-file.js';
import { acmePaths, prepareAcmeFolder } from './acme-paths.js';
import { giveMinderState, giveTrackerState, refuseLinks } from './state-paths.js';

const USER = { uid: 12_345, gid: 12_345 };

let root: string;
let data: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'trackerbt-state-'));
  data = join(root, 'data');
  mkdirSync(join(data, 'tracker', 'acme'), { recursive: true });
  mkdirSync(join(root, 'elsewhere', 'acme'), { recursive: true });
  writeFileSync(join(root, 'elsewhere', 'lists'), 'not ours');
});
afterEach(() => rmSync(root, { recursive: true }));

function codeOf(act: () => void): string | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof PrivateFileError) return error.code;
    throw error;
  }
  return undefined;
}

/** Puts a link in the place of a directory or file of the data directory. */
function replaceByLink(name: string, target: string): void {
  rmSync(join(data, name), { recursive: true, force: true });
  symlinkSync(join(root, target), join(data, name));
}

describe('the state that is given to --user', () => {
  it('may have nothing in it yet, and may lie behind a link to the whole of it', () => {
    expect(codeOf(() => giveTrackerState(USER, data))).toBeUndefined();
    symlinkSync(data, join(root, 'link'));
    expect(codeOf(() => refuseLinks(join(root, 'link')))).toBeUndefined();
    expect(codeOf(() => refuseLinks(join(root, 'missing')))).toBeUndefined();
  });

  it.each([
    ['tracker', 'elsewhere'],
    ['tracker/acme', 'elsewhere/acme'],
  ])('is refused when %s is a link, and nothing of it is given', (name, target) => {
    replaceByLink(name, target);
    const before = lstatSync(data).uid;
    expect(codeOf(() => refuseLinks(data))).toBe('file_unusable');
    expect(codeOf(() => giveTrackerState(USER, data))).toBe('file_unusable');
    expect(lstatSync(data).uid).toBe(before);
    expect(lstatSync(join(root, 'elsewhere', 'lists')).uid).toBe(before);
  });

  it('is refused when a file of it is another name of somebody else’s file', () => {
    linkSync(join(root, 'elsewhere', 'lists'), join(data, 'tracker', 'lists'));
    expect(codeOf(() => giveTrackerState(USER, data))).toBe('file_unusable');
    // What is the user's already may have as many names as it likes: backups make such.
    const own = { ...USER, uid: lstatSync(data).uid };
    expect(codeOf(() => giveTrackerState(own, data))).toBeUndefined();
  });

  it('leaves alone what a file that is a link points to', () => {
    replaceByLink('tracker/lists', 'elsewhere/lists');
    const before = lstatSync(join(root, 'elsewhere', 'lists')).uid;
    giveTrackerState(USER, data);
    expect(lstatSync(join(root, 'elsewhere', 'lists')).uid).toBe(before);
    if (process.getuid?.() === 0) expect(lstatSync(join(data, 'tracker')).uid).toBe(USER.uid);
  });
});

describe('the state of a minder that is given to --user', () => {
  beforeEach(() => mkdirSync(join(data, 'minder', 'ca'), { recursive: true }));

  it('is all of it, and of a link the link', () => {
    writeFileSync(join(data, 'minder', 'ca', 'cluster.key'), 'ours');
    replaceByLink('minder/lists', 'elsewhere/lists');
    const before = lstatSync(join(root, 'elsewhere', 'lists')).uid;
    giveMinderState(USER, data);
    expect(lstatSync(join(root, 'elsewhere', 'lists')).uid).toBe(before);
    if (process.getuid?.() !== 0) return;
    for (const name of ['', 'minder', 'minder/ca', 'minder/ca/cluster.key', 'minder/lists']) {
      expect(lstatSync(join(data, name)).uid, name).toBe(USER.uid);
    }
  });

  it('is refused, and none of it given, when a file of it is another name of somebody else’s', () => {
    const before = lstatSync(data).uid;
    linkSync(join(root, 'elsewhere', 'lists'), join(data, 'minder', 'ca', 'cluster.key'));
    expect(codeOf(() => giveMinderState(USER, data))).toBe('file_unusable');
    expect(lstatSync(data).uid).toBe(before);
    expect(lstatSync(join(root, 'elsewhere', 'lists')).uid).toBe(before);
  });
});

describe('the folder of ACME', () => {
  const mode = () => lstatSync(join(data, 'tracker', 'acme')).mode & 0o777;

  it('is made for its owner alone, or made so when others could only look', () => {
    rmSync(join(data, 'tracker', 'acme'), { recursive: true });
    prepareAcmeFolder(acmePaths(data));
    expect(mode()).toBe(0o700);
    rmSync(join(data, 'tracker', 'acme'), { recursive: true });
    mkdirSync(join(data, 'tracker', 'acme'), { mode: 0o755 });
    prepareAcmeFolder(acmePaths(data));
    expect(mode()).toBe(0o700);
  });

  it('is refused where others may have put something into it', () => {
    rmSync(join(data, 'tracker', 'acme'), { recursive: true });
    const umask = process.umask(0);
    mkdirSync(join(data, 'tracker', 'acme'), { mode: 0o777 });
    process.umask(umask);
    expect(codeOf(() => prepareAcmeFolder(acmePaths(data)))).toBe('file_exposed');
  });

  it('is refused where it is a link, or a file', () => {
    replaceByLink('tracker/acme', 'elsewhere/acme');
    expect(codeOf(() => prepareAcmeFolder(acmePaths(data)))).toBe('file_unusable');
    rmSync(join(data, 'tracker', 'acme'));
    writeFileSync(join(data, 'tracker', 'acme'), '');
    expect(codeOf(() => prepareAcmeFolder(acmePaths(data)))).toBe('file_unusable');
  });
});
