/**
 * HTTP requests over `node:http`: for machines where system calls cannot be made directly, and over
 * `node:https`.
 */
import { Agent, get as getPlain, type RequestOptions } from 'node:http';
import { get as getSecure, Agent as SecureAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { formatAddress } from '../lib/endpoint.js';
import type { LoadEngine, LoadPhase } from './engine.js';
import { countPeers, failureText, HTTP_REQUEST_BYTES_MAX, HttpRequestWriter } from './http-wire.js';
import { isSecure, LoadError, type LoadOptions } from './load-options.js';
import type { HttpEngineDependencies } from './sys-http-engine.js';
import { sourceAddress } from './target.js';
import { tlsTrust, untrusted } from './tls-trust.js';

const TICK_MS = 10;

export class NodeHttpEngine implements LoadEngine {
  readonly kind = 'node sockets';
  inFlight = 0;
  filled = false;
  readonly #options: LoadOptions;
  readonly #deps: HttpEngineDependencies;
  readonly #writer: HttpRequestWriter;
  readonly #request = Buffer.alloc(HTTP_REQUEST_BYTES_MAX);
  /** By source; none where each request gets a plain connection of its own. */
  readonly #agents: readonly Agent[];
  readonly #get: typeof getPlain;
  readonly #locals: readonly (string | undefined)[];
  #phase: LoadPhase = 'drain';
  #untilMs = 0;

  constructor(options: LoadOptions, deps: HttpEngineDependencies) {
    this.#options = options;
    this.#deps = deps;
    this.#writer = new HttpRequestWriter(options);
    const { sources, connections, close, resume } = options;
    const maxSockets = Math.ceil(connections / sources);
    if (isSecure(options.url)) {
      this.#get = getSecure;
      const tls = { ...tlsTrust(options, deps.target), maxCachedSessions: resume ? 1 : 0 };
      this.#agents = Array.from({ length: sources }, () => {
        // With a bound on its sockets an agent keeps them, whatever else it is told.
        return new SecureAgent({ ...tls, ...(close ? {} : { keepAlive: true, maxSockets }) });
      });
    } else {
      this.#get = getPlain;
      const agent = () => new Agent({ keepAlive: true, maxSockets });
      this.#agents = Array.from({ length: close ? 0 : sources }, agent);
    }
    this.#locals = Array.from({ length: sources }, (_, source) => {
      const local = sourceAddress(deps.target, source);
      return local === undefined ? undefined : formatAddress(local.bytes, 0, 4);
    });
  }

  async open(limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    while (performance.now() < untilMs) {
      const failure = await this.#firstFailure();
      if (failure === undefined) return;
      const problem = untrusted(failure);
      if (problem !== undefined) throw problem;
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    throw new LoadError('no connection can be made: is the tracker running there?');
  }

  async work(phase: LoadPhase, untilMs: number): Promise<void> {
    this.#phase = phase;
    this.#untilMs = untilMs;
    const free = this.#options.connections - this.inFlight;
    for (let i = 0; i < free; i++) this.#ask(i % this.#options.sources);
    while (performance.now() < untilMs) {
      if ((phase === 'drain' || this.filled) && this.inFlight === 0) return;
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }

  /** Asks something, and says why that failed; undefined when it did not. */
  #firstFailure(): Promise<string | undefined> {
    const { target } = this.#deps;
    const to = { host: target.address, port: target.remote.port, path: '/', agent: false as const };
    const tls = isSecure(this.#options.url) ? tlsTrust(this.#options, target) : {};
    return new Promise((resolve) => {
      const request = this.#get({ ...to, ...tls }, (response) => {
        response.resume();
        resolve(undefined);
      });
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  }

  #ask(source: number): void {
    const { crowd, tally, target } = this.#deps;
    if (this.#phase === 'drain' || performance.now() >= this.#untilMs) return;
    if (this.#phase === 'mix') crowd.next(source);
    else if (!crowd.nextFill(source)) {
      this.filled = this.#locals.every((_, each) => !crowd.hasFill(each));
      return;
    }
    const { isScrape } = crowd;
    const length = this.#writer.write(this.#request, crowd);
    const line = this.#request.toString('latin1', 0, length).split(' ', 2);
    const localAddress = this.#locals[source];
    const options: RequestOptions = {
      host: target.address,
      port: target.remote.port,
      path: line[1],
      // Without an agent every request gets a connection, which ends with it.
      agent: this.#agents[source] ?? false,
      headers: { host: this.#options.url.host, 'accept-encoding': 'gzip' },
      timeout: this.#options.timeoutMs,
      ...(localAddress === undefined ? {} : { localAddress }),
    };
    this.inFlight++;
    const sentMs = performance.now();
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      this.inFlight--;
      this.#ask(source);
    };
    const request = this.#get(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => tally.error(error.message));
      response.on('end', () => {
        tally.latency(performance.now() - sentMs);
        this.#count(response.statusCode ?? 0, Buffer.concat(chunks), isScrape);
      });
      response.on('close', over);
    });
    request.on('socket', (socket) => this.#countConnection(socket));
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', (error: NodeJS.ErrnoException) => {
      tally.error(error.code ?? error.message);
      // Later: a server that refuses everything must not keep this thread from its timers.
      setImmediate(over);
    });
  }

  readonly #known = new WeakSet<Socket>();

  #countConnection(socket: Socket): void {
    const { tally } = this.#deps;
    if (this.#known.has(socket)) return;
    this.#known.add(socket);
    if (!isSecure(this.#options.url)) {
      tally.connects++;
      return;
    }
    // Both at once, so that the one is a share of the other.
    socket.once('secureConnect', () => {
      tally.connects++;
      if ((socket as TLSSocket).isSessionReused()) tally.resumed++;
    });
  }

  #count(status: number, body: Buffer, isScrape: boolean): void {
    const { tally } = this.#deps;
    tally.replyBytes += body.length;
    const failure = failureText(body);
    if (status !== 200) tally.error(`status ${status}`);
    else if (failure !== undefined) tally.error(`failure: ${failure}`);
    else if (isScrape) tally.scrapes++;
    else {
      tally.announces++;
      tally.peerReplies++;
      tally.peers += countPeers(body);
    }
  }
}
