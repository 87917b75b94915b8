/**
 * The operators' listener: health, numbers, swarms, and later changes. Apart from the clients'
 * ports, and bounded in everything a stranger could use up.
 *
 * It listens from the start; what answers (`admin-app.ts`) is loaded with the first request, since
 * it is a tenth of the memory of an idle tracker and a fifth of the work of its start.
 */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo, ListenOptions, Socket } from 'node:net';
import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { Access, isLoopbackAddress } from './access.js';
import type { AdminAppLimits, AdminContent } from './admin-app.js';
import { ADMIN_ERRORS, type AdminErrorCode, errorBody, listenError } from './admin-error.js';
import { SECURITY_HEADERS } from './security-headers.js';

export interface AdminServerOptions {
  /** An address, a name that resolves to one, or '' for all addresses. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** What `Authorization: Bearer` must carry; see `loadAdminToken`. */
  readonly token: string;
  /** Names besides those of loopback that a loopback listener may be called by. */
  readonly hosts?: readonly string[];
  readonly limits?: Partial<AdminLimits>;
}

/** Bounds of the listener; the defaults suit operators. */
export interface AdminLimits extends AdminAppLimits {
  readonly connectionsMax: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
  /** Without a byte in either direction. */
  readonly idleTimeoutMs: number;
  /** How long `stop` waits for replies under way. */
  readonly stopTimeoutMs: number;
}

const LIMITS: AdminLimits = {
  connectionsMax: 64,
  bodyBytesMax: 64 * 1024,
  headerBytesMax: 8 * 1024,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
  stopTimeoutMs: 2_000,
};

export type AdminServerDependencies = AdminContent;

export interface AdminServer {
  /** Binds and returns the address, `127.0.0.1:6970`. Throws `AdminListenError`. */
  start(): Promise<string>;
  /** Finishes replies under way, within a bound. Idempotent. */
  stop(): Promise<void>;
  /** Loads what answers now and not with the first request, while files can be read. */
  load(): Promise<void>;
}

export function createAdminServer(
  options: AdminServerOptions,
  dependencies: AdminServerDependencies,
): AdminServer {
  const limits = { ...LIMITS, ...options.limits };
  const access = new Access({ token: options.token, hosts: options.hosts ?? [] });
  const server = createListener(limits);
  let app: Promise<FastifyInstance> | undefined;
  const load = (): Promise<FastifyInstance> => {
    app ??= import('./admin-app.js').then(({ createAdminApp }) =>
      createAdminApp(limits, { ...dependencies, server, access }),
    );
    return app;
  };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    load().then(
      ({ routing }) => routing(request, response),
      (err: unknown) => {
        dependencies.logger.error({ err }, 'the admin interface cannot be loaded');
        response.destroy();
      },
    );
  });
  let stopped: Promise<void> | undefined;
  return {
    async start() {
      const name = `${options.host === '' ? '*' : options.host}:${options.port}`;
      try {
        await listen(server, options);
      } catch (error) {
        throw listenError(error, name);
      }
      const bound = server.address() as AddressInfo;
      access.isLoopback = isLoopbackAddress(bound.address);
      return formatBound(bound);
    },
    stop() {
      stopped ??= stop(server, app, limits.stopTimeoutMs);
      return stopped;
    },
    async load() {
      // The metrics are loaded later still, with the first request for them.
      await Promise.all([load(), import('./metrics.js')]);
    },
  };
}

function createListener(limits: AdminLimits): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.requestTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, limits.requestTimeoutMs),
  });
  server.setTimeout(limits.idleTimeoutMs);
  server.maxRequestsPerSocket = 1_000;
  server.maxConnections = limits.connectionsMax;
  server.on('clientError', answerClientError);
  return server;
}

/** Answers what never became a request. */
function answerClientError(error: Error & { code: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  let code: AdminErrorCode = 'bad_request';
  if (error.code === 'HPE_HEADER_OVERFLOW') code = 'header_too_large';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') code = 'request_timeout';
  const { status } = ADMIN_ERRORS[code];
  const body = JSON.stringify(errorBody(code));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${body.length}`,
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

async function listen(server: Server, options: AdminServerOptions): Promise<void> {
  const { port } = options;
  if (options.host !== '') {
    // Resolved here: the library would bind every address of a name, each by its own server.
    const host = isIP(options.host) ? options.host : (await lookup(options.host)).address;
    await bind(server, { host, port });
    return;
  }
  try {
    await bind(server, { host: '::', port });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
    await bind(server, { host: '0.0.0.0', port });
  }
}

async function bind(server: Server, options: ListenOptions): Promise<void> {
  server.listen(options);
  await once(server, 'listening');
}

async function stop(
  server: Server,
  app: Promise<FastifyInstance> | undefined,
  timeoutMs: number,
): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
  try {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    // From now on it answers that it is closing.
    await (await app?.catch(() => undefined))?.close();
    await closed;
  } finally {
    clearTimeout(timer);
  }
}

function formatBound({ address, family, port }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
