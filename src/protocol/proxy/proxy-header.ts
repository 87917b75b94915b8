/**
 * The PROXY protocol, versions 1 and 2 (HAProxy, `proxy-protocol.txt`): a proxy says, ahead of the
 * stream, on whose behalf it connects.
 *
 * ```
 * version 1   PROXY TCP4 192.0.2.1 198.51.100.1 56324 6969\r\n        at most 107 bytes
 *             PROXY UNKNOWN ...\r\n                                  the connection's own address
 * version 2    0 12  0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a
 *             12  1  version 2 << 4 | command (0 LOCAL, 1 PROXY)
 *             13  1  family (1 IPv4, 2 IPv6, 3 unix, 0 unspecified) << 4 | transport (0 .. 2)
 *             14  2  length of what follows, big endian
 *             16  -  IPv4: source 4, destination 4, source port 2, destination port 2
 *                    IPv6: source 16, destination 16, source port 2, destination port 2
 *                    unix: 216; then type-length-value records, which are skipped
 * ```
 *
 * Read once a connection, so that strings do not hurt. Only peers that the operator listed may send
 * one: whoever sends it chooses the client's address.
 */
import type { Endpoint } from '../../lib/endpoint.js';

/** Longest header of either version that is taken, in bytes. */
export const PROXY_HEADER_BYTES_MAX = 552;
const V1_BYTES_MAX = 107;
const V2_HEADER_BYTES = 16;
const V2_BODY_BYTES_MAX = PROXY_HEADER_BYTES_MAX - V2_HEADER_BYTES;

/** The header is not complete yet. */
export const PROXY_MORE = 0;
/** What came is no PROXY header: close the connection. */
export const PROXY_MALFORMED = -1;

const V1_START = Uint8Array.from('PROXY ', (c) => c.charCodeAt(0));
const V2_START = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10);

/**
 * Reads a header from the first `length` bytes received. Returns its length and sets `endpoint` to
 * the client (family 0 where the header names none: then the connection's own address counts), or
 * `PROXY_MORE`, or `PROXY_MALFORMED`. Never throws.
 */
export function decodeProxyHeader(bytes: Uint8Array, length: number, endpoint: Endpoint): number {
  endpoint.family = 0;
  if (length === 0) return PROXY_MORE;
  const isV2 = bytes[0] === V2_START[0];
  const start = isV2 ? V2_START : V1_START;
  for (let i = 0; i < start.length && i < length; i++) {
    if (bytes[i] !== start[i]) return PROXY_MALFORMED;
  }
  if (length < start.length) return PROXY_MORE;
  return isV2 ? decodeV2(bytes, length, endpoint) : decodeV1(bytes, length, endpoint);
}

function decodeV1(bytes: Uint8Array, length: number, endpoint: Endpoint): number {
  const limit = Math.min(length, V1_BYTES_MAX);
  let end = V1_START.length;
  while (end < limit && bytes[end] !== 13) end++;
  // The carriage return may be the last byte so far, or the last that is allowed.
  if (end + 1 >= limit) return limit === V1_BYTES_MAX ? PROXY_MALFORMED : PROXY_MORE;
  if (bytes[end + 1] !== 10) return PROXY_MALFORMED;
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1', 6);
  if (/^UNKNOWN( |$)/.test(line)) return end + 2;
  const fields = line.split(' ');
  const family = fields[0] === 'TCP4' ? 4 : fields[0] === 'TCP6' ? 6 : 0;
  if (fields.length !== 5 || family === 0) return PROXY_MALFORMED;
  const port = parsePort(fields[3]);
  const isValid =
    port >= 0 &&
    parsePort(fields[4]) >= 0 &&
    isAddress(fields[2], family, endpoint) &&
    isAddress(fields[1], family, endpoint);
  if (!isValid) {
    endpoint.family = 0;
    return PROXY_MALFORMED;
  }
  endpoint.setPort(port);
  return end + 2;
}

/** Sets `endpoint` from text that must be of the family named; zones do not belong here. */
function isAddress(text: string, family: 4 | 6, endpoint: Endpoint): boolean {
  if (text.includes('%') || text.includes(':') !== (family === 6)) return false;
  return endpoint.setAddressText(text);
}

function parsePort(text: string): number {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(text)) return -1;
  const port = Number(text);
  return port <= 0xffff ? port : -1;
}

function decodeV2(bytes: Uint8Array, length: number, endpoint: Endpoint): number {
  if (length < V2_HEADER_BYTES) return PROXY_MORE;
  const command = bytes[12];
  const family = bytes[13] >>> 4;
  const transport = bytes[13] & 15;
  const bodyBytes = (bytes[14] << 8) | bytes[15];
  if (command !== 0x20 && command !== 0x21) return PROXY_MALFORMED;
  if (family > 3 || transport > 2 || bodyBytes > V2_BODY_BYTES_MAX) return PROXY_MALFORMED;
  const isProxied = command === 0x21;
  if (isProxied && bodyBytes < addressBytes(family)) return PROXY_MALFORMED;
  const end = V2_HEADER_BYTES + bodyBytes;
  if (length < end) return PROXY_MORE;
  // LOCAL is the proxy's own health check; an unspecified or unix client has no address to give.
  if (!isProxied || (family !== 1 && family !== 2) || transport === 0) return end;
  const size = family === 1 ? 4 : 16;
  const portAt = V2_HEADER_BYTES + 2 * size;
  endpoint.setAddress(bytes, V2_HEADER_BYTES, size);
  endpoint.setPort((bytes[portAt] << 8) | bytes[portAt + 1]);
  return end;
}

function addressBytes(family: number): number {
  if (family === 1) return 12;
  if (family === 2) return 36;
  return family === 3 ? 216 : 0;
}
