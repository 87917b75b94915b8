/**
 * The clients of one address as one tracker hears them over UDP: some words on their way at a time,
 * and what is not answered is said again, as clients do. More would overflow the receive buffer that
 * the system gives a socket, on a machine that is busy.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Address } from './address.js';
import type { Word } from './population.js';
import { announcePacket, connectPacket, errorText, UdpEvent } from './udp-wire.js';

const WINDOW_WORDS = 64;
const RESEND_MS = 1_000;
/** A tracker that is silent for so long is gone. */
const SILENCE_MS = 30_000;
/** Ids are good for two minutes at least. */
const ID_MS = 60_000;
/** An id that brings no answer for so long is asked for anew. */
const DEAF_MS = 3_000;
const EVENTS = {
  started: UdpEvent.started,
  completed: UdpEvent.completed,
  stopped: UdpEvent.stopped,
  refresh: UdpEvent.none,
} as const;

interface Pending {
  readonly word: Word;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly sinceMs: number;
  sentMs: number;
}

export class UdpVoice {
  readonly #socket: Socket;
  /** On their way, by transaction. */
  readonly #pending = new Map<number, Pending>();
  /** Not sent yet. */
  readonly #queue: Pending[] = [];
  readonly #timer: NodeJS.Timeout;
  #transaction = 1;
  #id: Buffer | undefined;
  #idMs = Number.NEGATIVE_INFINITY;

  private constructor(
    readonly tracker: Address,
    socket: Socket,
  ) {
    this.#socket = socket;
    socket.on('message', (bytes: Buffer) => this.#hear(bytes));
    // A closed port shows as silence, which is what is counted.
    socket.on('error', () => {});
    this.#timer = setInterval(() => this.#sayAgain(), RESEND_MS / 4);
  }

  static async open(tracker: Address, host: string): Promise<UdpVoice> {
    const type = host.includes(':') ? 'udp6' : 'udp4';
    const socket = createSocket({ type, recvBufferSize: 4 * 1024 * 1024 });
    socket.bind(0, host);
    await once(socket, 'listening');
    return new UdpVoice(tracker, socket);
  }

  /** Resolves when the tracker has taken the word; rejects when it refuses or stays silent. */
  say(word: Word): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ word, resolve, reject, sinceMs: performance.now(), sentMs: 0 });
      this.#sendNext();
    });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
    for (const { reject } of [...this.#pending.values(), ...this.#queue]) {
      reject(new Error('closed'));
    }
    this.#pending.clear();
    this.#queue.length = 0;
  }

  #sendNext(): void {
    const nowMs = performance.now();
    // Until the answer comes the old id serves; without one, words wait for it.
    if (nowMs - this.#idMs > (this.#id === undefined ? RESEND_MS : ID_MS)) {
      this.#idMs = nowMs;
      this.#sendBytes(connectPacket(0));
    }
    if (this.#id === undefined) return;
    while (this.#pending.size < WINDOW_WORDS) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#pending.set(this.#transaction, next);
      this.#send(this.#transaction++, next, nowMs);
    }
  }

  #send(transaction: number, pending: Pending, nowMs: number): void {
    const { peer, event, left } = pending.word;
    const { infoHash, port } = peer;
    const announce = { infoHash, port, left: BigInt(left), event: EVENTS[event], numwant: 1 };
    pending.sentMs = nowMs;
    this.#sendBytes(announcePacket(this.#id!, transaction, announce));
  }

  #sendBytes(packet: Buffer): void {
    this.#socket.send(packet, this.tracker.port, this.tracker.host, () => {});
  }

  #hear(bytes: Buffer): void {
    if (bytes.length < 8) return;
    const action = bytes.readUInt32BE(0);
    const transaction = bytes.readUInt32BE(4);
    if (action === 0 && bytes.length === 16) this.#id = Buffer.from(bytes.subarray(8));
    const pending = this.#pending.get(transaction);
    if (pending !== undefined) {
      this.#pending.delete(transaction);
      if (action === 1) pending.resolve();
      else pending.reject(new Error(`refused: ${errorText(bytes) ?? `action ${action}`}`));
    }
    this.#sendNext();
  }

  #sayAgain(): void {
    const nowMs = performance.now();
    for (const [transaction, pending] of this.#pending) {
      if (nowMs - pending.sentMs < RESEND_MS) continue;
      if (nowMs - pending.sinceMs > SILENCE_MS) {
        this.#pending.delete(transaction);
        const { host, port } = this.tracker;
        pending.reject(new Error(`silence from ${host}:${port}`));
      } else {
        this.#send(transaction, pending, nowMs);
      }
      // As clients do: a revocation, or a minder that comes back, may have replaced all keys.
      const isDeaf = nowMs - pending.sinceMs > DEAF_MS && nowMs - this.#idMs > DEAF_MS;
      if (isDeaf) this.#idMs = Number.NEGATIVE_INFINITY;
    }
    this.#sendNext();
  }
}
