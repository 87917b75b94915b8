/**
 * An eventfd: a thread that is blocked in `epoll_wait` watches it, any other thread writes to it. It
 * is passed between threads by its number.
 */
import { EFD_CLOEXEC, EFD_NONBLOCK } from './linux.js';
import { PinnedMemory } from './pinned-memory.js';
import type { Sys } from './sys.js';
import { check } from './sys-error.js';

export class WakeFd {
  readonly #sys: Sys;
  /** The 64-bit counter: what wake adds at 0, what clear read at 8. */
  readonly #memory: PinnedMemory;

  private constructor(
    sys: Sys,
    readonly fd: number,
  ) {
    this.#sys = sys;
    this.#memory = new PinnedMemory(sys, 16);
    this.#memory.words[0] = 1;
  }

  /** Makes one. Throws a `SysError`. */
  static open(sys: Sys): WakeFd {
    return new WakeFd(sys, check(sys.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'eventfd'));
  }

  /** The same one, in another thread. Only the thread that opened it closes it. */
  static attach(sys: Sys, fd: number): WakeFd {
    return new WakeFd(sys, fd);
  }

  /** Makes the descriptor readable until it is cleared. Calls that come together count as one. */
  wake(): void {
    this.#sys.write(this.fd, this.#memory.address, 8);
  }

  /** True when somebody has called wake since the last time. */
  clear(): boolean {
    return this.#sys.read(this.fd, this.#memory.address + 8, 8) === 8;
  }

  close(): void {
    this.#sys.close(this.fd);
  }
}
