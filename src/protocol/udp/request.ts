/**
 * Requests of the UDP tracker protocol, read in place (BEP 15, BEP 41). All integers are big endian.
 *
 * ```
 * connect (16)                      announce (98, then options)        scrape (16 + 20 n)
 *  0  8  0x41727101980 (magic)       0  8  connection id                0  8  connection id
 *  8  4  action 0                    8  4  action 1                     8  4  action 2
 * 12  4  transaction id             12  4  transaction id              12  4  transaction id
 *                                   16 20  info hash                   16 20  info hash, repeated
 *                                   36 20  peer id
 *                                   56  8  downloaded
 *                                   64  8  left
 *                                   72  8  uploaded
 *                                   80  4  event (AnnounceEvent)
 *                                   84  4  ip, 0 = the sender's
 *                                   88  4  key
 *                                   92  4  numwant, negative = default
 *                                   96  2  port
 * options (BEP 41): 0 = end, 1 = NOP, 2 = URLData, others; type (1), length (1), data (length),
 * where end and NOP have no length.
 * ```
 */
import { AnnounceEvent, AnnounceRequest } from '../announce.js';

/** What a datagram asks for. `drop` is 0: nothing is sent in answer to junk. */
export const UdpAction = {
  drop: 0,
  connect: 1,
  announce: 2,
  scrape: 3,
  /** Long enough to carry a connection id; an error is sent only when that id is valid. */
  unknown: 4,
} as const;
export type UdpAction = (typeof UdpAction)[keyof typeof UdpAction];

/** The constant that a connect request opens with, 0x41727101980, in two halves. */
export const CONNECT_MAGIC_HI = 0x417;
export const CONNECT_MAGIC_LO = 0x27101980;

export const REQUEST_HEADER_BYTES = 16;
export const ANNOUNCE_BYTES_MIN = 98;
/** Most info hashes that one scrape answers (BEP 15). */
export const UDP_SCRAPE_HASHES_MAX = 74;
/** Most bytes of BEP 41 URL data that are kept; what exceeds them is cut. */
export const URL_DATA_BYTES_MAX = 512;

/** An announce over UDP: what every announce says, and the path and query of BEP 41. */
export class UdpAnnounceRequest extends AnnounceRequest {
  /** `/path?query` of the tracker's URL, the first `urlDataLength` bytes; valid until refilled. */
  readonly urlData = new Uint8Array(URL_DATA_BYTES_MAX);
  urlDataLength = 0;
}

/** Says what the datagram `input[0..length)` is. Never throws. */
export function decodeUdpRequest(input: Uint8Array, length: number): UdpAction {
  if (length < REQUEST_HEADER_BYTES) return UdpAction.drop;
  const action = readInt32(input, 8);
  if (action === 1) return UdpAction.announce;
  if (action === 2) return UdpAction.scrape;
  if (action !== 0) return UdpAction.unknown;
  return readInt32(input, 0) === CONNECT_MAGIC_HI && readInt32(input, 4) === CONNECT_MAGIC_LO
    ? UdpAction.connect
    : UdpAction.drop;
}

/** Upper half of the connection id, as a signed 32-bit integer. */
export function connectionIdHi(input: Uint8Array): number {
  return readInt32(input, 0);
}

/** Lower half of the connection id, as a signed 32-bit integer. */
export function connectionIdLo(input: Uint8Array): number {
  return readInt32(input, 4);
}

/** The transaction id, as a signed 32-bit integer: it is only ever sent back. */
export function transactionId(input: Uint8Array): number {
  return readInt32(input, 12);
}

/** Fills `request` from an announce. False when the datagram is too short to be one: drop it. */
export function decodeAnnounce(
  input: Uint8Array,
  length: number,
  request: UdpAnnounceRequest,
): boolean {
  if (length < ANNOUNCE_BYTES_MIN) return false;
  request.reset();
  const { infoHash } = request;
  for (let i = 0; i < 20; i++) infoHash[i] = input[16 + i];
  request.leftIsZero = (readInt32(input, 64) | readInt32(input, 68)) === 0;
  request.event = eventOf(readInt32(input, 80));
  if (readInt32(input, 84) !== 0) {
    request.claimed4.setAddress(input, 84, 4);
    request.claimed4.setPort(0);
  }
  const numwant = readInt32(input, 92);
  request.numwant = numwant < 0 ? -1 : numwant;
  request.port = (input[96] << 8) | input[97];
  request.urlDataLength =
    length === ANNOUNCE_BYTES_MIN ? 0 : readUrlData(input, length, request.urlData);
  return true;
}

/** Info hashes that a scrape of `length` bytes names and that are answered, 0 to 74. */
export function scrapeHashCount(length: number): number {
  const count = Math.floor((length - REQUEST_HEADER_BYTES) / 20);
  if (count <= 0) return 0;
  return Math.min(count, UDP_SCRAPE_HASHES_MAX);
}

/** Offset of info hash `index` in a scrape request. */
export function scrapeHashOffset(index: number): number {
  return REQUEST_HEADER_BYTES + 20 * index;
}

function eventOf(code: number): AnnounceEvent {
  if (code === 1) return AnnounceEvent.completed;
  if (code === 2) return AnnounceEvent.started;
  if (code === 3) return AnnounceEvent.stopped;
  return code === 4 ? AnnounceEvent.paused : AnnounceEvent.none;
}

/**
 * Walks the options and gathers the URL data; returns its length. A malformed option ends the walk
 * and spoils nothing: the announce before it is complete.
 */
function readUrlData(input: Uint8Array, length: number, out: Uint8Array): number {
  let written = 0;
  let at = ANNOUNCE_BYTES_MIN;
  while (at < length) {
    const type = input[at++];
    if (type === 0) break;
    if (type === 1) continue;
    if (at >= length) break;
    const size = input[at++];
    if (at + size > length) break;
    if (type === 2) {
      const room = out.length - written;
      const taken = Math.min(size, room);
      for (let i = 0; i < taken; i++) out[written + i] = input[at + i];
      written += taken;
    }
    at += size;
  }
  return written;
}

function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
