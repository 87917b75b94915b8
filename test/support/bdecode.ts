/**
 * A bencode reader for tests, written apart from `src/protocol/bencode` so that a mistake there
 * cannot hide here. Strict where a tracker's reply must be: integers without leading zeros, keys
 * sorted by raw bytes and unique, nothing after the final byte.
 */
export type Bvalue = number | Buffer | Bvalue[] | Bdict;

/** A dictionary; keys are kept as latin1 text, one character a byte. */
export class Bdict extends Map<string, Bvalue> {
  int(key: string): number {
    const value = this.get(key);
    if (typeof value !== 'number') throw new Error(`${key} is not an integer`);
    return value;
  }

  bytes(key: string): Buffer {
    const value = this.get(key);
    if (!Buffer.isBuffer(value)) throw new Error(`${key} is not a string`);
    return value;
  }

  text(key: string): string {
    return this.bytes(key).toString('latin1');
  }

  dict(key: string): Bdict {
    const value = this.get(key);
    if (!(value instanceof Bdict)) throw new Error(`${key} is not a dictionary`);
    return value;
  }
}

/** Decodes exactly one value that fills `bytes`; throws with the offset otherwise. */
export function bdecode(bytes: Buffer): Bvalue {
  const reader = new Reader(bytes);
  const value = reader.value();
  if (reader.at !== bytes.length) throw new Error(`bytes after the end, at ${reader.at}`);
  return value;
}

/** Decodes a reply whose outermost value must be a dictionary. */
export function bdecodeDict(bytes: Buffer): Bdict {
  const value = bdecode(bytes);
  if (!(value instanceof Bdict)) throw new Error('the reply is not a dictionary');
  return value;
}

class Reader {
  at = 0;

  constructor(readonly bytes: Buffer) {}

  value(): Bvalue {
    const lead = String.fromCharCode(this.bytes[this.at] ?? 0);
    if (lead === 'i') return this.integer();
    if (lead === 'l') return this.list();
    if (lead === 'd') return this.dictionary();
    return this.string();
  }

  #until(mark: string): string {
    const end = this.bytes.indexOf(mark, this.at, 'latin1');
    if (end < 0) throw new Error(`no ${mark} after ${this.at}`);
    const text = this.bytes.toString('latin1', this.at, end);
    this.at = end + 1;
    return text;
  }

  integer(): number {
    this.at++;
    const text = this.#until('e');
    if (!/^(0|-?[1-9][0-9]*)$/.test(text)) throw new Error(`not an integer: ${text}`);
    return Number(text);
  }

  string(): Buffer {
    const text = this.#until(':');
    if (!/^(0|[1-9][0-9]*)$/.test(text)) throw new Error(`not a length: ${text}`);
    const end = this.at + Number(text);
    if (end > this.bytes.length) throw new Error(`string ends beyond the reply, at ${this.at}`);
    const value = this.bytes.subarray(this.at, end);
    this.at = end;
    return value;
  }

  list(): Bvalue[] {
    this.at++;
    const items: Bvalue[] = [];
    while (this.bytes[this.at] !== 0x65) items.push(this.value());
    this.at++;
    return items;
  }

  dictionary(): Bdict {
    this.at++;
    const items = new Bdict();
    let previous: Buffer | undefined;
    while (this.bytes[this.at] !== 0x65) {
      const key = this.string();
      if (previous !== undefined && Buffer.compare(previous, key) >= 0) {
        throw new Error(`key out of order: ${key.toString('latin1')}`);
      }
      previous = key;
      items.set(key.toString('latin1'), this.value());
    }
    this.at++;
    return items;
  }
}

/** The smallest encoder that can write a .torrent: keys are sorted, numbers are whole. */
export function bencode(value: Bvalue | string | Record<string, unknown>): Buffer {
  if (typeof value === 'number') return Buffer.from(`i${value}e`);
  if (typeof value === 'string') return bencode(Buffer.from(value, 'latin1'));
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`${value.length}:`), value]);
  if (Array.isArray(value)) {
    return Buffer.concat([
      Buffer.from('l'),
      ...value.map((item) => bencode(item)),
      Buffer.from('e'),
    ]);
  }
  const entries = value instanceof Map ? [...value.entries()] : Object.entries(value);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = entries.flatMap(([key, item]) => [bencode(key), bencode(item as Bvalue)]);
  return Buffer.concat([Buffer.from('d'), ...parts, Buffer.from('e')]);
}
