/** One bound datagram socket: receives, has each packet handled, replies from its own address. */
import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import { Endpoint } from '../../lib/endpoint.js';
import { formatHostPort } from '../../lib/host-port.js';
import { FrontendCounter, type FrontendCounters } from '../counters.js';
import type { BoundAddress } from '../frontend.js';
import { DATAGRAM_READ_BYTES_MAX, type DatagramHandler } from '../handler.js';
import { LatencyProtocol } from '../latency.js';
import { listenError, systemCode } from '../listen-error.js';
import type { Turn } from '../turn.js';
import type { ReplyRing } from './reply-ring.js';
import type { SourceCache } from './source-cache.js';

/** How a socket shares its port: not at all, with other addresses of this process, with workers. */
export type PortSharing = 'exclusive' | 'addresses' | 'workers';

export interface PacketSocketOptions {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  readonly sharing: PortSharing;
  /** 0: the system's default. The system may grant less. */
  readonly receiveBufferBytes: number;
}

/** What all sockets of one worker share. */
export interface PacketSocketDependencies {
  readonly handler: DatagramHandler;
  readonly turn: Turn;
  readonly ring: ReplyRing;
  readonly sources: SourceCache;
  readonly counters: FrontendCounters;
}

// Errors of a receive that say something about a peer or a moment, not about the socket.
const PASSING_ERRORS: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EMSGSIZE',
  'ENOBUFS',
  'ENOMEM',
  'EINTR',
]);

type LookupCallback = (error: null, address: string, family: number) => void;

/** Addresses are literals always: answers at once where `dns.lookup` would wait for a tick. */
function literalLookup(address: string, _options: unknown, callback: LookupCallback): void {
  callback(null, address, 0);
}

export class PacketSocket {
  /** Set while bound. */
  bound: BoundAddress | undefined;
  readonly #options: PacketSocketOptions;
  readonly #deps: PacketSocketDependencies;
  readonly #onLost: (error: Error) => void;
  readonly #socket: Socket;
  readonly #source = new Endpoint();
  #closed = false;

  /** `onLost` hears of an error that ended the socket after it was bound. */
  constructor(
    options: PacketSocketOptions,
    deps: PacketSocketDependencies,
    onLost: (error: Error) => void,
  ) {
    this.#options = options;
    this.#deps = deps;
    this.#onLost = onLost;
    const socketOptions: SocketOptions & { reusePort?: boolean } = {
      type: options.family === 4 ? 'udp4' : 'udp6',
      ipv6Only: options.family === 6,
      // With SO_REUSEPORT alone the system lets only the same user in, so reuseAddr is left off.
      reuseAddr: options.sharing === 'addresses',
      lookup: literalLookup,
    };
    if (options.sharing === 'workers') socketOptions.reusePort = true;
    if (options.receiveBufferBytes > 0) socketOptions.recvBufferSize = options.receiveBufferBytes;
    this.#socket = createSocket(socketOptions);
  }

  /** Binds; rejects with a `ListenError`, the socket closed, when that fails. */
  bind(): Promise<BoundAddress> {
    const { address, family, port } = this.#options;
    return new Promise((resolve, reject) => {
      const refuse = (error: Error): void => {
        this.#closed = true;
        this.#socket.close();
        reject(listenError(error, 'udp', formatHostPort(address, port)));
      };
      this.#socket.once('error', refuse);
      this.#socket.bind({ address, port, exclusive: true }, () => {
        this.#socket.off('error', refuse);
        this.#socket.on('error', this.#onError);
        this.#socket.on('message', this.#onMessage);
        this.#deps.counters.count(FrontendCounter.udpSocketsOpen);
        this.bound = { address, family, port: this.#socket.address().port };
        resolve(this.bound);
      });
    });
  }

  /** Closes; sends still queued in the system's hands are lost. May be called twice. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    if (this.bound !== undefined) this.#deps.counters.add(FrontendCounter.udpSocketsOpen, -1);
    this.bound = undefined;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  /** Reads no more, while replies may still leave. */
  pause(): void {
    this.#socket.off('message', this.#onMessage);
  }

  readonly #onMessage = (message: Uint8Array, from: RemoteInfo): void => {
    const { counters, ring, sources, turn, handler } = this.#deps;
    const source = this.#source;
    counters.count(FrontendCounter.udpPacketsIn);
    counters.add(FrontendCounter.udpBytesIn, message.length);
    if (from.port === 0) {
      counters.count(FrontendCounter.udpDropsSourcePort);
      return;
    }
    if (!sources.lookup(from.address, from.family, source)) {
      counters.count(FrontendCounter.udpDropsSource);
      return;
    }
    source.setPort(from.port);
    const slot = ring.peek();
    if (slot === undefined) {
      counters.count(FrontendCounter.udpDropsSendQueue);
      return;
    }
    turn.enter();
    const startMs = performance.now();
    const readBytes = Math.min(message.length, DATAGRAM_READ_BYTES_MAX);
    const length = handler.handle(message, readBytes, source, slot.buffer);
    if (length <= 0) {
      counters.count(FrontendCounter.udpUnanswered);
      return;
    }
    ring.take();
    counters.count(FrontendCounter.udpPacketsOut);
    counters.add(FrontendCounter.udpBytesOut, length);
    // The address goes back as it came, with its zone: a link-local one means nothing without.
    this.#socket.send(slot.buffer.bytes, 0, length, from.port, from.address, slot.sent);
    counters.latency.record(LatencyProtocol.udp, performance.now() - startMs, 1);
  };

  readonly #onError = (error: Error): void => {
    this.#deps.counters.count(FrontendCounter.udpReceiveErrors);
    if (PASSING_ERRORS.has(systemCode(error))) return;
    void this.close();
    this.#onLost(error);
  };
}
