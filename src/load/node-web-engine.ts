/**
 * WebSockets over node's sockets: over TLS (`wss:`), and for machines where system calls cannot be
 * made directly.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { formatAddress } from '../lib/endpoint.js';
import type { LoadEngine, LoadPhase } from './engine.js';
import { isSecure, LoadError, type LoadOptions } from './load-options.js';
import type { HttpEngineDependencies } from './sys-http-engine.js';
import { sourceAddress } from './target.js';
import { tlsTrust, untrusted } from './tls-trust.js';
import {
  noWebSockets,
  OPENING_MAX,
  OPENING_MS_MAX,
  UNSENT_BYTES_MAX,
  WEB_WRITE_BYTES,
  WebConnectionState,
  WebMeans,
} from './web-connection-state.js';

const TICK_MS = 10;

interface Browser {
  readonly number: number;
  readonly state: WebConnectionState;
  socket: Socket | undefined;
  /** When its connection began to be made. */
  openingMs: number;
}

export class NodeWebEngine implements LoadEngine {
  readonly kind = 'node sockets';
  readonly #options: LoadOptions;
  readonly #deps: HttpEngineDependencies;
  readonly #means: WebMeans;
  readonly #browsers: readonly Browser[];
  #phase: LoadPhase = 'drain';
  #untilMs = 0;
  #opening = 0;
  #lastFailure = '';

  constructor(options: LoadOptions, deps: HttpEngineDependencies) {
    this.#options = options;
    this.#deps = deps;
    this.#means = new WebMeans(options, Buffer.alloc(WEB_WRITE_BYTES), deps);
    this.#browsers = Array.from({ length: options.connections }, (_, number) => {
      const state = new WebConnectionState(number, this.#means);
      return { number, state, socket: undefined, openingMs: 0 };
    });
  }

  get inFlight(): number {
    return this.#means.inFlight;
  }

  get filled(): boolean {
    return this.#means.filled >= this.#browsers.length;
  }

  async open(limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    const [first] = this.#browsers;
    while (performance.now() < untilMs) {
      if (first.socket === undefined) this.#connect(first, performance.now());
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      if (first.state.isOpen) return;
      const problem = untrusted(this.#lastFailure) ?? noWebSockets(this.#lastFailure);
      if (problem !== undefined) throw problem;
    }
    throw new LoadError('no connection can be made: is the tracker running there?');
  }

  async work(phase: LoadPhase, untilMs: number): Promise<void> {
    this.#phase = phase;
    this.#untilMs = untilMs;
    for (;;) {
      const nowMs = performance.now();
      const isOver = phase === 'drain' || (phase === 'fill' && this.filled);
      if (nowMs >= untilMs || (isOver && this.inFlight === 0)) return;
      for (const browser of this.#browsers) this.#visit(browser, nowMs);
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  close(): void {
    for (const browser of this.#browsers) this.#drop(browser);
  }

  /** Gives up what takes too long, and asks what may be asked. */
  #visit(browser: Browser, nowMs: number): void {
    const { state, socket } = browser;
    if (socket === undefined) {
      if (this.#phase !== 'drain' && this.#opening < OPENING_MAX) this.#connect(browser, nowMs);
      return;
    }
    const isLate = state.isOpen
      ? nowMs - state.oldestMs >= this.#options.timeoutMs
      : nowMs - browser.openingMs >= OPENING_MS_MAX;
    if (isLate) this.#fail(browser, 'timeout');
    else this.#ask(browser, nowMs);
  }

  #ask(browser: Browser, nowMs: number): void {
    // A tracker that does not read is not asked more.
    if (nowMs < this.#untilMs && browser.socket?.writableNeedDrain === false) {
      browser.state.ask(this.#phase, nowMs);
    }
    this.#flush(browser);
  }

  #connect(browser: Browser, nowMs: number): void {
    const { tally } = this.#deps;
    const socket = this.#dial(browser.number % this.#options.sources);
    browser.socket = socket;
    browser.openingMs = nowMs;
    this.#opening++;
    tally.connects++;
    socket.setNoDelay(true);
    const isCurrent = () => browser.socket === socket;
    socket.once(isSecure(this.#options.url) ? 'secureConnect' : 'connect', () => {
      if (isCurrent()) socket.write(this.#means.upgrade.request);
    });
    socket.on('data', (chunk: Buffer) => {
      if (isCurrent()) this.#receive(browser, chunk);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (isCurrent()) this.#fail(browser, error.code ?? error.message);
    });
    socket.on('close', () => {
      if (isCurrent()) this.#fail(browser, 'closed');
    });
  }

  #dial(source: number): Socket {
    const { target } = this.#deps;
    const local = sourceAddress(target, source);
    const to = {
      host: target.address,
      port: target.remote.port,
      ...(local === undefined ? {} : { localAddress: formatAddress(local.bytes, 0, 4) }),
    };
    if (!isSecure(this.#options.url)) return connectTcp(to);
    return connectTls({ ...to, ...tlsTrust(this.#options, target) });
  }

  #receive(browser: Browser, chunk: Buffer): void {
    const { state } = browser;
    const { carry } = state;
    const bytes = carry === undefined ? chunk : Buffer.concat([carry, chunk]);
    const wasOpen = state.isOpen;
    const nowMs = performance.now();
    const problem = state.receive(bytes, bytes.length, nowMs);
    if (!wasOpen && state.isOpen) this.#opening--;
    if (problem === undefined) this.#ask(browser, nowMs);
    else {
      this.#means.out.clear();
      this.#fail(browser, problem);
    }
  }

  /** Sends what the connection whose turn it is wrote. */
  #flush(browser: Browser): void {
    const { out } = this.#means;
    if (out.length === 0) return;
    // Node holds on to what it sends.
    const bytes = Buffer.from(out.written);
    out.clear();
    browser.socket?.write(bytes);
    if ((browser.socket?.writableLength ?? 0) > UNSENT_BYTES_MAX) {
      this.#fail(browser, 'the tracker does not read');
    }
  }

  #fail(browser: Browser, kind: string): void {
    this.#lastFailure = kind;
    const wasOpening = !browser.state.isOpen;
    const lost = Math.max(1, browser.state.lost());
    for (let i = 0; i < lost; i++) this.#deps.tally.error(kind);
    if (wasOpening) this.#opening--;
    this.#drop(browser);
  }

  #drop(browser: Browser): void {
    const { socket } = browser;
    browser.socket = undefined;
    browser.state.lost();
    // A reset leaves nothing behind; TLS sockets have none.
    if (socket !== undefined && !isSecure(this.#options.url)) socket.resetAndDestroy();
    else socket?.destroy();
  }
}
