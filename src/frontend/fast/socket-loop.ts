/**
 * One thread's loop: blocks in epoll_wait over all its sockets and hands each ready one to whoever
 * watches it. Another thread wakes it through an eventfd.
 *
 * ```
 * token  bits 31..24 watcher   23..0 its own number for the descriptor
 * ```
 */
import { assert } from '../../lib/assert.js';
import { Epoll } from '../../sys/epoll.js';
import { EPOLLIN } from '../../sys/linux.js';
import type { Sys } from '../../sys/sys.js';
import { check } from '../../sys/sys-error.js';
import { WakeFd } from '../../sys/wake-fd.js';

/** Owns descriptors in the loop. */
export interface Watcher {
  /** Called before the first descriptor of a turn is handed over: the clock is read once a turn. */
  beginTurn(nowMs: number): void;
  /** Descriptor number `local` is ready for `events` (EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP). */
  ready(local: number, events: number): void;
  /** Called when all descriptors that were ready have been handed over. */
  endTurn(): void;
  /** Called about once a second: time-outs. */
  tick(nowMs: number): void;
}

/** Events taken with one call. */
const EVENTS_MAX = 128;
const TICK_MS = 1_000;
const DRAIN_WAIT_MS = 20;
const LOCAL_BITS = 24;
export const LOCAL_MAX = (1 << LOCAL_BITS) - 1;
const WAKE_TOKEN = -1;

export interface SocketLoopDependencies {
  readonly sys: Sys;
  /** Called in the loop after another thread woke it. */
  readonly onWake: () => void;
}

export class SocketLoop {
  readonly epoll: Epoll;
  readonly #wake: WakeFd;
  readonly #onWake: () => void;
  readonly #watchers: Watcher[] = [];
  /** While it drains: when it ends at the latest, and whether it may end now. */
  #drainUntilMs = 0;
  #isDrained: (() => boolean) | undefined;
  #nextTickMs = 0;

  /** Throws a `SysError`. */
  constructor({ sys, onWake }: SocketLoopDependencies) {
    this.epoll = new Epoll(sys, EVENTS_MAX);
    this.#wake = WakeFd.open(sys);
    this.#onWake = onWake;
    check(this.epoll.add(this.#wake.fd, EPOLLIN, WAKE_TOKEN), 'epoll_ctl');
  }

  /** Another thread writes 8 bytes to it to have `onWake` called. */
  get wakeFd(): number {
    return this.#wake.fd;
  }

  /** Takes a watcher in; it passes the number returned to `watch`. */
  register(watcher: Watcher): number {
    this.#watchers.push(watcher);
    assert(this.#watchers.length < 128, 'few watchers');
    return this.#watchers.length - 1;
  }

  /** Watches a descriptor. 0 or a negative errno. */
  watch(watcher: number, fd: number, events: number, local: number): number {
    return this.epoll.add(fd, events, (watcher << LOCAL_BITS) | local);
  }

  /** Changes what a watched descriptor is watched for. */
  rewatch(watcher: number, fd: number, events: number, local: number): number {
    return this.epoll.modify(fd, events, (watcher << LOCAL_BITS) | local);
  }

  /** Runs until it is drained. The thread does nothing else meanwhile. */
  run(): void {
    const { epoll } = this;
    for (;;) {
      const draining = this.#isDrained !== undefined;
      const count = check(epoll.wait(draining ? DRAIN_WAIT_MS : TICK_MS), 'epoll_wait');
      let nowMs = performance.now();
      for (let i = 0; i < this.#watchers.length; i++) this.#watchers[i].beginTurn(nowMs);
      for (let i = 0; i < count; i++) {
        const token = epoll.token(i);
        if (token === WAKE_TOKEN) {
          this.#wake.clear();
          this.#onWake();
        } else {
          this.#watchers[token >>> LOCAL_BITS].ready(token & LOCAL_MAX, epoll.events(i));
        }
      }
      for (let i = 0; i < this.#watchers.length; i++) this.#watchers[i].endTurn();
      nowMs = performance.now();
      if (draining && (nowMs >= this.#drainUntilMs || this.#isDrained?.() === true)) return;
      if (nowMs < this.#nextTickMs) continue;
      this.#nextTickMs = nowMs + TICK_MS;
      for (const watcher of this.#watchers) watcher.tick(nowMs);
    }
  }

  /** Ends `run` as soon as `isDrained` says so, after `timeoutMs` at the latest. */
  drain(timeoutMs: number, isDrained: () => boolean): void {
    this.#drainUntilMs = performance.now() + timeoutMs;
    this.#isDrained = isDrained;
  }

  close(): void {
    this.#wake.close();
    this.epoll.close();
  }
}
