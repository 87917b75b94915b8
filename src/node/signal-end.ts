/**
 * One end of the way that signals of web peers take between two threads, with a bound on what is on its
 * way: a thread that is slow must not fill another's memory.
 *
 * ```
 * port        encoded signals (protocol/cluster/signal.ts), each a buffer that moves
 * sent        one word: signals that this end sent and the other did not take yet
 * received    the same the other way
 * ```
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Signals on their way: of 16 KiB each, 16 MiB. */
export const SIGNALS_PENDING_MAX = 1_024;

/** Plain data, for a message to a worker; the port goes with it. */
export interface SignalEnd {
  readonly port: MessagePort;
  readonly sent: SharedArrayBuffer;
  readonly received: SharedArrayBuffer;
}

export function createSignalEnds(): [SignalEnd, SignalEnd] {
  const { port1, port2 } = new MessageChannel();
  const there = new SharedArrayBuffer(4);
  const back = new SharedArrayBuffer(4);
  return [
    { port: port1, sent: there, received: back },
    { port: port2, sent: back, received: there },
  ];
}

/** An end in the thread that has it. */
export class SignalPort {
  readonly #port: MessagePort;
  readonly #sent: Int32Array;

  constructor({ port, sent, received }: SignalEnd, hear: (bytes: Uint8Array) => void) {
    this.#port = port;
    this.#sent = new Int32Array(sent);
    const taken = new Int32Array(received);
    port.on('message', (bytes: Uint8Array) => {
      Atomics.sub(taken, 0, 1);
      hear(bytes);
    });
    // The thread ends when it is told to, whoever may still write to it.
    port.unref();
  }

  /** Sends a signal, whose buffer is gone then. False when too many are on their way. */
  send(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (Atomics.load(this.#sent, 0) >= SIGNALS_PENDING_MAX) return false;
    Atomics.add(this.#sent, 0, 1);
    this.#port.postMessage(bytes, [bytes.buffer]);
    return true;
  }

  close(): void {
    this.#port.close();
  }
}
