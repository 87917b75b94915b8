/** Listen addresses: from what an operator wrote to what is bound. */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { formatHostPort } from '../lib/host-port.js';
import { ListenError, type ListenProtocol, listenError } from './listen-error.js';

/** Where to listen, as configured. */
export interface ListenAddress {
  /** Empty: all addresses of both families. Otherwise an address or a host name. */
  readonly host: string;
  /** 0: any free port, the same for all addresses that the host expands to. */
  readonly port: number;
}

/** One address to bind. */
export interface BindAddress {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  /** True for `0.0.0.0` and `::`. */
  readonly wildcard: boolean;
}

/** A host name may stand for many addresses; more than these are not bound. */
const LOOKUP_ADDRESSES_MAX = 16;

/**
 * Expands a listen address to what is to be bound: an empty host to the wildcards of the families
 * that this machine has (each family its own socket), a name to the addresses it stands for.
 * Rejects with a `ListenError` when nothing is left.
 */
export async function expandListenAddress(
  protocol: ListenProtocol,
  { host, port }: ListenAddress,
): Promise<BindAddress[]> {
  const unavailable = (code: 'address_unknown' | 'address_unavailable') =>
    new ListenError({ code, protocol, address: formatHostPort(host, port) });
  if (host === '') {
    const binds: BindAddress[] = [];
    if (await familyExists(4)) binds.push(bindAddress('0.0.0.0', 4, port));
    if (await familyExists(6)) binds.push(bindAddress('::', 6, port));
    if (binds.length === 0) throw unavailable('address_unavailable');
    return binds;
  }
  const zone = host.indexOf('%');
  const family = isIP(zone > 0 ? host.slice(0, zone) : host);
  if (family === 4 || family === 6) return [bindAddress(host, family, port)];
  const found = await lookup(host, { all: true }).catch(() => []);
  const unique = new Map(found.map((entry) => [entry.address, entry]));
  const binds = [...unique.values()]
    .slice(0, LOOKUP_ADDRESSES_MAX)
    .map((entry) => bindAddress(entry.address, entry.family === 6 ? 6 : 4, port));
  if (binds.length === 0) throw unavailable('address_unknown');
  return binds;
}

function bindAddress(address: string, family: 4 | 6, port: number): BindAddress {
  return { address, family, port, wildcard: isWildcard(address, family) };
}

function isWildcard(address: string, family: 4 | 6): boolean {
  return family === 4 ? address === '0.0.0.0' : /^[0:]+$/.test(address);
}

/** True when a socket of the family can be bound at all (IPv6 may be off in the kernel). */
async function familyExists(family: 4 | 6): Promise<boolean> {
  const address = family === 4 ? '0.0.0.0' : '::';
  const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 });
  return new Promise((resolve) => {
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ address, port: 0, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

/** Attempts to find one port that is free on every address and stays so until it is bound. */
const PORT_ATTEMPTS_MAX = 16;

/**
 * Binds what `listen` expands to with `bindAll`, after `probe` found the port free. With port 0 a
 * port that turns out to be taken, on one family or in the moment between probe and bind, costs
 * another attempt with another port; a given port is tried once.
 */
export async function bindReserved<T>(
  protocol: ListenProtocol,
  listen: ListenAddress,
  probe: (protocol: ListenProtocol, bind: BindAddress) => Promise<number>,
  bindAll: (binds: BindAddress[]) => Promise<T>,
): Promise<T> {
  const expanded = await expandListenAddress(protocol, listen);
  for (let attempt = 1; ; attempt++) {
    try {
      let port = listen.port;
      for (const bind of expanded) port = await probe(protocol, { ...bind, port });
      return await bindAll(expanded.map((bind) => ({ ...bind, port })));
    } catch (error) {
      const failure = listenError(error, protocol, formatHostPort(listen.host, listen.port));
      const another = listen.port === 0 && failure.code === 'address_in_use';
      if (!another || attempt >= PORT_ATTEMPTS_MAX) throw failure;
    }
  }
}
