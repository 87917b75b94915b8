/** Answers requests: has GET and HEAD handled, refuses the rest, keeps or closes the connection. */
import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import { Endpoint } from '../../lib/endpoint.js';
import { FrontendCounter, type FrontendCounters } from '../counters.js';
import { HTTP_BODY_BYTES_MAX, type HttpHandler } from '../handler.js';
import { Turn } from '../turn.js';
import type { HttpConnection } from './http-connection.js';
import type { HttpLimits } from './http-limits.js';
import type { PageTaker } from './page-taker.js';
import { refusalStatus, refusalText } from './refusal.js';
import { RequestHeaders } from './request-headers.js';
import { RequestTarget } from './request-target.js';

export interface ResponderDependencies {
  readonly handler: HttpHandler;
  readonly counters: FrontendCounters;
  readonly forwardedClient: ((header: string, client: Endpoint) => boolean) | undefined;
  readonly pages: PageTaker | undefined;
  /** Requests come over TLS. */
  readonly secure: boolean;
}

/** About what a head takes, for the bound on queued replies. */
const HEAD_BYTES = 128;
/** Where the length stands in the lists of headers below. */
const LENGTH_AT = 3;

export class RequestResponder {
  /** Set when the frontend stops: every reply closes its connection. */
  stopping = false;
  readonly #limits: HttpLimits;
  readonly #handler: HttpHandler;
  readonly #counters: FrontendCounters;
  readonly #forwardedClient: ResponderDependencies['forwardedClient'];
  readonly #pages: PageTaker | undefined;
  readonly #secure: boolean;
  readonly #turn: Turn;
  readonly #target: RequestTarget;
  readonly #headers = new RequestHeaders();
  readonly #client = new Endpoint();
  readonly #body = Buffer.alloc(HTTP_BODY_BYTES_MAX);
  // Node copies the lists into the head at once, so one of each kind serves all replies.
  readonly #keepHead: OutgoingHttpHeader[] = ['Content-Type', 'text/plain', 'Content-Length', 0];
  readonly #closeHead: OutgoingHttpHeader[] = [...this.#keepHead, 'Connection', 'close'];
  readonly #methodHead: OutgoingHttpHeader[] = [...this.#closeHead, 'Allow', 'GET, HEAD'];

  constructor(limits: HttpLimits, deps: ResponderDependencies) {
    this.#limits = limits;
    this.#handler = deps.handler;
    this.#counters = deps.counters;
    this.#forwardedClient = deps.forwardedClient;
    this.#pages = deps.pages;
    this.#secure = deps.secure;
    this.#turn = new Turn(deps.handler);
    this.#target = new RequestTarget(limits.targetBytesMax);
  }

  /** Answers a request; `close` ends the connection after it in any case. */
  respond(
    connection: HttpConnection,
    request: IncomingMessage,
    response: ServerResponse,
    close = false,
  ): void {
    const headers = this.#headers;
    headers.read(request.rawHeaders);
    const status = this.#refusalOf(request, headers);
    if (status !== 0) {
      this.refuse(connection, request, response, status);
      return;
    }
    // A chunked body has no announced end within our bounds; and behind an offer to upgrade that
    // nobody takes, node's parser loses bytes. Such a connection is not kept.
    if (close || headers.chunked || headers.upgrade !== 'none') this.#closeAfter(connection);
    const { bytes, start, end } = this.#target;
    if (this.#pages?.takes(bytes, start, end)) {
      this.#sendPage(connection, request, response, this.#pages);
      return;
    }
    const client = this.#clientOf(connection, headers);
    this.#turn.enter();
    const length = this.#handler.handle(bytes, start, end, client, this.#body);
    if (length >= 0) {
      this.#counters.count(FrontendCounter.httpResponsesOk);
      this.#send(connection, request, response, 200, this.#body.toString('latin1', 0, length));
      return;
    }
    const refused = refusalStatus(-length);
    this.#countRefusal(refused);
    this.#send(connection, request, response, refused, refusalText(refused));
  }

  /**
   * Looks at an upgrade that is offered. Returns undefined for any but WebSocket. `client` is good
   * until the next request.
   */
  webSocketOffer(
    connection: HttpConnection,
    request: IncomingMessage,
  ): { readonly client: Endpoint; readonly isWelcome: boolean } | undefined {
    this.#headers.read(request.rawHeaders);
    if (this.#headers.upgrade !== 'websocket') return undefined;
    const isWelcome = request.method === 'GET' && !this.stopping && this.#handler.draining !== true;
    return { client: this.#clientOf(connection, this.#headers), isWelcome };
  }

  /** Answers with a status and ends the connection. */
  refuse(
    connection: HttpConnection,
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
  ): void {
    this.#closeAfter(connection);
    this.#countRefusal(status);
    this.#send(connection, request, response, status, refusalText(status));
  }

  /** Whom a request is from: the other end, or whom a trusted proxy names. Good until the next one. */
  #clientOf(connection: HttpConnection, headers: RequestHeaders): Endpoint {
    const { source, trusted } = connection;
    if (!trusted || headers.forwardedFor === '' || this.#forwardedClient === undefined) {
      return source;
    }
    this.#client.copyFrom(source);
    return this.#forwardedClient(headers.forwardedFor, this.#client) ? this.#client : source;
  }

  /** The status that refuses a request before it is handled, or 0. Reads the target. */
  #refusalOf(request: IncomingMessage, headers: RequestHeaders): number {
    const { method } = request;
    if (method !== 'GET' && method !== 'HEAD') return 405;
    if (headers.contentLength > this.#limits.requestBodyBytesMax) return 413;
    if (headers.upgrade === 'websocket') return 501;
    return this.#target.read(request.url ?? '');
  }

  #closeAfter(connection: HttpConnection): void {
    connection.closing = true;
    connection.lingerWhenClosed();
  }

  #sendPage(
    connection: HttpConnection,
    request: IncomingMessage,
    response: ServerResponse,
    pages: PageTaker,
  ): void {
    const { bytes, start, end } = this.#target;
    const { host, 'if-none-match': ifNoneMatch, 'x-forwarded-proto': said } = request.headers;
    const secure = this.#secure || (connection.trusted && said === 'https');
    const asked = { host, ifNoneMatch, secure, proxied: connection.trusted };
    const { status, headers, body } = pages.answer(bytes, start, end, asked);
    const kept = this.#replying(connection, request, response, HEAD_BYTES + body.length);
    if (kept === undefined) return;
    this.#counters.count(FrontendCounter.httpResponsesOk);
    const length = status === 304 ? [] : ['Content-Length', String(body.length)];
    const ends = kept ? [] : ['Connection', 'close'];
    response.writeHead(status, [...headers, ...length, ...ends]);
    response.end(body, 'latin1');
  }

  #send(
    connection: HttpConnection,
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    body: string,
  ): void {
    const kept = this.#replying(connection, request, response, HEAD_BYTES + body.length);
    if (kept === undefined) return;
    const head = kept ? this.#keepHead : status === 405 ? this.#methodHead : this.#closeHead;
    head[LENGTH_AT] = body.length;
    response.writeHead(status, head);
    // A latin1 string leaves with the head in one write, where a buffer would take a second one.
    response.end(body, 'latin1');
  }

  /** Whether the connection is kept behind this reply; undefined when nobody reads it any more. */
  #replying(
    connection: HttpConnection,
    request: IncomingMessage,
    response: ServerResponse,
    replyBytes: number,
  ): boolean | undefined {
    const kept =
      response.shouldKeepAlive &&
      !this.stopping &&
      this.#handler.draining !== true &&
      !connection.closing &&
      connection.requests < this.#limits.requestsPerConnectionMax;
    if (!connection.replying(response, request.method === 'HEAD' ? HEAD_BYTES : replyBytes)) {
      this.#counters.count(FrontendCounter.httpSlowReaders);
      connection.refuse(503);
      return undefined;
    }
    if (!kept) connection.closing = true;
    // HTTP/1.1 keeps a connection unless told otherwise, so saying so is left out.
    else if (request.httpVersionMinor === 1) response.removeHeader('Connection');
    response.sendDate = false;
    return kept;
  }

  #countRefusal(status: number): void {
    this.#counters.count(
      status < 500
        ? FrontendCounter.httpResponsesClientError
        : FrontendCounter.httpResponsesServerError,
    );
  }
}
