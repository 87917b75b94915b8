/**
 * TCP connections of a load by system calls, from all of its source addresses.
 *
 * They are closed with a reset, which leaves nothing behind (TIME_WAIT) on either side: a load of
 * tens of thousands of connections a second would run out of ports otherwise.
 */
import { Endpoint } from '../lib/endpoint.js';
import { Epoll } from '../sys/epoll.js';
import {
  AF_INET,
  AF_INET6,
  EINPROGRESS,
  EPOLLOUT,
  IP_BIND_ADDRESS_NO_PORT,
  IPPROTO_IP,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from '../sys/linux.js';
import { PinnedMemory } from '../sys/pinned-memory.js';
import { setResetOnClose } from '../sys/socket.js';
import { SocketAddress } from '../sys/socket-address.js';
import type { Sys } from '../sys/sys.js';
import { LoadError } from './load-options.js';
import { type LoadTarget, sourceAddress } from './target.js';

const WAIT_MS = 10;

export class SysDialer {
  readonly #sys: Sys;
  readonly #remote: SocketAddress;
  readonly #domain: number;
  readonly #locals: readonly (SocketAddress | undefined)[];
  readonly #linger: PinnedMemory;

  constructor(sys: Sys, target: LoadTarget, sources: number) {
    this.#sys = sys;
    this.#remote = new SocketAddress(sys).set(target.remote);
    this.#domain = target.remote.family === 4 ? AF_INET : AF_INET6;
    this.#locals = Array.from({ length: sources }, (_, source) => {
      const local = sourceAddress(target, source);
      return local === undefined ? undefined : new SocketAddress(sys).set(local);
    });
    this.#linger = new PinnedMemory(sys, 8);
  }

  /** A connection to the target, perhaps on its way still, or a negative errno. */
  connect(source: number): number {
    const sys = this.#sys;
    const fd = sys.socket(this.#domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    setResetOnClose(sys, fd, this.#linger);
    const local = this.#locals[source];
    // The first source is the one that the system takes by itself.
    if (local !== undefined && source > 0) {
      sys.setOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
      sys.bind(fd, local.address, local.length);
    }
    const result = sys.connect(fd, this.#remote.address, this.#remote.length);
    if (result === 0 || result === -EINPROGRESS) return fd;
    sys.close(fd);
    return result;
  }

  /** Resolves once a connection could be made. Rejects with a `LoadError` after `limitMs`. */
  async waitForTarget(limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    while (performance.now() < untilMs) {
      const fd = this.connect(0);
      if (fd >= 0) {
        const epoll = new Epoll(this.#sys, 1);
        epoll.add(fd, EPOLLOUT, 0);
        epoll.wait(WAIT_MS);
        epoll.close();
        const name = new SocketAddress(this.#sys);
        const isOpen = this.#sys.getpeername(fd, name.address, name.lengthAddress()) === 0;
        this.#sys.close(fd);
        if (isOpen && name.read(new Endpoint())) return;
      }
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
    throw new LoadError('no connection can be made: is the tracker running there?');
  }
}
