/**
 * The request target, from the string that node gives to the bytes that a handler reads.
 *
 * ```
 * origin form    GET /announce?a=b HTTP/1.1              -> /announce?a=b
 * absolute form  GET http://host:80/announce?a=b ...     ->               /announce?a=b
 *                GET http://host?a=b ...                 ->            /?a=b
 * ```
 *
 * RFC 9112 section 3.2: a server must accept the absolute form.
 */
const SLASH = 0x2f;
const QUESTION = 0x3f;

/** A reused buffer with the target in it, at `[start, end)`. */
export class RequestTarget {
  readonly bytes: Buffer;
  start = 0;
  end = 0;

  constructor(bytesMax: number) {
    this.bytes = Buffer.alloc(bytesMax);
  }

  /**
   * Takes the target of a request. Returns 0, or the status that answers it: 414 when it is longer
   * than the buffer, 400 when it is neither form. The bytes stay until the next call.
   */
  read(url: string): 0 | 400 | 414 {
    if (url.length > this.bytes.length) return 414;
    // One character is one byte: node's parser reads the target as latin1.
    this.end = this.bytes.write(url, 0, 'latin1');
    this.start = 0;
    if (this.bytes[0] === SLASH) return 0;
    return this.#skipAuthority(url) ? 0 : 400;
  }

  #skipAuthority(url: string): boolean {
    const scheme = url.indexOf('://');
    if (scheme < 0) return false;
    const name = url.slice(0, scheme).toLowerCase();
    if (name !== 'http' && name !== 'https') return false;
    const { bytes } = this;
    let at = scheme + 3;
    while (at < this.end && bytes[at] !== SLASH && bytes[at] !== QUESTION) at++;
    if (at === scheme + 3) return false;
    // Without a path the last byte of the authority, read already, makes room for the slash.
    if (bytes[at] !== SLASH || at === this.end) bytes[--at] = SLASH;
    this.start = at;
    return true;
  }
}
