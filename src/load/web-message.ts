/**
 * What a tracker says to WebTorrent clients, told apart without building objects: the members of the
 * outermost object are looked over, and strings and what is nested are skipped.
 *
 * ```
 * {"action":"announce","interval":120,"info_hash":"...","complete":1,"incomplete":2}      reply
 * {"action":"announce","offer":{...},"offer_id":"...","peer_id":"...","info_hash":"..."}   offer
 * {"action":"announce","answer":{...},"offer_id":"...","peer_id":"...","info_hash":"..."}  answer
 * {"action":"scrape","files":{...}}                                                        scrape
 * {"failure reason":"..."}                                                                 failure
 * ```
 *
 * A message that is no such object is `invalid`; nothing throws. Members may stand in any order.
 */

/** Longest id or hash as JSON has it: 20 code units, each escaped. */
export const WEB_ID_BYTES_MAX = 120;
const FAILURE_BYTES_MAX = 80;

export const WebMessageKind = {
  invalid: 0,
  reply: 1,
  offer: 2,
  answer: 3,
  scrape: 4,
  failure: 5,
} as const;
export type WebMessageKind = (typeof WebMessageKind)[keyof typeof WebMessageKind];

/** The inside of a JSON string, without its quotes; empty when it did not come. */
export interface TextRange {
  start: number;
  end: number;
}

const QUOTE = 34;
const BACKSLASH = 92;
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [123, 125, 91, 93];
const [COMMA, COLON] = [44, 58];

/** Members that matter, by name. */
const NAMES = [
  'info_hash',
  'peer_id',
  'offer_id',
  'offer',
  'answer',
  'interval',
  'files',
  'failure reason',
] as const;
type Name = (typeof NAMES)[number];
const NAME_BYTES = NAMES.map((name) => Buffer.from(name));
const Member = Object.fromEntries(NAMES.map((name, i) => [name, i])) as Record<Name, number>;

export class WebMessage {
  kind: WebMessageKind = WebMessageKind.invalid;
  /** Of offers and answers, in the bytes that were read. */
  readonly infoHash: TextRange = { start: 0, end: 0 };
  readonly peerId: TextRange = { start: 0, end: 0 };
  readonly offerId: TextRange = { start: 0, end: 0 };
  readonly #failure: TextRange = { start: 0, end: 0 };
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;
  #end = 0;

  /** Reads `bytes[start..end)`. What it finds is good for as long as those bytes stay. */
  read(bytes: Uint8Array, start: number, end: number): WebMessageKind {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    for (const range of [this.infoHash, this.peerId, this.offerId, this.#failure]) {
      range.start = 0;
      range.end = 0;
    }
    const seen = this.#members();
    this.kind = seen < 0 ? WebMessageKind.invalid : this.#kindOf(seen);
    return this.kind;
  }

  /** Why the tracker refused, cut short. */
  failureText(): string {
    const { start, end } = this.#failure;
    const text = this.#bytes.slice(start, Math.min(end, start + FAILURE_BYTES_MAX));
    return Buffer.from(text).toString('latin1');
  }

  #kindOf(seen: number): WebMessageKind {
    const has = (name: Name) => (seen & (1 << Member[name])) !== 0;
    if (has('failure reason')) return WebMessageKind.failure;
    const isOffer = has('offer');
    if (isOffer || has('answer')) {
      const ids = [this.infoHash, this.peerId, this.offerId];
      const isWhole = ids.every(({ start, end }) => end > start && end - start <= WEB_ID_BYTES_MAX);
      if (!isWhole) return WebMessageKind.invalid;
      return isOffer ? WebMessageKind.offer : WebMessageKind.answer;
    }
    if (has('files')) return WebMessageKind.scrape;
    return has('interval') ? WebMessageKind.reply : WebMessageKind.invalid;
  }

  /** Bits of the members that came; -1 for what is no object. */
  #members(): number {
    let seen = 0;
    if (this.#next() !== OPEN_OBJECT) return -1;
    let byte = this.#next();
    while (byte === QUOTE) {
      const nameStart = this.#at;
      if (!this.#skipString()) return -1;
      const member = this.#memberNamed(nameStart, this.#at - 1);
      if (this.#next() !== COLON) return -1;
      const valueStart = this.#skipSpace();
      const isText = this.#bytes[valueStart] === QUOTE;
      if (!this.#skipValue()) return -1;
      if (member >= 0) {
        seen |= 1 << member;
        if (isText) this.#keep(member, valueStart + 1, this.#at - 1);
      }
      byte = this.#next();
      if (byte === COMMA) byte = this.#next();
      else if (byte !== CLOSE_OBJECT) return -1;
    }
    return byte === CLOSE_OBJECT ? seen : -1;
  }

  #keep(member: number, start: number, end: number): void {
    let range: TextRange;
    if (member === Member.info_hash) range = this.infoHash;
    else if (member === Member.peer_id) range = this.peerId;
    else if (member === Member.offer_id) range = this.offerId;
    else if (member === Member['failure reason']) range = this.#failure;
    else return;
    range.start = start;
    range.end = end;
  }

  #memberNamed(start: number, end: number): number {
    for (let i = 0; i < NAME_BYTES.length; i++) {
      const name = NAME_BYTES[i];
      if (name.length !== end - start || name[0] !== this.#bytes[start]) continue;
      let same = 1;
      while (same < name.length && name[same] === this.#bytes[start + same]) same++;
      if (same === name.length) return i;
    }
    return -1;
  }

  /** The next byte that is no space; -1 at the end. */
  #next(): number {
    const at = this.#skipSpace();
    if (at >= this.#end) return -1;
    this.#at = at + 1;
    return this.#bytes[at];
  }

  #skipSpace(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    while (at < this.#end && bytes[at] <= 32) at++;
    this.#at = at;
    return at;
  }

  /** Goes behind the string whose first quote was read. */
  #skipString(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at;
    while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
    this.#at = at + 1;
    return at < end;
  }

  /** Goes behind a value. Brackets are counted, not matched. */
  #skipValue(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let depth = 0;
    while (this.#at < end) {
      const byte = bytes[this.#at];
      const isClose = byte === CLOSE_OBJECT || byte === CLOSE_ARRAY;
      if (depth === 0 && (isClose || byte === COMMA)) return true;
      this.#at++;
      if (byte === QUOTE) {
        if (!this.#skipString()) return false;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
      else if (isClose) depth--;
    }
    return false;
  }
}
