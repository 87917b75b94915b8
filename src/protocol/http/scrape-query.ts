/**
 * The query of a scrape over HTTP (BEP 48): `info_hash` any number of times.
 *
 * The reply is a bencoded dictionary, whose keys are sorted and stand once; so the hashes are kept
 * that way from the start: ascending by raw bytes, duplicates dropped.
 */
import { Failure } from '../failure.js';
import { decodePercent, ESCAPE_BROKEN } from './percent.js';
import { QueryCursor, word } from './query.js';

const INFO_HASH = word('info_hash');

const cursor = new QueryCursor();
const scratch = new Uint8Array(20);

/**
 * Fills `hashes` (20 bytes each, as many as fit; the rest of the request is not answered) from
 * `target[queryStart..end)`. Returns their count, at least 1, or the negated `Failure`: a scrape
 * without any info hash asks for all swarms, which is `fullScrapeOff`.
 */
export function parseScrapeQuery(
  target: Uint8Array,
  queryStart: number,
  end: number,
  hashes: Uint8Array,
): number {
  const countMax = Math.floor(hashes.length / 20);
  let count = 0;
  cursor.open(target, queryStart, end);
  while (cursor.next()) {
    if (cursor.valueStart === cursor.valueEnd || !cursor.isNamed(INFO_HASH)) continue;
    const size = decodePercent(target, cursor.valueStart, cursor.valueEnd, scratch, 0, 20);
    if (size === ESCAPE_BROKEN) return -Failure.queryMalformed;
    if (size !== 20) return -Failure.infoHashInvalid;
    if (count < countMax) count = insertSorted(hashes, count);
  }
  return count > 0 ? count : -Failure.fullScrapeOff;
}

/** Puts the hash in `scratch` where it belongs among `count` others; returns the new count. */
function insertSorted(hashes: Uint8Array, count: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareAt(hashes, 20 * middle);
    if (order === 0) return count;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  hashes.copyWithin(20 * (low + 1), 20 * low, 20 * count);
  for (let i = 0; i < 20; i++) hashes[20 * low + i] = scratch[i];
  return count + 1;
}

/** Order of the hash at `at` against the one in `scratch`. */
function compareAt(hashes: Uint8Array, at: number): number {
  for (let i = 0; i < 20; i++) {
    const difference = hashes[at + i] - scratch[i];
    if (difference !== 0) return difference;
  }
  return 0;
}
