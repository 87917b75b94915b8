/**
 * Replies to an announce over HTTP: one bencoded dictionary, keys sorted by raw bytes, nothing behind
 * the final `e` (BEP 3, 7, 23, 24, 31).
 *
 * ```
 * d 8:complete i..e  10:downloaded i..e  11:external ip 4:.... | 16:....  10:incomplete i..e
 *   8:interval i..e  12:min interval i..e  5:peers 6n:....  [6:peers6 18n:....]
 *   [10:tracker id ..:....]  [15:warning message ..:....]  e
 *
 * d 14:failure reason ..:....  8:interval i..e  8:retry in i..e | 5:never  e
 * ```
 */
import { assert } from '../../lib/assert.js';
import type { AnnounceReply } from '../announce.js';
import { FAILURES, type Failure } from '../failure.js';
import type { HttpAnnounceRequest } from './announce-query.js';
import { literal, writeInteger, writeLiteral, writeString, writeWords } from './bencode-writer.js';

const COMPLETE = literal('d8:complete');
const DOWNLOADED = literal('10:downloaded');
const EXTERNAL_IP = literal('11:external ip');
const INCOMPLETE = literal('10:incomplete');
const INTERVAL = literal('8:interval');
const MIN_INTERVAL = literal('12:min interval');
const PEERS = literal('5:peers');
const PEERS6 = literal('6:peers6');
const TRACKER_ID = literal('10:tracker id');
const WARNING = literal('15:warning message');
const FAILURE_REASON = literal('d14:failure reason');
const RETRY_IN = literal('8:retry in');
const NEVER = literal('5:never');
const END = literal('e');

/** For replies without a `warning message`. */
export const NO_WARNING = new Uint8Array(0);

/** What a reply needs besides its peers and warning: keys and letters 137, five numbers of up to 16
 * digits with their letters 90, external ip 19, tracker id 67, lengths of strings 18; rounded up. */
const REPLY_BYTES_WITHOUT_PEERS = 400;

/** Length of the longest reply that holds these many peers and this warning, in bytes. */
export function announceReplyBytesMax(
  count4: number,
  count6: number,
  warningBytes: number,
): number {
  return REPLY_BYTES_WITHOUT_PEERS + 6 * count4 + 18 * count6 + warningBytes;
}

/**
 * Writes the reply; returns its length. `peers6` stands when there are any or when the client came
 * over IPv6. The buffer must hold `announceReplyBytesMax`: peers within REPLY_PEERS_MAX do fit
 * the body that the frontends give.
 */
export function encodeAnnounceReply(
  out: Uint8Array,
  reply: AnnounceReply,
  request: HttpAnnounceRequest,
  warning: Uint8Array,
): number {
  const { count4, count6, external } = reply;
  assert(
    out.length >= announceReplyBytesMax(count4, count6, warning.length),
    'the body buffer holds the largest announce reply',
  );
  let at = writeLiteral(out, 0, COMPLETE);
  at = writeInteger(out, at, reply.seeders);
  at = writeLiteral(out, at, DOWNLOADED);
  at = writeInteger(out, at, reply.downloads);
  if (external.family !== 0) {
    at = writeLiteral(out, at, EXTERNAL_IP);
    at = writeString(out, at, external.bytes, external.addressLength);
  }
  at = writeLiteral(out, at, INCOMPLETE);
  at = writeInteger(out, at, reply.leechers);
  at = writeLiteral(out, at, INTERVAL);
  at = writeInteger(out, at, reply.intervalSeconds);
  at = writeLiteral(out, at, MIN_INTERVAL);
  at = writeInteger(out, at, reply.minIntervalSeconds);
  at = writeLiteral(out, at, PEERS);
  at = writeWords(out, at, reply.peers4, reply.peers4Offset, 3 * count4);
  if (count6 > 0 || external.family === 6) {
    at = writeLiteral(out, at, PEERS6);
    at = writeWords(out, at, reply.peers6, reply.peers6Offset, 9 * count6);
  }
  if (request.trackerIdLength > 0) {
    at = writeLiteral(out, at, TRACKER_ID);
    at = writeString(out, at, request.trackerId, request.trackerIdLength);
  }
  if (warning.length > 0) {
    at = writeLiteral(out, at, WARNING);
    at = writeString(out, at, warning, warning.length);
  }
  return writeLiteral(out, at, END);
}

/** Reasons as bytes, by failure number. */
const REASONS: readonly Uint8Array[] = Object.values(FAILURES).map(({ reason }) => literal(reason));
/** BEP 31 minutes by failure number; -1 is 'never'. */
const RETRY_MINUTES: readonly number[] = Object.values(FAILURES).map(({ retryIn }) =>
  retryIn === 'never' ? -1 : retryIn,
);

/**
 * Writes a refusal, which HTTP carries with status 200; returns its length (at most 160 bytes).
 * The interval is for clients that do not know BEP 31.
 */
export function encodeFailure(out: Uint8Array, failure: Failure, intervalSeconds: number): number {
  const reason = REASONS[failure];
  const minutes = RETRY_MINUTES[failure];
  let at = writeLiteral(out, 0, FAILURE_REASON);
  at = writeString(out, at, reason, reason.length);
  at = writeLiteral(out, at, INTERVAL);
  at = writeInteger(out, at, intervalSeconds);
  at = writeLiteral(out, at, RETRY_IN);
  at = minutes < 0 ? writeLiteral(out, at, NEVER) : writeInteger(out, at, minutes);
  return writeLiteral(out, at, END);
}
