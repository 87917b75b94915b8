/**
 * One operation of the interface: where it is, what it takes and gives, and who may ask for it. The same
 * schemas check requests and make the OpenAPI document, so that the two cannot differ.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Needs } from './access.js';
import { AdminError, type AdminErrorCode } from './admin-error.js';

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As OpenAPI writes it: `/api/v1/swarms/{info_hash}`. */
  readonly path: string;
  /** Unique, for generated clients. */
  readonly id: string;
  readonly summary: string;
  readonly needs: Needs;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** Of JSON; a body that is left out is an empty object. */
  readonly body?: z.ZodObject;
  readonly reply: {
    readonly status: 200 | 201;
    /** A schema for JSON; absent for text of `mediaType`. */
    readonly schema?: z.ZodType;
    readonly mediaType?: string;
  };
  /** A status that is no refusal although it is not the one of `reply`; its body is the same. */
  readonly otherStatus?: 503;
  /** What it can be refused for besides what everything can. */
  readonly refusals?: readonly AdminErrorCode[];
  readonly example: {
    readonly params?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly reply: unknown;
  };
}

type OutputOf<S> = S extends z.ZodType ? z.output<S> : Record<string, never>;

/** What was asked, checked. */
export interface Asked<O extends Operation> {
  readonly params: OutputOf<O['params']>;
  readonly query: OutputOf<O['query']>;
  readonly body: OutputOf<O['body']>;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Answers, with something to send as JSON or with the reply itself. Throws `AdminError`. */
export type Answer<O extends Operation> = (asked: Asked<O>) => unknown;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may ask; absent: reading for methods that read, else the token. */
    needs?: Needs;
  }
}

const NOTHING = z.object({});

/** The operations of one listener. */
export class Operations {
  readonly #app: FastifyInstance;
  readonly #list: Operation[] = [];

  constructor(app: FastifyInstance) {
    this.#app = app;
  }

  get list(): readonly Operation[] {
    return this.#list;
  }

  /** Has `answer` do it from now on. */
  add<const O extends Operation>(operation: O, answer: Answer<O>): void {
    const { method, path, needs, params, query, body, reply: shape } = operation;
    this.#list.push(operation);
    this.#app.route({
      method,
      url: path.replace(/\{(\w+)\}/g, ':$1'),
      config: { needs },
      // A stream has no head of its own.
      exposeHeadRoute: shape.mediaType !== 'text/event-stream',
      handler: async (request, reply) => {
        const asked = {
          params: check(params, request.params),
          query: check(query, request.query),
          body: check(body, request.body),
          request,
          reply,
        } as Asked<O>;
        const result = await answer(asked);
        if (result === reply || reply.sent) return reply;
        return reply.code(reply.statusCode === 200 ? shape.status : reply.statusCode).send(result);
      },
    });
  }
}

function check(schema: z.ZodType = NOTHING, value: unknown = {}): unknown {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const isHash = result.error.issues.some(({ path }) => path[0] === 'info_hash');
  throw new AdminError(isHash ? 'info_hash_invalid' : 'bad_request', complaintOf(result.error));
}

const COMPLAINTS_MAX = 5;

/** `uses: too big; ...`: where, and what. */
function complaintOf({ issues }: z.ZodError): string {
  return issues
    .slice(0, COMPLAINTS_MAX)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ');
}
