/**
 * Frames of a WebSocket client (RFC 6455, 5.2), one after the other in one buffer:
 *
 * ```
 * 8x | 80 + length 7 bits            | key 4 | payload, masked     below 126 bytes
 * 8x | fe | length 16, big           | key 4 | payload, masked     below 65,536
 * ```
 *
 * All frames have the same key. A browser takes a new one each time, to keep a page from writing what
 * it likes on the wire; a server has to do the same work for both. So long texts are masked
 * beforehand, once for each of the four places in the key where they may begin, and then only copied.
 */

const SHORT_BYTES_MAX = 125;
/** Before a payload of 126 bytes and more; a shorter one has two bytes less. */
const HEAD_BYTES = 8;

export const WebOpcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** How JSON has each byte of a binary text (as `JSON.stringify` does it), eight bytes each. */
const ESCAPED = new Uint8Array(256 * 8);
const ESCAPED_BYTES = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const text = Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1));
  ESCAPED.set(text, 8 * byte);
  ESCAPED_BYTES[byte] = text.length;
}

/** A text in its four maskings, by the place in the key where it begins. */
export type MaskedText = readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];

export class WebFrameWriter {
  /** Bytes that were written, whole frames. */
  length = 0;
  readonly #bytes: Uint8Array;
  readonly #key: Uint8Array;
  #opcode = 0;
  /** Where the frame under way begins, its payload, and the next byte of it. */
  #start = 0;
  #payload = 0;
  #at = 0;

  /** Writes to `bytes`, payloads of at most 65,535 bytes; `key` is not zero, which would spare servers their work. */
  constructor(bytes: Uint8Array, key: number) {
    this.#bytes = bytes;
    this.#key = Uint8Array.of(key >>> 24, key >>> 16, key >>> 8, key);
  }

  /** What was written. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }

  /** Makes a text ready for `put`. */
  mask(text: string): MaskedText {
    const plain = Buffer.from(text);
    const at = (phase: number) => plain.map((byte, i) => byte ^ this.#key[(phase + i) & 3]);
    return [at(0), at(1), at(2), at(3)];
  }

  /** Whether a frame of so many bytes of payload would find room. */
  hasRoom(payloadBytesMax: number): boolean {
    return this.length + HEAD_BYTES + payloadBytesMax <= this.#bytes.length;
  }

  /** Begins a frame, for which there must be room. */
  begin(opcode: number): void {
    this.#opcode = opcode;
    this.#start = this.length;
    this.#payload = this.#start + HEAD_BYTES;
    this.#at = this.#payload;
  }

  put(text: MaskedText): void {
    const masked = text[(this.#at - this.#payload) & 3];
    this.#bytes.set(masked, this.#at);
    this.#at += masked.length;
  }

  /** Twenty bytes as the inside of a JSON string. */
  putBinaryText(raw: Uint8Array): void {
    const out = this.#bytes;
    const key = this.#key;
    let at = this.#at;
    for (let i = 0; i < raw.length; i++) {
      const byte = raw[i];
      const length = ESCAPED_BYTES[byte];
      for (let j = 0; j < length; j++, at++) {
        out[at] = ESCAPED[8 * byte + j] ^ key[(at - this.#payload) & 3];
      }
    }
    this.#at = at;
  }

  /** `from[start..end)` as it is. */
  putBytes(from: Uint8Array, start: number, end: number): void {
    const out = this.#bytes;
    const key = this.#key;
    let at = this.#at;
    for (let i = start; i < end; i++, at++) out[at] = from[i] ^ key[(at - this.#payload) & 3];
    this.#at = at;
  }

  /** Writes the head, and with that the frame. */
  end(): void {
    const out = this.#bytes;
    const length = this.#at - this.#payload;
    let at = this.#start;
    out[at++] = 0x80 | this.#opcode;
    if (length <= SHORT_BYTES_MAX) {
      out[at++] = 0x80 | length;
      out.copyWithin(this.#payload - 2, this.#payload, this.#at);
      this.#at -= 2;
    } else {
      out[at++] = 0x80 | 126;
      out[at++] = length >>> 8;
      out[at++] = length;
    }
    for (let i = 0; i < 4; i++) out[at++] = this.#key[i];
    this.length = this.#at;
  }
}
