/**
 * WebSockets in the calling thread's own loop, by system calls.
 *
 * ```
 * closed -> connecting (the connection is on its way) -> upgrading (101 is) -> open
 *    ^---------------------- closed, refused, too slow ------------------------'
 * ```
 *
 * Connections share the buffers to read and to write: what one of them leaves unfinished, the
 * beginning of a frame or what the tracker does not read yet, is copied out.
 */
import { Epoll } from '../sys/epoll.js';
import { EAGAIN, EPOLLIN, EPOLLOUT, MSG_NOSIGNAL } from '../sys/linux.js';
import { PinnedMemory } from '../sys/pinned-memory.js';
import type { Sys } from '../sys/sys.js';
import { errorName } from '../sys/sys-error.js';
import type { LoadEngine, LoadPhase } from './engine.js';
import { LoadError, type LoadOptions } from './load-options.js';
import { SysDialer } from './sys-dialer.js';
import type { HttpEngineDependencies } from './sys-http-engine.js';
import {
  noWebSockets,
  OPENING_MAX,
  OPENING_MS_MAX,
  UNSENT_BYTES_MAX,
  WEB_READ_BYTES,
  WEB_WRITE_BYTES,
  WebConnectionState,
  WebMeans,
} from './web-connection-state.js';

const EVENTS_MAX = 256;
const WAIT_MS = 10;
const EXPIRE_EVERY_MS = 100;

const State = { closed: 0, connecting: 1, upgrading: 2, open: 3 } as const;

export class SysWebEngine implements LoadEngine {
  readonly kind = 'system calls';
  readonly #sys: Sys;
  readonly #options: LoadOptions;
  readonly #deps: HttpEngineDependencies;
  readonly #epoll: Epoll;
  readonly #dialer: SysDialer;
  readonly #means: WebMeans;
  readonly #in: PinnedMemory;
  readonly #out: PinnedMemory;
  readonly #connections: readonly WebConnectionState[];
  /** By connection: descriptor, state, since when it is being made, what could not be sent. */
  readonly #fds: Int32Array;
  readonly #states: Uint8Array;
  readonly #openingMs: Float64Array;
  readonly #unsent: (Uint8Array | undefined)[];
  #opening = 0;
  #expireAtMs = 0;
  #lastFailure = '';

  constructor(sys: Sys, options: LoadOptions, deps: HttpEngineDependencies) {
    const { connections, sources } = options;
    this.#sys = sys;
    this.#options = options;
    this.#deps = deps;
    this.#epoll = new Epoll(sys, EVENTS_MAX);
    this.#dialer = new SysDialer(sys, deps.target, sources);
    this.#in = new PinnedMemory(sys, WEB_READ_BYTES);
    this.#out = new PinnedMemory(sys, WEB_WRITE_BYTES);
    this.#means = new WebMeans(options, this.#out.bytes, deps);
    this.#connections = Array.from(
      { length: connections },
      (_, number) => new WebConnectionState(number, this.#means),
    );
    this.#fds = new Int32Array(connections).fill(-1);
    this.#states = new Uint8Array(connections);
    this.#openingMs = new Float64Array(connections);
    this.#unsent = new Array<Uint8Array | undefined>(connections).fill(undefined);
  }

  get inFlight(): number {
    return this.#means.inFlight;
  }

  get filled(): boolean {
    return this.#means.filled >= this.#connections.length;
  }

  async open(limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    while (performance.now() < untilMs) {
      if (this.#states[0] === State.closed) this.#connect(0, performance.now());
      this.#turn('drain');
      if (this.#states[0] === State.open) return;
      const problem = noWebSockets(this.#lastFailure);
      if (problem !== undefined) throw problem;
      const pauseMs = this.#states[0] === State.closed ? WAIT_MS : 0;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    throw new LoadError('no connection can be made: is the tracker running there?');
  }

  async work(phase: LoadPhase, untilMs: number): Promise<void> {
    this.#askAll(phase, performance.now());
    for (;;) {
      const nowMs = this.#turn(phase);
      const isOver = phase === 'drain' || (phase === 'fill' && this.filled);
      if (nowMs >= untilMs || (isOver && this.inFlight === 0)) return;
      if (nowMs < this.#expireAtMs) continue;
      this.#expireAtMs = nowMs + EXPIRE_EVERY_MS;
      this.#expire(nowMs);
      this.#askAll(phase, nowMs);
    }
  }

  close(): void {
    for (let connection = 0; connection < this.#fds.length; connection++) this.#drop(connection);
    this.#epoll.close();
  }

  /** Waits for something to come, a short time, and serves it. Returns when that was. */
  #turn(phase: LoadPhase): number {
    const epoll = this.#epoll;
    const ready = epoll.wait(WAIT_MS);
    const nowMs = performance.now();
    for (let i = 0; i < ready; i++) {
      const connection = epoll.token(i);
      if (this.#states[connection] === State.connecting) this.#upgrade(connection);
      else if ((epoll.events(i) & EPOLLOUT) !== 0 && !this.#sendUnsent(connection)) continue;
      else if (this.#states[connection] !== State.closed) this.#receive(connection, phase);
    }
    return nowMs;
  }

  #askAll(phase: LoadPhase, nowMs: number): void {
    if (phase === 'drain') return;
    for (let connection = 0; connection < this.#fds.length; connection++) {
      const state = this.#states[connection];
      if (state === State.closed && this.#opening < OPENING_MAX) this.#connect(connection, nowMs);
      else if (state === State.open) this.#ask(connection, phase, nowMs);
    }
  }

  #ask(connection: number, phase: LoadPhase, nowMs: number): void {
    if (this.#unsent[connection] !== undefined) return;
    this.#connections[connection].ask(phase, nowMs);
    this.#flush(connection);
  }

  #connect(connection: number, nowMs: number): void {
    const fd = this.#dialer.connect(connection % this.#options.sources);
    if (fd < 0) {
      this.#lastFailure = errorName(-fd);
      this.#deps.tally.error(this.#lastFailure);
      return;
    }
    this.#fds[connection] = fd;
    this.#openingMs[connection] = nowMs;
    this.#states[connection] = State.connecting;
    this.#opening++;
    this.#deps.tally.connects++;
    this.#epoll.add(fd, EPOLLOUT, connection);
  }

  #upgrade(connection: number): void {
    const { request } = this.#means.upgrade;
    this.#out.bytes.set(request);
    const fd = this.#fds[connection];
    const sent = this.#sys.send(fd, this.#out.address, request.length, MSG_NOSIGNAL);
    if (sent !== request.length) {
      this.#fail(connection, sent < 0 ? errorName(-sent) : 'short send');
      return;
    }
    this.#states[connection] = State.upgrading;
    this.#epoll.modify(fd, EPOLLIN, connection);
  }

  #receive(connection: number, phase: LoadPhase): void {
    const state = this.#connections[connection];
    const { carry } = state;
    const have = carry === undefined ? 0 : carry.length;
    if (carry !== undefined) this.#in.bytes.set(carry);
    const fd = this.#fds[connection];
    const count = this.#sys.recv(fd, this.#in.address + have, WEB_READ_BYTES - have, 0);
    if (count === -EAGAIN) return;
    if (count <= 0) {
      this.#fail(connection, count === 0 ? 'closed' : errorName(-count));
      return;
    }
    const nowMs = performance.now();
    const problem = state.receive(this.#in.bytes, have + count, nowMs);
    if (problem !== undefined) {
      this.#means.out.clear();
      this.#fail(connection, problem);
      return;
    }
    if (this.#states[connection] === State.upgrading && state.isOpen) {
      this.#states[connection] = State.open;
      this.#opening--;
    }
    if (this.#unsent[connection] === undefined) state.ask(phase, nowMs);
    this.#flush(connection);
  }

  /** Sends what the connection whose turn it is wrote. */
  #flush(connection: number): void {
    const { out } = this.#means;
    const { length } = out;
    if (length === 0) return;
    const unsent = this.#unsent[connection];
    if (unsent !== undefined) this.#keepUnsent(connection, Buffer.concat([unsent, out.written]));
    else {
      const fd = this.#fds[connection];
      const sent = this.#sys.send(fd, this.#out.address, length, MSG_NOSIGNAL);
      if (sent < 0 && sent !== -EAGAIN) this.#fail(connection, errorName(-sent));
      else if (sent < length) {
        this.#keepUnsent(connection, this.#out.bytes.slice(Math.max(0, sent), length));
        this.#epoll.modify(fd, EPOLLIN | EPOLLOUT, connection);
      }
    }
    out.clear();
  }

  #keepUnsent(connection: number, bytes: Uint8Array): void {
    if (bytes.length > UNSENT_BYTES_MAX) this.#fail(connection, 'the tracker does not read');
    else this.#unsent[connection] = bytes;
  }

  /** Sends what had to wait; false when some of it waits still. */
  #sendUnsent(connection: number): boolean {
    const unsent = this.#unsent[connection];
    if (unsent === undefined) return true;
    const part = unsent.subarray(0, WEB_WRITE_BYTES);
    this.#out.bytes.set(part);
    const fd = this.#fds[connection];
    const sent = this.#sys.send(fd, this.#out.address, part.length, MSG_NOSIGNAL);
    if (sent < 0 && sent !== -EAGAIN) {
      this.#fail(connection, errorName(-sent));
      return false;
    }
    const rest = unsent.subarray(Math.max(0, sent));
    this.#unsent[connection] = rest.length === 0 ? undefined : rest;
    if (rest.length === 0) this.#epoll.modify(fd, EPOLLIN, connection);
    return true;
  }

  #fail(connection: number, kind: string): void {
    this.#lastFailure = kind;
    const lost = Math.max(1, this.#connections[connection].lost());
    for (let i = 0; i < lost; i++) this.#deps.tally.error(kind);
    this.#drop(connection);
  }

  #drop(connection: number): void {
    if (this.#fds[connection] >= 0) this.#sys.close(this.#fds[connection]);
    this.#fds[connection] = -1;
    const state = this.#states[connection];
    if (state === State.connecting || state === State.upgrading) this.#opening--;
    this.#states[connection] = State.closed;
    this.#unsent[connection] = undefined;
    this.#connections[connection].lost();
  }

  #expire(nowMs: number): void {
    for (let connection = 0; connection < this.#fds.length; connection++) {
      const state = this.#states[connection];
      const isLate =
        state === State.open
          ? nowMs - this.#connections[connection].oldestMs >= this.#options.timeoutMs
          : state !== State.closed && nowMs - this.#openingMs[connection] >= OPENING_MS_MAX;
      if (isLate) this.#fail(connection, 'timeout');
    }
  }
}
