/**
 * The operators' listener: health, numbers, swarms, and later changes. Apart from the clients'
 * ports, and bounded in everything a stranger could use up.
 */
import { lookup } from 'node:dns/promises';
import { STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { isIP } from 'node:net';
import fastifySwagger from '@fastify/swagger';
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify';
import type { Logger } from '../lib/log.js';
import { Access, isLoopbackAddress } from './access.js';
import {
  ADMIN_ERRORS,
  AdminError,
  type AdminErrorCode,
  codeOfStatus,
  errorBody,
  listenError,
} from './admin-error.js';
import type { AdminSource } from './admin-source.js';
import { Metrics } from './metrics.js';
import { addRoutes, HEALTH_PATHS } from './routes.js';

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
export interface AdminLimits {
  readonly connectionsMax: number;
  readonly bodyBytesMax: number;
  readonly headerBytesMax: number;
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

export interface AdminServerDependencies {
  readonly logger: Logger;
  readonly source: AdminSource;
  /** Further routes, under the same rules of access. */
  readonly routes?: (app: FastifyInstance) => void;
}

export interface AdminServer {
  /** Binds and returns the address, `127.0.0.1:6970`. Throws `AdminListenError`. */
  start(): Promise<string>;
  /** Finishes replies under way, within a bound. Idempotent. */
  stop(): Promise<void>;
}

/** Sent with every reply: nothing here is to be framed, sniffed, kept or read by another site. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export function createAdminServer(
  options: AdminServerOptions,
  { logger, source, routes }: AdminServerDependencies,
): AdminServer {
  const limits = { ...LIMITS, ...options.limits };
  const access = new Access({ token: options.token, hosts: options.hosts ?? [] });
  const app = createApp(limits);
  addGuards(app, access, logger);
  app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'trackerbt admin interface', version: '1' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{}, { token: [] }],
    },
  });
  // In a plugin of its own, which loads after the one that collects the routes' schemas.
  app.register(async (scope) => {
    addRoutes(scope, { access, metrics: new Metrics(source), source });
    routes?.(scope);
  });
  let stopped: Promise<void> | undefined;
  return {
    async start() {
      const name = `${options.host === '' ? '*' : options.host}:${options.port}`;
      try {
        await listen(app, options);
      } catch (error) {
        throw listenError(error, name);
      }
      const bound = app.server.address() as AddressInfo;
      access.isLoopback = isLoopbackAddress(bound.address);
      return formatBound(bound);
    },
    stop() {
      stopped ??= stop(app, limits.stopTimeoutMs);
      return stopped;
    },
  };
}

function createApp(limits: AdminLimits): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: limits.idleTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    maxRequestsPerSocket: 1_000,
    forceCloseConnections: 'idle',
    // A longer path parameter is a wrong one, to be told so, and not an unknown path.
    routerOptions: { maxParamLength: limits.headerBytesMax },
    http: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, limits.requestTimeoutMs),
    },
    schemaErrorFormatter: (errors) =>
      new AdminError(
        errors[0]?.instancePath === '/info_hash' ? 'info_hash_invalid' : 'bad_request',
      ),
    frameworkErrors: (error, _request, reply) => {
      sendError(reply.headers(SECURITY_HEADERS), codeOfStatus(error.statusCode ?? 400));
    },
    clientErrorHandler: answerClientError,
  });
  app.server.maxConnections = limits.connectionsMax;
  return app;
}

/** Access rules, and one form for everything that goes wrong. */
function addGuards(app: FastifyInstance, access: Access, logger: Logger): void {
  const methodsByPath = collectMethods(app);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    const { method, headers, is404 } = request;
    const isHealth = !is404 && HEALTH_PATHS.has(request.routeOptions.url ?? '');
    const refusal = access.refusal({ method, headers, isHealth, isRouted: !is404 });
    if (refusal === 'unauthorized') reply.header('www-authenticate', 'Bearer');
    if (refusal !== undefined) throw new AdminError(refusal);
    // Decided here, before a body of any type and size is read.
    if (is404) throw new AdminError(describeUnrouted(request, reply, methodsByPath));
  });
  app.setNotFoundHandler((_request, reply) => sendError(reply, 'not_found'));
  app.setErrorHandler((error: FastifyError | AdminError, request, reply) => {
    if (error instanceof AdminError) return sendError(reply, error.code);
    const status = error.statusCode ?? 500;
    if (status >= 500 && status !== 503) {
      logger.error({ err: error, route: request.routeOptions.url }, 'admin request failed');
    }
    return sendError(reply, codeOfStatus(status));
  });
}

interface PathMethods {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/** Fills up as routes are added, so that a wrong method can be told from a wrong path. */
function collectMethods(app: FastifyInstance): ReadonlyMap<string, PathMethods> {
  const found = new Map<string, PathMethods>();
  app.addHook('onRoute', ({ url, method }) => {
    let entry = found.get(url);
    if (entry === undefined) {
      const source = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+');
      entry = { pattern: new RegExp(`^${source}$`), methods: new Set() };
      found.set(url, entry);
    }
    for (const name of [method].flat()) entry.methods.add(name);
  });
  return found;
}

function describeUnrouted(
  request: FastifyRequest,
  reply: FastifyReply,
  methodsByPath: ReadonlyMap<string, PathMethods>,
): AdminErrorCode {
  const path = request.url.split('?', 1)[0];
  for (const { pattern, methods } of methodsByPath.values()) {
    if (!pattern.test(path)) continue;
    reply.header('allow', [...methods].join(', '));
    return 'method_not_allowed';
  }
  return 'not_found';
}

function sendError(reply: FastifyReply, code: AdminErrorCode): FastifyReply {
  return reply
    .code(ADMIN_ERRORS[code].status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(errorBody(code)));
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

async function listen(app: FastifyInstance, options: AdminServerOptions): Promise<void> {
  const { port } = options;
  if (options.host !== '') {
    // Resolved here: the library would bind every address of a name, each by its own server.
    const host = isIP(options.host) ? options.host : (await lookup(options.host)).address;
    await app.listen({ host, port });
    return;
  }
  try {
    await app.listen({ host: '::', port });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
    await app.listen({ host: '0.0.0.0', port });
  }
}

async function stop(app: FastifyInstance, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), timeoutMs);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}

function formatBound({ address, family, port }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
