/**
 * `X-Forwarded-For`, read from the right.
 *
 * ```
 * X-Forwarded-For: <whatever the client sent>, <client as the first proxy saw it>, <first proxy>
 *                   not to be believed ------>  <------ each written by the hop to its right
 * ```
 *
 * Each proxy appends the address that it was called from. So the walk starts at the right end and
 * goes on as long as it meets proxies that the operator trusts; the first other hop is the client.
 */
import { Endpoint } from '../../lib/endpoint.js';

/** Most hops that are looked at, from the right. */
export const FORWARDED_HOPS_MAX = 32;
/** Longest hop that can be an address with brackets, zone, port and blanks, in characters. */
const HOP_CHARACTERS_MAX = 80;

/**
 * Sets `out` (port 0) to the right-most hop that is not trusted, or to the left-most one where all
 * are. A hop that is no address ends the walk at the last good one. False when there is none: then
 * the proxy's own address counts. Never throws.
 */
export function clientFromForwardedFor(
  header: string,
  isTrusted: (hop: Endpoint) => boolean,
  out: Endpoint,
): boolean {
  out.family = 0;
  const hop = new Endpoint();
  let end = header.length;
  for (let hops = 0; hops < FORWARDED_HOPS_MAX && end >= 0; hops++) {
    const comma = end === 0 ? -1 : header.lastIndexOf(',', end - 1);
    if (end - comma - 1 > HOP_CHARACTERS_MAX) break;
    if (!hop.setAddressText(addressOf(header.slice(comma + 1, end).trim()))) break;
    hop.setPort(0);
    out.copyFrom(hop);
    if (!isTrusted(hop)) return true;
    end = comma;
  }
  return out.family !== 0;
}

/** The address within `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]` or `[::1]:80`; '' for other shapes. */
function addressOf(hop: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop);
  if (bracketed !== null) return bracketed[1].includes(':') ? bracketed[1] : '';
  const withPort = /^([\d.]+):\d{1,5}$/.exec(hop);
  return withPort === null ? hop : withPort[1];
}
