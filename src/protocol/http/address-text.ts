/**
 * Addresses in text form, read from bytes: what `ip=`, `ipv4=` and `ipv6=` carry (BEP 3, BEP 7).
 *
 * ```
 * 1.2.3.4    1.2.3.4:80    ::1    [::1]    [::1]:80    fe80::1%eth0    ::ffff:1.2.3.4
 * ```
 *
 * It accepts what `parseAddress` accepts, without a string: common clients send `ipv6=` with every
 * announce. A port is checked for shape and dropped, because `port=` is the one that counts.
 */
import type { Endpoint } from '../../lib/endpoint.js';

const COLON = 58;
const DOT = 46;
const scratch = new Uint8Array(16);

/** Sets `endpoint` (port 0) from `bytes[start..end)`. False, and family 0, when it is no address. */
export function parseAddressText(
  bytes: Uint8Array,
  start: number,
  end: number,
  endpoint: Endpoint,
): boolean {
  endpoint.family = 0;
  let length: 0 | 4 | 16 = 0;
  if (bytes[start] === 91 && start < end) {
    const close = indexOf(bytes, start, end, 93);
    if (close === end || !isPortSuffix(bytes, close + 1, end)) return false;
    length = readV6(bytes, start + 1, withoutZone(bytes, start + 1, close)) ? 16 : 0;
  } else {
    const colon = indexOf(bytes, start, end, COLON);
    const dot = indexOf(bytes, start, end, DOT);
    if (dot < colon) {
      if (readV4(bytes, start, colon, 0) && isPortSuffix(bytes, colon, end)) length = 4;
    } else if (readV6(bytes, start, withoutZone(bytes, start, end))) length = 16;
  }
  if (length === 0) return false;
  endpoint.setAddress(scratch, 0, length);
  endpoint.setPort(0);
  return true;
}

function indexOf(bytes: Uint8Array, start: number, end: number, byte: number): number {
  let at = start;
  while (at < end && bytes[at] !== byte) at++;
  return at;
}

/** The end of the address before a zone (`%eth0`), which means nothing to other machines. */
function withoutZone(bytes: Uint8Array, start: number, end: number): number {
  return indexOf(bytes, start, end, 37);
}

/** Nothing, or a colon and one to five digits. */
function isPortSuffix(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  if (bytes[start] !== COLON || end - start < 2 || end - start > 6) return false;
  for (let i = start + 1; i < end; i++) if (bytes[i] < 48 || bytes[i] > 57) return false;
  return true;
}

/** Reads dotted IPv4 into `scratch[at..at + 4)`. */
function readV4(bytes: Uint8Array, start: number, end: number, at: number): boolean {
  let value = 0;
  let digits = 0;
  let octets = 0;
  for (let i = start; i <= end; i++) {
    const c = i === end ? DOT : bytes[i];
    if (c === DOT) {
      if (digits === 0 || octets === 4) return false;
      scratch[at + octets++] = value;
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

/** Reads IPv6 (RFC 4291, with an optional IPv4 tail) into `scratch`. */
function readV6(bytes: Uint8Array, start: number, end: number): boolean {
  let written = 0;
  let gap = -1;
  let at = start;
  if (end - start >= 2 && bytes[start] === COLON && bytes[start + 1] === COLON) {
    gap = 0;
    at = start + 2;
  }
  while (at < end) {
    const groupEnd = indexOf(bytes, at, end, COLON);
    if (indexOf(bytes, at, groupEnd, DOT) < groupEnd) {
      if (groupEnd !== end || written > 12 || !readV4(bytes, at, end, written)) return false;
      written += 4;
      break;
    }
    if (written === 16 || !readGroup(bytes, at, groupEnd, written)) return false;
    written += 2;
    at = groupEnd;
    if (at === end) break;
    at++;
    if (bytes[at] === COLON && at < end) {
      if (gap >= 0) return false;
      gap = written;
      at++;
    } else if (at === end) return false;
  }
  if (gap < 0) return written === 16;
  if (written > 14) return false;
  scratch.copyWithin(16 - (written - gap), gap, written);
  scratch.fill(0, gap, 16 - (written - gap));
  return true;
}

function readGroup(bytes: Uint8Array, start: number, end: number, at: number): boolean {
  if (end === start || end - start > 4) return false;
  let value = 0;
  for (let i = start; i < end; i++) {
    const c = bytes[i];
    const lower = c | 0x20;
    if (c >= 48 && c <= 57) value = (value << 4) | (c - 48);
    else if (lower >= 97 && lower <= 102) value = (value << 4) | (lower - 87);
    else return false;
  }
  scratch[at] = value >>> 8;
  scratch[at + 1] = value & 0xff;
  return true;
}
