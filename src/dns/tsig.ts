/**
 * Transaction signatures (TSIG, RFC 8945): what is signed, and how the signature travels.
 *
 * ```
 * at the end of a message, in its additional section:
 *   name of the key, type 250, class 255, TTL 0, length
 *   name of the algorithm
 *   time signed (6, seconds since 1970), fudge (2, seconds)
 *   length of MAC (2), MAC
 *   original id (2), error (2), length of other data (2), other data
 *
 * the MAC is over:
 *   in a response: length of the request's MAC (2), that MAC
 *   the message without the record, with its original id
 *   name of the key, class 255, TTL 0, name of the algorithm, time, fudge, error, other data
 * ```
 *
 * Names in what is signed are in lower case and never compressed.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { HEADER_BYTES, RecordClass, RecordType } from './codes.js';
import { nameToWire, skipName, wireKey } from './dns-name.js';
import type { TsigAlgorithm, TsigKey } from './tsig-key.js';
import { UpdateError } from './update-error.js';

/** How far clocks may be apart, in seconds: RFC 8945, section 10. */
const FUDGE_SECONDS = 300;

const HASHES: Readonly<Record<TsigAlgorithm, string>> = {
  'hmac-sha256': 'sha256',
  'hmac-sha384': 'sha384',
  'hmac-sha512': 'sha512',
};

const TsigError = { badSig: 16, badKey: 17, badTime: 18 } as const;

export interface SignedMessage {
  readonly bytes: Buffer;
  /** Goes into the signature of the response. */
  readonly mac: Buffer;
}

/** Signs a message without additional records. */
export function signMessage(message: Uint8Array, key: TsigKey, nowSeconds: number): SignedMessage {
  const times = timeFields(nowSeconds, FUDGE_SECONDS);
  const noError = Buffer.alloc(4);
  const mac = macOf(key, [message, variables(key, times, noError)]);
  const data = Buffer.concat([
    algorithmWire(key),
    times,
    uint16(mac.length),
    mac,
    message.subarray(0, 2),
    noError,
  ]);
  const bytes = Buffer.concat([message, keyWire(key), RECORD_HEAD, uint16(data.length), data]);
  bytes.writeUInt16BE(bytes.readUInt16BE(10) + 1, 10);
  return { bytes, mac };
}

/**
 * Checks that a response to what was signed with `requestMac` is the server's own. Throws an
 * `UpdateError` when it is not, or when it says that our signature was not accepted.
 */
export function verifyResponse(
  response: Buffer,
  key: TsigKey,
  requestMac: Uint8Array,
  nowSeconds: number,
): void {
  const found = findTsig(response);
  if (found === undefined) {
    throw new UpdateError('update_answer_unsigned', 'the server answered without a signature');
  }
  if (found.error === TsigError.badKey) {
    throw new UpdateError(
      'update_key_unknown',
      `the server does not know the key '${key.name}' with ${key.algorithm}: add it to the server`,
    );
  }
  if (found.error === TsigError.badSig) {
    throw new UpdateError(
      'update_key_differs',
      `the server has another secret for the key '${key.name}': give both the same file`,
    );
  }
  // With those two a server cannot sign; from here on what is not signed is not believed.
  const isOurs =
    found.name === wireKey(keyWire(key)) && found.algorithm === wireKey(algorithmWire(key));
  const before = Buffer.from(response.subarray(0, found.start));
  found.originalId.copy(before, 0);
  before.writeUInt16BE(before.readUInt16BE(10) - 1, 10);
  const expected = macOf(key, [
    uint16(requestMac.length),
    requestMac,
    before,
    variables(key, found.times, found.errorAndOther),
  ]);
  // Shortened signatures are not accepted: nobody who answers us has a reason to send one.
  const isEqual = found.mac.length === expected.length && timingSafeEqual(found.mac, expected);
  if (!isOurs || !isEqual) {
    throw new UpdateError('update_answer_forged', "the signature of the server's answer is wrong");
  }
  const apart = Math.abs(nowSeconds - found.times.readUIntBE(0, 6));
  if (found.error === TsigError.badTime || apart > found.times.readUInt16BE(6)) {
    throw new UpdateError(
      'update_clock',
      'the clocks of this machine and of the server are too far apart: set them',
    );
  }
}

/** Type, class ANY and TTL of the record. */
const RECORD_HEAD = Buffer.from([0, RecordType.tsig, 0, RecordClass.any, 0, 0, 0, 0]);

interface FoundTsig {
  readonly start: number;
  readonly name: string;
  readonly algorithm: string;
  /** Time signed and fudge. */
  readonly times: Buffer;
  readonly mac: Buffer;
  readonly originalId: Buffer;
  readonly error: number;
  readonly errorAndOther: Buffer;
}

/** The last record, when it is a signature. Throws an `UpdateError` for what is no message. */
function findTsig(message: Buffer): FoundTsig | undefined {
  const malformed = new UpdateError('update_answer_malformed', 'the server sent no valid message');
  if (message.length < HEADER_BYTES) throw malformed;
  const end = message.length;
  let at = HEADER_BYTES;
  const skip = (fixed: number) => {
    at = skipName(message, at, end);
    if (at < 0 || at + fixed > end) throw malformed;
    at += fixed;
  };
  for (let i = message.readUInt16BE(4); i > 0; i--) skip(4);
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  let start = -1;
  for (let i = 0; i < records; i++) {
    start = at;
    skip(10);
    const length = message.readUInt16BE(at - 2);
    if (at + length > end) throw malformed;
    at += length;
  }
  if (at !== end) throw malformed;
  if (message.readUInt16BE(10) === 0) return undefined;
  const nameEnd = skipName(message, start, end);
  if (message.readUInt16BE(nameEnd) !== RecordType.tsig) return undefined;
  // What is signed is not these bytes but what they must be.
  if (!message.subarray(nameEnd, nameEnd + RECORD_HEAD.length).equals(RECORD_HEAD)) throw malformed;
  const algorithmAt = nameEnd + 10;
  const algorithmEnd = skipName(message, algorithmAt, end);
  if (algorithmEnd < 0 || algorithmEnd + 10 > end) throw malformed;
  const macAt = algorithmEnd + 10;
  const macEnd = macAt + message.readUInt16BE(macAt - 2);
  if (macEnd + 6 > end || macEnd + 6 + message.readUInt16BE(macEnd + 4) !== end) throw malformed;
  return {
    start,
    name: wireKey(message.subarray(start, nameEnd)),
    algorithm: wireKey(message.subarray(algorithmAt, algorithmEnd)),
    times: message.subarray(algorithmEnd, algorithmEnd + 8),
    mac: message.subarray(macAt, macEnd),
    originalId: message.subarray(macEnd, macEnd + 2),
    error: message.readUInt16BE(macEnd + 2),
    errorAndOther: message.subarray(macEnd + 2, end),
  };
}

function macOf(key: TsigKey, parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac(HASHES[key.algorithm], key.secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

function variables(key: TsigKey, times: Uint8Array, errorAndOther: Uint8Array): Buffer {
  const classAndTtl = RECORD_HEAD.subarray(2);
  return Buffer.concat([keyWire(key), classAndTtl, algorithmWire(key), times, errorAndOther]);
}

/** Key names were checked when the key was read. */
const keyWire = (key: TsigKey) => nameToWire(key.name) as Uint8Array;
const algorithmWire = (key: TsigKey) => nameToWire(key.algorithm) as Uint8Array;

function timeFields(seconds: number, fudge: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUIntBE(seconds, 0, 6);
  bytes.writeUInt16BE(fudge, 6);
  return bytes;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
