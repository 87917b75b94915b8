/** HTTP requests over many connections in the calling thread's own loop, one under way on each. */
import { Epoll } from '../sys/epoll.js';
import { EAGAIN, EPOLLIN, EPOLLOUT, MSG_NOSIGNAL } from '../sys/linux.js';
import { PinnedMemory } from '../sys/pinned-memory.js';
import type { Sys } from '../sys/sys.js';
import { errorName } from '../sys/sys-error.js';
import type { Crowd } from './crowd.js';
import type { LoadEngine, LoadPhase } from './engine.js';
import {
  countPeers,
  failureText,
  HTTP_REQUEST_BYTES_MAX,
  HttpReplyHead,
  HttpRequestWriter,
} from './http-wire.js';
import type { LoadOptions } from './load-options.js';
import { SysDialer } from './sys-dialer.js';
import type { Tally } from './tally.js';
import type { LoadTarget } from './target.js';

/** Room for the head and the body of a reply; a longer body is counted and thrown away. */
const REPLY_BYTES = 16_384;
/** Beyond a power of two, so that the starts of all buffers do not compete for the same cache lines. */
const REPLY_STRIDE = REPLY_BYTES + 64;
const EVENTS_MAX = 256;
const WAIT_MS = 10;
const EXPIRE_EVERY_MS = 100;
/** Peers are counted in one of so many replies. */
const PEERS_SAMPLE = 64;
/** After so many connections in a row that the server closed unasked, each one serves one request. */
const STALE_MAX = 8;

const State = { closed: 0, idle: 1, connecting: 2, waiting: 3 } as const;

export interface HttpEngineDependencies {
  readonly target: LoadTarget;
  readonly crowd: Crowd;
  readonly tally: Tally;
}

export class SysHttpEngine implements LoadEngine {
  readonly kind = 'system calls';
  inFlight = 0;
  readonly #sys: Sys;
  readonly #options: LoadOptions;
  readonly #deps: HttpEngineDependencies;
  readonly #tally: Tally;
  readonly #epoll: Epoll;
  readonly #writer: HttpRequestWriter;
  readonly #head = new HttpReplyHead();
  readonly #dialer: SysDialer;
  readonly #request: PinnedMemory;
  readonly #replies: PinnedMemory;
  readonly #replyViews: readonly Uint8Array[];
  /** By connection: descriptor, state, bytes that came, bytes that will have come (0: unknown). */
  readonly #fds: Int32Array;
  readonly #states: Uint8Array;
  readonly #have: Float64Array;
  readonly #need: Float64Array;
  readonly #sentMs: Float64Array;
  readonly #isScrape: Uint8Array;
  /** What a connection that is on its way will ask. */
  readonly #pendingRequests: (Uint8Array | undefined)[];
  /** By connection: replies that came on it. */
  readonly #served: Uint32Array;
  #staleInARow = 0;
  #exhausted = 0;
  #sample = 0;
  #expireAtMs = 0;

  constructor(sys: Sys, options: LoadOptions, deps: HttpEngineDependencies) {
    const { connections, sources } = options;
    this.#sys = sys;
    this.#options = options;
    this.#deps = deps;
    this.#tally = deps.tally;
    this.#epoll = new Epoll(sys, EVENTS_MAX);
    this.#writer = new HttpRequestWriter(options);
    this.#dialer = new SysDialer(sys, deps.target, sources);
    this.#request = new PinnedMemory(sys, HTTP_REQUEST_BYTES_MAX);
    this.#replies = new PinnedMemory(sys, connections * REPLY_STRIDE);
    this.#replyViews = Array.from({ length: connections }, (_, i) =>
      this.#replies.bytes.subarray(i * REPLY_STRIDE, i * REPLY_STRIDE + REPLY_BYTES),
    );
    this.#fds = new Int32Array(connections).fill(-1);
    this.#states = new Uint8Array(connections);
    this.#have = new Float64Array(connections);
    this.#need = new Float64Array(connections);
    this.#sentMs = new Float64Array(connections);
    this.#isScrape = new Uint8Array(connections);
    this.#served = new Uint32Array(connections);
    this.#pendingRequests = new Array<Uint8Array | undefined>(connections).fill(undefined);
  }

  get filled(): boolean {
    return this.#exhausted >= this.#options.sources;
  }

  async open(limitMs: number): Promise<void> {
    await this.#dialer.waitForTarget(limitMs);
  }

  async work(phase: LoadPhase, untilMs: number): Promise<void> {
    const epoll = this.#epoll;
    let nowMs = performance.now();
    this.#askAll(phase, nowMs);
    while (nowMs < untilMs) {
      const ready = epoll.wait(WAIT_MS);
      nowMs = performance.now();
      for (let i = 0; i < ready; i++) {
        const connection = epoll.token(i);
        if (this.#states[connection] === State.connecting) this.#sendPending(connection);
        else if (this.#receive(connection)) this.#ask(connection, phase, performance.now());
      }
      if (nowMs < this.#expireAtMs) continue;
      this.#expireAtMs = nowMs + EXPIRE_EVERY_MS;
      this.#expire(nowMs);
      if ((phase === 'drain' || (phase === 'fill' && this.filled)) && this.inFlight === 0) return;
      this.#askAll(phase, nowMs);
    }
  }

  close(): void {
    for (let connection = 0; connection < this.#fds.length; connection++) this.#drop(connection);
    this.#epoll.close();
  }

  #askAll(phase: LoadPhase, nowMs: number): void {
    for (let connection = 0; connection < this.#fds.length; connection++) {
      if (this.#states[connection] <= State.idle) this.#ask(connection, phase, nowMs);
    }
  }

  /** Starts the next request, on a new connection where there is none. */
  #ask(connection: number, phase: LoadPhase, nowMs: number): void {
    if (phase === 'drain') return;
    const { crowd } = this.#deps;
    const source = connection % this.#options.sources;
    if (phase === 'mix') crowd.next(source);
    else if (!crowd.nextFill(source)) {
      this.#exhausted = this.#countExhausted();
      return;
    }
    const length = this.#writer.write(this.#request.bytes, crowd);
    this.#isScrape[connection] = crowd.isScrape ? 1 : 0;
    this.#sentMs[connection] = nowMs;
    this.#have[connection] = 0;
    this.#need[connection] = 0;
    this.inFlight++;
    let isNew = false;
    if (this.#states[connection] === State.closed) {
      const fd = this.#dialer.connect(source);
      if (fd < 0) {
        this.#fail(connection, errorName(-fd));
        return;
      }
      this.#fds[connection] = fd;
      this.#served[connection] = 0;
      this.#tally.connects++;
      isNew = true;
    }
    // On loopback the connection stands already; elsewhere the request waits for it.
    const fd = this.#fds[connection];
    const sent = this.#sys.send(fd, this.#request.address, length, MSG_NOSIGNAL);
    if (sent === length) {
      this.#states[connection] = State.waiting;
      if (isNew) this.#epoll.add(fd, EPOLLIN, connection);
    } else if (isNew && sent === -EAGAIN) {
      this.#pendingRequests[connection] = this.#request.bytes.slice(0, length);
      this.#states[connection] = State.connecting;
      this.#epoll.add(fd, EPOLLOUT, connection);
    } else this.#fail(connection, sent < 0 ? errorName(-sent) : 'short send');
  }

  #sendPending(connection: number): void {
    const request = this.#pendingRequests[connection]!;
    this.#pendingRequests[connection] = undefined;
    this.#request.bytes.set(request);
    const fd = this.#fds[connection];
    const sent = this.#sys.send(fd, this.#request.address, request.length, MSG_NOSIGNAL);
    if (sent !== request.length) {
      this.#fail(connection, sent < 0 ? errorName(-sent) : 'short send');
      return;
    }
    this.#states[connection] = State.waiting;
    this.#epoll.modify(fd, EPOLLIN, connection);
  }

  /** Takes what came; true when the connection may ask again. */
  #receive(connection: number): boolean {
    if (this.#states[connection] === State.idle) {
      // Nothing was asked: the server closes a connection that was idle.
      this.#drop(connection);
      return false;
    }
    if (this.#states[connection] !== State.waiting) return false;
    const view = this.#replyViews[connection];
    const have = this.#have[connection];
    // What does not fit is written over the end, and never looked at.
    const at = have < REPLY_BYTES ? have : REPLY_BYTES / 2;
    const address = this.#replies.address + connection * REPLY_STRIDE + at;
    const count = this.#sys.recv(this.#fds[connection], address, REPLY_BYTES - at, 0);
    if (count === -EAGAIN) return false;
    if (count < 0) {
      this.#fail(connection, errorName(-count));
      return false;
    }
    const total = have + count;
    this.#have[connection] = total;
    if (this.#need[connection] === 0 && have < REPLY_BYTES) this.#readHead(connection, view);
    const need = this.#need[connection];
    if (count === 0) {
      if (need === Number.POSITIVE_INFINITY) this.#finish(connection, view);
      else this.#fail(connection, 'closed early');
      this.#drop(connection);
      return true;
    }
    if (need === 0 || total < need) return false;
    this.#finish(connection, view);
    // `finish` has just read this reply's head.
    const serverCloses = this.#head.closes || this.#staleInARow >= STALE_MAX;
    if (this.#options.close || serverCloses) this.#drop(connection);
    return true;
  }

  #readHead(connection: number, view: Uint8Array): void {
    const head = this.#head;
    if (!head.read(view, Math.min(this.#have[connection], REPLY_BYTES))) return;
    this.#need[connection] =
      head.contentLength < 0 ? Number.POSITIVE_INFINITY : head.headBytes + head.contentLength;
  }

  #finish(connection: number, view: Uint8Array): void {
    const tally = this.#tally;
    const total = this.#have[connection];
    this.#states[connection] = State.idle;
    this.inFlight--;
    if (this.#served[connection]++ > 0) this.#staleInARow = 0;
    tally.latency(performance.now() - this.#sentMs[connection]);
    tally.replyBytes += total;
    const head = this.#head;
    // The connection's own head: others may have come in between.
    head.read(view, Math.min(total, REPLY_BYTES));
    if (head.status !== 200) {
      tally.error(`status ${head.status}`);
      return;
    }
    const body = head.headBytes;
    if (view[body + 4] === 102 && view[body + 1] === 49) {
      const text = failureText(view.subarray(body, Math.min(total, REPLY_BYTES)));
      if (text !== undefined) {
        tally.error(`failure: ${text}`);
        return;
      }
    }
    if (this.#isScrape[connection] === 1) {
      tally.scrapes++;
      return;
    }
    tally.announces++;
    if (this.#sample++ % PEERS_SAMPLE !== 0) return;
    tally.peerReplies++;
    tally.peers += countPeers(view.subarray(body, Math.min(total, REPLY_BYTES)));
  }

  /** Ends the request under way. A server may close a kept connection just as we use it. */
  #fail(connection: number, kind: string): void {
    const isStale =
      this.#served[connection] > 0 && this.#have[connection] === 0 && kind !== 'timeout';
    if (isStale) this.#staleInARow++;
    else this.#tally.error(kind);
    this.inFlight--;
    this.#drop(connection);
  }

  #drop(connection: number): void {
    if (this.#fds[connection] >= 0) this.#sys.close(this.#fds[connection]);
    this.#fds[connection] = -1;
    this.#states[connection] = State.closed;
    this.#pendingRequests[connection] = undefined;
  }

  #expire(nowMs: number): void {
    for (let connection = 0; connection < this.#fds.length; connection++) {
      if (this.#states[connection] < State.connecting) continue;
      if (nowMs - this.#sentMs[connection] >= this.#options.timeoutMs) {
        this.#fail(connection, 'timeout');
      }
    }
  }

  #countExhausted(): number {
    let count = 0;
    for (let source = 0; source < this.#options.sources; source++) {
      if (!this.#deps.crowd.hasFill(source)) count++;
    }
    return count;
  }
}
