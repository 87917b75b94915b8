/** UDP requests by the batch, one socket a source address, in the calling thread's own loop. */
import { Epoll } from '../sys/epoll.js';
import { EAGAIN, EPOLLIN } from '../sys/linux.js';
import { openUdpConnection } from '../sys/socket.js';
import type { Sys } from '../sys/sys.js';
import { errorName, SysError } from '../sys/sys-error.js';
import { UdpBatch } from '../sys/udp-batch.js';
import type { Crowd } from './crowd.js';
import type { LoadEngine, LoadPhase } from './engine.js';
import { LoadError, type LoadOptions } from './load-options.js';
import type { Tally } from './tally.js';
import { type LoadTarget, sourceAddress } from './target.js';
import { UdpSocketState } from './udp-socket-state.js';
import { UDP_REQUEST_BYTES_MAX } from './udp-wire.js';

const BATCH_SLOTS = 32;
const READ_BYTES = 2_048;
/** Waits no longer than this for answers, so that lost ones are given up in time. */
const WAIT_MS = 10;
const EXPIRE_EVERY_MS = 100;

export interface UdpEngineDependencies {
  readonly target: LoadTarget;
  readonly crowd: Crowd;
  readonly tally: Tally;
}

export class SysUdpEngine implements LoadEngine {
  readonly kind = 'system calls';
  readonly #tally: Tally;
  readonly #sys: Sys;
  readonly #batch: UdpBatch;
  readonly #epoll: Epoll;
  readonly #fds: number[] = [];
  readonly #states: UdpSocketState[] = [];
  #expireAtMs = 0;

  /** Throws a `LoadError`. */
  constructor(sys: Sys, options: LoadOptions, deps: UdpEngineDependencies) {
    this.#sys = sys;
    this.#tally = deps.tally;
    this.#batch = new UdpBatch(sys, {
      slots: BATCH_SLOTS,
      readBytes: READ_BYTES,
      replyBytes: UDP_REQUEST_BYTES_MAX,
      connected: true,
    });
    this.#epoll = new Epoll(sys, options.sources);
    try {
      for (let source = 0; source < options.sources; source++) this.#addSocket(options, deps);
    } catch (error) {
      this.close();
      if (error instanceof SysError) throw new LoadError(`cannot open a socket: ${error.message}`);
      throw error;
    }
  }

  get inFlight(): number {
    return this.#states.reduce((sum, state) => sum + state.inFlight, 0);
  }

  get filled(): boolean {
    return this.#states.every((state) => state.filled);
  }

  async open(limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    while (!this.#states.every((state) => state.isConnected)) {
      if (performance.now() >= untilMs) {
        throw new LoadError(
          `no answer to a connect request (${this.#tally.firstError ?? 'silence'})`,
        );
      }
      this.#turns('drain', performance.now() + WAIT_MS, true);
    }
  }

  async work(phase: LoadPhase, untilMs: number): Promise<void> {
    this.#turns(phase, untilMs, false);
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) this.#sys.close(fd);
    this.#epoll.close();
  }

  #addSocket(options: LoadOptions, deps: UdpEngineDependencies): void {
    const source = this.#fds.length;
    const local = sourceAddress(deps.target, source);
    const remote = deps.target.remote;
    const fd = openUdpConnection(this.#sys, { remote, ...(local === undefined ? {} : { local }) });
    this.#fds.push(fd);
    this.#epoll.add(fd, EPOLLIN, source);
    const { seed, numwant, timeoutMs } = options;
    const window = Math.max(1, Math.floor(options.window / options.sources));
    const peerBytes = remote.family === 4 ? 6 : 18;
    this.#states.push(
      new UdpSocketState({ source, window, peerBytes, seed, numwant, timeoutMs }, deps),
    );
  }

  #turns(phase: LoadPhase, untilMs: number, isOpening: boolean): void {
    const epoll = this.#epoll;
    let nowMs = performance.now();
    for (let source = 0; source < this.#fds.length; source++) this.#send(source, phase, nowMs);
    while (nowMs < untilMs) {
      const ready = epoll.wait(WAIT_MS);
      nowMs = performance.now();
      for (let i = 0; i < ready; i++) {
        const source = epoll.token(i);
        this.#receive(source, performance.now());
        this.#send(source, phase, performance.now());
      }
      if (nowMs < this.#expireAtMs) continue;
      this.#expireAtMs = nowMs + EXPIRE_EVERY_MS;
      this.#expire(phase, nowMs);
      const isOver = phase === 'drain' || (phase === 'fill' && this.filled);
      if (isOver && !isOpening && this.inFlight === 0) return;
    }
  }

  #receive(source: number, nowMs: number): void {
    const batch = this.#batch;
    const state = this.#states[source];
    const fd = this.#fds[source];
    while (true) {
      const count = batch.receive(fd);
      for (let i = 0; i < count; i++) state.read(batch.packets[i], batch.packetBytes(i), nowMs);
      if (count < 0 && count !== -EAGAIN) this.#tally.error(errorName(-count));
      if (count < batch.slots) return;
    }
  }

  #send(source: number, phase: LoadPhase, nowMs: number): void {
    const batch = this.#batch;
    const state = this.#states[source];
    const fd = this.#fds[source];
    let queued = batch.slots;
    while (queued === batch.slots) {
      for (queued = 0; queued < batch.slots; queued++) {
        const length = state.write(batch.replies[queued], phase, nowMs);
        if (length === 0) break;
        batch.queue(queued, length);
      }
      batch.send(fd);
    }
  }

  /** Gives up what is lost, and lets its slots ask again. */
  #expire(phase: LoadPhase, nowMs: number): void {
    for (let source = 0; source < this.#states.length; source++) {
      this.#states[source].expire(nowMs);
      this.#send(source, phase, nowMs);
    }
  }
}
