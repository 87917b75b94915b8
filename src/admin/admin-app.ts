/** What answers on the operators' listener: access rules, rate limits, routes, problems. */
import type { Server } from 'node:http';
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/log.js';
import { type Access, needsOf } from './access.js';
import type { ActionDesk } from './action-desk.js';
import { addActions } from './action-routes.js';
import type { AdminCounters } from './admin-counters.js';
import {
  ADMIN_ERRORS,
  AdminError,
  type AdminErrorCode,
  codeOfStatus,
  PROBLEM_TYPE,
  problemOf,
} from './admin-error.js';
import type { AdminSource } from './admin-source.js';
import type { Connections } from './connections.js';
import type { LiveFeed } from './live-feed.js';
import { addLive } from './live-routes.js';
import type { Metrics } from './metrics.js';
import { openApi } from './openapi.js';
import { Operations } from './operation.js';
import type { PageFile } from './page-files.js';
import { addPage } from './page-routes.js';
import type { RequestGate } from './request-gate.js';
import { RequestLimits } from './request-limits.js';
import { addRoutes, HEALTH_PATHS } from './routes.js';
import { SECURITY_HEADERS } from './security-headers.js';

/** What it answers from, besides what the listener knows. */
export interface AdminContent {
  readonly logger: Logger;
  readonly source: AdminSource;
  /** Who makes the changes that operators ask for; undefined while it starts. Of a minder. */
  readonly actions?: () => ActionDesk | undefined;
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
  readonly connections: Pick<Connections, 'trust'>;
  readonly gate: RequestGate;
  readonly feed: LiveFeed;
  readonly counters: AdminCounters;
  readonly clock: Clock;
  /** Of the page, by the path that they are served at; empty before it has been built. */
  readonly files: ReadonlyMap<string, PageFile>;
}

/** The application, ready for requests. */
export async function createAdminApp(
  limits: AdminAppLimits,
  dependencies: AdminAppDependencies,
): Promise<FastifyInstance> {
  const { server, feed, counters, logger, source, actions, files, routes } = dependencies;
  const app = createApp(server, limits);
  addGuards(app, dependencies);
  let metrics: Promise<Metrics> | undefined;
  const loadMetrics = async () => new (await import('./metrics.js')).Metrics(source, counters);
  const loaded = () => {
    metrics ??= loadMetrics();
    // The next request tries again.
    metrics.catch(() => {
      metrics = undefined;
    });
    return metrics;
  };
  addPage(app, { source, files });
  const operations = new Operations(app);
  addRoutes(operations, { counters, metrics: loaded, source });
  addLive(operations, { feed, role: source.role });
  if (actions !== undefined) addActions(operations, { desk: actions, counters, logger });
  addDocument(app, operations, source);
  routes?.(app);
  await app.ready();
  return app;
}

/** Made when somebody asks for it; few do. */
function addDocument(app: FastifyInstance, operations: Operations, source: AdminSource): void {
  let document: unknown;
  app.get('/api/v1/openapi.json', () => {
    document ??= openApi(operations.list, source.stats().version);
    return document;
  });
}

function createApp(server: Server, limits: AdminAppLimits): FastifyInstance {
  const app = fastify({
    logger: false,
    // Its connections and their time-outs are the listener's.
    serverFactory: () => server,
    clientErrorHandler: () => {},
    bodyLimit: limits.bodyBytesMax,
    // A longer path parameter is a wrong one, to be told so, and not an unknown path.
    routerOptions: { maxParamLength: limits.headerBytesMax },
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply.headers(SECURITY_HEADERS), codeOfStatus(error.statusCode ?? 400));
    },
  });
  // Bodies are JSON and nothing else: a form of another site can send text.
  app.removeContentTypeParser('text/plain');
  return app;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether operators' words may be shown: reading is free here, or the token was given. */
    isTrusted: boolean;
  }
}

/** Access rules and limits, and one form for everything that goes wrong. */
function addGuards(app: FastifyInstance, dependencies: AdminAppDependencies): void {
  const { access, connections, logger } = dependencies;
  const methodsByPath = collectMethods(app);
  const limits = new RequestLimits(dependencies);
  app.decorateRequest('isTrusted', false);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    const { method, headers, is404 } = request;
    // First, so that a page of another site cannot use up what an operator may ask.
    const site = access.siteRefusal({ method, headers });
    if (site !== undefined) throw new AdminError(site);
    // What has no route changes nothing.
    const needs = is404 ? 'reading' : (request.routeOptions.config.needs ?? needsOf(method));
    const trusted = access.hasToken(headers);
    if (trusted) connections.trust(request.raw.socket);
    if (!HEALTH_PATHS.has(request.routeOptions.url ?? '')) {
      const kind = needsOf(method) === 'reading' || is404 ? 'reads' : 'changes';
      limits.spend(kind, { trusted }, request, reply);
    }
    if (!trusted) limits.noteWrongToken(needs, request, reply);
    request.isTrusted = trusted || access.isFree('reading', headers);
    if (!trusted && !access.isFree(needs, headers)) {
      reply.header('www-authenticate', 'Bearer');
      throw new AdminError('unauthorized');
    }
    // Decided here, before a body of any type and size is read.
    if (is404) throw new AdminError(describeUnrouted(request, reply, methodsByPath));
  });
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'not_found'));
  app.setErrorHandler((error: FastifyError | AdminError, request, reply) => {
    if (error instanceof AdminError) return sendProblem(reply, error.code, error.detail);
    const status = error.statusCode ?? 500;
    if (status >= 500 && status !== 503) {
      logger.error({ err: error, route: request.routeOptions.url }, 'admin request failed');
    }
    return sendProblem(reply, codeOfStatus(status));
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

function sendProblem(reply: FastifyReply, code: AdminErrorCode, detail?: string): FastifyReply {
  return reply
    .code(ADMIN_ERRORS[code].status)
    .type(`${PROBLEM_TYPE}; charset=utf-8`)
    .send(JSON.stringify(problemOf(code, detail)));
}
