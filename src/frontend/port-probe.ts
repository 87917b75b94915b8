/**
 * Finds out whether a port is free before it is shared. Sockets that share a port among workers
 * (`reusePort`), or a wildcard with its specific addresses (`reuseAddr`), would share it with another
 * process just as silently: so it is bound exclusively once, and let go, before anything else.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { formatHostPort } from '../lib/host-port.js';
import { type BindAddress, bindReserved, type ListenAddress } from './listen-address.js';
import { type ListenProtocol, listenError } from './listen-error.js';

/**
 * Resolves to the port (the one found when `bind.port` is 0) when nobody holds the address; rejects
 * with a `ListenError` (`address_in_use`, `address_denied`, `address_unavailable`) otherwise.
 */
export async function assertPortFree(protocol: ListenProtocol, bind: BindAddress): Promise<number> {
  try {
    return await (protocol === 'udp' ? probeUdp(bind) : probeTcp(bind));
  } catch (error) {
    throw listenError(error, protocol, formatHostPort(bind.address, bind.port));
  }
}

/**
 * What main does before it starts several workers on one address: expands it, checks that nobody
 * holds it, and settles the port when it is 0. The workers then bind the result as `shared`.
 */
export function reserveAddresses(
  protocol: ListenProtocol,
  listen: ListenAddress,
): Promise<BindAddress[]> {
  return bindReserved(protocol, listen, assertPortFree, async (binds) => binds);
}

function probeUdp({ address, family, port }: BindAddress): Promise<number> {
  const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      const bound = socket.address().port;
      socket.close(() => resolve(bound));
    });
  });
}

function probeTcp({ address, family, port }: BindAddress): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, ipv6Only: family === 6, exclusive: true }, () => {
      const bound = server.address();
      const found = bound !== null && typeof bound === 'object' ? bound.port : port;
      server.close(() => resolve(found));
    });
  });
}
