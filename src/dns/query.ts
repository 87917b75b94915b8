/**
 * Reads a query in place (RFC 1035, section 4; RFC 6891).
 *
 * ```
 * offset size
 * 0      2    id
 * 2      2    QR, opcode (4), AA, TC, RD, RA, Z, AD, CD, rcode (4)
 * 4      2    questions: 1
 * 6      2    answers: 0
 * 8      2    authorities: 0, or 1 in a request for an incremental transfer
 * 10     2    additionals
 * 12     n    name, in labels; a pointer has nothing to point at here
 * 12+n   4    type, class
 * then        additionals; one of them may be OPT:
 *             0, type 41, size of a reply (2), rcode (1), version (1), flags (2), length (2), options
 * ```
 *
 * The wire-format library makes an object of all this and turns labels to text, which loses bytes
 * that are no UTF-8. A server has to give the name back as it came, so the few fields are read here.
 */
import {
  HEADER_BYTES,
  HeaderFlag,
  NAME_BYTES_MAX,
  OPCODE_SHIFT,
  Opcode,
  Rcode,
  RecordType,
} from './codes.js';
import { skipName } from './dns-name.js';

/** What `DnsQuery.read` returns for bytes that get no answer. */
export const NO_ANSWER = -1;

const RECORD_FIXED_BYTES = 10;

/** One query; filled again for each. */
export class DnsQuery {
  /** The second word of the header, as it came. */
  flags = 0;
  /** The name as a key (see dns-name.ts). */
  key = '';
  nameBytes = 0;
  type = 0;
  class = 0;
  /** Where the question ends: what is to be repeated in the answer is `[12, questionEnd)`. */
  questionEnd = HEADER_BYTES;
  hasOpt = false;
  /** The largest reply over UDP that the client takes, as it says; 512 without EDNS. */
  payloadBytes = 512;

  readonly #lower = Buffer.alloc(NAME_BYTES_MAX);

  /**
   * Reads `input[0..length)`. Returns `NO_ANSWER` for what is no query (too short for a header, or a
   * response: to answer those would let two servers talk for ever), else a response code: 0 for a
   * query to be looked up. For all but 0 and BADVERS nothing beyond the header counts. Never throws.
   */
  read(input: Uint8Array, length: number): number {
    this.questionEnd = HEADER_BYTES;
    this.hasOpt = false;
    this.payloadBytes = 512;
    if (length < HEADER_BYTES) return NO_ANSWER;
    this.flags = word(input, 2);
    if ((this.flags & HeaderFlag.response) !== 0) return NO_ANSWER;
    if (((this.flags >>> OPCODE_SHIFT) & 15) !== Opcode.query) return Rcode.notImp;
    if (word(input, 4) !== 1 || word(input, 6) !== 0) return Rcode.formErr;
    const at = this.#readName(input, length);
    if (at < 0 || at + 4 > length) return Rcode.formErr;
    this.type = word(input, at);
    this.class = word(input, at + 2);
    const rcode = this.#readRecords(input, at + 4, length);
    if (rcode === Rcode.noError || rcode === Rcode.badVers) this.questionEnd = at + 4;
    return rcode;
  }

  /** Returns where the name ends, or -1. */
  #readName(input: Uint8Array, length: number): number {
    const lower = this.#lower;
    let at = HEADER_BYTES;
    for (let size = 0; at < length; ) {
      const labelBytes = input[at];
      if (labelBytes > 63 || size + labelBytes + 1 > NAME_BYTES_MAX) return -1;
      if (at + labelBytes >= length) return -1;
      lower[size++] = labelBytes;
      at++;
      if (labelBytes === 0) {
        this.nameBytes = size;
        this.key = lower.toString('latin1', 0, size);
        return at;
      }
      for (const end = at + labelBytes; at < end; at++) {
        const byte = input[at];
        lower[size++] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
      }
    }
    return -1;
  }

  /** Looks for OPT; skips what else there is, such as a signature of a key that we do not share. */
  #readRecords(input: Uint8Array, start: number, length: number): number {
    const authorities = word(input, 8);
    const count = authorities + word(input, 10);
    let at = start;
    let rcode: number = Rcode.noError;
    // Each takes bytes, so a count that promises more than there is ends early.
    for (let i = 0; i < count; i++) {
      const isRoot = input[at] === 0;
      at = skipName(input, at, length);
      if (at < 0 || at + RECORD_FIXED_BYTES > length) return Rcode.formErr;
      if (word(input, at) === RecordType.opt) {
        if (!isRoot || this.hasOpt || i < authorities) return Rcode.formErr;
        this.hasOpt = true;
        this.payloadBytes = Math.max(512, word(input, at + 2));
        if (input[at + 5] !== 0) rcode = Rcode.badVers;
      }
      at += RECORD_FIXED_BYTES + word(input, at + 8);
      if (at > length) return Rcode.formErr;
    }
    // More than what was announced is no message that anybody meant.
    return at === length ? rcode : Rcode.formErr;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}
