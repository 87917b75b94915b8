/**
 * The head of a plain request, read in place: what nearly every BitTorrent client sends, and nothing
 * else. Whatever is unusual or wrong is for a full HTTP server to judge.
 *
 * ```
 * GET /announce?info_hash=... HTTP/1.1 CRLF
 *     |targetStart            |targetEnd
 * Name: value CRLF            any number
 * CRLF
 *     |end: where the next request begins
 * ```
 */

/** What `parse` found. */
export const HeadResult = {
  /** The bytes so far could become a plain head. */
  incomplete: 0,
  /** A plain GET without a body; the fields say where its parts are. */
  plain: 1,
  /** Anything else: another method or version, a body, an upgrade, a malformed line. */
  unusual: 2,
} as const;
export type HeadResult = (typeof HeadResult)[keyof typeof HeadResult];

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
const SLASH = 47;

const METHOD = ascii('GET ');
const VERSION = ascii(' HTTP/1.');
const CLOSE = ascii('close');
const KEEP_ALIVE = ascii('keep-alive');
const CONNECTION = ascii('connection');
/** Headers that change what a request means, or who sent it. */
const UNUSUAL_HEADERS = [
  'content-length',
  'transfer-encoding',
  'upgrade',
  'expect',
  'x-forwarded-for',
].map(ascii);

/** Names of header fields: tchar of RFC 9110. */
const NAME_BYTES = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  NAME_BYTES[c.charCodeAt(0)] = 1;
}

/** Reads heads one after another; allocates nothing. */
export class RequestHead {
  targetStart = 0;
  targetEnd = 0;
  /** The offset behind the head. */
  end = 0;
  /** Whether the connection is kept after the reply: the default of the version, or what was said. */
  keepAlive = false;
  #saidConnection = false;

  /** Reads `bytes[start..limit)`. Never throws. */
  parse(bytes: Uint8Array, start: number, limit: number): HeadResult {
    const method = this.#expect(bytes, start, limit, METHOD);
    if (method !== HeadResult.plain) return method;
    let at = start + METHOD.length;
    this.targetStart = at;
    if (at < limit && bytes[at] !== SLASH) return HeadResult.unusual;
    while (at < limit && bytes[at] > SPACE && bytes[at] !== 127) at++;
    this.targetEnd = at;
    const version = this.#expect(bytes, at, limit, VERSION);
    if (version !== HeadResult.plain) return version;
    at += VERSION.length;
    if (at === limit) return HeadResult.incomplete;
    const minor = bytes[at++] - 48;
    if (minor !== 0 && minor !== 1) return HeadResult.unusual;
    this.keepAlive = minor === 1;
    this.#saidConnection = false;
    return this.#parseHeaders(bytes, at, limit);
  }

  /** Reads from the end of the request line on. */
  #parseHeaders(bytes: Uint8Array, at: number, limit: number): HeadResult {
    for (;;) {
      if (at + 1 >= limit) {
        return at === limit || bytes[at] === CR ? HeadResult.incomplete : HeadResult.unusual;
      }
      if (bytes[at] !== CR || bytes[at + 1] !== LF) return HeadResult.unusual;
      at += 2;
      if (at === limit) return HeadResult.incomplete;
      if (bytes[at] === CR) {
        if (at + 1 === limit) return HeadResult.incomplete;
        this.end = at + 2;
        return bytes[at + 1] === LF ? HeadResult.plain : HeadResult.unusual;
      }
      const nameStart = at;
      while (at < limit && NAME_BYTES[bytes[at]] === 1) at++;
      if (at === limit) return HeadResult.incomplete;
      // An empty name, a folded line, a byte that no name has.
      if (bytes[at] !== COLON || at === nameStart) return HeadResult.unusual;
      const nameEnd = at++;
      while (at < limit && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
      const valueStart = at;
      while (at < limit && (bytes[at] >= SPACE || bytes[at] === TAB) && bytes[at] !== 127) at++;
      if (at === limit) return HeadResult.incomplete;
      if (!this.#takeHeader(bytes, nameStart, nameEnd, valueStart, at)) return HeadResult.unusual;
    }
  }

  /** Minds a header; false when it makes the request an unusual one. */
  #takeHeader(
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    // Most headers of a request mean nothing to us; their length tells most of them apart.
    if (isNamed(bytes, nameStart, nameEnd, CONNECTION)) {
      // Two of them are one list, in which `close` counts wherever it stands.
      if (this.#saidConnection) return false;
      this.#saidConnection = true;
      while (valueEnd > valueStart && bytes[valueEnd - 1] <= SPACE) valueEnd--;
      if (isNamed(bytes, valueStart, valueEnd, CLOSE)) this.keepAlive = false;
      else if (isNamed(bytes, valueStart, valueEnd, KEEP_ALIVE)) this.keepAlive = true;
      else return false;
      return true;
    }
    for (let i = 0; i < UNUSUAL_HEADERS.length; i++) {
      if (isNamed(bytes, nameStart, nameEnd, UNUSUAL_HEADERS[i])) return false;
    }
    return true;
  }

  /** `plain` when the literal stands at `at`, `incomplete` when the bytes end within it. */
  #expect(bytes: Uint8Array, at: number, limit: number, literal: Uint8Array): HeadResult {
    for (let i = 0; i < literal.length; i++) {
      if (at + i === limit) return HeadResult.incomplete;
      if (bytes[at + i] !== literal[i]) return HeadResult.unusual;
    }
    return HeadResult.plain;
  }
}

/** Compares with a literal in lower case, letters in either case. */
function isNamed(bytes: Uint8Array, start: number, end: number, literal: Uint8Array): boolean {
  if (end - start !== literal.length) return false;
  for (let i = 0; i < literal.length; i++) {
    const byte = bytes[start + i];
    const lower = byte >= 65 && byte <= 90 ? byte | 0x20 : byte;
    if (lower !== literal[i]) return false;
  }
  return true;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}
