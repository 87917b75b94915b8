/** The cluster worker's side of signals: between the bus and the threads that have web peers. */
import {
  type SignalCounts,
  SignalExchange,
  type SignalExchangeOptions,
} from '../cluster/signal-exchange.js';
import type { ReplicationTransport } from '../cluster/transport.js';
import type { Clock } from '../lib/clock.js';
import { SIGNAL_TO } from '../protocol/cluster/signal.js';
import { webConnection } from '../swarm/web-wire.js';
import { threadOf } from '../tracker/web-voice.js';
import { type SignalEnd, SignalPort } from './signal-end.js';

export class ClusterSignals {
  readonly #exchange: SignalExchange;
  readonly #ports = new Map<number, SignalPort>();

  constructor(
    options: SignalExchangeOptions,
    dependencies: { transport: ReplicationTransport; clock: Clock },
  ) {
    const deliver = (bytes: Uint8Array<ArrayBuffer>) => this.#deliver(bytes);
    this.#exchange = new SignalExchange(options, { ...dependencies, deliver });
  }

  get counts(): SignalCounts {
    return this.#exchange.counts;
  }

  /** Takes the end of the way to a thread with web peers. */
  connect(thread: number, end: SignalEnd): void {
    this.#ports.get(thread)?.close();
    this.#ports.set(thread, new SignalPort(end, (bytes) => this.#exchange.send(bytes)));
  }

  close(): void {
    for (const port of this.#ports.values()) port.close();
    this.#ports.clear();
  }

  #deliver(bytes: Uint8Array<ArrayBuffer>): void {
    const port = this.#ports.get(threadOf(webConnection(bytes, SIGNAL_TO)));
    if (port?.send(bytes) !== true) this.#exchange.counts.undelivered++;
  }
}
