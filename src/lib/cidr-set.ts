/**
 * A set of networks in CIDR notation, asked whether an endpoint's address is in one of them.
 *
 * ```
 * networks4   address & mask, mask            2 uint32 a network
 * networks6   4 x (address & mask), 4 x mask  8 uint32 a network
 * ```
 *
 * The sets are short (an operator's proxies), so the answer is a scan over integers.
 */
import { Endpoint } from './endpoint.js';

/** Text that is no address and no network. */
export class CidrError extends Error {
  override name = 'CidrError';
  readonly code = 'cidrInvalid';
  constructor(readonly text: string) {
    super(`'${text}' is not an address or a network like 192.0.2.0/24 or 2001:db8::/32`);
  }
}

export class CidrSet {
  readonly #networks4: Uint32Array;
  readonly #networks6: Uint32Array;

  /** Takes networks and single addresses; bits behind the prefix are ignored. Throws a `CidrError`. */
  constructor(texts: readonly string[]) {
    const words4: number[] = [];
    const words6: number[] = [];
    for (const text of texts) {
      const { address, prefix } = parse(text);
      (address.length === 4 ? words4 : words6).push(...maskedWords(address, prefix));
    }
    this.#networks4 = Uint32Array.from(words4);
    this.#networks6 = Uint32Array.from(words6);
  }

  /** Whether the address (the port does not matter) is in the set. Allocates nothing. */
  has(endpoint: Endpoint): boolean {
    if (endpoint.family === 4) return this.#has4(endpoint.bytes);
    return endpoint.family === 6 && this.#has6(endpoint.bytes);
  }

  #has4(bytes: Uint8Array): boolean {
    const networks = this.#networks4;
    if (networks.length === 0) return false;
    const word = readWord(bytes, 0);
    for (let i = 0; i < networks.length; i += 2) {
      if ((word & networks[i + 1]) >>> 0 === networks[i]) return true;
    }
    return false;
  }

  #has6(bytes: Uint8Array): boolean {
    const networks = this.#networks6;
    if (networks.length === 0) return false;
    const a = readWord(bytes, 0);
    const b = readWord(bytes, 4);
    const c = readWord(bytes, 8);
    const d = readWord(bytes, 12);
    for (let i = 0; i < networks.length; i += 8) {
      if (
        (a & networks[i + 4]) >>> 0 === networks[i] &&
        (b & networks[i + 5]) >>> 0 === networks[i + 1] &&
        (c & networks[i + 6]) >>> 0 === networks[i + 2] &&
        (d & networks[i + 7]) >>> 0 === networks[i + 3]
      ) {
        return true;
      }
    }
    return false;
  }
}

function parse(text: string): { address: Uint8Array; prefix: number } {
  const slash = text.indexOf('/');
  const host = slash < 0 ? text : text.slice(0, slash);
  const endpoint = new Endpoint();
  if (host.includes('%') || !endpoint.setAddressText(host)) throw new CidrError(text);
  const addressBits = 8 * endpoint.addressLength;
  if (slash < 0) return { address: rawAddress(endpoint), prefix: addressBits };
  const bits = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(bits)) throw new CidrError(text);
  // A v4-mapped network counts its prefix from the 96 bits before the IPv4 address.
  const isMapped = endpoint.family === 4 && host.includes(':');
  const prefix = Number(bits) - (isMapped ? 96 : 0);
  if (prefix < 0 || prefix > addressBits) throw new CidrError(text);
  return { address: rawAddress(endpoint), prefix };
}

function rawAddress(endpoint: Endpoint): Uint8Array {
  return endpoint.bytes.subarray(0, endpoint.addressLength);
}

/** The words of the masked address, then those of the mask. */
function maskedWords(address: Uint8Array, prefix: number): number[] {
  const networks: number[] = [];
  const masks: number[] = [];
  for (let at = 0; at < address.length; at += 4) {
    const bits = Math.min(32, Math.max(0, prefix - 8 * at));
    const mask = bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0;
    masks.push(mask);
    networks.push((readWord(address, at) & mask) >>> 0);
  }
  return [...networks, ...masks];
}

function readWord(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}
