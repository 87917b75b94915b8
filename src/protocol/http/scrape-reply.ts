/**
 * Replies to a scrape over HTTP (BEP 48; BEP 21 for `downloaders`), written piece by piece.
 *
 * ```
 * d 5:files d
 *     20:<info hash> d 8:complete i..e 10:downloaded i..e 11:downloaders i..e 10:incomplete i..e e
 *     ... in ascending order of the hashes
 *   e
 *   [5:flags d 20:min_request_interval i..e e]
 * e
 * ```
 */
import type { ScrapeEntry } from '../announce.js';
import { literal, writeInteger, writeLiteral } from './bencode-writer.js';

const START = literal('d5:filesd');
const HASH = literal('20:');
const COMPLETE = literal('d8:complete');
const DOWNLOADED = literal('10:downloaded');
const DOWNLOADERS = literal('11:downloaders');
const INCOMPLETE = literal('10:incomplete');
const END = literal('e');
const FLAGS = literal('5:flagsd20:min_request_interval');

/** The longest entry: hash 23, keys 50, four numbers of up to 16 digits with two letters, end 1. */
export const SCRAPE_ENTRY_BYTES_MAX = 146;
/** The longest ending: two `e`, and the flags 31 + 18 + 1. */
export const SCRAPE_END_BYTES_MAX = 52;

/** Opens a reply; returns the offset behind it. */
export function encodeScrapeStart(out: Uint8Array): number {
  return writeLiteral(out, 0, START);
}

/**
 * Writes the entry for the hash at `hashes[hashOffset..+20)`; returns the offset behind it, or `at`
 * itself when the entry and the ending might not fit any more.
 */
export function encodeScrapeEntry(
  out: Uint8Array,
  at: number,
  hashes: Uint8Array,
  hashOffset: number,
  entry: ScrapeEntry,
): number {
  if (at + SCRAPE_ENTRY_BYTES_MAX + SCRAPE_END_BYTES_MAX > out.length) return at;
  at = writeLiteral(out, at, HASH);
  for (let i = 0; i < 20; i++) out[at++] = hashes[hashOffset + i];
  at = writeLiteral(out, at, COMPLETE);
  at = writeInteger(out, at, entry.seeders);
  at = writeLiteral(out, at, DOWNLOADED);
  at = writeInteger(out, at, entry.downloads);
  at = writeLiteral(out, at, DOWNLOADERS);
  at = writeInteger(out, at, Math.max(0, entry.leechers - entry.partialSeeds));
  at = writeLiteral(out, at, INCOMPLETE);
  at = writeInteger(out, at, entry.leechers);
  return writeLiteral(out, at, END);
}

/** Closes the reply; returns its length. Without an interval (0) there are no flags. */
export function encodeScrapeEnd(
  out: Uint8Array,
  at: number,
  minRequestIntervalSeconds: number,
): number {
  at = writeLiteral(out, at, END);
  if (minRequestIntervalSeconds > 0) {
    at = writeLiteral(out, at, FLAGS);
    at = writeInteger(out, at, minRequestIntervalSeconds);
    at = writeLiteral(out, at, END);
  }
  return writeLiteral(out, at, END);
}
