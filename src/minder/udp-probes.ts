/**
 * Probes over UDP: one socket a family for all of them. An answer is told by its transaction id,
 * which is random, and taken only from where the question went.
 *
 * ```
 * connect -> announce (stopped, no peers wanted, so that nothing is stored) -> scrape of the challenge
 * ```
 *
 * What gets no answer is sent again each quarter of the time-out; an attempt sends each packet once
 * and leaves out the announce.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { clientErrorOf } from '../client/client-error.js';
import { Endpoint, formatAddress } from '../lib/endpoint.js';
import { decodeUdpReply, replyTransactionId, type UdpReply } from '../protocol/udp/client-reply.js';
import {
  encodeAnnounceRequest,
  encodeConnectRequest,
  encodeScrapeRequest,
} from '../protocol/udp/client-request.js';
import {
  PROBE_PEER_ID,
  type ProbeError,
  type ProbeOutcome,
  type ProbeRequest,
  type Probing,
  probeErrorOf,
  proofOf,
} from './probe.js';
import type { ProbeEndpoint } from './probe-endpoint.js';

/** Questions waiting for an answer: one for each endpoint that is probed. */
const PENDING_MAX = 4_096;
const SENDINGS = 4;
const EVENT_STOPPED = 3;

interface Question {
  readonly ip: string;
  readonly port: number;
  readonly family: 4 | 6;
  settle(answer: UdpReply | ProbeError): void;
}

interface Reply {
  readonly reply: UdpReply;
  readonly rttMs: number;
}

export class UdpProbes implements Probing {
  /** `strays`: datagrams that answer nothing that was asked there. */
  readonly counters = { packetsSent: 0, strays: 0 };
  readonly #sockets: { 4: Socket | undefined; 6: Socket | undefined } = {
    4: undefined,
    6: undefined,
  };
  readonly #questions = new Map<number, Question>();
  readonly #source = new Endpoint();
  #isClosed = false;

  async probe(request: ProbeRequest): Promise<ProbeOutcome> {
    let rttMs: number | undefined;
    try {
      const conversation = new Conversation(request, (...question) => this.#ask(...question));
      const connected = await conversation.ask(encodeConnectRequest);
      rttMs = connected.rttMs;
      if (connected.reply.kind !== 'connect') throw new ProbeFailure('wrong_answer');
      const { id } = connected.reply;
      const { hash } = request.challenge;
      if (!request.isAttempt) {
        const announced = await conversation.ask((transactionId) =>
          encodeAnnounceRequest(id, transactionId, { ...ANNOUNCE, infoHash: hash }),
        );
        // A tracker that refuses this info hash is there all the same.
        if (!['announce', 'error'].includes(announced.reply.kind)) {
          throw new ProbeFailure('wrong_answer');
        }
      }
      const { reply } = await conversation.ask((transactionId) =>
        encodeScrapeRequest(id, transactionId, [hash]),
      );
      if (reply.kind === 'error') return { error: 'not_proven', rttMs };
      if (reply.kind !== 'scrape') throw new ProbeFailure('wrong_answer');
      return { error: proofOf(reply.entries[0], request.challenge), rttMs };
    } catch (error) {
      if (error instanceof ProbeFailure) return { error: error.reason, rttMs };
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const family of [4, 6] as const) this.#drop(family, 'closed');
  }

  /** Sends a packet until it is answered or the deadline is there. */
  async #ask(
    { ip, port, family }: ProbeEndpoint,
    encode: (transactionId: number) => Uint8Array,
    { deadlineMs, resendMs }: { deadlineMs: number; resendMs: number },
  ): Promise<Reply> {
    if (this.#isClosed || this.#questions.size >= PENDING_MAX) throw new ProbeFailure('closed');
    const transactionId = this.#newTransactionId();
    const packet = encode(transactionId);
    let timer: NodeJS.Timeout | undefined;
    let sentMs = 0;
    try {
      const answer = await new Promise<UdpReply | ProbeError>((resolve) => {
        this.#questions.set(transactionId, { ip, port, family, settle: resolve });
        const send = () => {
          sentMs = performance.now();
          const leftMs = deadlineMs - sentMs;
          // A timer may wake before its time: the last turn is known by its plan.
          const isLast = leftMs <= resendMs;
          if (leftMs > 0) this.#send(family, packet, port, ip, resolve);
          if (isLast) timer = setTimeout(resolve, Math.max(0, leftMs), 'timeout');
          else timer = setTimeout(send, resendMs);
        };
        send();
      });
      if (typeof answer === 'string') throw new ProbeFailure(answer);
      return { reply: answer, rttMs: performance.now() - sentMs };
    } finally {
      clearTimeout(timer);
      this.#questions.delete(transactionId);
    }
  }

  #send(
    family: 4 | 6,
    packet: Uint8Array,
    port: number,
    ip: string,
    fail: (error: ProbeError) => void,
  ): void {
    const socket = this.#open(family);
    this.counters.packetsSent++;
    socket.send(packet, port, ip, (error) => {
      if (error !== null) fail(probeErrorOf(clientErrorOf(error)));
    });
  }

  #open(family: 4 | 6): Socket {
    const old = this.#sockets[family];
    if (old !== undefined) return old;
    const socket = createSocket(family === 4 ? { type: 'udp4' } : { type: 'udp6', ipv6Only: true });
    this.#sockets[family] = socket;
    socket.on('message', (packet, { address, port }) => {
      this.#receive(family, packet, address, port);
    });
    // A machine without IPv6, for example. The next probe opens another.
    socket.on('error', (error) => {
      if (this.#sockets[family] === socket) this.#drop(family, probeErrorOf(clientErrorOf(error)));
    });
    return socket;
  }

  #drop(family: 4 | 6, reason: ProbeError): void {
    this.#sockets[family]?.close();
    this.#sockets[family] = undefined;
    for (const question of this.#questions.values()) {
      if (question.family === family) question.settle(reason);
    }
  }

  #receive(family: 4 | 6, packet: Uint8Array, address: string, port: number): void {
    const question = this.#questions.get(replyTransactionId(packet) ?? 0);
    if (question?.family !== family || question.port !== port || !this.#isAt(question, address)) {
      this.counters.strays++;
      return;
    }
    try {
      question.settle(decodeUdpReply(packet, family));
    } catch {
      question.settle('wrong_answer');
    }
  }

  #isAt({ ip }: Question, address: string): boolean {
    const source = this.#source;
    if (!source.setAddressText(address)) return false;
    return formatAddress(source.bytes, 0, source.family === 4 ? 4 : 16) === ip;
  }

  #newTransactionId(): number {
    for (;;) {
      const id = randomBytes(4).readInt32BE(0);
      // Zero stands for a packet without one.
      if (id !== 0 && !this.#questions.has(id)) return id;
    }
  }
}

const ANNOUNCE = {
  peerId: PROBE_PEER_ID,
  downloaded: 0,
  left: 0,
  uploaded: 0,
  event: EVENT_STOPPED,
  ip: new Uint8Array(4),
  key: 0,
  numwant: 0,
  port: 1,
  urlData: '',
};

class ProbeFailure extends Error {
  constructor(readonly reason: ProbeError) {
    super(reason);
  }
}

type Ask = (
  endpoint: ProbeEndpoint,
  encode: (transactionId: number) => Uint8Array,
  times: { deadlineMs: number; resendMs: number },
) => Promise<Reply>;

/** The questions of one probe, which share its time. */
class Conversation {
  readonly #request: ProbeRequest;
  readonly #ask: Ask;
  readonly #deadlineMs: number;

  constructor(request: ProbeRequest, ask: Ask) {
    this.#request = request;
    this.#ask = ask;
    this.#deadlineMs = performance.now() + request.timeoutMs;
  }

  ask(encode: (transactionId: number) => Uint8Array): Promise<Reply> {
    const { endpoint, timeoutMs, isAttempt } = this.#request;
    const resendMs = isAttempt ? timeoutMs : timeoutMs / SENDINGS;
    return this.#ask(endpoint, encode, { deadlineMs: this.#deadlineMs, resendMs });
  }
}
