/** The HTTP frontend on node's own HTTP server: works on every system that node runs on. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type ListenOptions, Server as NetServer, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Endpoint } from '../../lib/endpoint.js';
import { formatHostPort } from '../../lib/host-port.js';
import { FrontendCounter, FrontendCounters } from '../counters.js';
import type { BoundAddress, FatalCallback, Frontend } from '../frontend.js';
import type { HttpHandler } from '../handler.js';
import { LatencyProtocol } from '../latency.js';
import { type BindAddress, bindReserved, type ListenAddress } from '../listen-address.js';
import { type ListenProtocol, listenError, systemCode } from '../listen-error.js';
import { assertPortFree } from '../port-probe.js';
import type { TlsDoor } from '../tls/tls-door.js';
import { ConnectionTable } from './connection-table.js';
import type { HttpConnection } from './http-connection.js';
import { HTTP_LIMITS, type HttpLimits } from './http-limits.js';
import type { PageTaker } from './page-taker.js';
import { type DecodeProxyHeader, readProxyHeader } from './proxy-gate.js';
import { RequestResponder } from './request-responder.js';

export interface PortableHttpOptions {
  readonly listen: readonly ListenAddress[];
  /** As for UDP: several workers bind the same addresses, which `reserveAddresses` settled. */
  readonly shared?: boolean;
  readonly limits?: Partial<HttpLimits>;
}

/** How the address of a client behind proxies is found. All of it is up to whoever injects it. */
export interface ProxyTrust {
  /** True for the addresses of proxies that the operator listed. */
  isTrusted(source: Endpoint): boolean;
  /**
   * Reads `X-Forwarded-For` (several are joined by commas). `client` holds the proxy's address and
   * is filled with the client's; returns false, and the proxy's stays, when there is none.
   */
  readonly forwardedClient?: (header: string, client: Endpoint) => boolean;
  /** Given when trusted proxies speak the PROXY protocol: then each of them must. */
  readonly decodeProxyHeader?: DecodeProxyHeader;
}

/** Takes connections that ask to become WebSockets. */
export interface UpgradeTaker {
  /** True for targets that are taken, such as `/` and `/announce?key=value`. */
  takes(target: string): boolean;
  /**
   * Owns the connection from now on: answers the request, ends the socket, minds its time. It counts
   * among ours until its socket closes, or until `release` is called. `head` was received behind the
   * request. `source` is the client's address, its own copy; `secure` says that it came over TLS.
   * The socket allows half-open connections: whoever has it ends it when the client does.
   */
  onUpgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    source: Endpoint,
    more: { readonly secure: boolean; readonly release: () => void },
  ): void;
}

/**
 * Opens a listening socket that shares its address with those of other workers, and returns its
 * descriptor, which is then ours. Throws a `SysError`.
 */
export type OpenSharedListener = (bind: BindAddress, backlog: number) => number;

export interface PortableHttpDependencies {
  readonly handler: HttpHandler;
  /** Without it, upgrades are refused. */
  readonly upgrades?: UpgradeTaker;
  readonly onFatal: FatalCallback;
  readonly counters?: FrontendCounters;
  readonly proxies?: ProxyTrust;
  /** How shared addresses are bound; without it by node itself, where `reusePortSupported`. */
  readonly openSharedListener?: OpenSharedListener | undefined;
  /** Pages for people beside what the handler answers. */
  readonly pages?: PageTaker;
  /** Makes it an HTTPS frontend: all its listeners speak TLS. Ours to stop. */
  readonly tls?: TlsDoor<HttpConnection>;
}

const ignore = (): void => {};

type ConnectionListener = (this: Server, socket: Socket) => void;

export class PortableHttp implements Frontend {
  readonly counters: FrontendCounters;
  readonly #options: PortableHttpOptions;
  readonly #limits: HttpLimits;
  readonly #proxies: ProxyTrust | undefined;
  readonly #onFatal: FatalCallback;
  readonly #table: ConnectionTable;
  readonly #responder: RequestResponder;
  readonly #proxied = new Endpoint();
  readonly #upgrades: UpgradeTaker | undefined;
  readonly #tls: TlsDoor<HttpConnection> | undefined;
  readonly #protocol: ListenProtocol;
  readonly #openSharedListener: OpenSharedListener | undefined;
  #servers: Server[] = [];
  /** Never listens: it serves connections that were accepted elsewhere. */
  #adopter: Server | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: PortableHttpOptions, deps: PortableHttpDependencies) {
    this.#options = options;
    this.#limits = { ...HTTP_LIMITS, ...options.limits };
    this.#proxies = deps.proxies;
    this.#onFatal = deps.onFatal;
    this.#upgrades = deps.upgrades;
    this.#tls = deps.tls;
    this.#protocol = deps.tls === undefined ? 'http' : 'https';
    this.#openSharedListener = deps.openSharedListener;
    this.counters = deps.counters ?? new FrontendCounters();
    this.#table = new ConnectionTable(this.#limits, this.counters);
    this.#responder = new RequestResponder(this.#limits, {
      handler: deps.handler,
      counters: this.counters,
      forwardedClient: deps.proxies?.forwardedClient,
      pages: deps.pages,
      secure: deps.tls !== undefined,
    });
  }

  async start(): Promise<BoundAddress[]> {
    const { listen, shared = false } = this.#options;
    const probe = shared ? async (_: string, bind: BindAddress) => bind.port : assertPortFree;
    const bound: BoundAddress[] = [];
    try {
      for (const address of listen) {
        bound.push(
          ...(await bindReserved(this.#protocol, address, probe, (binds) =>
            this.#bindAll(binds, shared),
          )),
        );
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    return bound;
  }

  /**
   * Serves a connection that another thread accepted: its descriptor, which is now ours, and what was
   * received on it so far.
   */
  adopt(fd: number, received: Uint8Array): void {
    this.#adopter ??= this.#createAdopter();
    let socket: Socket;
    try {
      socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    } catch {
      // Gone already, or nothing that node can make a socket of.
      this.counters.count(FrontendCounter.httpAcceptErrors);
      return;
    }
    socket.on('error', () => {});
    this.#adopter.emit('connection', socket);
    if (received.length > 0) socket.unshift(received);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#responder.stopping = true;
    // The close of node's HTTP server also cuts idle connections, and with them replies that the
    // system has not taken yet. So only the listening ends here.
    for (const server of this.#servers) NetServer.prototype.close.call(server);
    await this.#table.drain(this.#limits.stopTimeoutMs);
    this.#tls?.stop();
    // Now nothing is left to cut, and this ends the server's own timer.
    for (const server of this.#servers) server.close();
    this.#adopter?.close();
    this.#servers = [];
  }

  async #bindAll(binds: readonly BindAddress[], shared: boolean): Promise<BoundAddress[]> {
    const opened: Server[] = [];
    const bound: BoundAddress[] = [];
    try {
      for (const bind of binds) {
        const server = this.#createServer();
        bound.push(await this.#listen(server, bind, shared));
        opened.push(server);
      }
    } catch (error) {
      for (const server of opened) server.close();
      throw error;
    }
    this.#servers.push(...opened);
    return bound;
  }

  async #listen(server: Server, bind: BindAddress, shared: boolean): Promise<BoundAddress> {
    const { address, family, port } = bind;
    try {
      server.listen(this.#listenOptions(bind, shared));
      await once(server, 'listening');
    } catch (error) {
      throw listenError(error, this.#protocol, formatHostPort(address, port));
    }
    server.on('error', this.#onServerError);
    const name = server.address();
    const found = name !== null && typeof name === 'object' ? name.port : port;
    return { address, family, port: found };
  }

  #listenOptions(bind: BindAddress, shared: boolean): ListenOptions & { readonly fd?: number } {
    const { backlog } = this.#limits;
    const open = this.#openSharedListener;
    if (shared && open !== undefined) return { fd: open(bind, backlog), exclusive: true, backlog };
    return {
      host: bind.address,
      port: bind.port,
      ipv6Only: bind.family === 6,
      exclusive: true,
      backlog,
      ...(shared ? { reusePort: true } : {}),
    };
  }

  #createAdopter(): Server {
    const server = this.#createServer();
    // Only this makes node look for requests that take too long.
    server.emit('listening');
    return server;
  }

  #createServer(): Server {
    const limits = this.#limits;
    const options = {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.checkMs,
      // Clients that leave the Host header out are served: nothing here depends on it.
      requireHostHeader: false,
      noDelay: true,
    };
    const tls = this.#tls;
    const server =
      tls === undefined
        ? createServer(options)
        : createSecureServer({ ...options, ...tls.serverOptions() });
    server.timeout = 0;
    // Their bytes are bounded. Beyond a number of them node drops the rest unseen, and the address
    // that a proxy wrote may stand in the last one.
    server.maxHeadersCount = 0;
    // Node's own listener, which starts its parser or a handshake, runs when we have let the
    // connection in.
    const parsers = server.listeners('connection') as ConnectionListener[];
    server.removeAllListeners('connection');
    server.on('connection', (socket) => this.#onConnection(server, parsers, socket));
    if (tls !== undefined && 'setSecureContext' in server) {
      tls.add(server);
      // And this one starts the parser.
      const secured = server.listeners('secureConnection') as ConnectionListener[];
      server.removeAllListeners('secureConnection');
      server.on('secureConnection', (socket) => this.#onSecure(server, secured, socket));
    }
    server.on('request', this.#onRequest);
    server.on('checkContinue', this.#onExpect);
    server.on('checkExpectation', this.#onExpect);
    server.on('connect', this.#onConnect);
    // Without a listener node serves such a request as any other.
    if (this.#upgrades !== undefined) server.on('upgrade', this.#onUpgrade);
    server.on('clientError', this.#onClientError);
    return server;
  }

  #onConnection(server: Server, parsers: readonly ConnectionListener[], socket: Socket): void {
    // Who accepted the others has counted them.
    if (server !== this.#adopter) this.counters.count(FrontendCounter.httpConnectionsTotal);
    const connection = this.#table.admit(socket);
    if (connection === undefined) return;
    const attach = (): void => {
      if (this.#tls !== undefined && !this.#startHandshake(this.#tls, connection)) return;
      for (const parser of parsers) parser.call(server, socket);
    };
    const proxies = this.#proxies;
    connection.trusted = proxies?.isTrusted(connection.source) ?? false;
    const decode = proxies?.decodeProxyHeader;
    if (proxies === undefined || !connection.trusted || decode === undefined) {
      attach();
      return;
    }
    connection.gated = true;
    readProxyHeader(connection, decode, this.#proxied, (accepted, restBytes) => {
      connection.gated = false;
      if (!accepted) {
        this.counters.count(FrontendCounter.httpProxyHeadersRefused);
        socket.destroy();
        return;
      }
      if (this.#proxied.family !== 0) {
        connection.source.copyFrom(this.#proxied);
        connection.trusted = proxies.isTrusted(connection.source);
      }
      connection.preambleRead(restBytes);
      attach();
    });
  }

  #startHandshake(tls: TlsDoor<HttpConnection>, connection: HttpConnection): boolean {
    const { socket } = connection;
    // The TLS socket above it tells what is wrong.
    socket.on('error', ignore);
    if (!tls.admit(connection, socket)) {
      socket.destroy();
      return false;
    }
    connection.shaking = true;
    // What came behind a PROXY header waits for the TLS socket, which asks for it in the next turn.
    socket.pause();
    return true;
  }

  #onSecure(server: Server, parsers: readonly ConnectionListener[], socket: TLSSocket): void {
    const connection = this.#tls?.handshakes.done(socket);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    if (socket.isSessionReused()) this.counters.count(FrontendCounter.httpsSessionsResumed);
    this.#table.secured(connection, socket);
    for (const parser of parsers) parser.call(server, socket);
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const startMs = performance.now();
    const connection = this.#requester(request.socket, startMs);
    if (connection === undefined) return;
    this.#responder.respond(connection, request, response);
    this.counters.latency.record(LatencyProtocol.http, performance.now() - startMs, 1);
  };

  /** `Expect`: the final answer comes at once, and the connection ends, body or no body. */
  readonly #onExpect = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = this.#requester(request.socket);
    if (connection === undefined) return;
    const known = request.headers.expect?.toLowerCase() === '100-continue';
    if (known) this.#responder.respond(connection, request, response, true);
    else this.#responder.refuse(connection, request, response, 417);
  };

  /** The connection of a request that is to be answered; notes that it arrived. */
  #requester(socket: Socket, nowMs = performance.now()): HttpConnection | undefined {
    const connection = this.#table.find(socket);
    // Requests behind one whose reply closes the connection are not served.
    if (connection === undefined || connection.closing) return undefined;
    if (connection.requests === 0) this.#table.opened(connection);
    connection.requestArrived(nowMs);
    this.counters.count(FrontendCounter.httpRequests);
    return connection;
  }

  /** Node's parser has let go of the socket: whatever is answered, nothing follows it. */
  readonly #onUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    // Nobody listens on the socket now, and a reset must not end the worker.
    socket.on('error', ignore);
    const known = this.#table.find(socket);
    if (known?.closing === true) {
      // Behind a reply that closes nothing is served, but that reply has to leave.
      socket.resume();
      known.whenReplied(() => socket.destroySoon());
      return;
    }
    const connection = this.#requester(socket);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    // Replies to requests before this one leave first.
    connection.whenReplied(() => this.#upgrade(connection, request, head));
  };

  #upgrade(connection: HttpConnection, request: IncomingMessage, head: Buffer): void {
    const { socket } = connection;
    if (socket.destroyed) return;
    // A reply before it ended the connection after all: when we began to stop, or to drain.
    if (connection.closing) {
      socket.destroySoon();
      return;
    }
    const offer = this.#responder.webSocketOffer(connection, request);
    if (offer?.isWelcome === true && this.#upgrades?.takes(request.url ?? '') === true) {
      const source = new Endpoint();
      source.copyFrom(offer.client);
      socket.setTimeout(0);
      const release = this.#table.upgraded(connection);
      socket.off('error', ignore);
      this.#upgrades.onUpgrade(request, socket, head, source, {
        secure: this.#tls !== undefined,
        release,
      });
      // Node's parser may have stopped the reading; only an empty push makes the stream ask again.
      socket.push('');
      return;
    }
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    response.once('finish', () => {
      response.detachSocket(socket);
      socket.destroySoon();
    });
    this.#responder.respond(connection, request, response, true);
  }

  readonly #onConnect = (request: IncomingMessage): void => {
    this.counters.count(FrontendCounter.httpResponsesClientError);
    this.#table.find(request.socket)?.refuse(405);
  };

  readonly #onClientError = (error: Error, socket: Socket | { destroy(): void }): void => {
    const connection = this.#table.find(socket as Socket);
    const code = systemCode(error);
    if (connection === undefined && this.#tls !== undefined && code !== 'ECONNRESET') {
      this.counters.count(FrontendCounter.httpsHandshakesFailed);
    }
    if (connection === undefined || !isParserError(code)) {
      socket.destroy();
      return;
    }
    const status = clientErrorStatus(code);
    if (!connection.closing) {
      this.counters.count(
        status === 408 ? FrontendCounter.httpTimeouts : FrontendCounter.httpMalformed,
      );
    }
    connection.refuse(status);
  };

  readonly #onServerError = (error: Error): void => {
    // Out of descriptors or memory, or a client that left: the next accept may work.
    if ('syscall' in error && error.syscall === 'accept') {
      this.counters.count(FrontendCounter.httpAcceptErrors);
      return;
    }
    this.#onFatal(error);
  };
}

function isParserError(code: string): boolean {
  return code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT';
}

function clientErrorStatus(code: string): number {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 413;
  return 400;
}
