/** Sockets as our loops want them: non-blocking, closed on exec, each family by itself. */
import type { Endpoint } from '../lib/endpoint.js';
import { LINGER_BYTES, TCP_INFO_UNACKED } from './layout.js';
import {
  AF_INET,
  AF_INET6,
  EINPROGRESS,
  IP_BIND_ADDRESS_NO_PORT,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  SO_ERROR,
  SO_LINGER,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_CONGESTION,
  TCP_INFO,
  TCP_NODELAY,
} from './linux.js';
import { PinnedMemory } from './pinned-memory.js';
import { SocketAddress } from './socket-address.js';
import type { Sys } from './sys.js';
import { check } from './sys-error.js';

export interface BindOptions {
  /** The address and port to bind; port 0 lets the system choose. */
  readonly local: Endpoint;
  /** Interface number, for link-local addresses. */
  readonly scope?: number;
  /** Several sockets share the port, and the system spreads what comes (SO_REUSEPORT). */
  readonly reusePort?: boolean;
}

export interface UdpSocketOptions extends BindOptions {
  /** Several addresses of one port beside the wildcard (SO_REUSEADDR). */
  readonly reuseAddress?: boolean;
  /** Asks for this much room; the system may grant less. */
  readonly receiveBufferBytes?: number;
  /** Has each packet tell the address that it was sent to, for replies from that one. */
  readonly packetInfo?: boolean;
}

export interface TcpListenerOptions extends BindOptions {
  /** Connections that may wait to be accepted; the system has a bound of its own. */
  readonly backlog: number;
  /**
   * Asks for Reno instead of what the system uses (TCP_CONGESTION), for replies that fit the first
   * window anyway: BBR sets a timer for each of them.
   */
  readonly plainCongestionControl?: boolean;
}

/** Opens, prepares and binds; nothing stays open when a step throws a `SysError`. */
function openSocket(
  sys: Sys,
  local: Endpoint,
  type: number,
  prepare: (fd: number) => void,
): number {
  const domain = local.family === 4 ? AF_INET : AF_INET6;
  const fd = check(sys.socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket');
  try {
    prepare(fd);
  } catch (error) {
    sys.close(fd);
    throw error;
  }
  return fd;
}

function setFlag(sys: Sys, fd: number, level: number, name: number, value = 1): void {
  check(sys.setOption(fd, level, name, value), 'setsockopt');
}

function bindTo(sys: Sys, fd: number, { local, scope }: BindOptions): void {
  const name = new SocketAddress(sys).set(local, scope);
  check(sys.bind(fd, name.address, name.length), 'bind');
}

/** A bound datagram socket. Throws a `SysError`. */
export function openUdpSocket(sys: Sys, options: UdpSocketOptions): number {
  const isV6 = options.local.family === 6;
  return openSocket(sys, options.local, SOCK_DGRAM, (fd) => {
    if (isV6) setFlag(sys, fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (options.reuseAddress) setFlag(sys, fd, SOL_SOCKET, SO_REUSEADDR);
    if (options.reusePort) setFlag(sys, fd, SOL_SOCKET, SO_REUSEPORT);
    if (options.packetInfo) {
      if (isV6) setFlag(sys, fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
      else setFlag(sys, fd, IPPROTO_IP, IP_PKTINFO);
    }
    const { receiveBufferBytes = 0 } = options;
    if (receiveBufferBytes > 0) setReceiveBuffer(sys, fd, receiveBufferBytes);
    bindTo(sys, fd, options);
  });
}

/** Past the system's bound where we may, up to it otherwise. Returns what was granted. */
export function setReceiveBuffer(sys: Sys, fd: number, bytes: number): number {
  if (sys.setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0) {
    check(sys.setOption(fd, SOL_SOCKET, SO_RCVBUF, bytes), 'setsockopt');
  }
  // The kernel doubles what it is told, to account for its own bookkeeping.
  return check(sys.getOption(fd, SOL_SOCKET, SO_RCVBUF), 'getsockopt') / 2;
}

/** 0 or a negative errno. */
export function setCongestionControl(sys: Sys, fd: number, name: string): number {
  const memory = new PinnedMemory(sys, name.length);
  for (let i = 0; i < name.length; i++) memory.bytes[i] = name.charCodeAt(i);
  return sys.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, memory.address, name.length);
}

/** A listening stream socket. Throws a `SysError`. */
export function openTcpListener(sys: Sys, options: TcpListenerOptions): number {
  return openSocket(sys, options.local, SOCK_STREAM, (fd) => {
    if (options.local.family === 6) setFlag(sys, fd, IPPROTO_IPV6, IPV6_V6ONLY);
    // Lets a restarted tracker bind while old connections linger; as node does.
    setFlag(sys, fd, SOL_SOCKET, SO_REUSEADDR);
    if (options.reusePort) setFlag(sys, fd, SOL_SOCKET, SO_REUSEPORT);
    // Accepted connections inherit it.
    setFlag(sys, fd, IPPROTO_TCP, TCP_NODELAY);
    // A wish: a system may have been built without it. Accepted connections inherit it as well.
    if (options.plainCongestionControl) setCongestionControl(sys, fd, 'reno');
    bindTo(sys, fd, options);
    check(sys.listen(fd, options.backlog), 'listen');
  });
}

/**
 * Takes the next connection, non-blocking, and writes the client's address to `source`. Returns its
 * descriptor; -EAGAIN when none waits; another negative errno (-EMFILE, -ECONNABORTED).
 */
export function acceptConnection(sys: Sys, fd: number, source: SocketAddress): number {
  const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  return sys.accept4(fd, source.address, source.lengthAddress(), flags);
}

/** Connections that wait to be accepted; 0 or a negative errno where the system does not tell. */
export function countWaiting(sys: Sys, fd: number): number {
  return sys.getOption(fd, IPPROTO_TCP, TCP_INFO, TCP_INFO_UNACKED);
}

export interface ConnectOptions {
  readonly remote: Endpoint;
  /** The address to come from; its port may be 0. */
  readonly local?: Endpoint;
}

/** Starts a connection to `remote`. It may be on its way still. Throws a `SysError`. */
export function openTcpConnection(sys: Sys, { remote, local }: ConnectOptions): number {
  return openSocket(sys, remote, SOCK_STREAM, (fd) => {
    setFlag(sys, fd, IPPROTO_TCP, TCP_NODELAY);
    if (local !== undefined) {
      // The port is chosen at connect, where the same one can serve several destinations.
      setFlag(sys, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
      bindTo(sys, fd, { local });
    }
    const name = new SocketAddress(sys).set(remote);
    const result = sys.connect(fd, name.address, name.length);
    if (result !== -EINPROGRESS) check(result, 'connect');
  });
}

/** A datagram socket that sends to `remote` and hears nobody else. Throws a `SysError`. */
export function openUdpConnection(sys: Sys, { remote, local }: ConnectOptions): number {
  return openSocket(sys, remote, SOCK_DGRAM, (fd) => {
    if (local !== undefined) bindTo(sys, fd, { local });
    const name = new SocketAddress(sys).set(remote);
    check(sys.connect(fd, name.address, name.length), 'connect');
  });
}

/** The pending error of a socket, cleared by asking: 0 or an errno, as epoll's EPOLLERR means it. */
export function pendingError(sys: Sys, fd: number): number {
  return sys.getOption(fd, SOL_SOCKET, SO_ERROR);
}

/** Makes close drop the connection at once (RST), so that nothing lingers. 0 or -errno. */
export function setResetOnClose(sys: Sys, fd: number, memory: PinnedMemory): number {
  memory.words[0] = 1;
  memory.words[1] = 0;
  return sys.setsockopt(fd, SOL_SOCKET, SO_LINGER, memory.address, LINGER_BYTES);
}
