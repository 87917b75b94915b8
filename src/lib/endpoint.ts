/**
 * A network address with its port, held the way BitTorrent sends it.
 *
 * ```
 * family 4:  bytes[0..4)   IPv4 address     bytes[4..6)   port, big endian
 * family 6:  bytes[0..16)  IPv6 address     bytes[16..18) port, big endian
 * family 0:  unset
 * ```
 *
 * One instance is filled again for every packet, so that the hot path allocates nothing.
 */
export class Endpoint {
  family: 0 | 4 | 6 = 0;
  readonly bytes = new Uint8Array(18);

  get addressLength(): number {
    return this.family === 4 ? 4 : 16;
  }

  get port(): number {
    const at = this.addressLength;
    return (this.bytes[at] << 8) | this.bytes[at + 1];
  }

  setPort(port: number): void {
    const at = this.addressLength;
    this.bytes[at] = port >>> 8;
    this.bytes[at + 1] = port & 0xff;
  }

  /** Takes an address in raw form (4 or 16 bytes); a v4-mapped IPv6 address becomes IPv4. */
  setAddress(raw: Uint8Array, at: number, length: 4 | 16): void {
    const { bytes } = this;
    if (length === 16 && isMappedV4(raw, at)) {
      at += 12;
      length = 4;
    }
    for (let i = 0; i < length; i++) bytes[i] = raw[at + i];
    this.family = length === 4 ? 4 : 6;
  }

  /**
   * Takes an address in text form, as `remoteAddress` gives it: dotted IPv4, or IPv6 with an
   * optional zone (`%eth0`, dropped). Returns false, and leaves the endpoint unset, when the text
   * is neither.
   */
  setAddressText(text: string): boolean {
    this.family = 0;
    const length = parseAddress(text, scratch);
    if (length === 0) return false;
    this.setAddress(scratch, 0, length);
    return true;
  }

  copyFrom(other: Endpoint): void {
    this.family = other.family;
    this.bytes.set(other.bytes);
  }

  /** `1.2.3.4:80`, `[2001:db8::1]:80`, or `unset`. For people, never for the hot path. */
  toString(): string {
    if (this.family === 0) return 'unset';
    const host = formatAddress(this.bytes, 0, this.addressLength as 4 | 16);
    return this.family === 4 ? `${host}:${this.port}` : `[${host}]:${this.port}`;
  }
}

const scratch = new Uint8Array(16);

function isMappedV4(raw: Uint8Array, at: number): boolean {
  for (let i = 0; i < 10; i++) if (raw[at + i] !== 0) return false;
  return raw[at + 10] === 0xff && raw[at + 11] === 0xff;
}

/**
 * Parses dotted IPv4 or RFC 4291 IPv6 text into `out` (16 bytes long at least). Returns the number
 * of address bytes written, 4 or 16, or 0 when the text is not an address. Never throws: the text
 * may come from a peer.
 */
export function parseAddress(text: string, out: Uint8Array): 0 | 4 | 16 {
  if (text.length > 60) return 0;
  const zone = text.indexOf('%');
  const plain = zone > 0 && text.includes(':') ? text.slice(0, zone) : text;
  if (!plain.includes(':')) return parseV4(plain, out, 0) ? 4 : 0;
  return parseV6(plain, out) ? 16 : 0;
}

function parseV4(text: string, out: Uint8Array, at: number): boolean {
  let value = 0;
  let digits = 0;
  let octets = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = i === text.length ? 46 : text.charCodeAt(i);
    if (c === 46) {
      if (digits === 0 || octets === 4) return false;
      out[at + octets++] = value;
      value = 0;
      digits = 0;
    } else {
      if (c < 48 || c > 57 || digits === 3 || (digits > 0 && value === 0)) return false;
      value = value * 10 + (c - 48);
      digits++;
      if (value > 255) return false;
    }
  }
  return octets === 4;
}

function parseV6(text: string, out: Uint8Array): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (head === undefined || tail === undefined) return false;
  const given = head.length + tail.length;
  if (halves.length === 1 ? given !== 16 : given > 14) return false;
  out.fill(0, 0, 16);
  out.set(head, 0);
  out.set(tail, 16 - tail.length);
  return true;
}

function parseGroups(text: string, mayEndInV4: boolean): number[] | undefined {
  const bytes: number[] = [];
  if (text === '') return bytes;
  const groups = text.split(':');
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i];
    if (mayEndInV4 && i === groups.length - 1 && group.includes('.')) {
      const v4 = new Uint8Array(4);
      if (!parseV4(group, v4, 0)) return undefined;
      bytes.push(...v4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >>> 8, value & 0xff);
    }
  }
  return bytes.length <= 16 ? bytes : undefined;
}

/** Text of a raw address: dotted IPv4, or IPv6 as RFC 5952 writes it. */
export function formatAddress(raw: Uint8Array, at: number, length: 4 | 16): string {
  if (length === 4) return `${raw[at]}.${raw[at + 1]}.${raw[at + 2]}.${raw[at + 3]}`;
  const groups: number[] = [];
  for (let i = 0; i < 8; i++) groups.push((raw[at + 2 * i] << 8) | raw[at + 2 * i + 1]);
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > bestLength) {
      bestStart = i;
      bestLength = run;
    }
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (bestStart < 0) return hex(0, 8);
  return `${hex(0, bestStart)}::${hex(bestStart + bestLength, 8)}`;
}
