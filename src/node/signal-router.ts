/**
 * Brings signals of web peers to where the connection is that they are for: here, in another thread, or
 * at another tracker, which the cluster worker knows the way to.
 *
 * ```
 * to     node id 8 | connection 4 | epoch 4 | 0 0
 *        ours, and our epoch: its thread is in the connection's upper bits
 *        ours, another epoch: a connection of an earlier run, so nobody
 *        another: to the cluster worker
 * ```
 */
import { Decoded } from '../protocol/cluster/envelope.js';
import {
  checkSignal,
  decodeSignal,
  encodeSignal,
  SIGNAL_TO,
  type Signal,
} from '../protocol/cluster/signal.js';
import { readBinaryText, writeBinaryText } from '../protocol/webtorrent/binary-text.js';
import { WEB_WIRE_BYTES, webConnection, writeWebWire } from '../swarm/web-wire.js';
import { TrackerCounter } from '../tracker/counters.js';
import { isSoundSignal, type WebHandler } from '../tracker/web-handler.js';
import { threadOf, type WebOrigin } from '../tracker/web-voice.js';
import { CLUSTER_THREAD } from './plan.js';
import { type SignalEnd, SignalPort } from './signal-end.js';

/** Where node and epoch stand in a wire (web-wire.ts). */
const WEB_NODE_BYTES = 8;
const WEB_EPOCH_AT = 12;

export interface SignalRouterOptions {
  readonly origin: WebOrigin;
  readonly thread: number;
}

export class SignalRouter {
  readonly #thread: number;
  /** This process, as the wires of its web peers have it: binary texts. */
  readonly #node: string;
  readonly #epoch: string;
  readonly #counts: Float64Array;
  readonly #handler: () => WebHandler;
  readonly #ports = new Map<number, SignalPort>();
  readonly #to = new Uint8Array(WEB_WIRE_BYTES);

  /** `handler` gives who takes signals of this thread; it is made after us. */
  constructor(
    options: SignalRouterOptions,
    { handler, counts }: { handler: () => WebHandler; counts: Float64Array },
  ) {
    const { node, epoch } = options.origin;
    this.#thread = options.thread;
    writeWebWire(this.#to, 0, { node, epoch, connection: 0 });
    const wire = readBinaryText(this.#to, 0, WEB_WIRE_BYTES);
    this.#node = wire.slice(0, WEB_NODE_BYTES);
    this.#epoch = wire.slice(WEB_EPOCH_AT, WEB_EPOCH_AT + 4);
    this.#handler = handler;
    this.#counts = counts;
  }

  /** Sends a signal of a web peer of this thread on its way. */
  route(signal: Signal): void {
    const { to } = signal;
    if (!to.startsWith(this.#node)) {
      this.#post(CLUSTER_THREAD, signal);
      return;
    }
    if (!to.startsWith(this.#epoch, WEB_EPOCH_AT)) {
      this.#lose(signal);
      return;
    }
    writeBinaryText(this.#to, 0, to);
    const number = webConnection(this.#to, 0);
    if (threadOf(number) === this.#thread) this.#handler().take(signal, number);
    else this.#post(threadOf(number), signal);
  }

  /** Takes the end of the way to another thread. */
  connect(thread: number, end: SignalEnd): void {
    this.#ports.get(thread)?.close();
    const isForeign = thread === CLUSTER_THREAD;
    this.#ports.set(thread, new SignalPort(end, (bytes) => this.#hear(bytes, isForeign)));
  }

  close(): void {
    for (const port of this.#ports.values()) port.close();
    this.#ports.clear();
  }

  #post(thread: number, signal: Signal): void {
    const port = this.#ports.get(thread);
    if (port?.send(encodeSignal(signal)) !== true) this.#lose(signal);
  }

  #hear(bytes: Uint8Array, isForeign: boolean): void {
    if (checkSignal(bytes) !== Decoded.ok) return;
    const signal = decodeSignal(bytes);
    // Our own threads send what our own decoder made; other trackers may not.
    if (isForeign && !isSoundSignal(signal)) {
      this.#lose(signal);
      return;
    }
    const handler = this.#handler();
    handler.beginBatch();
    handler.take(signal, webConnection(bytes, SIGNAL_TO));
  }

  #lose({ what }: Signal): void {
    const { webOffersLost, webAnswersRefused } = TrackerCounter;
    this.#counts[what === 'offer' ? webOffersLost : webAnswersRefused]++;
  }
}
