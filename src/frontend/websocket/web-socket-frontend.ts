/**
 * WebSockets on connections that an HTTP frontend leaves to us when they ask for an upgrade.
 *
 * ```
 * wheel    slot 0 | slot 1 | ... | slot pingSeconds - 1      one slot a second has its turn:
 *            connections          its connections are pinged, or closed when the last ping was not
 *                                 answered, when they are in no swarm, or when the tracker drains
 * ```
 *
 * One timer serves all of them. Compression is off: it takes 100 KB and more a connection.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Endpoint } from '../../lib/endpoint.js';
import { FrontendCounter, type FrontendCounters } from '../counters.js';
import type { UpgradeTaker } from '../http/portable-http.js';
import { rawRefusal } from '../http/refusal.js';
import { LatencyProtocol } from '../latency.js';
import { AddressCounts, NO_CELL } from './address-counts.js';
import { WebConnection, type WebConnectionMeans } from './web-connection.js';
import type { WebSocketHandler } from './web-socket-handler.js';
import type { WebSocketLimits } from './web-socket-limits.js';

const TICK_MS = 1_000;
/** Fragments of one message, and chunks of one frame, that may wait for the rest. */
const FRAGMENTS_MAX = 64;
const CHUNKS_MAX = 1_024;
/** How long a client may take to answer our good bye. */
const CLOSE_MS = 2_000;

export interface WebSocketDependencies {
  readonly handler: WebSocketHandler;
  readonly counters: FrontendCounters;
  /** Shared by all workers (createAddressCounts); none when absent. */
  readonly addresses?: SharedArrayBuffer;
  /** True for request targets that become WebSockets. */
  readonly takes: (target: string) => boolean;
  /** A clock that never goes back, in ms. */
  readonly nowMs?: () => number;
  /** Calls `tick` each second, for tests that turn the wheel themselves; a timer when absent. */
  readonly ticks?: false;
}

type Listener = (this: WebSocket, data: RawData, isBinary: boolean) => void;

export class WebSocketFrontend implements UpgradeTaker {
  readonly #limits: WebSocketLimits;
  readonly #handler: WebSocketHandler;
  readonly #counters: FrontendCounters;
  readonly #takes: (target: string) => boolean;
  readonly #nowMs: () => number;
  readonly #server: WebSocketServer;
  readonly #means: WebConnectionMeans;
  readonly #origins: ReadonlySet<string>;
  readonly #addresses: AddressCounts | undefined;
  readonly #connections = new Map<WebSocket, WebConnection>();
  readonly #wheel: Set<WebConnection>[];
  /** Of connections that are not read for a while. */
  readonly #paused = new Set<WebConnection>();
  /** Of connections that have something to read still: who is behind for longest comes first. */
  readonly #late = new Set<WebConnection>();
  readonly #timer: NodeJS.Timeout | undefined;
  /** Connections that something was sent to in this turn of the event loop. */
  #unflushed: WebConnection[] = [];
  /** Messages heard in this turn, and when the first was. */
  #unmeasured = 0;
  #sinceMs = 0;
  /** Which slot has its turn. */
  #turn = 0;
  #stopping = false;
  #next = 0;
  #whenEmpty: (() => void) | undefined;
  readonly #listeners = this.#makeListeners();

  constructor(limits: WebSocketLimits, dependencies: WebSocketDependencies) {
    const { handler, counters, addresses, takes, ticks } = dependencies;
    const { nowMs = () => performance.now() } = dependencies;
    this.#limits = limits;
    this.#handler = handler;
    this.#counters = counters;
    this.#takes = takes;
    this.#nowMs = nowMs;
    const { messagesPerSecond, unreadBytesMax, messageBytesMax } = limits;
    const flushLater = (connection: WebConnection) => this.#flushLater(connection);
    const noteLate = (connection: WebConnection) => void this.#late.add(connection);
    this.#means = { counters, messagesPerSecond, unreadBytesMax, nowMs, flushLater, noteLate };
    this.#origins = new Set(limits.origins);
    if (addresses !== undefined) {
      this.#addresses = new AddressCounts(limits.connectionsPerAddressMax, addresses);
    }
    this.#wheel = Array.from({ length: limits.pingSeconds }, () => new Set());
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
      maxFragments: FRAGMENTS_MAX,
      maxBufferedChunks: CHUNKS_MAX,
      // Pings count as messages, so they are answered by us.
      autoPong: false,
      closeTimeout: CLOSE_MS,
    };
    this.#server = new WebSocketServer(options);
    // A handshake that is none: ws answers it.
    this.#server.on('wsClientError', (_error, socket) => {
      this.#counters.count(FrontendCounter.wsHandshakesRefused);
      this.#refuse(socket as Socket, 400);
    });
    if (ticks !== false) this.#timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  get connections(): number {
    return this.#connections.size;
  }

  takes(target: string): boolean {
    return this.#takes(target);
  }

  onUpgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    source: Endpoint,
    { release }: { readonly release: () => void },
  ): void {
    const refusal = this.#refusal(request);
    if (refusal !== 0) {
      this.#counters.count(
        refusal === 403 ? FrontendCounter.wsOriginsRefused : FrontendCounter.wsConnectionsRefused,
      );
      this.#refuse(socket, refusal);
      return;
    }
    const cell = this.#addresses?.take(source) ?? NO_CELL;
    if (cell < 0) {
      this.#counters.count(FrontendCounter.wsAddressesRefused);
      this.#refuse(socket, 429);
      return;
    }
    let isOpen = false;
    // Within this call ws decides, one way or the other.
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      isOpen = true;
      // From here on the connection counts among ours, which have a bound of their own.
      release();
      this.#open(ws, socket, cell);
    });
    if (!isOpen) this.#addresses?.give(cell);
  }

  /** Answers, and does not wait for whoever does not read that, goes on sending, or stays. */
  #refuse(socket: Socket, status: number): void {
    socket.on('error', () => {});
    // What nobody reads would hide the end behind it.
    socket.resume();
    socket.end(rawRefusal(status));
    const timer = setTimeout(() => socket.destroy(), this.#limits.stopTimeoutMs).unref();
    socket.once('close', () => clearTimeout(timer));
  }

  /** Once a second: one slot of the wheel has its turn. */
  tick(): void {
    this.#handler.beginBatch();
    for (const connection of this.#paused) {
      if (connection.resume()) this.#paused.delete(connection);
    }
    this.#turn = (this.#turn + 1) % this.#wheel.length;
    for (const connection of this.#wheel[this.#turn]) this.#visit(connection);
    this.#boundUnread();
  }

  /** Cuts those that are behind for longest, when too much waits for all together. */
  #boundUnread(): void {
    let total = 0;
    for (const connection of this.#late) {
      const bytes = connection.unreadBytes;
      if (bytes === 0) this.#late.delete(connection);
      total += bytes;
    }
    for (const connection of this.#late) {
      if (total <= this.#limits.unreadTotalBytesMax) return;
      total -= connection.unreadBytes;
      this.#late.delete(connection);
      connection.cutReader();
    }
  }

  /** Says good bye to all, and waits for them, a bounded time. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearInterval(this.#timer);
    for (const connection of this.#connections.values()) connection.close(1001);
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#limits.stopTimeoutMs);
        this.#whenEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#handler.beginBatch();
    for (const [ws, connection] of this.#connections) {
      connection.terminate();
      this.#forget(ws);
    }
  }

  /** A status, or 0 for a connection that is welcome. */
  #refusal(request: IncomingMessage): number {
    if (this.#stopping || this.#connections.size >= this.#limits.connectionsMax) return 503;
    const { origin } = request.headers;
    if (this.#origins.size === 0) return 0;
    return origin !== undefined && this.#origins.has(origin.toLowerCase()) ? 0 : 403;
  }

  #open(ws: WebSocket, socket: Socket, cell: number): void {
    // Dealt out evenly: thousands may come at once, and are not to be pinged at once.
    const slot = this.#next++ % this.#wheel.length;
    const connection = new WebConnection(ws, socket, { slot, cell }, this.#means);
    this.#connections.set(ws, connection);
    this.#wheel[slot].add(connection);
    this.#counters.count(FrontendCounter.wsConnectionsTotal);
    this.#counters.count(FrontendCounter.wsConnectionsOpen);
    for (const [event, listener] of this.#listeners) ws.on(event, listener);
  }

  #flushLater(connection: WebConnection): void {
    if (this.#unflushed.length === 0) setImmediate(this.#flush);
    this.#unflushed.push(connection);
  }

  readonly #flush = (): void => {
    const connections = this.#unflushed;
    this.#unflushed = [];
    for (const connection of connections) connection.flush();
    this.#measure();
  };

  /** Messages whose replies left together took as long as the first of them. */
  #measure(): void {
    const tookMs = this.#nowMs() - this.#sinceMs;
    this.#counters.latency.record(LatencyProtocol.websocket, tookMs, this.#unmeasured);
    this.#unmeasured = 0;
  }

  #heard(ws: WebSocket, data: RawData, isBinary: boolean): void {
    const connection = this.#admit(ws);
    if (connection === undefined) return;
    const bytes = data as Buffer;
    this.#counters.count(FrontendCounter.wsMessagesIn);
    this.#counters.add(FrontendCounter.wsBytesIn, bytes.length);
    if (this.#unmeasured++ === 0) this.#sinceMs = this.#nowMs();
    this.#handler.beginBatch();
    // Texts were checked by ws; in binary frames anything may stand.
    const isUnsound = isBinary && !isUtf8(bytes);
    this.#handler.heard(connection, isUnsound ? Buffer.from(bytes.toString()) : bytes);
    // Replies leave at the end of the turn; where there are none, this was all.
    if (this.#unflushed.length === 0) this.#measure();
  }

  /** The connection, if what it sent is to be handled. */
  #admit(ws: WebSocket): WebConnection | undefined {
    const connection = this.#connections.get(ws);
    if (connection === undefined || !connection.admit()) return undefined;
    if (connection.isPaused) this.#paused.add(connection);
    return connection;
  }

  /** The turn of a connection. */
  #visit(connection: WebConnection): void {
    if (this.#handler.draining) {
      connection.close(1001);
      return;
    }
    if (!connection.checkReader()) return;
    if (connection.unreadBytes > 0) this.#late.add(connection);
    if (connection.isPaused) return;
    if (connection.isAsked) {
      this.#counters.count(FrontendCounter.wsTimeouts);
      connection.terminate();
      return;
    }
    const now = this.#nowMs();
    if (this.#handler.isInUse(connection)) {
      connection.usedMs = now;
    } else if (now - connection.usedMs >= this.#limits.idleSeconds * 1000) {
      this.#counters.count(FrontendCounter.wsIdleCloses);
      connection.close(1001);
      return;
    }
    connection.ping();
  }

  #forget(ws: WebSocket): void {
    const connection = this.#connections.get(ws);
    if (connection === undefined) return;
    this.#connections.delete(ws);
    this.#wheel[connection.slot].delete(connection);
    this.#paused.delete(connection);
    this.#late.delete(connection);
    this.#addresses?.give(connection.cell);
    this.#counters.add(FrontendCounter.wsConnectionsOpen, -1);
    this.#handler.closed(connection);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  /** One set of listeners for all connections: each finds its own by what it is called on. */
  #makeListeners(): readonly (readonly [string, Listener])[] {
    const frontend = this;
    return [
      [
        'message',
        function (data, isBinary) {
          frontend.#heard(this, data, isBinary);
        },
      ],
      [
        'ping',
        function (data) {
          frontend.#admit(this)?.pong(data as Buffer);
        },
      ],
      [
        'pong',
        function () {
          const connection = frontend.#connections.get(this);
          // One is what we asked for; more of them are messages like any other.
          if (connection?.isAsked === true) connection.isAsked = false;
          else frontend.#admit(this);
        },
      ],
      [
        'error',
        () => {
          // Frames that are none, or too large: ws closes the connection with the code for it.
          frontend.#counters.count(FrontendCounter.wsProtocolErrors);
        },
      ],
      [
        'close',
        function () {
          frontend.#handler.beginBatch();
          frontend.#forget(this);
        },
      ],
    ];
  }
}
