/** What a load measured: counts, and how long answers took. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Kinds of errors that are told apart by their text; a hostile tracker could send many. */
const TEXTS_MAX = 20;
const LATENCY_US_MAX = 60_000_000;

/** What went through a tracker from one peer to another (WebSocket). */
export interface Signals {
  /** Offers in announces, and those that came to the peers which they were passed on to. */
  readonly offersSent: number;
  readonly offersReceived: number;
  readonly answersSent: number;
  readonly answersReceived: number;
}

/** Microseconds. */
export interface Latency {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface LoadReport {
  readonly seconds: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly announces: number;
  readonly scrapes: number;
  /** Peers in an average announce reply; undefined without announces. */
  readonly peersPerReply: number | undefined;
  /** Bytes of replies: payload of UDP and of WebSockets, headers and body of HTTP. */
  readonly replyBytes: number;
  /** Connections made while measuring (HTTP, WebSocket). */
  readonly connects: number;
  /** Of those over TLS, how many went on with a session of before. */
  readonly resumed: number;
  /** Undefined but for WebSockets. */
  readonly signals: Signals | undefined;
  /** By kind: `timeout`, `refused`, `failure: text`, ... */
  readonly errors: Readonly<Record<string, number>>;
  readonly latencyUs: Latency;
}

export class Tally {
  announces = 0;
  scrapes = 0;
  replyBytes = 0;
  connects = 0;
  resumed = 0;
  offersSent = 0;
  offersReceived = 0;
  answersSent = 0;
  answersReceived = 0;
  /** Peers counted, and the announce replies that they were counted in. */
  peers = 0;
  peerReplies = 0;
  readonly #errors = new Map<string, number>();
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: LATENCY_US_MAX,
    figures: 3,
  });

  /** Requests that were answered as they should be. */
  get answered(): number {
    return this.announces + this.scrapes;
  }

  get failed(): number {
    let sum = 0;
    for (const count of this.#errors.values()) sum += count;
    return sum;
  }

  latency(ms: number): void {
    this.#histogram.record(Math.min(LATENCY_US_MAX, Math.max(1, Math.round(ms * 1000))));
  }

  error(kind: string): void {
    const known = this.#errors.has(kind) || this.#errors.size < TEXTS_MAX;
    const name = known ? kind : 'other';
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1);
  }

  /** The first error's kind, for a message about a load that got no answer at all. */
  get firstError(): string | undefined {
    return this.#errors.keys().next().value;
  }

  reset(): void {
    this.announces = 0;
    this.scrapes = 0;
    this.replyBytes = 0;
    this.connects = 0;
    this.resumed = 0;
    this.offersSent = 0;
    this.offersReceived = 0;
    this.answersSent = 0;
    this.answersReceived = 0;
    this.peers = 0;
    this.peerReplies = 0;
    this.#errors.clear();
    this.#histogram.reset();
  }

  /** `hasSignals`: the load was one of WebSockets. */
  report(seconds: number, hasSignals = false): LoadReport {
    const { offersSent, offersReceived, answersSent, answersReceived } = this;
    const signals = { offersSent, offersReceived, answersSent, answersReceived };
    const histogram = this.#histogram;
    const isEmpty = histogram.count === 0;
    const at = (percentile: number) => (isEmpty ? 0 : histogram.percentile(percentile));
    return {
      seconds,
      requests: this.answered,
      requestsPerSecond: Math.round(this.answered / seconds),
      announces: this.announces,
      scrapes: this.scrapes,
      peersPerReply: this.peerReplies === 0 ? undefined : this.peers / this.peerReplies,
      replyBytes: this.replyBytes,
      connects: this.connects,
      resumed: this.resumed,
      signals: hasSignals ? signals : undefined,
      errors: Object.fromEntries(this.#errors),
      latencyUs: {
        mean: isEmpty ? 0 : Math.round(histogram.mean),
        p50: at(50),
        p90: at(90),
        p99: at(99),
        p999: at(99.9),
        max: isEmpty ? 0 : histogram.max,
      },
    };
  }
}
