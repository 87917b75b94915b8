/**
 * Offers and answers of web peers on their way between trackers (`sig.<to>.<from>`). The bus keeps
 * everybody from speaking as another; this keeps a tracker from speaking for another's web peers:
 *
 * ```
 * sig.<to>.<from>    signal: from = node of <from>, connection, epoch
 *                            to   = our node, connection, epoch
 * ```
 *
 * What else must hold, that an answer is one to an offer, is known where the connection is.
 *
 * Bounds: so many bytes a second from one tracker, so many trackers that are remembered for that; what
 * is beyond is dropped and counted. Nothing is queued: signals that find no bus are dropped, and
 * clients try again by announcing.
 */
import type { Clock } from '../lib/clock.js';
import { Decoded } from '../protocol/cluster/envelope.js';
import { isNodeId } from '../protocol/cluster/node-id.js';
import {
  checkSignal,
  SIGNAL_FROM,
  SIGNAL_TO,
  signalSender,
  signalSubject,
} from '../protocol/cluster/signal.js';
import { webNode } from '../swarm/web-wire.js';
import { RelayBudget } from '../tracker/relay-budget.js';
import type { ReplicationTransport } from './transport.js';

/** Trackers whose budgets are kept; more at a time than any cluster has. */
const SENDERS_MAX = 1_024;

export interface SignalExchangeOptions {
  /** This node. */
  readonly id: string;
  readonly bytesPerSecond: number;
}

export interface SignalExchangeDependencies {
  readonly transport: ReplicationTransport;
  readonly clock: Clock;
  /** Brings a signal of another tracker to the thread that has the connection. Its own copy. */
  readonly deliver: (bytes: Uint8Array<ArrayBuffer>) => void;
}

export interface SignalCounts {
  sent: number;
  received: number;
  /** Not sent: no bus, or for nobody. */
  unsent: number;
  /** Damaged, of another version, or no signal. */
  malformed: number;
  /** From a node that spoke for another's web peers, or to a web peer that is not here. */
  forged: number;
  overBudget: number;
  /** For a thread that is not there, or too busy. */
  undelivered: number;
}

/** Nothing is sent while so much has not reached the bus. */
const UNCONFIRMED_BYTES_MAX = 2 * 1024 * 1024;

export class SignalExchange {
  readonly counts: SignalCounts = {
    sent: 0,
    received: 0,
    unsent: 0,
    malformed: 0,
    forged: 0,
    overBudget: 0,
    undelivered: 0,
  };
  readonly #options: SignalExchangeOptions;
  readonly #transport: ReplicationTransport;
  readonly #clock: Clock;
  readonly #deliver: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly #budgets = new Map<string, RelayBudget>();

  constructor(options: SignalExchangeOptions, dependencies: SignalExchangeDependencies) {
    this.#options = options;
    this.#transport = dependencies.transport;
    this.#clock = dependencies.clock;
    this.#deliver = dependencies.deliver;
    const hear = (subject: string, payload: Uint8Array) => this.#hear(subject, payload);
    this.#transport.subscribe(signalSubject(options.id, '*'), hear);
  }

  /** Sends a signal of one of our threads to the tracker that it names. */
  send(bytes: Uint8Array): void {
    const to = webNode(bytes, SIGNAL_TO);
    // Peers' changes go before: a flood of offers must not hold them back.
    const isSlow = this.#transport.unconfirmedBytes > UNCONFIRMED_BYTES_MAX;
    if (!this.#transport.connected || isSlow || !isNodeId(to) || to === this.#options.id) {
      this.counts.unsent++;
      return;
    }
    this.counts.sent++;
    this.#transport.publish(signalSubject(to, this.#options.id), bytes);
  }

  #hear(subject: string, payload: Uint8Array): void {
    const { counts } = this;
    const sender = signalSender(subject);
    if (sender === undefined) {
      counts.malformed++;
    } else if (!this.#budgetOf(sender).take(payload.length, this.#clock.monotonicSeconds())) {
      // Before anything of it is looked at: looking is what costs.
      counts.overBudget++;
    } else if (checkSignal(payload) !== Decoded.ok) {
      counts.malformed++;
    } else if (
      webNode(payload, SIGNAL_FROM) !== sender ||
      webNode(payload, SIGNAL_TO) !== this.#options.id
    ) {
      counts.forged++;
    } else {
      counts.received++;
      this.#deliver(new Uint8Array(payload));
    }
  }

  #budgetOf(sender: string): RelayBudget {
    let budget = this.#budgets.get(sender);
    if (budget === undefined) {
      // Who comes back after so many others begins with a full budget again.
      if (this.#budgets.size >= SENDERS_MAX) this.#budgets.clear();
      budget = new RelayBudget(this.#options.bytesPerSecond, this.#clock.monotonicSeconds());
      this.#budgets.set(sender, budget);
    }
    return budget;
  }
}
