/** The file that a tracker's store is kept in between two runs, `tracker/store.snapshot`. */
import { accessSync, constants, existsSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.js';
import { setAside } from '../lib/damaged-file.js';
import type { Logger } from '../lib/log.js';
import { PrivateFileError } from '../lib/private-file.js';
import { ProgressLine } from '../lib/progress-line.js';
import { SnapshotDamagedError } from '../swarm/snapshot-format.js';
import { loadSnapshot } from '../swarm/snapshot-reader.js';
import type { SwarmStore } from '../swarm/swarm-store.js';

/**
 * Makes `tracker/` in the data directory and returns the path of the snapshot in it. Throws
 * PrivateFileError (`file_unusable`).
 */
export function prepareSnapshotPath(dataDirectory: string): string {
  const directory = join(dataDirectory, 'tracker');
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Now, and not when a minute's peers are to be saved.
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unusable(directory, error, 'it must be a directory that this user may write to');
  }
  // A process that starts as root must not be led to write elsewhere.
  if (!lstatSync(directory).isDirectory()) {
    throw new Error(`${directory} is a link: put the directory itself there`);
  }
  return join(directory, 'store.snapshot');
}

/**
 * Loads what the last run saved. A damaged file is renamed, so that somebody can look at it and the
 * next save does not destroy it, and the store stays empty. Throws PrivateFileError
 * (`file_unusable`) when the file is there and cannot be read at all.
 */
export function loadSavedStore(
  store: SwarmStore,
  path: string,
  peerTtlSeconds: number,
  { clock, logger }: { clock: Clock; logger: Logger },
): void {
  if (!existsSync(path)) return;
  const startMs = performance.now();
  const progress = new ProgressLine('loading the saved store', { output: process.stderr });
  const onProgress = (share: number) => progress.show('', share);
  store.setTime(clock.monotonicSeconds(), clock.wallMs());
  try {
    const result = loadSnapshot(store, path, {
      peerTtlSeconds,
      wallMs: clock.wallMs(),
      onProgress,
    });
    progress.clear();
    const seconds = Math.round(performance.now() - startMs) / 1000;
    logger.info({ path, ...result, seconds }, 'loaded the saved store');
  } catch (error) {
    progress.clear();
    if (!(error instanceof SnapshotDamagedError)) {
      const help = 'let this user read it, or move it away to start with an empty store';
      throw unusable(path, error, help);
    }
    const aside = setAside(path, clock.wallMs());
    logger.error(
      { path, aside, reason: error.message },
      'the saved store is damaged: set aside, starting with an empty store',
    );
  }
}

/** A system's error with the path and what to do; a bug stays what it is. */
function unusable(path: string, error: unknown, help: string): unknown {
  if (!(error instanceof Error && 'syscall' in error)) return error;
  return new PrivateFileError('file_unusable', `cannot use ${path}: ${error.message}; ${help}`);
}
