/**
 * HTTP on Linux system calls: plain GETs are parsed where they were received and answered from the
 * loop. Whatever else comes is handed over, descriptor and bytes, to node's own HTTP server.
 *
 * ```
 * input    [ what was put aside before ][ what recv brought ] ...  of many connections (RequestBatch)
 * replies  [ head, body ][ head, body ] ...  of pipelined requests, sent with one call (ReplyWriter)
 * ```
 */
import {
  EAGAIN,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  EPOLLIN,
  EPOLLOUT,
  MSG_MORE,
  MSG_NOSIGNAL,
  SHUT_WR,
} from '../../sys/linux.js';
import { acceptConnection } from '../../sys/socket.js';
import { SocketAddress } from '../../sys/socket-address.js';
import type { Sys } from '../../sys/sys.js';
import { FrontendCounter, type FrontendCounters } from '../counters.js';
import type { HttpBatchHandler } from '../handler.js';
import { ConnectionBlocks } from './connection-blocks.js';
import { ConnectionSlots, Phase } from './connection-slots.js';
import type { FastHttpDependencies, FastHttpOptions, HandOver } from './fast-http-options.js';
import { Head, type HeadParser } from './head-parser.js';
import { REPLIES_BYTES, ReplyWriter } from './reply-writer.js';
import { RequestBatch } from './request-batch.js';
import type { SocketLoop, Watcher } from './socket-loop.js';
import { TcpListeners } from './tcp-listeners.js';

/** Numbers below it are listeners, others connections. */
const CONNECTION_LOCAL = 256;
/** Connections accepted before those that are open have their turn. */
const ACCEPTS_PER_TURN = 32;
/** Reads that may bring part of a request before node's server takes it over. */
const PARTIAL_READS_MAX = 4;
const LINGER_MS = 2_000;
/** A connection that never completed a request may have to make room after this time. */
const HALF_OPEN_GRACE_MS = 1_000;
/** What accepting one connection gives instead of a slot. */
const NONE_WAITS = -1;
const NOT_TAKEN = -2;
/** Errors that say that nothing is left for another connection. */
const LACKS: ReadonlySet<number> = new Set([EMFILE, ENFILE, ENOBUFS, ENOMEM]);

export class FastHttp implements Watcher {
  readonly #options: FastHttpOptions;
  readonly #sys: Sys;
  readonly #loop: SocketLoop;
  readonly #handler: HttpBatchHandler;
  readonly #parser: HeadParser;
  readonly #handOver: HandOver;
  readonly #counters: FrontendCounters;
  readonly #open: Int32Array;
  readonly #watcher: number;
  readonly #listeners: TcpListeners;
  readonly #slots: ConnectionSlots;
  readonly #blocks: ConnectionBlocks;
  readonly #batch: RequestBatch;
  /** Connections of this accept, before any of them is read. */
  readonly #accepted = new Int32Array(ACCEPTS_PER_TURN);
  readonly #replies: ReplyWriter;
  readonly #name: SocketAddress;
  #nowMs = performance.now();
  #turnBegun = false;
  #stopping = false;

  /** Binds and watches every address. Throws a `ListenError`, with nothing left open. */
  constructor(options: FastHttpOptions, dependencies: FastHttpDependencies) {
    const { sys, loop } = dependencies;
    this.#options = options;
    this.#sys = sys;
    this.#loop = loop;
    this.#handler = dependencies.handler;
    this.#parser = dependencies.parser;
    this.#handOver = dependencies.handOver;
    this.#counters = dependencies.counters;
    this.#open = dependencies.open;
    this.#watcher = loop.register(this);
    this.#listeners = new TcpListeners({ sys, loop, watcher: this.#watcher });
    this.#slots = new ConnectionSlots(options.connectionsMax);
    this.#batch = new RequestBatch(options.headerBytesMax, dependencies);
    const blockBytes = REPLIES_BYTES + this.#batch.partBytes;
    this.#blocks = new ConnectionBlocks(sys, { ...options, blockBytes });
    this.#replies = new ReplyWriter(sys, dependencies);
    this.#name = new SocketAddress(sys);
    try {
      this.#listeners.open(options);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get connections(): number {
    return this.#slots.count;
  }

  beginTurn(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#replies.beginTurn(nowMs);
    this.#turnBegun = false;
  }

  ready(local: number): void {
    if (!this.#turnBegun) {
      this.#turnBegun = true;
      this.#handler.beginBatch();
    }
    if (local < CONNECTION_LOCAL) {
      // Closed in this very turn.
      const { fds } = this.#listeners;
      if (local < fds.length) this.#accept(fds[local]);
      return;
    }
    const slot = local - CONNECTION_LOCAL;
    // Closed in this very turn, and perhaps another connection's already, which was read.
    if (this.#slots.fd[slot] < 0 || this.#slots.watched[slot] === 0) return;
    if (this.#slots.phase[slot] === Phase.sending) this.#sendRest(slot);
    else this.#read(slot);
  }

  endTurn(): void {
    this.#answerAll();
  }

  /** Ends what takes too long, and looks again for who waits. */
  tick(nowMs: number): void {
    this.#listeners.resume();
    const slots = this.#slots;
    for (let slot = 0; slot < slots.highest; slot++) {
      if (slots.fd[slot] < 0) continue;
      const waitedMs = nowMs - slots.sinceMs[slot];
      const phase = slots.phase[slot];
      if (waitedMs < this.#patienceMs(phase)) continue;
      if (phase === Phase.partial) {
        this.#counters.count(FrontendCounter.httpTimeouts);
        slots.closing[slot] = 1;
        this.#blocks.give(slot);
        this.#send(slot, this.#replies.refuse(408, 0, false));
        continue;
      }
      if (phase === Phase.fresh) this.#counters.count(FrontendCounter.httpTimeouts);
      if (phase === Phase.sending) this.#counters.count(FrontendCounter.httpSlowReaders);
      this.#close(slot);
    }
  }

  /** Stops accepting, and ends connections that wait for nothing; replies being sent go on. */
  drain(): void {
    this.#answerAll();
    this.#stopping = true;
    this.#listeners.close();
    const slots = this.#slots;
    for (let slot = 0; slot < slots.highest; slot++) {
      const phase = slots.phase[slot];
      if (slots.fd[slot] >= 0 && (phase === Phase.fresh || phase === Phase.idle)) this.#close(slot);
      else slots.closing[slot] = 1;
    }
  }

  close(): void {
    this.#batch.count = 0;
    this.#listeners.close();
    for (let slot = 0; slot < this.#slots.highest; slot++) {
      if (this.#slots.fd[slot] >= 0) this.#close(slot);
    }
  }

  #patienceMs(phase: number): number {
    if (phase === Phase.idle) return this.#options.keepAliveMs;
    if (phase === Phase.sending) return this.#options.sendTimeoutMs;
    return phase === Phase.lingering ? LINGER_MS : this.#options.requestTimeoutMs;
  }

  #accept(listener: number): void {
    const slots = this.#slots;
    const accepted = this.#accepted;
    const waiting = this.#listeners.waiting(listener, ACCEPTS_PER_TURN);
    let count = 0;
    for (let i = 0; i < waiting; i++) {
      const slot = this.#acceptOne(listener);
      if (slot === NONE_WAITS) break;
      if (slot >= 0) accepted[count++] = slot;
    }
    // Most clients have sent their request by now, and many want one answer only: those never
    // enter the epoll set.
    for (let i = 0; i < count; i++) {
      const slot = accepted[i];
      if (!this.#read(slot) && slots.fd[slot] >= 0) this.#watchFor(slot, EPOLLIN);
    }
  }

  /** The slot of one connection more, or why there is none. */
  #acceptOne(listener: number): number {
    const counters = this.#counters;
    const fd = acceptConnection(this.#sys, listener, this.#name);
    if (fd < 0) {
      if (fd === -EAGAIN) return NONE_WAITS;
      counters.count(FrontendCounter.httpAcceptErrors);
      // Of other errors the one connection was the reason, and it is gone.
      if (LACKS.has(-fd)) this.#listeners.pause();
      return NONE_WAITS;
    }
    counters.count(FrontendCounter.httpConnectionsTotal);
    const slot = this.#isRoom() ? this.#slots.take(fd, this.#nowMs) : -1;
    if (slot < 0) {
      counters.count(FrontendCounter.httpConnectionsRefused);
      this.#sys.close(fd);
      return NOT_TAKEN;
    }
    counters.count(FrontendCounter.httpConnectionsOpen);
    Atomics.add(this.#open, 0, 1);
    const source = this.#slots.sources[slot];
    if (!this.#name.read(source)) {
      this.#close(slot);
      return NOT_TAKEN;
    }
    if (this.#handOver.isNeverPlain(source)) {
      this.#pass(slot, 0, 0);
      return NOT_TAKEN;
    }
    return slot;
  }

  /** Reads what came, for `#answerAll`. False when nothing came, or the connection ended. */
  #read(slot: number): boolean {
    const slots = this.#slots;
    const batch = this.#batch;
    const base = batch.base(batch.count);
    const held = this.#blocks.takeInput(slot, batch.bytes, base);
    const received = batch.recv(slots.fd[slot], base + held, batch.partBytes - held);
    if (received === -EAGAIN) {
      if (held > 0 && !this.#keep(slot, base, base + held)) this.#close(slot);
      return false;
    }
    if (received <= 0) {
      this.#close(slot);
      return false;
    }
    this.#counters.add(FrontendCounter.httpBytesIn, received);
    if (slots.phase[slot] === Phase.lingering) return true;
    if (batch.add(slot, base + held + received)) this.#answerAll();
    return true;
  }

  /** Answers what was read from all connections. */
  #answerAll(): void {
    const batch = this.#batch;
    const { count } = batch;
    if (count === 0) return;
    const { fd, watched, sources } = this.#slots;
    batch.prepare(sources);
    for (let i = 0; i < count; i++) {
      const slot = batch.slots[i];
      this.#answer(slot, i);
      if (fd[slot] >= 0 && watched[slot] === 0) this.#watchFor(slot, EPOLLIN);
    }
    batch.count = 0;
    this.#replies.endBatch();
  }

  /** Answers the requests of entry `i`, the first of which was parsed. */
  #answer(slot: number, i: number): void {
    const slots = this.#slots;
    const batch = this.#batch;
    const parser = this.#parser;
    const limit = batch.limits[i];
    let at = batch.base(i);
    let out = 0;
    let result = batch.results[i];
    let prepared = batch.prepared[i];
    if (result === Head.plain) batch.restore(i);
    while (result === Head.plain) {
      out = this.#respond(slot, out, prepared);
      prepared = -1;
      at = parser.end;
      if (at === limit || slots.closing[slot] !== 0) break;
      if (out > this.#replies.full) {
        if (!this.#send(slot, out)) return;
        if (slots.phase[slot] === Phase.sending) break;
        out = 0;
      }
      result = batch.parse(at, limit);
    }
    const rest = limit - at;
    // Nothing was answered: the request that a stop waits for is not complete yet.
    const isWaitedFor = out === 0 && slots.phase[slot] === Phase.partial;
    if (slots.closing[slot] !== 0 && rest > 0 && !isWaitedFor) slots.lingers[slot] = 1;
    if (slots.phase[slot] !== Phase.sending && out > 0 && !this.#send(slot, out)) return;
    if (slots.phase[slot] === Phase.sending) {
      // Further requests are answered when it has read these replies.
      if (slots.closing[slot] === 0) this.#blocks.keepInput(slot, batch.bytes, at, limit);
      return;
    }
    if (slots.closing[slot] !== 0 && !isWaitedFor) return;
    if (at > batch.base(i)) {
      // What follows is another request, with a time of its own.
      slots.phase[slot] = Phase.idle;
      slots.sinceMs[slot] = this.#nowMs;
      slots.reads[slot] = 0;
    }
    if (rest === 0) return;
    const partial = result === Head.incomplete && rest < this.#options.headerBytesMax;
    if (partial && ++slots.reads[slot] <= PARTIAL_READS_MAX && this.#keep(slot, at, limit)) return;
    this.#pass(slot, at, limit);
  }

  /** Writes the reply to the request that the parser found at `out`; returns the offset behind it. */
  #respond(slot: number, out: number, prepared: number): number {
    const slots = this.#slots;
    const parser = this.#parser;
    this.#counters.count(FrontendCounter.httpRequests);
    const isLast = ++slots.requests[slot] >= this.#options.requestsPerConnectionMax;
    const ends = this.#stopping || this.#handler.draining === true;
    const keep = parser.keepAlive && !isLast && !ends;
    if (!keep) slots.closing[slot] = 1;
    const { targetStart, targetEnd } = parser;
    const source = slots.sources[slot];
    const { bytes } = this.#batch;
    return this.#replies.respond(bytes, targetStart, targetEnd, source, out, keep, prepared);
  }

  /**
   * Sends the replies, which end at `end`; what does not fit waits in a block. False when that was
   * the connection's end.
   */
  #send(slot: number, end: number): boolean {
    const slots = this.#slots;
    const { start, address, bytes } = this.#replies;
    const length = end - start;
    // The last reply leaves with the end of the connection, as one packet.
    const flags = slots.closing[slot] === 0 ? MSG_NOSIGNAL : MSG_NOSIGNAL | MSG_MORE;
    let sent = this.#sys.send(slots.fd[slot], address + start, length, flags);
    if (sent === -EAGAIN) sent = 0;
    if (sent < 0) {
      this.#close(slot);
      return false;
    }
    this.#counters.add(FrontendCounter.httpBytesOut, sent);
    if (sent === length) return slots.closing[slot] === 0 || this.#finish(slot);
    if (!this.#blocks.keepReply(slot, bytes, start + sent, end)) {
      this.#counters.count(FrontendCounter.httpSlowReaders);
      this.#close(slot);
      return false;
    }
    slots.phase[slot] = Phase.sending;
    slots.sinceMs[slot] = this.#nowMs;
    return this.#watchFor(slot, EPOLLOUT);
  }

  /** Goes on with a reply that had no room. */
  #sendRest(slot: number): void {
    const slots = this.#slots;
    const blocks = this.#blocks;
    const length = blocks.replyBytes(slot);
    const sent = this.#sys.send(slots.fd[slot], blocks.replyAddress(slot), length, MSG_NOSIGNAL);
    if (sent === -EAGAIN) return;
    if (sent < 0) {
      this.#close(slot);
      return;
    }
    this.#counters.add(FrontendCounter.httpBytesOut, sent);
    blocks.replySent(slot, sent);
    // Its time runs on: who reads a little now and then is to be done in the end, too.
    if (sent < length) return;
    slots.sinceMs[slot] = this.#nowMs;
    const batch = this.#batch;
    const base = batch.base(batch.count);
    const held = blocks.takeInput(slot, batch.bytes, base);
    if (held === 0 && slots.closing[slot] !== 0) {
      this.#finish(slot);
      return;
    }
    slots.phase[slot] = held === 0 ? Phase.idle : Phase.partial;
    if (!this.#watchFor(slot, EPOLLIN) || held === 0) return;
    if (batch.add(slot, base + held)) this.#answerAll();
  }

  /** All is sent: ends the connection, or lingers when more came than was answered. */
  #finish(slot: number): boolean {
    const slots = this.#slots;
    // The last reply leaves now. A close by itself would drop it where more has come meanwhile.
    this.#sys.shutdown(slots.fd[slot], SHUT_WR);
    if (slots.lingers[slot] === 0) {
      this.#close(slot);
      return false;
    }
    slots.phase[slot] = Phase.lingering;
    slots.sinceMs[slot] = this.#nowMs;
    return this.#watchFor(slot, EPOLLIN);
  }

  /** Has the loop tell of `events`. False when it cannot, and the connection ended. */
  #watchFor(slot: number, events: number): boolean {
    const { fd, watched } = this.#slots;
    const local = CONNECTION_LOCAL + slot;
    const result =
      watched[slot] === 1
        ? this.#loop.rewatch(this.#watcher, fd[slot], events, local)
        : this.#loop.watch(this.#watcher, fd[slot], events, local);
    watched[slot] = 1;
    if (result >= 0) return true;
    this.#close(slot);
    return false;
  }

  /** Puts part of a request aside. False when all blocks are in use. */
  #keep(slot: number, start: number, limit: number): boolean {
    if (!this.#blocks.keepInput(slot, this.#batch.bytes, start, limit)) return false;
    const slots = this.#slots;
    if (slots.phase[slot] !== Phase.partial) slots.sinceMs[slot] = this.#nowMs;
    slots.phase[slot] = Phase.partial;
    return true;
  }

  /** Hands the connection and `input[start..limit)` to node's server. */
  #pass(slot: number, start: number, limit: number): void {
    const slots = this.#slots;
    const fd = slots.fd[slot];
    if (slots.watched[slot] === 1) this.#loop.epoll.remove(fd);
    const bytes = new Uint8Array(limit - start);
    for (let i = start; i < limit; i++) bytes[i - start] = this.#batch.bytes[i];
    // Who stops has nobody left to take it.
    const taken = !this.#stopping && this.#handOver.take(fd, bytes, slots.sources[slot]);
    this.#counters.count(
      taken ? FrontendCounter.httpHandedOver : FrontendCounter.httpHandOversRefused,
    );
    if (!taken) this.#sys.close(fd);
    this.#release(slot);
  }

  /** The bound is one for all workers: the system does not deal connections out evenly. */
  #isRoom(): boolean {
    return Atomics.load(this.#open, 0) < this.#options.connectionsMax || this.#evict();
  }

  /** Makes room by ending connections that had their time and never completed a request. */
  #evict(): boolean {
    this.#answerAll();
    const slots = this.#slots;
    let evicted = 0;
    for (let slot = 0; slot < slots.highest; slot++) {
      if (slots.fd[slot] < 0 || slots.requests[slot] > 0) continue;
      if (this.#nowMs - slots.sinceMs[slot] < HALF_OPEN_GRACE_MS) continue;
      this.#close(slot);
      evicted++;
    }
    this.#counters.add(FrontendCounter.httpConnectionsEvicted, evicted);
    return evicted > 0;
  }

  #close(slot: number): void {
    this.#sys.close(this.#slots.fd[slot]);
    this.#release(slot);
  }

  #release(slot: number): void {
    this.#blocks.give(slot);
    this.#slots.give(slot);
    this.#counters.add(FrontendCounter.httpConnectionsOpen, -1);
    Atomics.sub(this.#open, 0, 1);
  }
}
