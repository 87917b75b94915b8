/**
 * The query of an announce over HTTP (BEP 3, 7, 21, 23), read in place.
 *
 * ```
 * info_hash   20 bytes, percent-encoded; once
 * peer_id     20 bytes, percent-encoded; may be missing, and is checked but not kept
 * port        1 to 65535; may be missing with event=stopped
 * left        decimal; all zeros = seeder, missing or anything else = leecher
 * event       started, stopped, completed, paused; anything else = none
 * numwant     decimal; missing, negative or anything else = the default
 * ip, ipv4, ipv6   addresses in text; unreadable ones are ignored
 * trackerid   sent back, up to 64 bytes
 * ```
 *
 * Of a parameter that comes twice the last one counts, info_hash excepted. Unknown ones are skipped,
 * `compact`, `no_peer_id`, `key`, `uploaded`, `downloaded` and `supportcrypto` among them.
 */

import { readDecimal } from '../../lib/decimal.js';
import { Endpoint } from '../../lib/endpoint.js';
import { AnnounceEvent, AnnounceRequest } from '../announce.js';
import { Failure } from '../failure.js';
import { parseAddressText } from './address-text.js';
import { decodePercent, ESCAPE_BROKEN } from './percent.js';
import { QueryCursor, word } from './query.js';

/** Most bytes of a tracker id that are sent back; a longer one is not echoed. */
export const TRACKER_ID_BYTES_MAX = 64;

/** An announce over HTTP: what every announce says, and what only HTTP carries. */
export class HttpAnnounceRequest extends AnnounceRequest {
  /** The decoded `trackerid`, the first `trackerIdLength` bytes; valid until refilled. */
  readonly trackerId = new Uint8Array(TRACKER_ID_BYTES_MAX);
  trackerIdLength = 0;

  override reset(): void {
    super.reset();
    this.trackerIdLength = 0;
  }
}

const INFO_HASH = word('info_hash');
const PEER_ID = word('peer_id');
const PORT = word('port');
const LEFT = word('left');
const EVENT = word('event');
const NUMWANT = word('numwant');
const IP = word('ip');
const IPV4 = word('ipv4');
const IPV6 = word('ipv6');
const TRACKER_ID = word('trackerid');
const STARTED = word('started');
const STOPPED = word('stopped');
const COMPLETED = word('completed');
const PAUSED = word('paused');

/** Longest address in text with brackets, zone and port that is worth reading, in bytes. */
const ADDRESS_TEXT_BYTES_MAX = 64;

const cursor = new QueryCursor();
const scratch = new Uint8Array(ADDRESS_TEXT_BYTES_MAX);
const claimed = new Endpoint();

/** Fills `request` from `target[queryStart..end)`; the number says why when it cannot. */
export function parseAnnounceQuery(
  target: Uint8Array,
  queryStart: number,
  end: number,
  request: HttpAnnounceRequest,
): Failure {
  request.reset();
  let infoHashes = 0;
  cursor.open(target, queryStart, end);
  while (cursor.next()) {
    if (cursor.valueStart === cursor.valueEnd) continue;
    let failure: Failure = Failure.none;
    switch (cursor.nameEnd - cursor.nameStart) {
      case 9:
        if (cursor.isNamed(INFO_HASH)) {
          if (infoHashes++ > 0) return Failure.infoHashRepeated;
          failure = readInfoHash(target, request.infoHash);
        } else if (cursor.isNamed(TRACKER_ID)) readTrackerId(target, request);
        break;
      case 7:
        if (cursor.isNamed(PEER_ID)) failure = checkPeerId(target);
        else if (cursor.isNamed(NUMWANT)) request.numwant = readValue(target);
        break;
      case 4:
        if (cursor.isNamed(PORT)) request.port = readPort(target);
        else if (cursor.isNamed(LEFT)) request.leftIsZero = readValue(target) === 0;
        else if (cursor.isNamed(IPV4) || cursor.isNamed(IPV6)) readAddress(target, request);
        break;
      case 5:
        if (cursor.isNamed(EVENT)) request.event = readEvent();
        break;
      case 2:
        if (cursor.isNamed(IP)) readAddress(target, request);
        break;
    }
    if (failure !== Failure.none) return failure;
  }
  if (infoHashes === 0) return Failure.infoHashMissing;
  if (request.port === 0 && request.event !== AnnounceEvent.stopped) return Failure.portInvalid;
  return Failure.none;
}

function readInfoHash(target: Uint8Array, out: Uint8Array): Failure {
  const count = decodePercent(target, cursor.valueStart, cursor.valueEnd, out, 0, 20);
  if (count === ESCAPE_BROKEN) return Failure.queryMalformed;
  return count === 20 ? Failure.none : Failure.infoHashInvalid;
}

function checkPeerId(target: Uint8Array): Failure {
  const count = decodePercent(target, cursor.valueStart, cursor.valueEnd, scratch, 0, 20);
  if (count === ESCAPE_BROKEN) return Failure.queryMalformed;
  return count === 20 ? Failure.none : Failure.peerIdInvalid;
}

/** The value as a number, capped; -1 when it is none. */
function readValue(target: Uint8Array): number {
  return readDecimal(target, cursor.valueStart, cursor.valueEnd);
}

/** The value as a port; 0 when it is none. */
function readPort(target: Uint8Array): number {
  const port = readValue(target);
  return port > 0 && port <= 0xffff ? port : 0;
}

function readEvent(): AnnounceEvent {
  if (cursor.hasValue(STARTED)) return AnnounceEvent.started;
  if (cursor.hasValue(STOPPED)) return AnnounceEvent.stopped;
  if (cursor.hasValue(COMPLETED)) return AnnounceEvent.completed;
  return cursor.hasValue(PAUSED) ? AnnounceEvent.paused : AnnounceEvent.none;
}

/** Files an address under its own family, whichever parameter brought it. */
function readAddress(target: Uint8Array, request: HttpAnnounceRequest): void {
  const { valueStart, valueEnd } = cursor;
  const size = ADDRESS_TEXT_BYTES_MAX;
  const length = decodePercent(target, valueStart, valueEnd, scratch, 0, size);
  if (length <= 0 || length > size || !parseAddressText(scratch, 0, length, claimed)) return;
  if (claimed.family === 4) request.claimed4.copyFrom(claimed);
  else request.claimed6.copyFrom(claimed);
}

function readTrackerId(target: Uint8Array, request: HttpAnnounceRequest): void {
  const { valueStart, valueEnd } = cursor;
  const size = TRACKER_ID_BYTES_MAX;
  const length = decodePercent(target, valueStart, valueEnd, request.trackerId, 0, size);
  request.trackerIdLength = length > 0 && length <= size ? length : 0;
}
