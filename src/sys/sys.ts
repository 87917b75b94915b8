/**
 * System calls. One convention for all: a result of 0 or more, or the negative error number
 * (`-EAGAIN`), so that loops neither throw nor allocate. Code that expects success wraps a call in
 * `check`, which turns the number into a `SysError`.
 *
 * Addresses are plain numbers, those of `PinnedMemory`. A call costs some 90 ns over the system call
 * itself; `errno` is read after a failure only. (`npm run bench -- sys`)
 *
 * One instance a thread; descriptors are numbers of the process and may be used by all threads.
 */
import type { EpollEventLayout } from './layout.js';
import type { Libc } from './libc.js';
import { PinnedMemory } from './pinned-memory.js';

/** Where in the scratch the length of an option stands, behind its value. */
const OPTION_LENGTH = 60;

export class Sys {
  readonly #libc: Libc;
  readonly #scratch: PinnedMemory;

  constructor(
    libc: Libc,
    readonly epollEvent: EpollEventLayout,
  ) {
    this.#libc = libc;
    this.#scratch = new PinnedMemory(this, 64);
  }

  /** Where a view lies. Only for views over shared buffers, which never move. */
  addressOf(view: Uint8Array): number {
    return this.#libc.addressOf(view);
  }

  #result(result: number): number {
    return result < 0 ? -this.#libc.errno() : result;
  }

  // Sockets: opening, binding, options.

  socket(domain: number, type: number, protocol: number): number {
    return this.#result(this.#libc.socket(domain, type, protocol));
  }

  bind(fd: number, address: number, length: number): number {
    return this.#result(this.#libc.bind(fd, address, length));
  }

  listen(fd: number, backlog: number): number {
    return this.#result(this.#libc.listen(fd, backlog));
  }

  /** -EINPROGRESS when a non-blocking socket is on its way. */
  connect(fd: number, address: number, length: number): number {
    return this.#result(this.#libc.connect(fd, address, length));
  }

  /** `lengthAddress` points to a 32-bit length, in and out; both may be 0. */
  accept4(fd: number, address: number, lengthAddress: number, flags: number): number {
    return this.#result(this.#libc.accept4(fd, address, lengthAddress, flags));
  }

  getsockname(fd: number, address: number, lengthAddress: number): number {
    return this.#result(this.#libc.getsockname(fd, address, lengthAddress));
  }

  /** -ENOTCONN while a connection is on its way, or when it failed. */
  getpeername(fd: number, address: number, lengthAddress: number): number {
    return this.#result(this.#libc.getpeername(fd, address, lengthAddress));
  }

  setsockopt(fd: number, level: number, name: number, address: number, length: number): number {
    return this.#result(this.#libc.setsockopt(fd, level, name, address, length));
  }

  /** Sets an option whose value is an int. */
  setOption(fd: number, level: number, name: number, value: number): number {
    this.#scratch.words[0] = value;
    return this.setsockopt(fd, level, name, this.#scratch.address, 4);
  }

  /** Reads an int of 0 or more, `at` bytes into the value of an option (a multiple of 4, to 56). */
  getOption(fd: number, level: number, name: number, at = 0): number {
    const { words, address } = this.#scratch;
    words[at >>> 2] = 0;
    words[OPTION_LENGTH >>> 2] = at + 4;
    const result = this.#libc.getsockopt(fd, level, name, address, address + OPTION_LENGTH);
    return result < 0 ? -this.#libc.errno() : words[at >>> 2];
  }

  // Sockets: data.

  recv(fd: number, address: number, length: number, flags: number): number {
    return this.#result(this.#libc.recv(fd, address, length, flags));
  }

  send(fd: number, address: number, length: number, flags: number): number {
    return this.#result(this.#libc.send(fd, address, length, flags));
  }

  /** Datagrams received into the mmsghdr array at `address`. */
  recvmmsg(fd: number, address: number, count: number, flags: number): number {
    return this.#result(this.#libc.recvmmsg(fd, address, count, flags, 0));
  }

  /** Datagrams sent; an error only when the first one failed. musl sends them one by one. */
  sendmmsg(fd: number, address: number, count: number, flags: number): number {
    return this.#result(this.#libc.sendmmsg(fd, address, count, flags));
  }

  shutdown(fd: number, how: number): number {
    return this.#result(this.#libc.shutdown(fd, how));
  }

  // Descriptors.

  close(fd: number): number {
    return this.#result(this.#libc.close(fd));
  }

  read(fd: number, address: number, length: number): number {
    return this.#result(this.#libc.read(fd, address, length));
  }

  write(fd: number, address: number, length: number): number {
    return this.#result(this.#libc.write(fd, address, length));
  }

  epollCreate(flags: number): number {
    return this.#result(this.#libc.epoll_create1(flags));
  }

  epollCtl(epollFd: number, operation: number, fd: number, address: number): number {
    return this.#result(this.#libc.epoll_ctl(epollFd, operation, fd, address));
  }

  /** `timeoutMs` -1 waits for ever. */
  epollWait(epollFd: number, address: number, count: number, timeoutMs: number): number {
    return this.#result(this.#libc.epoll_wait(epollFd, address, count, timeoutMs));
  }

  eventfd(value: number, flags: number): number {
    return this.#result(this.#libc.eventfd(value, flags));
  }

  // The process and the machine.

  getrlimit(resource: number, address: number): number {
    return this.#result(this.#libc.getrlimit(resource, address));
  }

  setrlimit(resource: number, address: number): number {
    return this.#result(this.#libc.setrlimit(resource, address));
  }

  /** `thread` 0 is the calling thread. */
  schedGetaffinity(thread: number, length: number, address: number): number {
    return this.#result(this.#libc.sched_getaffinity(thread, length, address));
  }

  schedSetaffinity(thread: number, length: number, address: number): number {
    return this.#result(this.#libc.sched_setaffinity(thread, length, address));
  }

  /** `address` must be a multiple of the page size. */
  madvise(address: number, length: number, advice: number): number {
    return this.#result(this.#libc.madvise(address, length, advice));
  }

  /** The interface's number, for link-local addresses; 0 when there is none of that name. */
  interfaceIndex(name: string): number {
    return this.#libc.if_nametoindex(name);
  }
}
