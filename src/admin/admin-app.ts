/** What answers on the operators' listener: access rules, routes, errors. */
import type { Server } from 'node:http';
import fastifySwagger from '@fastify/swagger';
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify';
import type { Logger } from '../lib/log.js';
import type { Access } from './access.js';
import {
  ADMIN_ERRORS,
  AdminError,
  type AdminErrorCode,
  codeOfStatus,
  errorBody,
} from './admin-error.js';
import type { AdminSource } from './admin-source.js';
import type { Metrics } from './metrics.js';
import { addRoutes, HEALTH_PATHS } from './routes.js';
import { SECURITY_HEADERS } from './security-headers.js';

/** What it answers from, besides what the listener knows. */
export interface AdminContent {
  readonly logger: Logger;
  readonly source: AdminSource;
  /** Further routes, under the same rules of access. */
  readonly routes?: (app: FastifyInstance) => void;
}

export interface AdminAppLimits {
  readonly bodyBytesMax: number;
  readonly headerBytesMax: number;
}

export interface AdminAppDependencies extends AdminContent {
  /** Its connections; nobody else answers their requests. */
  readonly server: Server;
  readonly access: Access;
}

/** The application, ready for requests. */
export async function createAdminApp(
  limits: AdminAppLimits,
  { server, access, logger, source, routes }: AdminAppDependencies,
): Promise<FastifyInstance> {
  const app = createApp(server, limits);
  addGuards(app, access, logger);
  app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'trackerbt admin interface', version: '1' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{}, { token: [] }],
    },
  });
  let metrics: Promise<Metrics> | undefined;
  const loadMetrics = async () => new (await import('./metrics.js')).Metrics(source);
  // In a plugin of its own, which loads after the one that collects the routes' schemas.
  app.register(async (scope) => {
    addRoutes(scope, {
      access,
      metrics: () => {
        metrics ??= loadMetrics();
        return metrics;
      },
      source,
    });
    routes?.(scope);
  });
  await app.ready();
  return app;
}

function createApp(server: Server, limits: AdminAppLimits): FastifyInstance {
  return fastify({
    logger: false,
    // Its connections and their time-outs are the listener's.
    serverFactory: () => server,
    clientErrorHandler: () => {},
    bodyLimit: limits.bodyBytesMax,
    // A longer path parameter is a wrong one, to be told so, and not an unknown path.
    routerOptions: { maxParamLength: limits.headerBytesMax },
    schemaErrorFormatter: (errors) =>
      new AdminError(
        errors[0]?.instancePath === '/info_hash' ? 'info_hash_invalid' : 'bad_request',
      ),
    frameworkErrors: (error, _request, reply) => {
      sendError(reply.headers(SECURITY_HEADERS), codeOfStatus(error.statusCode ?? 400));
    },
  });
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
