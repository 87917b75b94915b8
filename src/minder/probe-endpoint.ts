/**
 * Where a tracker says it can be reached, and what of it can be probed.
 *
 * ```
 * advertised   udp://tracker.example:6969     http://[2001:db8::1]:6969/announce
 * endpoint     the same with one IP address for the host: what is probed, judged and published
 * ```
 *
 * Whatever stands here was said by a node, and may be anything.
 */
import { Endpoint, formatAddress } from '../lib/endpoint.js';
import { scrapePathOf } from '../protocol/http/route.js';

const PROBE_PROTOCOLS = ['udp', 'http', 'https'] as const;
export type ProbeProtocol = (typeof PROBE_PROTOCOLS)[number];

/** What a node advertises, read. */
export interface AdvertisedAddress {
  readonly protocol: ProbeProtocol;
  /** A name, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Of announces over HTTP; empty for UDP. */
  readonly path: string;
}

export interface ProbeEndpoint extends AdvertisedAddress {
  /** In the one way that `formatAddress` writes it. */
  readonly ip: string;
  readonly family: 4 | 6;
  /** The endpoint as a URL with its IP address: its name everywhere. */
  readonly url: string;
}

const USUAL_PORTS: Readonly<Record<ProbeProtocol, number>> = { udp: 0, http: 80, https: 443 };

/** Reads an address of a heartbeat; undefined for one that cannot be probed. Never throws. */
export function parseAdvertised(text: string): AdvertisedAddress | undefined {
  if (text.length > 256 || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const protocol = PROBE_PROTOCOLS.find((name) => url.protocol === `${name}:`);
  if (protocol === undefined || url.username !== '' || url.password !== '') return undefined;
  const port = url.port === '' ? USUAL_PORTS[protocol] : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '' || port === 0) return undefined;
  const path = protocol === 'udp' ? '' : url.pathname;
  if (protocol !== 'udp' && scrapePathOf(path) === undefined) return undefined;
  return { protocol, host, port, path };
}

const scratch = new Endpoint();

/** The endpoint of an advertised address at one IP address; undefined for what is none. */
export function endpointAt(address: AdvertisedAddress, ipText: string): ProbeEndpoint | undefined {
  // A zone means something on one machine only.
  if (ipText.includes('%') || !scratch.setAddressText(ipText)) return undefined;
  const family = scratch.family === 4 ? 4 : 6;
  const ip = formatAddress(scratch.bytes, 0, family === 4 ? 4 : 16);
  if (isNowhere(scratch)) return undefined;
  const host = family === 4 ? ip : `[${ip}]`;
  const url = `${address.protocol}://${host}:${address.port}${address.path}`;
  return { ...address, ip, family, url };
}

/** Reads an endpoint's name back, as other minders and files have it. Never throws. */
export function parseEndpoint(url: string): ProbeEndpoint | undefined {
  const address = parseAdvertised(url);
  return address === undefined ? undefined : endpointAt(address, address.host);
}

export function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1';
}

/** No machine: unspecified, broadcast or multicast. */
function isNowhere({ family, bytes }: Endpoint): boolean {
  if (family === 4) return bytes[0] === 0 || bytes[0] >= 224;
  if (bytes[0] === 0xff) return true;
  return bytes.subarray(0, 16).every((byte) => byte === 0);
}
