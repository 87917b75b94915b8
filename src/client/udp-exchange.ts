/**
 * One conversation with a UDP tracker (BEP 15): connect, then requests that carry the connection id.
 *
 * ```
 * send, wait 15 s, send again, wait 30 s, ... 15 * 2^n up to n = 8, within the caller's deadline
 * a connection id older than 60 s is asked for anew before the next sending
 * ```
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { reasonOf } from '../lib/reason.js';
import { decodeUdpReply, replyTransactionId, type UdpReply } from '../protocol/udp/client-reply.js';
import { type ConnectionId, encodeConnectRequest } from '../protocol/udp/client-request.js';
import { clientErrorOf, TrackerClientError } from './client-error.js';

/** Longest that a client may use a connection id. */
const CONNECTION_ID_MS_MAX = 60_000;
const DOUBLINGS_MAX = 8;

export interface UdpExchangeOptions {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  readonly retryMs: number;
  /** On the clock of `performance.now()`. */
  readonly deadlineMs: number;
}

type ReplyOf<Kind extends UdpReply['kind']> = Extract<UdpReply, { kind: Kind }>;

export class UdpExchange {
  readonly #options: UdpExchangeOptions;
  readonly #socket: Socket;
  #id: ConnectionId | undefined;
  #idTakenMs = 0;
  #doublings = 0;
  #settle: ((outcome: UdpReply | TrackerClientError) => void) | undefined;
  #awaited = 0;

  private constructor(options: UdpExchangeOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    socket.on('message', (packet) => this.#receive(packet));
    socket.on('error', (error) => this.#settle?.(clientErrorOf(error)));
  }

  /** Opens a socket that hears the tracker only. Throws a `TrackerClientError`. */
  static async open(options: UdpExchangeOptions): Promise<UdpExchange> {
    const socket = createSocket(options.family === 4 ? 'udp4' : 'udp6');
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.connect(options.port, options.address, () => {
          socket.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      socket.close();
      throw clientErrorOf(error);
    }
    return new UdpExchange(options, socket);
  }

  close(): void {
    this.#socket.close();
  }

  /**
   * Sends a request, connecting first where needed, until a reply of this kind comes. Throws a
   * `TrackerClientError`.
   */
  async request<Kind extends 'announce' | 'scrape'>(
    kind: Kind,
    encode: (id: ConnectionId, transactionId: number) => Uint8Array,
  ): Promise<ReplyOf<Kind>> {
    const transactionId = randomTransactionId();
    for (;;) {
      const id = await this.#connect();
      const reply = await this.#attempt(transactionId, encode(id, transactionId));
      if (reply !== undefined) return expectKind(reply, kind);
    }
  }

  /** The connection id, asked for where there is none that may still be used. */
  async #connect(): Promise<ConnectionId> {
    const isFresh = performance.now() - this.#idTakenMs < CONNECTION_ID_MS_MAX;
    if (this.#id !== undefined && isFresh) return this.#id;
    const transactionId = randomTransactionId();
    const packet = encodeConnectRequest(transactionId);
    for (;;) {
      const reply = await this.#attempt(transactionId, packet);
      if (reply === undefined) continue;
      this.#id = expectKind(reply, 'connect').id;
      this.#idTakenMs = performance.now();
      return this.#id;
    }
  }

  /** Sends once and waits for its turn to be sent again; undefined when nothing came. */
  async #attempt(transactionId: number, packet: Uint8Array): Promise<UdpReply | undefined> {
    const { retryMs, deadlineMs } = this.#options;
    const left = deadlineMs - performance.now();
    if (left <= 0) throw new TrackerClientError('timedOut', 'no answer in time');
    const turnMs = retryMs * 2 ** this.#doublings;
    // A timer may wake before its time, so the last turn is known by its plan, not by the clock.
    const isLastTurn = turnMs >= left;
    const wait = isLastTurn ? left : turnMs;
    const outcome = await new Promise<UdpReply | TrackerClientError | undefined>((resolve) => {
      const timer = setTimeout(resolve, wait, undefined);
      this.#awaited = transactionId;
      this.#settle = (value) => {
        clearTimeout(timer);
        resolve(value);
      };
      this.#socket.send(packet, (error) => {
        if (error !== null) this.#settle?.(clientErrorOf(error));
      });
    });
    this.#settle = undefined;
    if (outcome instanceof TrackerClientError) throw outcome;
    if (outcome !== undefined) return outcome;
    if (isLastTurn) throw new TrackerClientError('timedOut', 'no answer in time');
    this.#doublings = Math.min(this.#doublings + 1, DOUBLINGS_MAX);
    return undefined;
  }

  /** Takes the datagram that answers what was asked; any other may be late, or forged. */
  #receive(packet: Uint8Array): void {
    if (replyTransactionId(packet) !== this.#awaited) return;
    try {
      this.#settle?.(decodeUdpReply(packet, this.#options.family));
    } catch (error) {
      const message = reasonOf(error);
      this.#settle?.(new TrackerClientError('answerInvalid', message));
    }
  }
}

function expectKind<Kind extends UdpReply['kind']>(reply: UdpReply, kind: Kind): ReplyOf<Kind> {
  if (reply.kind === 'error') {
    throw new TrackerClientError('trackerFailure', reply.message, { reason: reply.message });
  }
  if (!isKind(reply, kind)) {
    throw new TrackerClientError('answerInvalid', `the answer to ${kind} is a ${reply.kind} reply`);
  }
  return reply;
}

function isKind<Kind extends UdpReply['kind']>(
  reply: UdpReply,
  kind: Kind,
): reply is ReplyOf<Kind> {
  return reply.kind === kind;
}

function randomTransactionId(): number {
  return randomBytes(4).readInt32BE(0);
}
