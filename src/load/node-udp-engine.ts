/** UDP requests over `node:dgram`: for machines where system calls cannot be made directly. */
import { createSocket, type Socket } from 'node:dgram';
import { formatAddress } from '../lib/endpoint.js';
import type { LoadEngine, LoadPhase } from './engine.js';
import { LoadError, type LoadOptions } from './load-options.js';
import type { UdpEngineDependencies } from './sys-udp-engine.js';
import type { Tally } from './tally.js';
import { sourceAddress } from './target.js';
import { UdpSocketState } from './udp-socket-state.js';
import { UDP_REQUEST_BYTES_MAX } from './udp-wire.js';

const TICK_MS = 10;

interface Asker {
  readonly socket: Socket;
  readonly state: UdpSocketState;
}

export class NodeUdpEngine implements LoadEngine {
  readonly kind = 'node sockets';
  readonly #options: LoadOptions;
  readonly #deps: UdpEngineDependencies;
  readonly #tally: Tally;
  readonly #askers: Asker[] = [];
  #phase: LoadPhase = 'drain';
  #untilMs = Number.POSITIVE_INFINITY;

  constructor(options: LoadOptions, deps: UdpEngineDependencies) {
    this.#options = options;
    this.#deps = deps;
    this.#tally = deps.tally;
  }

  get inFlight(): number {
    return this.#askers.reduce((sum, { state }) => sum + state.inFlight, 0);
  }

  get filled(): boolean {
    return this.#askers.every(({ state }) => state.filled);
  }

  async open(limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    for (let source = 0; source < this.#options.sources; source++) await this.#addSocket(source);
    while (!this.#askers.every(({ state }) => state.isConnected)) {
      if (performance.now() >= untilMs) {
        throw new LoadError(
          `no answer to a connect request (${this.#tally.firstError ?? 'silence'})`,
        );
      }
      this.#sendAll();
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  async work(phase: LoadPhase, untilMs: number): Promise<void> {
    this.#phase = phase;
    this.#untilMs = untilMs;
    while (performance.now() < untilMs) {
      const nowMs = performance.now();
      for (const { state } of this.#askers) state.expire(nowMs);
      this.#sendAll();
      const isOver = phase === 'drain' || (phase === 'fill' && this.filled);
      if (isOver && this.inFlight === 0) return;
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  close(): void {
    for (const { socket } of this.#askers.splice(0)) socket.close();
  }

  #addSocket(source: number): Promise<void> {
    const { seed, numwant, timeoutMs, window, sources } = this.#options;
    const { target } = this.#deps;
    const isV4 = target.remote.family === 4;
    const state = new UdpSocketState(
      {
        source,
        window: Math.max(1, Math.floor(window / sources)),
        peerBytes: isV4 ? 6 : 18,
        seed,
        numwant,
        timeoutMs,
      },
      this.#deps,
    );
    const socket = createSocket(isV4 ? 'udp4' : 'udp6');
    const asker = { socket, state };
    this.#askers.push(asker);
    socket.on('message', (message) => {
      const nowMs = performance.now();
      state.read(message, message.length, nowMs);
      if (nowMs < this.#untilMs) this.#send(asker);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#tally.error(error.code ?? 'error'));
    const local = sourceAddress(target, source);
    return new Promise((resolve) => {
      const connect = () => socket.connect(target.remote.port, target.address, resolve);
      if (local === undefined) connect();
      else socket.bind({ address: formatAddress(local.bytes, 0, 4) }, connect);
    });
  }

  #sendAll(): void {
    for (const asker of this.#askers) this.#send(asker);
  }

  #send({ socket, state }: Asker): void {
    const nowMs = performance.now();
    while (true) {
      // Node holds on to what it sends: every request needs a buffer of its own.
      const request = Buffer.allocUnsafe(UDP_REQUEST_BYTES_MAX);
      const length = state.write(request, this.#phase, nowMs);
      if (length === 0) return;
      socket.send(request, 0, length);
    }
  }
}
