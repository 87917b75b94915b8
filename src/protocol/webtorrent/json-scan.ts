/**
 * Walks over JSON in bytes without making values of it. What a tracker passes on it needs not
 * understand, but it must be one whole value and nothing else; so the grammar (RFC 8259) is checked to
 * the last byte, and the caller gets to know where values begin and end.
 *
 * ```
 * {"offer": {"type":"offer","sdp":"v=0\r\n..."} , ...
 *           ^ at before skip()                 ^ at behind it; members 2, depth 1
 * ```
 *
 * The bytes must be well-formed UTF-8 (WebSocket demands it of texts): inside strings it is not looked
 * at again.
 */

/** Levels of lists and objects in one value; clients need four. Deeper is an error. */
export const JSON_DEPTH_MAX = 32;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const LIST = 0x5b;
const BACKSLASH = 0x5c;
const LIST_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

/** 1 for bytes that a run of plain string bytes ends at: the quote, the backslash, and controls. */
const ENDS_RUN = new Uint8Array(256);
for (let byte = 0; byte < 0x20; byte++) ENDS_RUN[byte] = 1;
ENDS_RUN[QUOTE] = 1;
ENDS_RUN[BACKSLASH] = 1;

/** 1 for what may stand behind a backslash, apart from `u`. */
const ESCAPED = new Uint8Array(256);
for (const char of '"\\/bfnrt') ESCAPED[char.charCodeAt(0)] = 1;

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** One instance is used for one text after the other. Methods are false where the grammar is broken. */
export class JsonScan {
  /** The next byte to look at. */
  at = 0;
  /** Of the values that `skip` passed since it was last set to 0: members of objects, and items of lists. */
  members = 0;
  /** Of the same: the deepest nesting. An object of plain members has 1. */
  depth = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;

  start(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.at = 0;
  }

  /** Lets go of the text. */
  release(): void {
    this.#bytes = NULL;
    this.#end = 0;
  }

  /** The next byte that is not white space, or -1 at the end; it stays. */
  peek(): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.at;
    while (at < end) {
      const byte = bytes[at];
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.at = at;
        return byte;
      }
      at++;
    }
    this.at = at;
    return -1;
  }

  /** Passes one byte, if it is the next after white space. */
  take(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.at++;
    return true;
  }

  /** Passes the key of a member and the colon; the key's quotes are at `at` before and `keyEnd` - 1. */
  key(): boolean {
    if (this.peek() !== QUOTE) return false;
    this.keyStart = this.at;
    if (!this.string()) return false;
    this.keyEnd = this.at;
    return this.take(COLON);
  }
  keyStart = 0;
  keyEnd = 0;

  /** Behind a member or an item: true when another follows; `end` is what closes the list otherwise. */
  more(end: number): boolean {
    const byte = this.peek();
    if (byte === COMMA) {
      this.at++;
      return true;
    }
    this.closed = byte === end;
    if (this.closed) this.at++;
    return false;
  }
  /** Whether the last `more` that was false met the right end. */
  closed = false;

  /** Passes a string; `at` is at its first quote. */
  string(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.at + 1;
    for (;;) {
      while (at < end && ENDS_RUN[bytes[at]] === 0) at++;
      if (at >= end) return false;
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.at = at + 1;
        return true;
      }
      if (byte !== BACKSLASH || at + 1 >= end) return false;
      if (ESCAPED[bytes[at + 1]] === 1) at += 2;
      else if (bytes[at + 1] === 0x75 && isHex4(bytes, at + 2, end)) at += 6;
      else return false;
    }
  }

  /** Passes any value, and counts what is in it. */
  skip(): boolean {
    return this.#value(0);
  }

  #value(depth: number): boolean {
    const byte = this.peek();
    if (byte === QUOTE) return this.string();
    if (byte === OBJECT) return this.#object(depth + 1);
    if (byte === LIST) return this.#list(depth + 1);
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#number();
    if (byte === 0x74) return this.#word(TRUE);
    if (byte === 0x66) return this.#word(FALSE);
    return byte === 0x6e && this.#word(NULL);
  }

  #object(depth: number): boolean {
    if (!this.#enter(depth)) return false;
    if (this.take(OBJECT_END)) return true;
    do {
      this.members++;
      if (!this.key() || !this.#value(depth)) return false;
    } while (this.more(OBJECT_END));
    return this.closed;
  }

  #list(depth: number): boolean {
    if (!this.#enter(depth)) return false;
    if (this.take(LIST_END)) return true;
    do {
      this.members++;
      if (!this.#value(depth)) return false;
    } while (this.more(LIST_END));
    return this.closed;
  }

  /** Passes the bracket that opens level `depth`. */
  #enter(depth: number): boolean {
    this.at++;
    if (depth > this.depth) this.depth = depth;
    return depth <= JSON_DEPTH_MAX;
  }

  #number(): boolean {
    if (this.#byte() === MINUS) this.at++;
    if (this.#byte() === ZERO) this.at++;
    else if (!this.#digits()) return false;
    if (this.#byte() === DOT) {
      this.at++;
      if (!this.#digits()) return false;
    }
    const exponent = this.#byte();
    if (exponent !== 0x65 && exponent !== 0x45) return true;
    this.at++;
    const sign = this.#byte();
    if (sign === MINUS || sign === 0x2b) this.at++;
    return this.#digits();
  }

  /** Passes digits, one at least. */
  #digits(): boolean {
    const start = this.at;
    for (let byte = this.#byte(); byte >= ZERO && byte <= NINE; byte = this.#byte()) this.at++;
    return this.at > start;
  }

  #byte(): number {
    return this.at < this.#end ? this.#bytes[this.at] : -1;
  }

  #word(word: Uint8Array): boolean {
    if (this.at + word.length > this.#end) return false;
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.at + i] !== word[i]) return false;
    }
    this.at += word.length;
    return true;
  }
}

function isHex4(bytes: Uint8Array, at: number, end: number): boolean {
  if (at + 4 > end) return false;
  for (let i = at; i < at + 4; i++) if (hexDigit(bytes[i]) < 0) return false;
  return true;
}

/** The value of a hexadecimal digit, or -1. */
export function hexDigit(byte: number): number {
  if (byte >= ZERO && byte <= NINE) return byte - ZERO;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
