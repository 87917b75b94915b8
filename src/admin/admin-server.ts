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
import { type Clock, SystemClock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { Access, isLoopbackAddress } from './access.js';
import type { AdminAppLimits, AdminContent } from './admin-app.js';
import { noCounts } from './admin-counters.js';
import {
  ADMIN_ERRORS,
  type AdminErrorCode,
  listenError,
  PROBLEM_TYPE,
  problemOf,
} from './admin-error.js';
import { Connections } from './connections.js';
import { LiveFeed } from './live-feed.js';
import type { PageFile } from './page-files.js';
import { RequestGate } from './request-gate.js';
import { SECURITY_HEADERS } from './security-headers.js';

export interface AdminServerOptions {
  /** An address, a name that resolves to one, or '' for all addresses. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** What `Authorization: Bearer` must carry; see `loadAdminToken`. */
  readonly token: string;
  /** Names besides those of loopback that a loopback listener may be called by, through a proxy. */
  readonly hosts?: readonly string[];
  /** Who may listen to `/api/v1/live` at a time. */
  readonly liveMax?: number;
  /** Requests of one address; 0 for no limit. */
  readonly readsPerSecond?: number;
  readonly changesPerSecond?: number;
  /** Folder that the page was built into. */
  readonly pageFolder?: string;
  readonly limits?: Partial<AdminLimits>;
}

/** Bounds of the listener; the defaults suit operators. */
export interface AdminLimits extends AdminAppLimits {
  /** Besides those that listen to `/api/v1/live`. */
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

const LIVE_MAX = 64;
const READS_PER_SECOND = 200;
const CHANGES_PER_SECOND = 20;

export interface AdminServerDependencies extends AdminContent {
  /** Only tests give another. */
  readonly clock?: Clock & { monotonicMs(): number };
}

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
  const {
    liveMax = LIVE_MAX,
    readsPerSecond = READS_PER_SECOND,
    changesPerSecond = CHANGES_PER_SECOND,
    pageFolder,
  } = options;
  const { source, logger, clock = new SystemClock() } = dependencies;
  const counters = noCounts();
  const connectionsMax = limits.connectionsMax + liveMax;
  const connections = new Connections({ connectionsMax }, { counters });
  const server = createListener(limits, connections);
  const feed = new LiveFeed({ listenersMax: liveMax }, { source, clock, counters, logger });
  const gate = new RequestGate({ readsPerSecond, changesPerSecond }, { clock });
  let app: Promise<FastifyInstance> | undefined;
  const load = (): Promise<FastifyInstance> => {
    app ??= (async () => {
      const [{ createAdminApp }, files] = await Promise.all([
        import('./admin-app.js'),
        loadPage(pageFolder, logger),
      ]);
      const own = { server, access, connections, gate, feed, counters, clock, files };
      return createAdminApp(limits, { ...dependencies, ...own });
    })();
    // The next request tries again. (A module that could not be read stays so for this process.)
    app.catch(() => {
      app = undefined;
    });
    return app;
  };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    connections.note(request, response);
    // Only HTTP/1.0 may leave it out.
    if (request.headers.host === undefined && request.httpVersion !== '1.0') {
      refuse(response);
      return;
    }
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
      feed.start();
      access.isLoopback = isLoopbackAddress(bound.address);
      return formatBound(bound);
    },
    stop() {
      feed.stop();
      stopped ??= stop(server, app, limits.stopTimeoutMs);
      return stopped;
    },
    async load() {
      // The metrics are loaded later still, with the first request for them.
      await Promise.all([load(), import('./metrics.js')]);
    },
  };
}

/** The page's files; none when they cannot be had, which must not keep the rest from being served. */
async function loadPage(
  folder: string | undefined,
  logger: Logger,
): Promise<ReadonlyMap<string, PageFile>> {
  if (folder === undefined) return new Map();
  const { readPageFiles } = await import('./page-files.js');
  try {
    return readPageFiles(folder);
  } catch (err) {
    logger.error({ err, folder }, 'the page cannot be read');
    return new Map();
  }
}

function createListener(limits: AdminLimits, connections: Connections): Server {
  const server = createServer({
    // Refused by us, in the form of all refusals.
    requireHostHeader: false,
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.requestTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, limits.requestTimeoutMs),
  });
  server.setTimeout(limits.idleTimeoutMs);
  server.maxRequestsPerSocket = 1_000;
  server.on('connection', (socket: Socket) => connections.enter(socket));
  server.on('clientError', (error: Error & { code: string }, socket: Socket) => {
    const isGone = error.code === 'ECONNRESET' || !socket.writable;
    if (isGone || !connections.canTell(socket)) socket.destroy();
    else answerClientError(error, socket);
  });
  // Something other than `100-continue` is expected of us.
  server.on('checkExpectation', (_request, response: ServerResponse) => refuse(response));
  return server;
}

/** Answers what is no request for the application, and closes. */
function refuse(response: ServerResponse): void {
  response.writeHead(ADMIN_ERRORS.bad_request.status, {
    ...SECURITY_HEADERS,
    'content-type': `${PROBLEM_TYPE}; charset=utf-8`,
    connection: 'close',
  });
  response.end(JSON.stringify(problemOf('bad_request')));
}

/** Answers what never became a request. */
function answerClientError(error: Error & { code: string }, socket: Socket): void {
  let code: AdminErrorCode = 'bad_request';
  if (error.code === 'HPE_HEADER_OVERFLOW') code = 'header_too_large';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') code = 'request_timeout';
  const { status } = ADMIN_ERRORS[code];
  const body = JSON.stringify(problemOf(code));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_TYPE}; charset=utf-8`,
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
