/**
 * Who has the connections of a listener, and what is under way on each.
 *
 * As many as may be are open: then a new one takes the place of one of the address that has most, if
 * that has more than the newcomer's. So nobody keeps operators out with less than as many addresses as
 * there are connections (an IPv6 /64 is one). A connection that has brought the right token stays.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { sourceNetwork } from '../lib/source-network.js';
import type { AdminCounters } from './admin-counters.js';

interface Connection {
  readonly source: string;
  isTrusted: boolean;
  /** Requests whose answers are not complete. */
  answering: number;
  /** The last one. */
  last: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined;
}

export class Connections {
  readonly #max: number;
  readonly #counters: Pick<AdminCounters, 'connectionsRefused'>;
  /** The oldest first. */
  readonly #open = new Map<Socket, Connection>();
  readonly #bySource = new Map<string, number>();

  constructor(
    { connectionsMax }: { connectionsMax: number },
    { counters }: { counters: Pick<AdminCounters, 'connectionsRefused'> },
  ) {
    this.#max = connectionsMax;
    this.#counters = counters;
  }

  /** A client has connected; it or another is cut off where there are as many as may be. */
  enter(socket: Socket): void {
    // Undefined where it is gone already.
    const source = sourceNetwork(socket.remoteAddress ?? '');
    if (this.#open.size >= this.#max) {
      this.#counters.connectionsRefused++;
      const loser = this.#loserFor(source);
      (loser ?? socket).destroy();
      if (loser === undefined) return;
      this.#leave(loser);
    }
    this.#open.set(socket, { source, isTrusted: false, answering: 0, last: undefined });
    this.#bySource.set(source, 1 + (this.#bySource.get(source) ?? 0));
    socket.once('close', () => this.#leave(socket));
  }

  /** It has brought the right token. */
  trust(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.isTrusted = true;
  }

  /** A request has come. */
  note(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#open.get(request.socket);
    if (connection === undefined) return;
    connection.answering++;
    connection.last = { request, response };
    response.once('close', () => connection.answering--);
  }

  /**
   * Whether an error of the connection can be told there: not in the midst of an answer, nor before
   * those to earlier requests, which the client would take it for.
   */
  canTell(socket: Socket): boolean {
    const connection = this.#open.get(socket);
    if (connection?.last === undefined || connection.answering === 0) return true;
    const { request, response } = connection.last;
    // The one request is the one that does not end.
    return connection.answering === 1 && !request.complete && !response.headersSent;
  }

  #leave(socket: Socket): void {
    const source = this.#open.get(socket)?.source;
    if (source === undefined) return;
    this.#open.delete(socket);
    const left = (this.#bySource.get(source) ?? 0) - 1;
    if (left > 0) this.#bySource.set(source, left);
    else this.#bySource.delete(source);
  }

  /** The oldest of the address that has most; undefined where the newcomer's own would have as many. */
  #loserFor(source: string): Socket | undefined {
    const own = 1 + (this.#bySource.get(source) ?? 0);
    let most = own;
    let loser: Socket | undefined;
    for (const [socket, { source: other, isTrusted }] of this.#open) {
      const count = this.#bySource.get(other) ?? 0;
      if (isTrusted || count <= most) continue;
      most = count;
      loser = socket;
    }
    return loser;
  }
}
