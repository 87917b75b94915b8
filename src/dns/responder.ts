/**
 * From a query to the bytes of its answer (RFC 1034, 2308, 6891, 8482).
 *
 * ```
 * header      12   id, flags, counts
 * question    n    byte for byte as it came, so that the case of its letters survives
 * answers          owner: a pointer to the question's name
 * authorities      SOA, its owner a pointer into the question's name
 * additionals      addresses of name servers; OPT when the query had one
 * ```
 *
 * What is too large for `bytesMax` is left out as a whole and the answer marked as cut (TC), so that
 * the client asks again over TCP.
 */
import { HEADER_BYTES, HeaderFlag, OPCODE_SHIFT, Rcode, RecordClass, RecordType } from './codes.js';
import type { DnsCounters } from './dns-counters.js';
import { DnsQuery, NO_ANSWER } from './query.js';
import type { RecordSet } from './record-set.js';
import type { Zone, ZoneNode } from './zone.js';

/** What we say that we can receive; also the flag day's bound on what is sent without fragments. */
const OUR_PAYLOAD_BYTES = 1_232;
const OPT_BYTES = 11;
const POINTER = 0xc000;

/** Where the header counts the records of each section. */
const Section = { answer: 6, authority: 8, additional: 10 } as const;
type SectionAt = (typeof Section)[keyof typeof Section];

export class DnsResponder {
  readonly #zone: Zone;
  readonly #counters: DnsCounters;
  readonly #below: (bound: number) => number;
  readonly #query = new DnsQuery();
  #rcode: number = NO_ANSWER;
  #output: Uint8Array = new Uint8Array(0);
  #at = 0;
  #bytesMax = 0;

  constructor(deps: {
    readonly zone: Zone;
    readonly counters: DnsCounters;
    /** A random number from 0 to `bound` - 1. */
    readonly below: (bound: number) => number;
  }) {
    this.#zone = deps.zone;
    this.#counters = deps.counters;
    this.#below = deps.below;
  }

  /** Reads `input[0..length)`; false when it gets no answer, and then nothing may be written. */
  read(input: Uint8Array, length: number): boolean {
    this.#rcode = this.#query.read(input, length);
    if (this.#rcode !== NO_ANSWER) return true;
    this.#counters.dropped++;
    return false;
  }

  /** The largest reply over UDP that the client of the query takes. */
  get payloadBytes(): number {
    return this.#query.payloadBytes;
  }

  /**
   * Writes the answer to the query just read, whose bytes are still in `input`, and returns its
   * length, at most `bytesMax`, which is 512 or more. With `cut` nothing but the question goes back,
   * marked as cut.
   */
  write(input: Uint8Array, output: Uint8Array, bytesMax: number, cut = false): number {
    const query = this.#query;
    this.#output = output;
    this.#bytesMax = bytesMax - (query.hasOpt ? OPT_BYTES : 0);
    output.set(input.subarray(0, query.questionEnd));
    output.fill(0, 4, HEADER_BYTES);
    this.#at = query.questionEnd;
    const hasQuestion = this.#at > HEADER_BYTES;
    if (hasQuestion) {
      output[5] = 1;
      this.#counters.countQuery(query.type);
    }
    const kept = (15 << OPCODE_SHIFT) | HeaderFlag.recursionDesired | HeaderFlag.checkingDisabled;
    let flags = (query.flags & kept) | HeaderFlag.response;
    let rcode = this.#rcode;
    if (rcode === Rcode.noError && cut) {
      flags |= HeaderFlag.truncated;
    } else if (rcode === Rcode.noError) {
      rcode = this.#lookUp();
      if (rcode === Rcode.noError || rcode === Rcode.nxDomain) flags |= HeaderFlag.authoritative;
      if (this.#at < 0) {
        this.#at = query.questionEnd;
        output.fill(0, 6, HEADER_BYTES);
        flags |= HeaderFlag.truncated;
      }
    }
    if ((flags & HeaderFlag.truncated) !== 0) this.#counters.truncated++;
    this.#counters.countAnswer(rcode);
    putWord(output, 2, flags | (rcode & 15));
    if (hasQuestion && query.hasOpt) this.#putOpt(rcode);
    return this.#at;
  }

  /** Adds all sections and returns the response code; leaves `#at` at -1 when there was no room. */
  #lookUp(): number {
    const { key, type, class: class_ } = this.#query;
    const zone = this.#zone;
    if (class_ !== RecordClass.in || !zone.has(key)) return Rcode.refused;
    // Nobody gets the zone as a whole: the answers are meant to be a few at a time.
    if (type === RecordType.axfr || type === RecordType.ixfr) return Rcode.refused;
    if (type === RecordType.opt) return Rcode.formErr;
    if (type >= RecordType.tkey && type <= RecordType.maila) return Rcode.notImp;
    const node = zone.find(key);
    if (node === undefined) {
      this.#putSoa();
      return Rcode.nxDomain;
    }
    const found =
      type === RecordType.any && node.size > 0 ? zone.anyRecords : (node.get(type) ?? undefined);
    if (found === undefined) {
      this.#putSoa();
    } else {
      found.choose(this.#below);
      this.#putSet(Section.answer, found, HEADER_BYTES);
      if (type === RecordType.ns && key === zone.key) this.#putGlue();
    }
    return Rcode.noError;
  }

  /** The zone's name is the end of the question's. */
  #putSoa(): void {
    const owner = HEADER_BYTES + this.#query.nameBytes - this.#zone.key.length;
    this.#putSet(Section.authority, this.#zone.soa, owner);
  }

  /** Addresses of name servers; those that find no room are asked for by whoever needs them. */
  #putGlue(): void {
    for (const { prefix, node } of this.#zone.glue) {
      const start = this.#at;
      if (start < 0) return;
      const countBefore = getWord(this.#output, Section.additional);
      this.#putGlueOf(prefix, node);
      if (this.#at >= 0) continue;
      this.#at = start;
      putWord(this.#output, Section.additional, countBefore);
      return;
    }
  }

  #putGlueOf(prefix: Uint8Array, node: ZoneNode): void {
    for (const set of node.values()) {
      for (let i = 0; i < set.count; i++) {
        if (!this.#hasRoom(prefix.length + 2 + set.piece(i).length)) return;
        this.#output.set(prefix, this.#at);
        this.#at += prefix.length;
        this.#putRecord(Section.additional, HEADER_BYTES, set.piece(i));
      }
    }
  }

  #putSet(section: SectionAt, set: RecordSet, owner: number): void {
    for (let i = 0; i < set.count; i++) {
      if (!this.#hasRoom(2 + set.piece(i).length)) return;
      this.#putRecord(section, owner, set.piece(i));
    }
  }

  #hasRoom(bytes: number): boolean {
    if (this.#at >= 0 && this.#at + bytes <= this.#bytesMax) return true;
    this.#at = -1;
    return false;
  }

  #putRecord(section: SectionAt, owner: number, piece: Uint8Array): void {
    const output = this.#output;
    putWord(output, this.#at, POINTER | owner);
    output.set(piece, this.#at + 2);
    this.#at += 2 + piece.length;
    putWord(output, section, getWord(output, section) + 1);
  }

  #putOpt(rcode: number): void {
    const output = this.#output;
    const at = this.#at;
    output.fill(0, at, at + OPT_BYTES);
    output[at + 2] = RecordType.opt;
    putWord(output, at + 3, OUR_PAYLOAD_BYTES);
    output[at + 5] = rcode >>> 4;
    this.#at = at + OPT_BYTES;
    putWord(output, Section.additional, getWord(output, Section.additional) + 1);
  }
}

function getWord(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value & 0xff;
}
