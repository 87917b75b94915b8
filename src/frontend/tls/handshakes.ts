/**
 * Handshakes under way, and their bounds: how many, and for how long. At the bound the oldest one
 * makes room if it has had its time; otherwise the new one is refused.
 *
 * ```
 * key  'local address|port|remote address|port' of the raw connection: node tells which TLS socket
 *      came of which connection by nothing else
 * ```
 */
import type { Socket } from 'node:net';
import { FrontendCounter, type FrontendCounters } from '../counters.js';

export interface HandshakeLimits {
  readonly handshakesMax: number;
  readonly handshakeTimeoutMs: number;
  /** How old a handshake must be before it may have to make room. */
  readonly handshakeGraceMs: number;
}

interface Handshake<T> {
  readonly owner: T;
  readonly raw: Socket;
  readonly sinceMs: number;
}

export class Handshakes<T> {
  readonly #limits: HandshakeLimits;
  readonly #counters: FrontendCounters;
  /** Oldest first: a Map keeps the order of insertion. */
  readonly #underWay = new Map<string, Handshake<T>>();

  constructor(limits: HandshakeLimits, counters: FrontendCounters) {
    this.#limits = limits;
    this.#counters = counters;
  }

  get size(): number {
    return this.#underWay.size;
  }

  /** Notes that one begins. Returns false when it may not: the connection is to be closed. */
  begin(owner: T, raw: Socket, nowMs: number): boolean {
    const key = keyOf(raw);
    // Gone already, or (which no system does) the same four numbers twice.
    if (key === undefined || this.#underWay.has(key)) return false;
    if (this.#underWay.size >= this.#limits.handshakesMax && !this.#evict(nowMs)) {
      this.#counters.count(FrontendCounter.httpsHandshakesRefused);
      return false;
    }
    this.#underWay.set(key, { owner, raw, sinceMs: nowMs });
    this.#counters.count(FrontendCounter.httpsHandshakesOpen);
    raw.once('close', () => this.#end(key, raw));
    return true;
  }

  /** The owner of the connection that this TLS socket came of; undefined when it is not ours any more. */
  done(secure: Socket): T | undefined {
    const key = keyOf(secure);
    const handshake = key === undefined ? undefined : this.#underWay.get(key);
    if (key === undefined || handshake === undefined) return undefined;
    this.#end(key, handshake.raw);
    this.#counters.count(FrontendCounter.httpsHandshakes);
    return handshake.owner;
  }

  /** Cuts those that take too long. */
  sweep(nowMs: number): void {
    for (const [key, { raw, sinceMs }] of this.#underWay) {
      if (nowMs - sinceMs < this.#limits.handshakeTimeoutMs) return;
      this.#counters.count(FrontendCounter.httpsHandshakeTimeouts);
      this.#end(key, raw);
      raw.destroy();
    }
  }

  /** Cuts all. */
  stop(): void {
    for (const [key, { raw }] of this.#underWay) {
      this.#end(key, raw);
      raw.destroy();
    }
  }

  #evict(nowMs: number): boolean {
    const [oldest] = this.#underWay;
    if (oldest === undefined) return false;
    const [key, { raw, sinceMs }] = oldest;
    if (nowMs - sinceMs < this.#limits.handshakeGraceMs) return false;
    this.#counters.count(FrontendCounter.httpsHandshakesEvicted);
    this.#end(key, raw);
    raw.destroy();
    return true;
  }

  #end(key: string, raw: Socket): void {
    if (this.#underWay.get(key)?.raw !== raw) return;
    this.#underWay.delete(key);
    this.#counters.add(FrontendCounter.httpsHandshakesOpen, -1);
  }
}

function keyOf(socket: Socket): string | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || localAddress === undefined) return undefined;
  return `${localAddress}|${localPort}|${remoteAddress}|${remotePort}`;
}
