/** Waiting for many descriptors at once, level-triggered unless asked otherwise. */
import { EINTR, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from './linux.js';
import { PinnedMemory } from './pinned-memory.js';
import type { Sys } from './sys.js';
import { check } from './sys-error.js';

export class Epoll {
  readonly fd: number;
  readonly #sys: Sys;
  readonly #eventsMax: number;
  readonly #memory: PinnedMemory;
  readonly #words: Int32Array;
  /** Its address, taken once: a field of type number would be boxed again for each call. */
  readonly #wait: (timeoutMs: number) => number;
  readonly #strideWords: number;
  readonly #dataWord: number;
  /** The event that add and modify pass, after those that wait fills. */
  readonly #changeWord: number;
  readonly #changeAddress: number;

  /** Takes up to `eventsMax` events at a time. Throws a `SysError`. */
  constructor(sys: Sys, eventsMax: number) {
    this.#sys = sys;
    this.#eventsMax = eventsMax;
    const { bytes, data } = sys.epollEvent;
    const memory = new PinnedMemory(sys, (eventsMax + 1) * bytes);
    this.#memory = memory;
    this.#words = memory.words;
    this.#strideWords = bytes >>> 2;
    this.#dataWord = data >>> 2;
    this.#changeWord = eventsMax * this.#strideWords;
    this.#changeAddress = memory.address + eventsMax * bytes;
    const fd = check(sys.epollCreate(EPOLL_CLOEXEC), 'epoll_create1');
    this.fd = fd;
    const { address } = memory;
    this.#wait = (timeoutMs) => sys.epollWait(fd, address, eventsMax, timeoutMs);
  }

  get eventsMax(): number {
    return this.#eventsMax;
  }

  /** Watches `fd`; `token` (32 bits) comes back with its events. 0 or a negative errno. */
  add(fd: number, events: number, token: number): number {
    return this.#change(EPOLL_CTL_ADD, fd, events, token);
  }

  modify(fd: number, events: number, token: number): number {
    return this.#change(EPOLL_CTL_MOD, fd, events, token);
  }

  /** Closing a descriptor does the same, unless it was duplicated or inherited. */
  remove(fd: number): number {
    return this.#change(EPOLL_CTL_DEL, fd, 0, 0);
  }

  /**
   * Waits up to `timeoutMs` (-1: for ever, 0: not at all). Returns how many events `events` and
   * `token` can be asked for until the next wait; 0 also after a signal; a negative errno.
   */
  wait(timeoutMs: number): number {
    const count = this.#wait(timeoutMs);
    return count === -EINTR ? 0 : count;
  }

  /** What happened: bits EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP. */
  events(index: number): number {
    return this.#words[index * this.#strideWords];
  }

  token(index: number): number {
    return this.#words[index * this.#strideWords + this.#dataWord];
  }

  close(): void {
    this.#sys.close(this.fd);
  }

  #change(operation: number, fd: number, events: number, token: number): number {
    const words = this.#memory.words;
    words[this.#changeWord] = events;
    words[this.#changeWord + this.#dataWord] = token;
    words[this.#changeWord + this.#dataWord + 1] = 0;
    return this.#sys.epollCtl(this.fd, operation, fd, this.#changeAddress);
  }
}
