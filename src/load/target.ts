/** Where a load goes: one address, looked up once, and whether it is this machine. */
import { lookup } from 'node:dns/promises';
import { Endpoint } from '../lib/endpoint.js';
import { isLoopback } from '../lib/loopback.js';
import { LoadError } from './load-options.js';

export interface LoadTarget {
  readonly remote: Endpoint;
  /** Text of the address, without its port. */
  readonly address: string;
  readonly isLoopback: boolean;
}

/** Ports where the URL names none; 0: it has to. */
const PORTS: Readonly<Record<string, number>> = {
  'udp:': 0,
  'http:': 80,
  'https:': 443,
  'ws:': 80,
  'wss:': 443,
};

/** Rejects with a `LoadError`. */
export async function findTarget(url: URL): Promise<LoadTarget> {
  const usual = PORTS[url.protocol];
  if (usual === undefined) {
    throw new LoadError(
      `${url.protocol} cannot be loaded: give a udp:, http:, https:, ws: or wss: URL`,
    );
  }
  const port = url.port === '' ? usual : Number(url.port);
  if (port === 0) throw new LoadError('the URL needs a port');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  let address: string;
  try {
    ({ address } = await lookup(host));
  } catch {
    throw new LoadError(`${host} has no address`);
  }
  const remote = new Endpoint();
  if (!remote.setAddressText(address)) throw new LoadError(`${host} has no address`);
  remote.setPort(port);
  return { remote, address, isLoopback: isLoopback(remote) };
}

/**
 * The address that source number `index` sends from: 127.0.0.1 and the following ones, which
 * belong to every Linux machine. Undefined where the system shall choose.
 */
export function sourceAddress(target: LoadTarget, index: number): Endpoint | undefined {
  if (!target.isLoopback || target.remote.family !== 4) return undefined;
  if (process.platform !== 'linux') return undefined;
  const source = new Endpoint();
  source.setAddress(Uint8Array.of(127, 0, 0, 1 + index), 0, 4);
  source.setPort(0);
  return source;
}
