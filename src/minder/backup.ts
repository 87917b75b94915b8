/**
 * Everything that makes a minder, in one file: with it a minder starts on another machine, and its
 * nodes find the same authority, the same bus and the same state.
 *
 * ```
 * gzip of  {"format": "trackerbt minder backup", "version": 1, "software": "0.1.0",
 *           "createdMs": 1769860800000, "minder": "n0123456789abcdef",
 *           "files": [{"path": "ca/cluster.key", "sha256": "...", "data": base64}, ...]}
 * ```
 *
 * Paths are relative to `minder/` in the data directory. Each file is replaced in one step by the
 * minder that runs, so they can be read at any time; what changed between two of them is caught up
 * with at the next start. The backup is as secret as the authority in it: mode 0600, not encrypted.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { lockDataDirectory } from '../lib/data-lock.js';
import { syncDirectory } from '../lib/durable.js';
import { reasonOf } from '../lib/reason.js';
import { NODE_ID_PATTERN } from '../protocol/cluster/node-id.js';

const FORMAT = 'trackerbt minder backup';
/** Of all files together, before they are packed: far above a minder with lists of millions. */
const BACKUP_BYTES_MAX = 512 * 1024 * 1024;
const FILES_MAX = 64;

/** What the bus server makes anew at each start; of `bus/`, only the keys are worth keeping. */
const KEPT_OF_BUS = /^bus\/accounts\.json$/;
/** Of a write that was cut short, or of a process that runs. */
const PASSING = /\.(?:new|sock|tmp)$/;
const PATH = /^(?:[a-z0-9][a-z0-9._-]{0,63}\/)?[a-z0-9][a-z0-9._-]{0,63}$/;

const backupSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  /** Version of the software that wrote it. */
  software: z.string().max(64),
  createdMs: z.number().int().min(0),
  minder: z.string().regex(NODE_ID_PATTERN),
  files: z
    .array(
      z.strictObject({
        path: z.string().regex(PATH),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        data: z.string(),
      }),
    )
    .max(FILES_MAX),
});
type Backup = z.output<typeof backupSchema>;

export const BACKUP_ERROR_CODES = [
  /** There is no minder in the data directory. */
  'backup_no_minder',
  /** The file is there already, or cannot be written or read. */
  'backup_file',
  /** The file is no backup, is cut short or altered, or of a later version. */
  'backup_damaged',
  /** There is a minder where the backup is to be restored. */
  'backup_not_empty',
] as const;
export type BackupErrorCode = (typeof BACKUP_ERROR_CODES)[number];

/** `message` is for the operator. */
export class BackupError extends Error {
  override name = 'BackupError';
  constructor(
    readonly code: BackupErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** What a backup holds, for people. */
export interface BackupSummary {
  readonly minder: string;
  readonly createdMs: number;
  readonly software: string;
  readonly files: number;
  readonly bytes: number;
}

export interface WriteBackupOptions {
  /** The data directory, whose minder may run. */
  readonly data: string;
  /** Must not exist yet. */
  readonly file: string;
  readonly software: string;
  readonly createdMs: number;
}

/** Writes a backup. Throws `BackupError`. */
export function writeBackup({
  data,
  file,
  software,
  createdMs,
}: WriteBackupOptions): BackupSummary {
  const directory = join(data, 'minder');
  const found = existsSync(join(directory, 'state.json')) ? filesOf(directory) : [];
  const state = found.find(({ path }) => path === 'state.json');
  if (state === undefined) {
    throw new BackupError('backup_no_minder', `there is no minder in ${data}: name it with --data`);
  }
  const backup: Backup = {
    format: FORMAT,
    version: 1,
    software,
    createdMs,
    minder: minderOf(state.bytes),
    files: found.map(({ path, bytes }) => ({
      path,
      sha256: sha256(bytes),
      data: bytes.toString('base64'),
    })),
  };
  writeNew(file, gzipSync(JSON.stringify(backup)));
  return summary(backup);
}

export interface RestoreBackupOptions {
  readonly file: string;
  /** The data directory, without a minder. */
  readonly data: string;
}

/**
 * Puts a backup into a data directory that has no minder. All or nothing: a crash leaves the
 * directory without one. Throws `BackupError` or `DataLockError`.
 */
export async function restoreBackup({ file, data }: RestoreBackupOptions): Promise<BackupSummary> {
  const backup = readBackup(file);
  const lock = await lockDataDirectory(data);
  try {
    const directory = join(data, 'minder');
    if (existsSync(directory)) {
      throw new BackupError(
        'backup_not_empty',
        `${directory} is there already: restore into another directory, or move that one away`,
      );
    }
    const pending = join(data, 'minder.new');
    rmSync(pending, { recursive: true, force: true });
    mkdirSync(pending, { mode: 0o700 });
    for (const { path, data: text } of backup.files) {
      const target = join(pending, path);
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      writeNew(target, Buffer.from(text, 'base64'));
    }
    renameSync(pending, directory);
    syncDirectory(data);
  } finally {
    await lock.release();
  }
  return summary(backup);
}

/** Reads and checks a backup. Throws `BackupError`. */
function readBackup(file: string): Backup {
  let packed: Buffer;
  try {
    if (statSync(file).size > BACKUP_BYTES_MAX) throw new Error('it is too large');
    packed = readFileSync(file);
  } catch (error) {
    throw new BackupError('backup_file', `cannot read ${file}: ${reasonOf(error)}`);
  }
  try {
    const text = gunzipSync(packed, { maxOutputLength: 2 * BACKUP_BYTES_MAX }).toString();
    const backup = backupSchema.parse(JSON.parse(text));
    for (const { path, sha256: expected, data } of backup.files) {
      if (sha256(Buffer.from(data, 'base64')) !== expected) throw new Error(`${path} is altered`);
    }
    const paths = new Set(backup.files.map(({ path }) => path));
    const missing = ['state.json', 'ca/cluster.key', 'ca/cluster.crt'].find((p) => !paths.has(p));
    if (missing !== undefined) throw new Error(`${missing} is missing`);
    if (paths.size < backup.files.length) throw new Error('a file is there twice');
    return backup;
  } catch (error) {
    // What zod says of a file that is none is long.
    const reason = error instanceof z.ZodError ? 'its content is not that of one' : reasonOf(error);
    throw new BackupError(
      'backup_damaged',
      `${file} is no whole backup of this version (${reason})`,
    );
  }
}

/** The files of a minder that are worth keeping, by path. Links are left out. */
function filesOf(directory: string): { path: string; bytes: Buffer }[] {
  const found: { path: string; bytes: Buffer }[] = [];
  let bytes = 0;
  const visit = (prefix: string) => {
    for (const entry of readdirSync(join(directory, prefix), { withFileTypes: true })) {
      const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      if (entry.isDirectory() && prefix === '') visit(path);
      if (!entry.isFile() || PASSING.test(path) || !PATH.test(path)) continue;
      if (path.startsWith('bus/') && !KEPT_OF_BUS.test(path)) continue;
      const content = readFileSync(join(directory, path));
      bytes += content.length;
      if (bytes > BACKUP_BYTES_MAX || found.length === FILES_MAX) {
        throw new BackupError('backup_file', `${directory} holds more than a minder makes`);
      }
      found.push({ path, bytes: content });
    }
  };
  try {
    visit('');
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError('backup_file', `cannot read ${directory}: ${reasonOf(error)}`);
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function minderOf(state: Buffer): string {
  try {
    return z.object({ minder: z.string().regex(NODE_ID_PATTERN) }).parse(JSON.parse(String(state)))
      .minder;
  } catch {
    throw new BackupError('backup_damaged', 'the state of this minder is damaged');
  }
}

/** Writes a file that must not exist yet, to the disk, for its owner alone. */
function writeNew(path: string, bytes: Uint8Array): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    throw new BackupError('backup_file', `${path} is there already: choose another name`);
  }
  // Nobody else's: what has this name already is not ours to remove, and a link is not followed.
  const pending = `${path}.${randomBytes(6).toString('hex')}.new`;
  let isMade = false;
  try {
    const fd = openSync(pending, 'wx', 0o600);
    isMade = true;
    try {
      // Whatever the umask was.
      fchmodSync(fd, 0o600);
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(pending, path);
    syncDirectory(dirname(path));
  } catch (error) {
    // A disk that is full must not stay so because of half a backup.
    if (isMade) rmSync(pending, { force: true });
    throw new BackupError('backup_file', `cannot write ${path}: ${reasonOf(error)}`);
  }
}

function summary({ minder, createdMs, software, files }: Backup): BackupSummary {
  const bytes = files.reduce((sum, { data }) => sum + Buffer.byteLength(data, 'base64'), 0);
  return { minder, createdMs, software, files: files.length, bytes };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
