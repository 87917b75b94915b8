/**
 * How often an address is tried that nobody has proven to be a tracker's: a node may advertise
 * whatever it likes, and must not be able to aim the minders at somebody else.
 *
 * ```
 * one endpoint     an attempt, then pauses of 5 s, 10 s, 20 s ... up to 10 min, each +-20 %
 * one IP address   4 attempts a second, unless it is loopback
 * one node         4 a second (16 on loopback); 64 in a row, then one in two seconds
 * all together     20 a second
 * ```
 *
 * A node that advertises something else each second so has no more than its share: neither of the
 * attempts, which others need when they join, nor of what is remembered.
 *
 * Pauses are remembered for the endpoint, whoever advertises it, for as long as the longest pause
 * after the last attempt: taking it off the list and putting it on again gains nothing. What is
 * remembered is bounded; when it is full, endpoints that are new wait.
 */
import { SecondBudget } from '../lib/second-budget.js';
import { isLoopback, type ProbeEndpoint } from './probe-endpoint.js';

export const ATTEMPTS_PER_SECOND_MAX = 20;
const PAUSE_MIN_MS = 5_000;
const PAUSE_MAX_MS = 600_000;
const PER_IP_MAX = 4;
const PER_NODE_MAX = 4;
const PER_NODE_LOOPBACK_MAX = 16;
/** Twice the endpoints of a node. */
const NODE_BURST = 64;
const NODE_REFILL_MS = 2_000;
const REMEMBERED_MAX = 16_384;
const JITTER = 0.2;

interface Pause {
  untilMs: number;
  lengthMs: number;
}

export interface AttemptGateDependencies {
  readonly clock: { monotonicMs(): number };
  /** From 0 to 1. */
  readonly random?: () => number;
}

export class AttemptGate {
  readonly counters = { attempts: 0, deferred: 0, full: 0 };
  readonly #clock: { monotonicMs(): number };
  readonly #random: () => number;
  readonly #all = new SecondBudget(ATTEMPTS_PER_SECOND_MAX);
  readonly #pauses = new Map<string, Pause>();
  /** Attempts in this second, by IP address and by node: emptied with every second. */
  readonly #spent = new Map<string, number>();
  #second = Number.NEGATIVE_INFINITY;
  /** When a node will have all of its attempts again; only while that is to come. */
  readonly #nodeFullMs = new Map<string, number>();

  constructor({ clock, random = Math.random }: AttemptGateDependencies) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether the endpoint, which `nodeId` advertises, may be tried now; if so that is counted. */
  take(nodeId: string, { url, ip }: ProbeEndpoint): boolean {
    const nowMs = this.#clock.monotonicMs();
    const pause = this.#pauses.get(url);
    if (pause !== undefined && nowMs < pause.untilMs) return false;
    if (pause === undefined && this.#pauses.size >= REMEMBERED_MAX) {
      this.counters.full++;
      return false;
    }
    if (!this.#spend(nodeId, ip, nowMs)) {
      this.counters.deferred++;
      return false;
    }
    this.counters.attempts++;
    const lengthMs =
      pause === undefined ? PAUSE_MIN_MS : Math.min(PAUSE_MAX_MS, 2 * pause.lengthMs);
    const jitter = 1 + JITTER * (2 * this.#random() - 1);
    this.#pauses.set(url, { untilMs: nowMs + lengthMs * jitter, lengthMs });
    return true;
  }

  /** The endpoint has proven itself: should it have to again, it need not wait. */
  proven({ url }: ProbeEndpoint): void {
    this.#pauses.delete(url);
  }

  sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    const oldestMs = nowMs - PAUSE_MAX_MS;
    for (const [url, { untilMs }] of this.#pauses) {
      if (untilMs < oldestMs) this.#pauses.delete(url);
    }
    for (const [nodeId, fullMs] of this.#nodeFullMs) {
      if (fullMs <= nowMs) this.#nodeFullMs.delete(nodeId);
    }
  }

  #spend(nodeId: string, ip: string, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#spent.clear();
    }
    const isFree = isLoopback(ip);
    const byNode = this.#spent.get(nodeId) ?? 0;
    const byIp = this.#spent.get(ip) ?? 0;
    if (byNode >= (isFree ? PER_NODE_LOOPBACK_MAX : PER_NODE_MAX)) return false;
    if (byIp >= PER_IP_MAX && !isFree) return false;
    const fullMs = Math.max(nowMs, this.#nodeFullMs.get(nodeId) ?? nowMs) + NODE_REFILL_MS;
    if (fullMs - nowMs > NODE_BURST * NODE_REFILL_MS) return false;
    if (!this.#all.take(second)) return false;
    this.#nodeFullMs.set(nodeId, fullMs);
    this.#spent.set(nodeId, byNode + 1);
    this.#spent.set(ip, byIp + 1);
    return true;
  }
}
