/**
 * `trackerbt deny import FILE`: reads a list, all of it before anything is said to the minder, and then
 * says it in pieces, a few of them at a time.
 */
import { createReadStream } from 'node:fs';
import { reasonOf } from '../lib/reason.js';
import { ControlSession } from '../minder/control-socket.js';
import { LIST_HASHES_MAX } from '../minder/list-desk.js';
import type { ListName } from '../swarm/hash-list.js';
import { ListFileError, ListLines } from '../swarm/list-file.js';
import { REASON_LENGTH_MAX } from '../swarm/list-reasons.js';

/** More than any list can be made for. */
const ENTRIES_MAX = 16_777_216;
/** As `ListLines` wants it. */
const PIECE_BYTES = 128 * 1024;
const HASH_BYTES = 20;
/** Requests that are not answered yet. */
const AT_ONCE = 4;

/** Hashes and reasons, as many as one request takes. */
interface Piece {
  readonly hashes: Buffer;
  readonly reasons: string[];
}

/** A list that was read: 20 bytes a hash, and the reasons. */
export interface ReadList {
  readonly count: number;
  readonly pieces: readonly Piece[];
}

export interface ImportTotals {
  added: number;
  changed: number;
  unchanged: number;
}

/** Reads a file, or `-` for the stream given. Throws ListFileError, which names the lines. */
export async function readList(path: string, stdin: AsyncIterable<Buffer>): Promise<ReadList> {
  const name = path === '-' ? 'standard input' : path;
  const pieces: Piece[] = [];
  let piece: Piece | undefined;
  const lines = new ListLines({ entriesMax: ENTRIES_MAX }, (hash, reason) => {
    if (piece === undefined || piece.reasons.length === LIST_HASHES_MAX) {
      piece = { hashes: Buffer.allocUnsafe(HASH_BYTES * LIST_HASHES_MAX), reasons: [] };
      pieces.push(piece);
    }
    piece.hashes.set(hash, HASH_BYTES * piece.reasons.length);
    piece.reasons.push(reason);
  });
  await readLines(path === '-' ? stdin : createReadStream(path), lines, name);
  if (lines.problemsTotal === 0) return { count: lines.count, pieces };
  const named = lines.problems.map(({ line, problem }) => `line ${line}: ${problem}`);
  if (lines.problemsTotal > named.length)
    named.push(`and ${lines.problemsTotal - named.length} more`);
  throw new ListFileError(
    'list_file_invalid',
    `${name}: nothing was imported\n${named.join('\n')}`,
  );
}

async function readLines(source: AsyncIterable<Buffer>, lines: ListLines, name: string) {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  let held = 0;
  const take = (isLast: boolean) => {
    const taken = lines.take(buffer.subarray(0, held), isLast);
    buffer.copyWithin(0, taken, held);
    held -= taken;
  };
  try {
    for await (const part of source) {
      for (let at = 0; at < part.length && !lines.ended; ) {
        const copied = part.copy(buffer, held, at);
        at += copied;
        held += copied;
        if (held === PIECE_BYTES) take(false);
      }
      if (lines.ended) return;
    }
  } catch (error) {
    const reason = reasonOf(error);
    throw new ListFileError('list_file_unusable', `cannot use the list ${name}: ${reason}`);
  }
  while (!lines.ended) take(true);
}

export interface ImportOptions {
  readonly data: string;
  readonly list: ListName;
  /** For lines without a reason of their own. */
  readonly reason: string;
  readonly expiresMs: number | undefined;
}

/**
 * Says a list to the minder. Throws ControlError; `totals` then tell how far it came. `onProgress` hears
 * of each piece that is safe.
 */
export async function importList(
  { pieces }: ReadList,
  { data, list, reason, expiresMs }: ImportOptions,
  totals: ImportTotals,
  onProgress: () => void,
): Promise<void> {
  const session = await ControlSession.open(data);
  let failure: unknown;
  const waiting = new Set<Promise<void>>();
  const say = async (piece: Piece) => {
    const hashes = piece.reasons.map((own, i) => ({
      hash: piece.hashes.toString('hex', HASH_BYTES * i, HASH_BYTES * (i + 1)),
      reason: (own || reason).slice(0, REASON_LENGTH_MAX),
      ...(expiresMs === undefined ? {} : { expiresMs }),
    }));
    try {
      const counts = await session.ask('list.add', { list, hashes, keep: true });
      const { added = 0, changed = 0, unchanged = 0 } = (counts ?? {}) as Partial<ImportTotals>;
      totals.added += added;
      totals.changed += changed;
      totals.unchanged += unchanged;
      onProgress();
    } catch (error) {
      failure ??= error;
    }
  };
  try {
    for (const piece of pieces) {
      const said: Promise<void> = say(piece).finally(() => waiting.delete(said));
      waiting.add(said);
      if (waiting.size >= AT_ONCE) await Promise.race(waiting);
      if (failure !== undefined) break;
    }
    await Promise.all(waiting);
  } finally {
    session.close();
  }
  if (failure !== undefined) throw failure;
}
