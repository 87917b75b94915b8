/** The listening sockets of a fast HTTP frontend: their numbers in the loop begin at 0. */
import { EPOLLIN } from '../../sys/linux.js';
import { countWaiting, openTcpListener } from '../../sys/socket.js';
import type { Sys } from '../../sys/sys.js';
import { check } from '../../sys/sys-error.js';
import { explainBind } from '../listen-error.js';
import type { FastHttpOptions } from './fast-http-options.js';
import type { SocketLoop } from './socket-loop.js';

export interface TcpListenersDependencies {
  readonly sys: Sys;
  readonly loop: SocketLoop;
  /** The loop's number for whoever accepts. */
  readonly watcher: number;
}

export class TcpListeners {
  readonly fds: number[] = [];
  readonly #sys: Sys;
  readonly #loop: SocketLoop;
  readonly #watcher: number;
  #isPaused = false;

  constructor({ sys, loop, watcher }: TcpListenersDependencies) {
    this.#sys = sys;
    this.#loop = loop;
    this.#watcher = watcher;
  }

  /** Binds and watches every address. Throws a `ListenError`; what was opened is for `close`. */
  open({ addresses, backlog }: FastHttpOptions): void {
    for (const { local, scope } of addresses) {
      const socket = {
        local,
        backlog,
        reusePort: true,
        plainCongestionControl: true,
        ...(scope === undefined ? {} : { scope }),
      };
      const fd = explainBind('http', `${local}`, () => openTcpListener(this.#sys, socket));
      this.fds.push(fd);
      check(this.#loop.watch(this.#watcher, fd, EPOLLIN, this.fds.length - 1), 'epoll_ctl');
    }
  }

  /**
   * How many to accept, `max` at most. To ask costs an eighth of an accept that finds nobody, which
   * makes a socket and a file first (docs/adr/0008).
   */
  waiting(fd: number, max: number): number {
    const count = countWaiting(this.#sys, fd);
    return count > 0 ? Math.min(count, max) : max;
  }

  /**
   * Lets clients wait, until `resume`: without a descriptor for them a listener is ready again at
   * once, and the loop would only spin.
   */
  pause(): void {
    if (!this.#isPaused) this.#watchFor(0);
    this.#isPaused = true;
  }

  resume(): void {
    if (this.#isPaused) this.#watchFor(EPOLLIN);
    this.#isPaused = false;
  }

  close(): void {
    for (const fd of this.fds.splice(0)) this.#sys.close(fd);
  }

  #watchFor(events: number): void {
    for (let local = 0; local < this.fds.length; local++) {
      this.#loop.rewatch(this.#watcher, this.fds[local], events, local);
    }
  }
}
