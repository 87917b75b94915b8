/**
 * An offer or an answer of one web peer for another, on its way between threads of a tracker or, on
 * `sig.<to>.<from>`, between trackers.
 *
 * ```
 *   0  envelope    16   kind `signal` (envelope.ts)
 *  16  what         1   1 offer, 2 answer
 *  17  zero         3
 *  20  info hash   20
 *  40  from        18   who sends it: node 8, connection 4 (big endian), epoch 4 (big endian), zero 2
 *  58  to          18   who is to have it
 *  76  peer id     20   of the sender
 *  96  offer id    20
 * 116  description      JSON as UTF-8, to the end
 * ```
 *
 * Hashes and ids are binary texts (binary-text.ts). Whoever receives a signal from another node must
 * not believe more of it than the subject says: that `from` is a connection of that node is checked by
 * the cluster worker, that the description is one by whoever passes it on to a browser.
 */
import { readBinaryText, writeBinaryText } from '../webtorrent/binary-text.js';
import { SESSION_BYTES_MAX } from '../webtorrent/session-text.js';
import { Decoded, MessageKind, messageKind, openEnvelope, sealEnvelope } from './envelope.js';
import { isNodeId } from './node-id.js';

/** Bytes of a web peer, the same as the store keeps it (web-wire.ts in swarm/). */
const WEB_PEER_BYTES = 18;
/** Where in a signal the web peers stand that it is from and for. */
export const SIGNAL_FROM = 40;
export const SIGNAL_TO = 58;

export interface Signal {
  readonly what: 'offer' | 'answer';
  readonly infoHash: string;
  /** The 18 bytes of a web peer as a binary text. */
  readonly from: string;
  readonly to: string;
  readonly peerId: string;
  readonly offerId: string;
  /** JSON of the description. */
  readonly text: string;
}

const AT = { what: 16, infoHash: 20, peerId: 76, offerId: 96, text: 116 } as const;
/** Spare bytes, of the head and of both web peers. */
const ZEROS = [17, 18, 19, SIGNAL_FROM + 16, SIGNAL_FROM + 17, SIGNAL_TO + 16, SIGNAL_TO + 17];
const OFFER = 1;
const ANSWER = 2;
/** Longest signal. */
export const SIGNAL_BYTES_MAX = AT.text + SESSION_BYTES_MAX;

/** The description is at most `SESSION_BYTES_MAX` bytes. */
export function encodeSignal(signal: Signal): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(signal.text);
  const bytes = new Uint8Array(AT.text + text.length);
  bytes[AT.what] = signal.what === 'offer' ? OFFER : ANSWER;
  writeBinaryText(bytes, AT.infoHash, signal.infoHash);
  writeBinaryText(bytes, SIGNAL_FROM, signal.from);
  writeBinaryText(bytes, SIGNAL_TO, signal.to);
  writeBinaryText(bytes, AT.peerId, signal.peerId);
  writeBinaryText(bytes, AT.offerId, signal.offerId);
  bytes.set(text, AT.text);
  sealEnvelope(bytes, MessageKind.signal);
  return bytes;
}

/** Checks everything but the description and who it is from and for. Never throws. */
export function checkSignal(bytes: Uint8Array): Decoded {
  const opened = openEnvelope(bytes, SIGNAL_BYTES_MAX);
  if (opened !== Decoded.ok) return opened;
  if (messageKind(bytes) !== MessageKind.signal) return Decoded.kind;
  if (bytes.length <= AT.text) return Decoded.length;
  const what = bytes[AT.what];
  if (what !== OFFER && what !== ANSWER) return Decoded.body;
  for (const at of ZEROS) if (bytes[at] !== 0) return Decoded.body;
  return Decoded.ok;
}

/** Reads a signal that `checkSignal` found good. */
export function decodeSignal(bytes: Uint8Array): Signal {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    what: bytes[AT.what] === OFFER ? 'offer' : 'answer',
    infoHash: readBinaryText(bytes, AT.infoHash, 20),
    from: readBinaryText(bytes, SIGNAL_FROM, WEB_PEER_BYTES),
    to: readBinaryText(bytes, SIGNAL_TO, WEB_PEER_BYTES),
    peerId: readBinaryText(bytes, AT.peerId, 20),
    offerId: readBinaryText(bytes, AT.offerId, 20),
    text: view.toString('utf8', AT.text),
  };
}

const SUBJECT = /^sig\.(n[0-9a-f]{16})\.(n[0-9a-f]{16})$/;

export function signalSubject(to: string, from: string): string {
  return `sig.${to}.${from}`;
}

/** Who speaks on a subject of signals; undefined for other subjects. */
export function signalSender(subject: string): string | undefined {
  const from = SUBJECT.exec(subject)?.[2];
  return from !== undefined && isNodeId(from) ? from : undefined;
}
