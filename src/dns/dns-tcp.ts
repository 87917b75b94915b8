/**
 * DNS over TCP (RFC 7766): queries and answers one after the other on a connection, each behind its
 * length in two bytes. Queries may come in a row without waiting; answers keep their order.
 *
 * Everything is bounded: connections, those of one address or IPv6 /64, the bytes of a query, the answers that a
 * client does not read, and the time that it may take. At the bound on connections the one that is
 * idle for the longest makes room, since whoever holds connections for nothing should lose them.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { FatalCallback } from '../frontend/frontend.js';
import type { BindAddress } from '../frontend/listen-address.js';
import { listenError } from '../frontend/listen-error.js';
import { formatHostPort } from '../lib/host-port.js';
import { sourceNetwork } from '../lib/source-network.js';
import type { DnsCounters } from './dns-counters.js';

/** Longest query over TCP: a name, EDNS with padding and a signature need far less. */
export const QUERY_BYTES_MAX = 4_096;
/** Unread answers of one connection, above which nothing more is read from it. */
const UNSENT_BYTES_MAX = 64 * 1_024;
const LENGTH_BYTES = 2;
const NOTHING = Buffer.alloc(0);
const SWEEP_MS = 1_000;
/** Waiting in the system's queue; more are the system's to refuse. */
const BACKLOG = 128;

export interface DnsTcpOptions {
  readonly connectionsMax: number;
  /** Of one IPv4 address, or of one IPv6 /64, which one machine may have all of. */
  readonly connectionsPerAddressMax: number;
  /** Without a complete query, or with answers that wait to be read, for this long: closed. */
  readonly idleMs: number;
}

export interface DnsTcpDependencies {
  /** Answers `input`; undefined for what gets no answer. The result is the caller's to keep. */
  readonly answer: (input: Uint8Array) => Uint8Array | undefined;
  readonly counters: DnsCounters;
  readonly onFatal: FatalCallback;
  /** Milliseconds that never go back. */
  readonly nowMs: () => number;
}

interface Connection {
  readonly socket: Socket;
  /** Or its network: by whom it is counted. */
  readonly address: string;
  activeAtMs: number;
  /** The beginning of a query whose end has not come. */
  rest: Buffer;
}

export class DnsTcp {
  readonly #options: DnsTcpOptions;
  readonly #deps: DnsTcpDependencies;
  readonly #servers: Server[] = [];
  /** In the order of their last query: the first is idle for the longest. */
  readonly #connections = new Set<Connection>();
  readonly #byAddress = new Map<string, number>();
  #sweepTimer: NodeJS.Timeout | undefined;

  constructor(options: DnsTcpOptions, deps: DnsTcpDependencies) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Binds all of these, or none: rejects with a `ListenError`. */
  async listen(binds: readonly BindAddress[]): Promise<void> {
    const servers: Server[] = [];
    try {
      for (const bind of binds) servers.push(await this.#serve(bind));
    } catch (error) {
      for (const server of servers) server.close();
      throw error;
    }
    this.#servers.push(...servers);
    this.#sweepTimer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  #serve({ address, family, port }: BindAddress): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, this.#onConnection);
    return new Promise((resolve, reject) => {
      const refuse = (error: Error) =>
        reject(listenError(error, 'udp', formatHostPort(address, port)));
      server.once('error', refuse);
      const ipv6Only = family === 6;
      server.listen({ host: address, port, ipv6Only, exclusive: true, backlog: BACKLOG }, () => {
        server.off('error', refuse);
        // An accept that failed (no descriptor left) leaves the server as it is.
        server.on('error', (error) => {
          if (!server.listening) this.#deps.onFatal(error);
        });
        resolve(server);
      });
    });
  }

  /** Closes listeners and connections. May be called twice. */
  async stop(): Promise<void> {
    clearInterval(this.#sweepTimer);
    this.#sweepTimer = undefined;
    const closed = this.#servers
      .splice(0)
      .map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const connection of this.#connections) connection.socket.destroy();
    await Promise.all(closed);
  }

  readonly #onConnection = (socket: Socket): void => {
    const { counters, nowMs } = this.#deps;
    counters.tcpConnectionsTotal++;
    const address = sourceNetwork(socket.remoteAddress ?? '');
    const held = this.#byAddress.get(address) ?? 0;
    // A socket without an address is gone already.
    if (address === '' || held >= this.#options.connectionsPerAddressMax) {
      counters.tcpConnectionsRefused++;
      socket.destroy();
      return;
    }
    if (this.#connections.size >= this.#options.connectionsMax) this.#evict();
    this.#byAddress.set(address, held + 1);
    const connection = { socket, address, activeAtMs: nowMs(), rest: NOTHING };
    this.#connections.add(connection);
    counters.tcpConnectionsOpen = this.#connections.size;
    socket.on('data', (chunk) => this.#take(connection, chunk));
    socket.on('drain', () => this.#take(connection, NOTHING));
    socket.on('end', () => socket.end());
    // What goes wrong on a connection is the end of it, and says nothing more.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#forget(connection));
  };

  #evict(): void {
    const [idle] = this.#connections;
    this.#deps.counters.tcpConnectionsEvicted++;
    idle.socket.destroy();
    this.#forget(idle);
  }

  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const left = (this.#byAddress.get(connection.address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(connection.address);
    else this.#byAddress.set(connection.address, left);
    this.#deps.counters.tcpConnectionsOpen = this.#connections.size;
  }

  /**
   * Answers what is complete. Stops when the client should first read what it was sent; what it sent
   * until then waits in `rest`, which so holds one chunk and one query at most.
   */
  #take(connection: Connection, chunk: Buffer): void {
    const { socket } = connection;
    const bytes = connection.rest.length === 0 ? chunk : Buffer.concat([connection.rest, chunk]);
    let at = 0;
    while (bytes.length - at >= LENGTH_BYTES && socket.writableLength <= UNSENT_BYTES_MAX) {
      const length = bytes.readUInt16BE(at);
      if (length === 0 || length > QUERY_BYTES_MAX) {
        this.#deps.counters.tcpMalformed++;
        socket.destroy();
        return;
      }
      if (bytes.length - at - LENGTH_BYTES < length) break;
      at += LENGTH_BYTES + length;
      this.#reply(connection, bytes.subarray(at - length, at));
    }
    // A copy: a few bytes left must not hold on to a large chunk.
    connection.rest = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
    // `drain` takes it up again. It comes, since so much is far above node's own mark.
    if (socket.writableLength <= UNSENT_BYTES_MAX) {
      socket.resume();
    } else if (!socket.isPaused()) {
      socket.pause();
      this.#deps.counters.tcpSlowReaders++;
    }
  }

  #reply(connection: Connection, query: Uint8Array): void {
    const { answer, counters, nowMs } = this.#deps;
    counters.queriesTcp++;
    connection.activeAtMs = nowMs();
    this.#connections.delete(connection);
    this.#connections.add(connection);
    const reply = answer(query);
    if (reply !== undefined) connection.socket.write(reply);
  }

  /** Closes what has been idle for too long. */
  #sweep(): void {
    const now = this.#deps.nowMs();
    for (const { socket, activeAtMs } of this.#connections) {
      if (now - activeAtMs < this.#options.idleMs) return;
      this.#deps.counters.tcpTimeouts++;
      socket.destroy();
    }
  }
}
